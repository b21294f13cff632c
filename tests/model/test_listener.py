from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edgeproxy.errors import ConfigError
from edgeproxy.model.action import Action, RedirectConfig
from edgeproxy.model.attributes import attributes_from
from edgeproxy.model.condition import RuleCondition
from edgeproxy.model.listener import Certificate, Listener
from edgeproxy.model.mutual_authentication import MutualAuthentication
from edgeproxy.model.rule import Rule

Read = Callable[[Callable[[], Any]], list[tuple[str, str]]]
ReadCodes = Callable[[Callable[[], Any]], list[str]]

forward = Action(type="forward", target_group_arn="a")
dev = Certificate(certificate_arn="dev")


def http(**changes: Any) -> Listener:
    return Listener(**{"port": 80, "protocol": "HTTP", "default_actions": (forward,), **changes})


def https(**changes: Any) -> Listener:
    return http(**{"port": 443, "protocol": "HTTPS", "certificates": (dev,), **changes})


def redirect(**changes: Any) -> Action:
    return Action(type="redirect", redirect_config=RedirectConfig(status_code="HTTP_301", **changes))


def rule(priority: int, action: Action = forward) -> Rule:
    return Rule(priority=priority, conditions=(RuleCondition(field="path-pattern", values=("/a",)),), actions=(action,))


@pytest.mark.conformance("Listeners", "HTTP and HTTPS only", "API reference, CreateListener")
def test_other_protocols_are_refused(refusals: Read) -> None:
    assert [("Protocol", "Listener protocol 'TCP' must be one of 'HTTP, HTTPS'")] == refusals(
        lambda: http(protocol="TCP")
    )


@pytest.mark.conformance("Listeners", "a port is within 1-65535", "API reference, CreateListener")
@pytest.mark.parametrize("port", [0, 65536])
def test_ports_have_limits(port: int, refusals: Read) -> None:
    assert [("Port", f"'Port' value '{port}' must be between '1-65535' inclusive")] == refusals(lambda: http(port=port))


@pytest.mark.conformance("Listeners", "HTTPS needs a certificate", "create-https-listener")
def test_https_needs_a_certificate(refusals: Read) -> None:
    expected = [("Certificates", "A certificate must be specified for HTTPS listeners")]
    assert expected == refusals(lambda: https(certificates=()))


@pytest.mark.conformance("Listeners", "HTTP takes no certificate", "create-https-listener")
def test_http_takes_no_certificate(refusals: Read) -> None:
    expected = [("Certificates", "A certificate cannot be specified for HTTP listeners")]
    assert expected == refusals(lambda: http(certificates=(dev,)))


@pytest.mark.conformance("Listeners", "HTTP takes no security policy", "create-https-listener")
def test_http_takes_no_policy(refusals: Read) -> None:
    expected = [("SslPolicy", "An SSL policy cannot be specified for HTTP listeners.")]
    assert expected == refusals(lambda: http(ssl_policy="ELBSecurityPolicy-2016-08"))
    assert http().effective_ssl_policy is None


@pytest.mark.conformance("Listeners", "the default security policy", "create-https-listener")
def test_the_policy_has_a_default() -> None:
    assert "ELBSecurityPolicy-2016-08" == https().effective_ssl_policy
    policy = "ELBSecurityPolicy-TLS13-1-2-2021-06"
    assert policy == https(ssl_policy=policy).effective_ssl_policy


@pytest.mark.conformance("Listeners", "an unknown security policy is not found", "observed error text")
def test_unknown_policies_come_with_the_nearest_one() -> None:
    with pytest.raises(ConfigError) as caught:
        https(ssl_policy="ELBSecurityPolicy-TLS13-1-2-2021-6")
    assert "SSL policy 'ELBSecurityPolicy-TLS13-1-2-2021-6' not found" == caught.value.reason
    assert ("SSLPolicyNotFound", "ELBSecurityPolicy-TLS13-1-2-2021-06") == (
        caught.value.code,
        caught.value.suggestion,
    )


@pytest.mark.conformance("Rules", "a priority is unique on its listener", "observed error text")
def test_priorities_are_unique(refusals: Read, codes: ReadCodes) -> None:
    def make() -> Listener:
        return http(rules=(rule(1), rule(2), rule(1)))

    assert [("Rules[2].Priority", "Priority '1' is currently in use")] == refusals(make)
    assert ["PriorityInUse"] == codes(make)


