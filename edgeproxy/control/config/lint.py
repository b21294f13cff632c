"""What is allowed and hardly meant: rules that can never match, attributes that nobody knows, targets named twice.

A finding is never an error: the real load balancer takes all of this. Rules are compared with one another here, by
value sets and pattern inclusion (`glob.covers`); what is wrong with one rule by itself is `lint_rules.py`.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, NamedTuple, get_args

from edgeproxy.control.config.glob import covers
from edgeproxy.control.config.lint_faults import fault_findings
from edgeproxy.control.config.lint_rules import rule_findings
from edgeproxy.model import load_balancer as load_balancer_module
from edgeproxy.model.attributes import Attribute, Attributes, unknown_keys
from edgeproxy.model.listener_settings import SPECS as LISTENER_SPECS
from edgeproxy.model.suggestion import closest
from edgeproxy.model.target_group_settings import SPECS as TARGET_GROUP_SPECS
from edgeproxy.rules.regex import compile_regexes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from edgeproxy.model.condition import QueryStringKeyValue, RuleCondition
    from edgeproxy.model.listener import Listener
    from edgeproxy.model.load_balancer import LoadBalancer, LoadBalancerSettings
    from edgeproxy.model.rule import Rule
    from edgeproxy.model.target_group import TargetGroup
    from edgeproxy.model.topology import Topology

_NO_EFFECT = {
    "deletion_protection.enabled": "true",
    "zonal_shift.config.enabled": "true",
    "waf.fail_open.enabled": "true",
}
"""Load balancer attributes that ask for something which has no place here, with the value that asks."""


_UNIVERSAL_EXPRESSIONS = frozenset({"^/", "^/.*", "^/.*$", ".*", "^.*$", "^.*", ".*$", "/", "."})
"""Expressions that every path satisfies, as people write them."""


class Finding(NamedTuple):
    """Where (a path from the topology), what, and what was probably meant."""

    path: str
    reason: str
    suggestion: str | None = None


def findings(topology: Topology) -> Iterator[Finding]:
    """Everything that deserves a warning."""
    if not topology.load_balancers:
        yield Finding("", "there is no load balancer in this file, so nothing listens")
    yield from _port_findings(topology)
    yield from _version_findings(topology)
    for index, load_balancer in enumerate(topology.load_balancers):
        yield from load_balancer_findings(f"LoadBalancers[{index}]", load_balancer)
    for index, group in enumerate(topology.target_groups):
        path = f"TargetGroups[{index}]"
        if topology.load_balancer_of(group) is None:
            yield Finding(f"{path}.Name", f"no listener or rule forwards to the target group '{group.name}'")
        yield from target_group_findings(path, group)
    yield from (Finding(path, reason) for path, reason in fault_findings(topology))


def _port_findings(topology: Topology) -> Iterator[Finding]:
    """On AWS every load balancer has addresses of its own; here they share this machine's."""
    taken: dict[int, str] = {}
    for index, load_balancer in enumerate(topology.load_balancers):
        for number, listener in enumerate(load_balancer.listeners):
            owner = taken.setdefault(listener.port, load_balancer.name)
            if owner != load_balancer.name:
                path = f"LoadBalancers[{index}].Listeners[{number}].Port"
                yield Finding(path, f"the load balancer '{owner}' listens on port {listener.port} of this machine too")


def _version_findings(topology: Topology) -> Iterator[Finding]:
    """Target groups of HTTP/2 behind a load balancer that lets no client speak it."""
    for index, group in enumerate(topology.target_groups):
        owner = topology.load_balancer_of(group)
        if owner is not None and group.protocol_version != "HTTP1" and not owner.settings.http2_enabled:
            reason = (
                f"every request to '{group.name}' is answered with 464, because 'routing.http2.enabled' of the load "
                f"balancer '{owner.name}' is not 'true'"
            )
            yield Finding(f"TargetGroups[{index}].ProtocolVersion", reason)


