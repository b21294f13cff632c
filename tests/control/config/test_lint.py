from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest

from edgeproxy.control.config.lint import Finding, findings, is_shadowed, load_balancer_findings
from edgeproxy.model.action import Action, FixedResponseConfig
from edgeproxy.model.attributes import attributes_from
from edgeproxy.model.condition import (
    HttpHeaderConfig,
    HttpRequestMethodConfig,
    QueryStringConfig,
    QueryStringKeyValue,
    RuleCondition,
    SourceIpConfig,
)
from edgeproxy.model.listener import Certificate, Listener
from edgeproxy.model.load_balancer import LoadBalancer
from edgeproxy.model.mutual_authentication import MutualAuthentication
from edgeproxy.model.rule import Rule
from edgeproxy.model.target import Target
from edgeproxy.model.target_group import TargetGroup
from edgeproxy.model.topology import Topology

if TYPE_CHECKING:
    from collections.abc import Mapping

forward = Action(type="forward", target_group_arn="app")


def path(*values: str) -> RuleCondition:
    return RuleCondition(field="path-pattern", values=values)


def path_regex(*values: str) -> RuleCondition:
    return RuleCondition(field="path-pattern", regex_values=values)


def host_regex(*values: str) -> RuleCondition:
    return RuleCondition(field="host-header", regex_values=values)


def host(*values: str) -> RuleCondition:
    return RuleCondition(field="host-header", values=values)


def header(name: str, *values: str) -> RuleCondition:
    config = HttpHeaderConfig(http_header_name=name, values=values)
    return RuleCondition(field="http-header", http_header_config=config)


def method(*values: str) -> RuleCondition:
    return RuleCondition(field="http-request-method", http_request_method_config=HttpRequestMethodConfig(values=values))


def query(*pairs: tuple[str | None, str]) -> RuleCondition:
    values = tuple(QueryStringKeyValue(key=key, value=value) for key, value in pairs)
    return RuleCondition(field="query-string", query_string_config=QueryStringConfig(values=values))


def source(*blocks: str) -> RuleCondition:
    return RuleCondition(field="source-ip", source_ip_config=SourceIpConfig(values=blocks))


def rule(*conditions: RuleCondition, priority: int = 1) -> Rule:
    return Rule(priority=priority, conditions=conditions, actions=(forward,))


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ([path("/api/*")], [path("/api/*")]),
        ([path("/api/*")], [path("/api/v1/*")]),
        ([path("/api/*")], [path("/api/*"), host("a.test")]),
        ([path("/a", "/b*")], [path("/b/c", "/a")]),
        ([path("/*")], [path("*.png")]),
        ([path("/*")], [host("a.test")]),
        ([path("*")], [method("GET")]),
        ([host("*.Example.com")], [host("a.example.COM")]),
        ([header("X-A", "*")], [header("x-a", "1")]),
        ([method("GET", "HEAD")], [method("GET")]),
        ([query((None, "v*"))], [query(("k", "v1"))]),
        ([query(("k", "*"))], [query(("K", "V"))]),
        ([query(("k", "\\*"))], [query(("k", "\\*"))]),
        ([source("10.0.0.0/8")], [source("10.1.0.0/16", "10.2.0.1/32")]),
        ([source("2001:db8::/32")], [source("2001:db8:1::/48")]),
        ([source("0.0.0.0/0", "::/0")], [path("/a")]),
        ([path_regex("^/a", "^/b")], [path_regex("^/b")]),
        ([path_regex("^/a")], [path("/a/b")]),
        ([path_regex("^/.*$")], [path("/a*")]),
        ([host_regex("^A")], [host("a.test")]),
    ],
)
def test_rules_that_can_never_match(earlier: list[RuleCondition], later: list[RuleCondition]) -> None:
    assert is_shadowed(rule(*later), rule(*earlier))


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ([path("/api/*")], [path("/*")]),
        ([path("/api/*")], [path("/api")]),
        ([path("/API/*")], [path("/api/x")]),
        ([path("/a"), host("a.test")], [path("/a")]),
        ([path("/a")], [path("/a", "/b")]),
        ([host("a.test")], [path("/a")]),
        ([header("X-A", "*")], [header("X-B", "1")]),
        ([method("GET")], [method("HEAD")]),
        ([query(("k", "v"))], [query((None, "v"))]),
        ([query(("k", "*"))], [query(("k", "\\*"))]),
        ([source("10.0.0.0/8")], [source("::/0")]),
        ([source("0.0.0.0/0")], [path("/a")]),
        ([host("*.test")], [path("/a")]),
        ([path_regex("^/a")], [path("/a*")]),
        ([path_regex("^/a")], [path_regex("^/a/b")]),
        ([path("/*/b")], [path_regex("^/a/b$")]),
    ],
)
def test_rules_that_can_match(earlier: list[RuleCondition], later: list[RuleCondition]) -> None:
    assert not is_shadowed(rule(*later), rule(*earlier))


