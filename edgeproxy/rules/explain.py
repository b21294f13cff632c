"""Why a rule does or does not match: the routing table's reasoning in sentences, for people.

Slow on purpose: every rule and every condition is asked, so that a reader also sees which later rules would have
matched and are shadowed. The verdicts come from the same predicates that route requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from edgeproxy.rules.predicates import build_predicate
from edgeproxy.rules.regex import compile_regexes
from edgeproxy.rules.wildcard import compile_any, has_control

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from edgeproxy.model.condition import RuleCondition
    from edgeproxy.model.rule import Rule
    from edgeproxy.rules.facts import RequestFacts
    from edgeproxy.rules.wildcard import Test


class ConditionVerdict(NamedTuple):
    """One condition against one request.

    Attributes:
        condition: What was asked.
        matched: Whether it holds.
        saw: What the condition was compared with, such as the host with its port; empty if the request has none.
        reason: A sentence that quotes both sides.
    """

    condition: RuleCondition
    matched: bool
    saw: str
    reason: str


class RuleVerdict(NamedTuple):
    """One rule against one request.

    Attributes:
        rule: None stands for the default rule.
        matched: Whether all conditions hold; always True for the default.
        answers: Whether this rule answers the request: the first in order of priority that matched.
        conditions: A verdict for each condition, in the order written.
    """

    rule: Rule | None
    matched: bool
    answers: bool
    conditions: list[ConditionVerdict]


def explain_rules(rules: Iterable[Rule], facts: RequestFacts) -> list[RuleVerdict]:
    """Judge rules, given in order of priority, and the default after them."""
    verdicts = []
    is_answered = False
    for rule in rules:
        conditions = [explain_condition(condition, facts) for condition in rule.conditions]
        matched = all(verdict.matched for verdict in conditions)
        verdicts.append(RuleVerdict(rule, matched, matched and not is_answered, conditions))
        is_answered = is_answered or matched
    verdicts.append(RuleVerdict(None, matched=True, answers=not is_answered, conditions=[]))
    return verdicts


def explain_condition(condition: RuleCondition, facts: RequestFacts) -> ConditionVerdict:
    """Judge one condition."""
    matched = build_predicate(condition)(facts)
    subject, saw = _SUBJECTS[condition.field](condition, facts)
    wanted = _wanted(condition)
    if matched:
        reason = f"{subject} '{saw}' matches {wanted}."
    elif not saw and condition.field != "path-pattern":
        reason = f"The request has no {subject[4:]}, so {wanted} cannot match."
    else:
        reason = f"{subject} '{saw}' does not match {wanted}.{_hint(condition, facts)}"
    return ConditionVerdict(condition, matched, saw, reason)


def _wanted(condition: RuleCondition) -> str:
    if condition.query_string_config is not None:
        pairs = condition.query_string_config.values
        texts = [pair.value or "" if pair.key is None else f"{pair.key}={pair.value}" for pair in pairs]
    else:
        texts = [*condition.patterns, *condition.regex_patterns]
    quoted = ", ".join(f"'{text}'" for text in texts)
    if condition.regex_patterns:
        return f"the expression {quoted}" if len(texts) == 1 else f"any of the expressions {quoted}"
    return quoted if len(texts) == 1 else f"any of {quoted}"


def _hint(condition: RuleCondition, facts: RequestFacts) -> str:
    """What most often goes wrong with this kind of condition, if that is what happened here."""
    if condition.field == "host-header" and ":" in facts.host:
        without_port = facts.host.rpartition(":")[0]
        if _test_without_case(condition)(without_port):
            return " The port is part of the compared host."
    if condition.field == "path-pattern":
        if has_control(facts.path):
            return " Control characters never match."
        if _test_without_case(condition)(facts.path.lower()):
            return " Paths are case-sensitive."
        return _path_hint(condition.patterns, facts.path)
    if condition.field == "http-header" and condition.regex_patterns:
        values = _header_values(condition, facts)
        return " Expressions are case-sensitive." if any(map(_test_without_case(condition), values)) else ""
    if condition.field == "http-request-method" and facts.method.upper() in condition.patterns:
        return " Methods are case-sensitive."
    return ""


def _test_without_case(condition: RuleCondition) -> Test:
    """The condition's test with case out of the way; texts must come in lower-cased."""
    if condition.regex_patterns:
        return compile_regexes(condition.regex_patterns, ignore_case=True)
    return compile_any(condition.patterns, ignore_case=True)


def _path_hint(patterns: tuple[str, ...], path: str) -> str:
    if compile_any(patterns)(f"{path}/"):
        return " It would with a slash at its end."
    if path.endswith("/") and compile_any(patterns)(path.rstrip("/")):
        return " It would without the slash at its end."
    if compile_any([f"{pattern}*" for pattern in patterns])(path):
        return " A pattern covers the whole path; a '*' at its end would allow more."
    return ""


def _host_seen(condition: RuleCondition, facts: RequestFacts) -> tuple[str, str]:
    del condition
    return "The host", facts.host


def _path_seen(condition: RuleCondition, facts: RequestFacts) -> tuple[str, str]:
    del condition
    return "The path", facts.path


def _header_seen(condition: RuleCondition, facts: RequestFacts) -> tuple[str, str]:
    config = condition.http_header_config
    name = config.http_header_name if config is not None else ""
    return f"The header {name}", "' and '".join(_header_values(condition, facts))


def _header_values(condition: RuleCondition, facts: RequestFacts) -> Sequence[str]:
    config = condition.http_header_config
    return facts.header_values(config.http_header_name.lower()) if config is not None else ()


def _method_seen(condition: RuleCondition, facts: RequestFacts) -> tuple[str, str]:
    del condition
    return "The method", facts.method


def _query_seen(condition: RuleCondition, facts: RequestFacts) -> tuple[str, str]:
    del condition
    return "The query", facts.query


def _source_seen(condition: RuleCondition, facts: RequestFacts) -> tuple[str, str]:
    del condition
    return "The source address", facts.source_ip


_SUBJECTS: Final[Mapping[str, Callable[[RuleCondition, RequestFacts], tuple[str, str]]]] = {
    "host-header": _host_seen,
    "path-pattern": _path_seen,
    "http-header": _header_seen,
    "http-request-method": _method_seen,
    "query-string": _query_seen,
    "source-ip": _source_seen,
}