def load_balancer_findings(path: str, load_balancer: LoadBalancer) -> Iterator[Finding]:
    """Unknown attributes, attributes without effect, and what is to say about each listener."""
    where = f"{path}.LoadBalancerAttributes"
    yield from _unknown(where, load_balancer.load_balancer_attributes, load_balancer_module.SPECS)
    for attribute in load_balancer.load_balancer_attributes:
        if _NO_EFFECT.get(attribute.key) == attribute.value:
            yield Finding(f"{where}[{attribute.key}]", f"'{attribute.key}' has no effect here")
    yield from _log_findings(where, load_balancer)
    for index, listener in enumerate(load_balancer.listeners):
        yield from listener_findings(f"{path}.Listeners[{index}]", listener, load_balancer.settings)


def _log_findings(where: str, load_balancer: LoadBalancer) -> Iterator[Finding]:
    """Logs that would go to S3, which is out of reach."""
    for log in get_args(load_balancer_module.LogName):
        delivery = load_balancer.settings.log(log)
        if delivery is not None and delivery.directory is None:
            reason = (
                f"nothing is stored in '{delivery.bucket}', because there is no S3 here; "
                "name a directory as 'file:///an/absolute/path' to have the log there"
            )
            yield Finding(f"{where}[{log}.s3.bucket]", reason)


def listener_findings(path: str, listener: Listener, settings: LoadBalancerSettings) -> Iterator[Finding]:
    """Attributes without effect and rules that can never match."""
    where = f"{path}.ListenerAttributes"
    yield from _unknown(where, listener.listener_attributes, LISTENER_SPECS)
    for attribute in listener.listener_attributes:
        reason = _why_no_rename(attribute, listener, settings)
        if reason is not None:
            yield Finding(f"{where}[{attribute.key}]", f"'{attribute.key}' has no effect: {reason}")
    for index, rule in enumerate(listener.rules):
        for place, reason in rule_findings(rule, listener, settings):
            yield Finding(f"{path}.Rules[{index}].{place}", reason)
    yield from _shadow_findings(path, listener)


def _why_no_rename(attribute: Attribute, listener: Listener, settings: LoadBalancerSettings) -> str | None:
    """Why a header that should get another name is never sent."""
    if not (attribute.key in LISTENER_SPECS and attribute.key.startswith("routing.http.request.") and attribute.value):
        return None
    if listener.protocol == "HTTP":
        return "only HTTPS listeners send that header"
    if "x_amzn_mtls_" in attribute.key:
        is_chain = attribute.key.endswith("x_amzn_mtls_clientcert.header_name")
        mode = "passthrough" if is_chain else "verify"
        is_sent = listener.client_certificate_mode == mode
        return None if is_sent else f"only the mutual authentication mode '{mode}' sends that header"
    if not settings.tls_version_and_cipher_headers:
        return "'routing.http.x_amzn_tls_version_and_cipher_suite.enabled' is not 'true'"
    return None


def _shadow_findings(path: str, listener: Listener) -> Iterator[Finding]:
    earlier: list[Rule] = []
    for index, rule in sorted(enumerate(listener.rules), key=lambda pair: pair[1].priority):
        broader = next((other for other in earlier if is_shadowed(rule, other)), None)
        if broader is not None:
            reason = (
                f"the rule with priority {rule.priority} can never match: "
                f"the rule with priority {broader.priority} takes every request that it would match"
            )
            yield Finding(f"{path}.Rules[{index}].Priority", reason)
        earlier.append(rule)


def target_group_findings(path: str, group: TargetGroup) -> Iterator[Finding]:
    """Unknown attributes, targets that are registered twice, no targets."""
    yield from _unknown(f"{path}.TargetGroupAttributes", group.target_group_attributes, TARGET_GROUP_SPECS)
    seen = set()
    for index, target in enumerate(group.targets):
        identity = (target.id, group.port_of(target))
        if identity in seen:
            yield Finding(f"{path}.Targets[{index}]", f"the target {target.id}:{identity[1]} is registered already")
        seen.add(identity)
    if not group.targets:
        yield Finding(f"{path}.Name", f"the target group '{group.name}' has no targets and answers 503")