def topology(
    *rules: Rule, targets: tuple[Target, ...] = (Target(id="a"),), attributes: Mapping[str, object] | None = None
) -> Topology:
    listener = Listener(port=80, protocol="HTTP", default_actions=(forward,), rules=rules)
    group = TargetGroup(name="app", port=80, targets=targets)
    load_balancer = LoadBalancer(
        name="dev", listeners=(listener,), load_balancer_attributes=attributes_from(attributes or {})
    )
    return Topology(load_balancers=(load_balancer,), target_groups=(group,))


@pytest.mark.conformance("Rules", "the lowest priority number is asked first", "listener-rules")
def test_shadows_follow_the_priority_and_not_the_file() -> None:
    found = list(findings(topology(rule(path("/api/v1"), priority=20), rule(path("/api/*"), priority=10))))
    reason = (
        "the rule with priority 20 can never match: the rule with priority 10 takes every request that it would match"
    )
    assert [Finding("LoadBalancers[0].Listeners[0].Rules[0].Priority", reason)] == found


def test_a_clean_topology_has_no_findings() -> None:
    assert [] == list(findings(topology(rule(path("/a"), priority=1), rule(path("/b"), priority=2))))


def test_unknown_attributes_come_with_the_nearest_known_one() -> None:
    reason = "the attribute 'idle_timeout.seconds' is not known and is kept without effect"
    (found,) = findings(topology(attributes={"idle_timeout.seconds": 60}))
    assert ("LoadBalancers[0].LoadBalancerAttributes[idle_timeout.seconds]", reason) == (found.path, found.reason)
    assert "idle_timeout.timeout_seconds" == found.suggestion


def test_attributes_without_effect_are_named_where_they_ask_for_one() -> None:
    (found,) = findings(topology(attributes={"waf.fail_open.enabled": True, "deletion_protection.enabled": False}))
    assert "'waf.fail_open.enabled' has no effect here" == found.reason


def test_a_target_stands_once() -> None:
    (found,) = findings(topology(targets=(Target(id="a"), Target(id="a", port=80))))
    assert ("TargetGroups[0].Targets[1]", "the target a:80 is registered already") == (found.path, found.reason)


def test_a_target_group_has_targets() -> None:
    (found,) = findings(topology(targets=()))
    assert "the target group 'app' has no targets and answers 503" == found.reason


def test_a_target_group_is_used() -> None:
    group = TargetGroup(name="app", port=80, targets=(Target(id="a"),))
    found = [one.reason for one in findings(Topology(load_balancers=(LoadBalancer(name="a"),), target_groups=(group,)))]
    assert ["no listener or rule forwards to the target group 'app'"] == found


def test_something_listens() -> None:
    assert ["there is no load balancer in this file, so nothing listens"] == [
        one.reason for one in findings(Topology())
    ]


def test_two_load_balancers_share_this_machines_ports() -> None:
    one, two = (
        LoadBalancer(name=name, listeners=(Listener(port=80, protocol="HTTP", default_actions=(action,)),))
        for name, action in (("a", fixed()), ("b", fixed()))
    )
    (found,) = findings(Topology(load_balancers=(one, two)))
    assert ("LoadBalancers[1].Listeners[0].Port", "the load balancer 'a' listens on port 80 of this machine too") == (
        found.path,
        found.reason,
    )


def fixed() -> Action:
    return Action(type="fixed-response", fixed_response_config=FixedResponseConfig(status_code="200"))


