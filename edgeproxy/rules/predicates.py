"""Conditions as callables: what one `RuleCondition` asks of a request.

`BUILDERS` maps a condition's field to the function that compiles it. Values inside a condition are alternatives; the
conditions of a rule all have to hold, which is the table's business. There is no negation.

Source: user guide, rule-condition-types; API reference, RuleCondition and the ...ConditionConfig shapes.
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from edgeproxy.errors import ConfigError
from edgeproxy.rules.facts import RequestFacts, has_conforming_name
from edgeproxy.rules.normalise import percent_decoded
from edgeproxy.rules.regex import compile_regexes
from edgeproxy.rules.wildcard import Test, compile_any, compile_wildcard

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgeproxy.model.condition import ConditionField, QueryStringKeyValue, RuleCondition

Predicate: TypeAlias = Callable[[RequestFacts], bool]
"""Does this request satisfy the condition?"""

COST: Final[Mapping[ConditionField, int]] = {
    "http-request-method": 0,
    "path-pattern": 1,
    "host-header": 2,
    "source-ip": 3,
    "http-header": 4,
    "query-string": 5,
}
"""Dearest last: a rule asks its cheapest condition first. Order of evaluation is not visible to anyone."""

_IPV6: Final = 1 << 128  # added to IPv6 numbers, so that the two families never overlap


MAX_REMEMBERED: Final = 256
MAX_REMEMBERED_SIZE: Final = 512
"""How many header values each condition remembers its verdict for, and how long they may be."""


def build_predicate(condition: RuleCondition) -> Predicate:
    """Compile a condition.

    Raises:
        ConfigError: A value cannot be compiled; the path is relative to the condition.
    """
    return BUILDERS[condition.field](condition)


def needs_dropped_header(condition: RuleCondition) -> bool:
    """The condition asks for a header whose name is not made of letters, digits and hyphens.

    With `routing.http.drop_invalid_header_fields.enabled` such headers are dropped, so it never holds.
    Source: user guide, rule-condition-types (that it may be created); that it never holds is inferred.
    """
    config = condition.http_header_config
    return config is not None and not has_conforming_name(config.http_header_name)


@functools.lru_cache(maxsize=4096)
def address_number(address: str) -> int | None:
    """An IP address as a number that orders each family apart from the other; None if it is not one.

    An IPv4 client on a dual-stack socket appears as `::ffff:192.0.2.1`; that is the socket's spelling, so it counts as
    IPv4. Remembered, because parsing costs microseconds and the same clients come back.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    if parsed.version == 4:
        return int(parsed)
    mapped = parsed.ipv4_mapped
    return int(mapped) if mapped is not None else _IPV6 + int(parsed)


def _text_test(condition: RuleCondition, *, ignore_case: bool) -> Test:
    """Values or expressions; a condition has one kind only."""
    if condition.regex_patterns:
        return compile_regexes(condition.regex_patterns, ignore_case=ignore_case)
    return compile_any(condition.patterns, ignore_case=ignore_case)


def _host_header(condition: RuleCondition) -> Predicate:
    """The port is part of the compared text, as on AWS; hosts arrive in lower case."""
    test = _text_test(condition, ignore_case=True)
    return lambda facts: test(facts.host)


def _path_pattern(condition: RuleCondition) -> Predicate:
    test = _text_test(condition, ignore_case=False)
    return lambda facts: test(facts.path)


def _http_header(condition: RuleCondition) -> Predicate:
    """Each occurrence is compared on its own: they are not joined, and an absent header never matches.

    Values are compared without regard to case; nothing says that of expressions, which see the value as sent
    (unconfirmed).
    """
    config = condition.http_header_config
    assert config is not None
    name = config.http_header_name.lower()
    if condition.regex_patterns:
        search = compile_regexes(condition.regex_patterns)
        return lambda facts: any(search(value) for value in facts.header_values(name))
    test = _remembering(compile_any(condition.patterns, ignore_case=True))

    def has_header(facts: RequestFacts) -> bool:
        for value in facts.header_values(name):  # noqa: SIM110 - a generator would cost more than the loop
            if test(value):
                return True
        return False

    return has_header


def _remembering(test: Test) -> Test:
    """`test` on the lower-cased text, remembered for short texts: few clients send many user agents."""
    known: dict[str, bool] = {}

    def remembered(text: str) -> bool:
        verdict = known.get(text)
        if verdict is None:
            verdict = test(text.lower())
            if len(text) <= MAX_REMEMBERED_SIZE:
                if len(known) >= MAX_REMEMBERED:
                    known.clear()
                known[text] = verdict
        return verdict

    return remembered


def _http_request_method(condition: RuleCondition) -> Predicate:
    """Exact and case-sensitive, without wildcards; GET does not imply HEAD."""
    methods = frozenset(condition.patterns)
    return lambda facts: facts.method in methods


def _query_string(condition: RuleCondition) -> Predicate:
    """Some pair of the query satisfies some pair of the condition; only `facts.query_pairs` parses the query."""
    config = condition.query_string_config
    assert config is not None
    tests = [_pair_test(pair) for pair in config.values]
    names = [_literal_name(pair) for pair in config.values]

    def has_parameter(facts: RequestFacts) -> bool:
        query = facts.query.lower()
        if "%" not in query:
            # Most queries do not even contain the names asked for; then they need not be parsed.
            for name in names:
                if name in query:
                    break
            else:
                return False
        pairs = facts.query_pairs
        return any(test(key, value) for test in tests for key, value in pairs)

    return has_parameter


def _literal_name(wanted: QueryStringKeyValue) -> str:
    """The text that an unencoded query must contain for this pair to match; empty when nothing is certain."""
    if wanted.key is None or any(special in wanted.key for special in "*?\\"):
        return ""
    return wanted.key.lower()


def _pair_test(wanted: QueryStringKeyValue) -> Callable[[str, str], bool]:
    value_test = _parameter_test(wanted.value or "")
    if wanted.key is None:
        return lambda _key, value: value_test(value)
    key_test = _parameter_test(wanted.key)
    return lambda key, value: key_test(key) and value_test(value)


def _parameter_test(pattern: str) -> Test:
    """Compare without regard to case, as sent first and percent-decoded second."""
    test = compile_wildcard(pattern, ignore_case=True, escapes=True)
    return lambda text: test(text.lower()) or ("%" in text and test(percent_decoded(text).lower()))


def _source_ip(condition: RuleCondition) -> Predicate:
    """The TCP peer, never X-Forwarded-For. Host bits of a CIDR block do not count."""
    ranges = [_address_range(block) for block in condition.patterns]

    def is_inside(facts: RequestFacts) -> bool:
        number = address_number(facts.source_ip)
        if number is not None:
            for low, high in ranges:
                if low <= number <= high:
                    return True
        return False

    return is_inside


def _address_range(block: str) -> tuple[int, int]:
    try:
        network = ipaddress.ip_network(block, strict=False)
    except ValueError as error:
        raise ConfigError("SourceIpConfig.Values", block, f"'{block}' is not a CIDR block.") from error
    offset = 0 if network.version == 4 else _IPV6
    return offset + int(network.network_address), offset + int(network.broadcast_address)


BUILDERS: Final[Mapping[ConditionField, Callable[[RuleCondition], Predicate]]] = {
    "host-header": _host_header,
    "path-pattern": _path_pattern,
    "http-header": _http_header,
    "http-request-method": _http_request_method,
    "query-string": _query_string,
    "source-ip": _source_ip,
}