def _unknown(path: str, attributes: Attributes, known: Iterable[str]) -> Iterator[Finding]:
    known = tuple(known)
    for key in unknown_keys(attributes, known):
        reason = f"the attribute '{key}' is not known and is kept without effect"
        yield Finding(f"{path}[{key}]", reason, closest(key, known))


def is_shadowed(rule: Rule, earlier: Rule) -> bool:
    """Every request that `rule` matches is matched by `earlier`, which is asked first."""
    return all(
        _is_universal(broad) or any(_implies(narrow, broad) for narrow in rule.conditions)
        for broad in earlier.conditions
    )


def _is_universal(condition: RuleCondition) -> bool:
    """Every request matches: every path begins with a slash, every client has an address."""
    if condition.field == "path-pattern":
        return any(set(pattern.removeprefix("/")) == {"*"} for pattern in condition.patterns) or not (
            _UNIVERSAL_EXPRESSIONS.isdisjoint(condition.regex_patterns)
        )
    if condition.field == "source-ip":
        return {"0.0.0.0/0", "::/0"} <= set(condition.patterns)
    return False


def _implies(narrow: RuleCondition, broad: RuleCondition) -> bool:
    """Whatever matches `narrow` matches `broad`."""
    if narrow.field != broad.field:
        return False
    if not set(narrow.regex_patterns) <= set(broad.regex_patterns):
        return False  # one expression inside another is not looked for
    if narrow.http_header_config and broad.http_header_config:
        names = narrow.http_header_config.http_header_name, broad.http_header_config.http_header_name
        if names[0].lower() != names[1].lower():
            return False
    if narrow.field == "query-string":
        return all(any(_pair_covers(wide, pair) for wide in broad.pairs) for pair in narrow.pairs)
    is_covered = _COVERS[narrow.field]
    return all(
        any(is_covered(wide, pattern) for wide in broad.patterns) or _is_found(broad, pattern)
        for pattern in narrow.patterns
    )


def _is_found(broad: RuleCondition, pattern: str) -> bool:
    """A value without wildcards that one of the expressions finds; hosts and paths only, see `_http_header`."""
    if broad.field not in ("host-header", "path-pattern") or not broad.regex_patterns or set(pattern) & set("*?"):
        return False
    is_host = broad.field == "host-header"
    return compile_regexes(broad.regex_patterns, ignore_case=is_host)(pattern)


def _pair_covers(broad: QueryStringKeyValue, narrow: QueryStringKeyValue) -> bool:
    if broad.key is not None and (narrow.key is None or not _query_covers(broad.key, narrow.key)):
        return False
    return _query_covers(broad.value or "", narrow.value or "")


def _query_covers(broad: str, narrow: str) -> bool:
    # An escaped wildcard is a character of its own; compare such values only with themselves.
    if "\\" in broad or "\\" in narrow:
        return broad.lower() == narrow.lower()
    return _covers_without_case(broad, narrow)


def _covers_without_case(broad: str, narrow: str) -> bool:
    return covers(broad.lower(), narrow.lower())


def _block_covers(broad: str, narrow: str) -> bool:
    wide, block = ipaddress.ip_network(broad, strict=False), ipaddress.ip_network(narrow, strict=False)
    if isinstance(wide, ipaddress.IPv4Network) and isinstance(block, ipaddress.IPv4Network):
        return block.subnet_of(wide)
    if isinstance(wide, ipaddress.IPv6Network) and isinstance(block, ipaddress.IPv6Network):
        return block.subnet_of(wide)
    return False


_COVERS: dict[str, Callable[[str, str], bool]] = {
    "host-header": _covers_without_case,
    "path-pattern": covers,
    "http-header": _covers_without_case,
    "http-request-method": str.__eq__,
    "source-ip": _block_covers,
}