@pytest.mark.conformance("Listeners", "default actions are mandatory", "load-balancer-listeners")
def test_default_actions_are_needed(refusals: Read) -> None:
    assert ["DefaultActions"] == [path for path, _ in refusals(lambda: http(default_actions=()))]


LOOP = "The redirect configuration is not valid because it creates a loop."


@pytest.mark.conformance(
    "Redirects", "naming the own protocol and port is a loop", "rule-action-types", status="default"
)
@pytest.mark.parametrize(
    "changes",
    [
        {"protocol": "HTTPS", "port": "443"},
        {"protocol": "HTTPS"},
        {"port": "443"},
        {"port": "443", "query": "a=b"},
        {"protocol": "HTTPS", "port": "443", "host": "#{host}", "path": "/#{path}", "query": "#{query}"},
    ],
)
def test_a_redirect_to_itself_is_a_loop(changes: dict[str, Any], refusals: Read, codes: ReadCodes) -> None:
    def make() -> Listener:
        return https(default_actions=(redirect(**changes),))

    assert [("DefaultActions[0].RedirectConfig", LOOP)] == refusals(make)
    assert ["InvalidLoadBalancerAction"] == codes(make)


@pytest.mark.conformance("Redirects", "HTTP to HTTPS is no loop", "rule-action-types")
@pytest.mark.parametrize("changes", [{"protocol": "HTTPS", "port": "443"}, {"protocol": "HTTPS"}, {"port": "443"}])
def test_a_redirect_elsewhere_is_fine(changes: dict[str, Any], refusals: Read) -> None:
    assert [] == refusals(lambda: http(default_actions=(redirect(**changes),)))


@pytest.mark.conformance("Redirects", "HTTPS cannot be redirected to HTTP", "API reference, RedirectActionConfig")
def test_redirects_never_lose_tls(refusals: Read, codes: ReadCodes) -> None:
    def make() -> Listener:
        return https(rules=(rule(1, redirect(protocol="HTTP", port="80")),))

    expected = [("Rules[0].Actions[0].RedirectConfig.Protocol", "You cannot redirect HTTPS to HTTP")]
    assert expected == refusals(make)
    assert ["InvalidLoadBalancerAction"] == codes(make)


def test_attributes_of_network_load_balancers_are_refused(refusals: Read) -> None:
    attributes = attributes_from({"tcp.idle_timeout.seconds": 350})
    assert ["ListenerAttributes[tcp.idle_timeout.seconds]"] == [
        path for path, _ in refusals(lambda: http(listener_attributes=attributes))
    ]


def test_a_certificate_names_something(refusals: Read) -> None:
    expected = [("CertificateArn", "A CertificateArn must be specified: a PEM file, or 'dev'")]
    assert expected == refusals(lambda: Certificate(certificate_arn=""))


def test_named_hosts_are_what_a_certificate_could_carry() -> None:
    """Names and leftmost wildcards of host conditions, in lower case; other wildcards and underscores are left out."""
    hosts = ("App.localhost", "*.example.test", "a*.example.test", "under_score.test")
    condition = RuleCondition(field="host-header", values=hosts)
    by_host = Rule(priority=1, conditions=(condition,), actions=(forward,))
    assert ("*.example.test", "app.localhost") == https(rules=(by_host, rule(2))).named_hosts


@pytest.mark.parametrize(("name", "expected"), [("dev", False), ("arn:aws:acm:x:1:certificate/1", False), ("a", True)])
def test_a_certificate_is_a_file_unless_it_is_dev_or_an_arn(name: str, expected: bool) -> None:
    assert expected == Certificate(certificate_arn=name).is_file


@pytest.mark.conformance("Mutual TLS", "HTTPS listeners only", "mutual-authentication", status="default")
def test_http_takes_no_mutual_authentication(refusals: Read) -> None:
    passthrough, off = MutualAuthentication(mode="passthrough"), MutualAuthentication(mode="off")
    expected = [("MutualAuthentication", "Mutual authentication cannot be specified for HTTP listeners")]

    assert expected == refusals(lambda: http(mutual_authentication=passthrough))
    assert [] == refusals(lambda: http(mutual_authentication=off))


@pytest.mark.conformance("Mutual TLS", "clients are not asked unless the listener says so", "mutual-authentication")
def test_clients_are_not_asked_for_certificates_by_default() -> None:
    passthrough = MutualAuthentication(mode="passthrough")

    assert https().client_certificates is None
    assert https(mutual_authentication=MutualAuthentication(mode="off")).client_certificates is None
    assert passthrough == https(mutual_authentication=passthrough).client_certificates
