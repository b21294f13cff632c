"""What is suspicious in one rule by itself."""

from __future__ import annotations

import pytest

from edgeproxy.control.config.lint_rules import rule_findings
from edgeproxy.model.action import Action, FixedResponseConfig, RedirectConfig
from edgeproxy.model.condition import HttpHeaderConfig, HttpRequestMethodConfig, RuleCondition
from edgeproxy.model.listener import Listener
from edgeproxy.model.load_balancer import LoadBalancerSettings
from edgeproxy.model.rule import Rule
from edgeproxy.model.transform import RewriteConfig, RuleTransform, UrlRewriteConfig

forward = Action(type="forward", target_group_arn="app")
fixed = Action(type="fixed-response", fixed_response_config=FixedResponseConfig(status_code="503"))
listener = Listener(port=80, protocol="HTTP", default_actions=(forward,))
anything = RuleCondition(field="path-pattern", values=("/*",))


def found_in(
    *conditions: RuleCondition,
    action: Action = forward,
    transforms: tuple[RuleTransform, ...] = (),
    drops: bool = False,
) -> list[tuple[str, str]]:
    rule = Rule(priority=7, conditions=conditions, actions=(action,), transforms=transforms)
    return list(rule_findings(rule, listener, LoadBalancerSettings(drop_invalid_header_fields=drops)))


def path(*values: str) -> RuleCondition:
    return RuleCondition(field="path-pattern", values=values)


def host(*values: str) -> RuleCondition:
    return RuleCondition(field="host-header", values=values)


def header(name: str) -> RuleCondition:
    return RuleCondition(field="http-header", http_header_config=HttpHeaderConfig(http_header_name=name, values=("a",)))


def method(*values: str) -> RuleCondition:
    return RuleCondition(field="http-request-method", http_request_method_config=HttpRequestMethodConfig(values=values))


def rewrite(replace: str) -> RuleTransform:
    config = UrlRewriteConfig(rewrites=(RewriteConfig(regex="^/(a)", replace=replace),))
    return RuleTransform(type="url-rewrite", url_rewrite_config=config)


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        (path("images/*"), "every path begins with '/', and 'images/*' does not"),
        (path("a", "/x/../b"), "every path begins with '/', and 'a' does not"),
        (path("/x/../b"), "rules see paths without dot segments, and '/x/../b' has one"),
        (path("/x/."), "rules see paths without dot segments, and '/x/.' has one"),
        (method("TRACE", "CONNECT"), "TRACE and CONNECT are answered with 405 before any rule is asked"),
    ],
)
def test_conditions_that_no_request_satisfies(condition: RuleCondition, reason: str) -> None:
    assert [("Conditions[1]", f"the rule with priority 7 can never match: {reason}")] == found_in(
        host("a.test"), condition
    )


@pytest.mark.parametrize(
    "conditions",
    [
        (path("/images/*"),),
        (path("a", "/a"),),
        (path("?a"),),
        (path("/..."),),
        (path("/.well-known/*"),),
        (method("TRACE", "GET"),),
        (header("X-A"), header("X-A")),
        (RuleCondition(field="path-pattern", regex_values=("a",)),),
    ],
)
def test_conditions_that_some_request_satisfies(conditions: tuple[RuleCondition, ...]) -> None:
    assert [] == found_in(*conditions)


def test_headers_that_are_dropped_cannot_be_asked_for() -> None:
    reason = (
        "the rule with priority 7 can never match: "
        "the header X_A is dropped by 'routing.http.drop_invalid_header_fields.enabled'"
    )
    assert [] == found_in(header("X_A"))
    assert [("Conditions[0]", reason)] == found_in(header("X_A"), drops=True)


def test_a_wildcard_in_a_headers_name_is_a_character() -> None:
    reason = "in the header name 'X-*' the signs * and ? are themselves, not wildcards"
    assert [("Conditions[0]", reason)] == found_in(header("X-*"))


def test_a_replacement_that_names_no_group() -> None:
    reason = "'$2' names no group of '^/(a)', so every match is answered with 500"
    assert [] == found_in(anything, transforms=(rewrite("/$1"),))
    assert [("Transforms[0]", reason)] == found_in(anything, transforms=(rewrite("/$1$2"),))


def test_a_transform_before_a_fixed_response() -> None:
    reason = "a url-rewrite has no visible effect on a fixed response"
    assert [("Transforms[0]", reason)] == found_in(anything, action=fixed, transforms=(rewrite("/b"),))


def redirect(**changes: str) -> Action:
    return Action(type="redirect", redirect_config=RedirectConfig(status_code="HTTP_302", **changes))  # type: ignore[arg-type]


def test_a_redirect_back_to_its_own_rule() -> None:
    reason = "the redirect of the rule with priority 7 sends clients to the same rule again"

    assert [("Actions", reason)] == found_in(host("a.test", "b.test"), action=redirect(host="A.test"))
    assert [("Actions", reason)] == found_in(host("a.test"), action=redirect(host="a.test", port="80", path="/x"))
    assert [] == found_in(host("a.test"), action=redirect(host="b.test"))
    assert [] == found_in(host("a.test"), action=redirect(host="a.test", protocol="HTTPS", port="443"))
    assert [] == found_in(host("a.test"), anything, action=redirect(host="a.test", path="/x"))
