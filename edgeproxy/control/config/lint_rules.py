"""What is suspicious in one rule by itself: conditions that no request can satisfy, transforms that can only fail.

Only what is certain is said. Two conditions on one header, or on the query, never exclude each other, because a client
may send both; so a rule contradicts itself only where one of its conditions contradicts what a request can be.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from edgeproxy.rules.predicates import needs_dropped_header
from edgeproxy.rules.transform import missing_groups

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgeproxy.model.condition import RuleCondition
    from edgeproxy.model.listener import Listener
    from edgeproxy.model.load_balancer import LoadBalancerSettings
    from edgeproxy.model.rule import Rule

_REFUSED_METHODS = {"TRACE", "CONNECT"}
_DOT_SEGMENT = re.compile(r"/\.\.?(?:/|\Z)")


def rule_findings(rule: Rule, listener: Listener, settings: LoadBalancerSettings) -> Iterator[tuple[str, str]]:
    """Paths, from the rule, and sentences."""
    for index, condition in enumerate(rule.conditions):
        path = f"Conditions[{index}]"
        reason = _why_never(condition, settings)
        if reason is not None:
            yield path, f"the rule with priority {rule.priority} can never match: {reason}"
        yield from ((path, reason) for reason in _condition_hints(condition))
    yield from _transform_findings(rule)
    if _sends_back(rule, listener):
        yield "Actions", f"the redirect of the rule with priority {rule.priority} sends clients to the same rule again"


def _why_never(condition: RuleCondition, settings: LoadBalancerSettings) -> str | None:
    """Why no request satisfies a condition, if that is certain."""
    if condition.field == "http-request-method" and set(condition.patterns) <= _REFUSED_METHODS:
        return f"{' and '.join(condition.patterns)} are answered with 405 before any rule is asked"
    if condition.field == "path-pattern" and condition.patterns:
        reasons = [_why_no_path(pattern) for pattern in condition.patterns]
        if None not in reasons:
            return reasons[0]
    if settings.drop_invalid_header_fields and needs_dropped_header(condition):
        assert condition.http_header_config is not None
        name = condition.http_header_config.http_header_name
        return f"the header {name} is dropped by 'routing.http.drop_invalid_header_fields.enabled'"
    return None


def _why_no_path(pattern: str) -> str | None:
    if pattern[0] not in "/*?":
        return f"every path begins with '/', and '{pattern}' does not"
    if _DOT_SEGMENT.search(pattern):
        return f"rules see paths without dot segments, and '{pattern}' has one"
    return None


def _condition_hints(condition: RuleCondition) -> Iterator[str]:
    """What is probably not meant."""
    config = condition.http_header_config
    if config is not None and any(sign in config.http_header_name for sign in "*?"):
        yield f"in the header name '{config.http_header_name}' the signs * and ? are themselves, not wildcards"


def _transform_findings(rule: Rule) -> Iterator[tuple[str, str]]:
    for index, transform in enumerate(rule.transforms):
        path = f"Transforms[{index}]"
        for number in missing_groups(transform.rewrite):
            expression = transform.rewrite.regex
            yield path, f"'${number}' names no group of '{expression}', so every match is answered with 500"
        if rule.routing_action.type == "fixed-response":
            yield path, f"a {transform.type} has no visible effect on a fixed response"


def _sends_back(rule: Rule, listener: Listener) -> bool:
    """The Location leads to this very rule, whatever was asked: its only condition is the host it redirects to.

    The real load balancer accepts this; it compares a redirect with the request's own parts by their spelling only.
    """
    redirect = rule.routing_action.redirect_config
    if redirect is None or len(rule.conditions) != 1 or rule.conditions[0].field != "host-header":
        return False
    is_own_protocol = redirect.protocol in ("#{protocol}", listener.protocol)
    is_own_port = redirect.port in ("#{port}", str(listener.port))
    # A client adds a port that is not the protocol's usual one to its Host, and then a host without it does not match.
    is_plain_port = (listener.protocol, listener.port) in {("HTTP", 80), ("HTTPS", 443)}
    hosts = {pattern.lower() for pattern in rule.conditions[0].patterns}
    return is_own_protocol and is_own_port and is_plain_port and redirect.host.lower() in hosts