def renaming(
    protocol: Literal["HTTP", "HTTPS"], key: str, *, is_sent: bool = True, mutual: MutualAuthentication | None = None
) -> list[str]:
    key = f"routing.http.request.{key}.header_name"
    listener = Listener(
        port=443,
        protocol=protocol,
        certificates=(Certificate(certificate_arn="dev"),) if protocol == "HTTPS" else (),
        mutual_authentication=mutual,
        default_actions=(forward,),
        listener_attributes=attributes_from({key: "X-New"}),
    )
    attributes = attributes_from({"routing.http.x_amzn_tls_version_and_cipher_suite.enabled": is_sent})
    load_balancer = LoadBalancer(name="dev", listeners=(listener,), load_balancer_attributes=attributes)
    return [finding.reason.removeprefix(f"'{key}' ") for finding in load_balancer_findings("", load_balancer)]


def test_renamed_headers_that_are_never_sent() -> None:
    assert [] == renaming("HTTPS", "x_amzn_tls_version")
    assert ["has no effect: only HTTPS listeners send that header"] == renaming("HTTP", "x_amzn_tls_version")
    (reason,) = renaming("HTTPS", "x_amzn_tls_version", is_sent=False)
    assert reason == "has no effect: 'routing.http.x_amzn_tls_version_and_cipher_suite.enabled' is not 'true'"


@pytest.mark.parametrize(
    ("key", "mode"), [("x_amzn_mtls_clientcert", "passthrough"), ("x_amzn_mtls_clientcert_leaf", "verify")]
)
def test_renamed_headers_about_client_certificates_belong_to_a_mode(key: str, mode: str) -> None:
    modes = {
        "off": None,
        "passthrough": MutualAuthentication(mode="passthrough"),
        "verify": MutualAuthentication(mode="verify", trust_store_arn="ca.pem"),
    }
    reason = f"has no effect: only the mutual authentication mode '{mode}' sends that header"
    expected = {each: [] if each == mode else [reason] for each in modes}

    assert expected == {each: renaming("HTTPS", key, mutual=mutual) for each, mutual in modes.items()}


def test_what_a_rule_has_against_itself_is_found_where_it_stands() -> None:
    (found,) = findings(topology(rule(path("images/*"))))
    assert "LoadBalancers[0].Listeners[0].Rules[0].Conditions[0]" == found.path


@pytest.mark.parametrize("log", ["access_logs", "connection_logs", "health_check_logs"])
def test_a_log_that_would_go_to_s3_is_told_where_it_can_go(log: str) -> None:
    def reasons(**values: object) -> list[tuple[str, str]]:
        attributes = attributes_from({f"{log}.s3.{key}": value for key, value in values.items()})
        balancer = LoadBalancer(name="a", load_balancer_attributes=attributes)
        return [(found.path, found.reason) for found in load_balancer_findings("LoadBalancers[0]", balancer)]

    assert [] == reasons(bucket="my-logs")
    assert [] == reasons(enabled=True, bucket="file:///var/log/alb", prefix="a")
    ((path, reason),) = reasons(enabled=True, bucket="my-logs")
    assert f"LoadBalancers[0].LoadBalancerAttributes[{log}.s3.bucket]" == path
    assert (
        "nothing is stored in 'my-logs', because there is no S3 here; "
        "name a directory as 'file:///an/absolute/path' to have the log there"
    ) == reason


def test_a_group_of_http2_needs_clients_that_speak_it() -> None:
    def reasons(enabled: str) -> list[Finding]:
        listener = Listener(
            port=443,
            protocol="HTTPS",
            certificates=(Certificate(certificate_arn="dev"),),
            default_actions=(forward,),
        )
        balancer = LoadBalancer(
            name="dev",
            listeners=(listener,),
            load_balancer_attributes=attributes_from({"routing.http2.enabled": enabled}),
        )
        group = TargetGroup(name="app", port=80, protocol_version="GRPC", targets=(Target(id="10.0.0.1"),))
        return list(findings(Topology(load_balancers=(balancer,), target_groups=(group,))))

    reason = (
        "every request to 'app' is answered with 464, because 'routing.http2.enabled' of the load balancer 'dev' is "
        "not 'true'"
    )
    assert [Finding("TargetGroups[0].ProtocolVersion", reason)] == reasons("false")
    assert [] == reasons("true")
