from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from edgeproxy.model.action import Action
from edgeproxy.model.attributes import attributes_from
from edgeproxy.model.condition import RuleCondition
from edgeproxy.model.listener import Certificate, Listener
from edgeproxy.model.load_balancer import SPECS, LoadBalancer, LoadBalancerSettings, LogDelivery, LogName
from edgeproxy.model.mutual_authentication import MutualAuthentication
from edgeproxy.model.rule import Rule

Read = Callable[[Callable[[], Any]], list[tuple[str, str]]]
ReadCodes = Callable[[Callable[[], Any]], list[str]]

forward = Action(type="forward", target_group_arn="a")
page = "application-load-balancers"


def listener(port: int, rules: int = 0, certificates: int = 0) -> Listener:
    condition = RuleCondition(field="path-pattern", values=("/a",))
    return Listener(
        port=port,
        protocol="HTTPS" if certificates else "HTTP",
        default_actions=(forward,),
        certificates=(Certificate(certificate_arn="dev"),) * certificates,
        rules=tuple(Rule(priority=n + 1, conditions=(condition,), actions=(forward,)) for n in range(rules)),
    )


def with_attributes(mapping: dict[str, object]) -> LoadBalancer:
    return LoadBalancer(name="a", load_balancer_attributes=attributes_from(mapping))


@pytest.mark.conformance("Load balancer attributes", "defaults", page)
def test_defaults() -> None:
    settings = LoadBalancer(name="a").settings
    assert LoadBalancerSettings() == settings
    assert (60, 3600, "defensive", "append", True) == (
        settings.idle_timeout_seconds,
        settings.client_keep_alive_seconds,
        settings.desync_mitigation_mode,
        settings.xff_mode,
        settings.http2_enabled,
    )


@pytest.mark.conformance("Load balancer attributes", "keys and values", page)
@pytest.mark.parametrize(
    ("key", "text", "field", "value"),
    [
        ("idle_timeout.timeout_seconds", "4000", "idle_timeout_seconds", 4000),
        ("client_keep_alive.seconds", "60", "client_keep_alive_seconds", 60),
        ("routing.http.desync_mitigation_mode", "strictest", "desync_mitigation_mode", "strictest"),
        ("routing.http.drop_invalid_header_fields.enabled", "true", "drop_invalid_header_fields", True),
        ("routing.http.preserve_host_header.enabled", "true", "preserve_host_header", True),
        ("routing.http.x_amzn_tls_version_and_cipher_suite.enabled", "true", "tls_version_and_cipher_headers", True),
        ("routing.http.xff_client_port.enabled", "true", "xff_client_port", True),
        ("routing.http.xff_header_processing.mode", "remove", "xff_mode", "remove"),
        ("routing.http2.enabled", "false", "http2_enabled", False),
    ],
)
def test_attributes_become_settings(key: str, text: str, field: str, value: object) -> None:
    assert value == getattr(with_attributes({key: text}).settings, field)


def test_settings_are_read_once() -> None:
    load_balancer = LoadBalancer(name="a")
    assert load_balancer.settings is load_balancer.settings


@pytest.mark.conformance("Load balancer attributes", "values outside their range are refused", page)
@pytest.mark.parametrize(
    ("key", "text", "end"),
    [
        ("idle_timeout.timeout_seconds", "0", "must be between '1-4000' inclusive"),
        ("idle_timeout.timeout_seconds", "4001", "must be between '1-4000' inclusive"),
        ("client_keep_alive.seconds", "59", "must be between '60-604800' inclusive"),
        ("routing.http.desync_mitigation_mode", "off", "must be one of [monitor, defensive, strictest]"),
        ("routing.http.xff_header_processing.mode", "replace", "must be one of [append, preserve, remove]"),
        ("routing.http2.enabled", "yes", "must be one of [true, false]"),
        ("load_balancing.cross_zone.enabled", "false", "must be one of [true]"),
    ],
)
def test_bad_attributes_are_refused(key: str, text: str, end: str, refusals: Read) -> None:
    expected = [(f"LoadBalancerAttributes[{key}]", f"'{key}' value '{text}' {end}")]
    assert expected == refusals(lambda: with_attributes({key: text}))


def test_every_documented_attribute_is_known() -> None:
    """22 keys of DescribeLoadBalancerAttributes and `ipv6.deny_all_igw_traffic`."""
    assert 23 == len(SPECS)


@pytest.mark.conformance("Load balancer attributes", "a value has at most 1024 characters", "LoadBalancerAttribute")
def test_values_have_a_length(refusals: Read) -> None:
    assert ["LoadBalancerAttributes[new]"] == [
        path for path, _ in refusals(lambda: with_attributes({"new": "x" * 1025}))
    ]


def test_attributes_of_network_load_balancers_are_refused(refusals: Read) -> None:
    key = "dns_record.client_routing_policy"
    assert [key in path for path, _ in refusals(lambda: with_attributes({key: "any"}))] == [True]


@pytest.mark.conformance(
    "Names", "a load balancer's must not begin with internal-", "API reference, CreateLoadBalancer"
)
def test_names(refusals: Read) -> None:
    expected = [("Name", "The load balancer name 'internal-a' cannot begin with 'internal-'")]
    assert expected == refusals(lambda: LoadBalancer(name="internal-a"))
    expected = [("Name", f"The load balancer name '{'a' * 33}' cannot be longer than '32' characters")]
    assert expected == refusals(lambda: LoadBalancer(name="a" * 33))


def test_only_application_load_balancers(refusals: Read) -> None:
    expected = [("Type", "Load balancer type 'network' is not supported; it must be 'application'")]
    assert expected == refusals(lambda: LoadBalancer(name="a", type="network"))  # type: ignore[arg-type]


@pytest.mark.conformance("Listeners", "a port is unique in its load balancer", "DuplicateListenerException")
def test_ports_are_unique(refusals: Read, codes: ReadCodes) -> None:
    def make() -> LoadBalancer:
        return LoadBalancer(name="a", listeners=(listener(80), listener(81), listener(80)))

    assert [("Listeners[2].Port", "A listener with the specified port already exists.")] == refusals(make)
    assert ["DuplicateListener"] == codes(make)


@pytest.mark.conformance("Quotas", "100 rules, default rules excluded", "load-balancer-limits")
def test_a_hundred_rules(codes: ReadCodes) -> None:
    assert [] == codes(lambda: LoadBalancer(name="a", listeners=(listener(80, rules=60), listener(81, rules=40))))
    assert ["TooManyRules"] == codes(
        lambda: LoadBalancer(name="a", listeners=(listener(80, rules=60), listener(81, rules=41)))
    )


@pytest.mark.conformance("Quotas", "50 listeners", "load-balancer-limits")
def test_fifty_listeners(codes: ReadCodes) -> None:
    assert [] == codes(lambda: LoadBalancer(name="a", listeners=tuple(listener(n + 1) for n in range(50))))
    assert ["TooManyListeners"] == codes(
        lambda: LoadBalancer(name="a", listeners=tuple(listener(n + 1) for n in range(51)))
    )


@pytest.mark.conformance("Quotas", "25 certificates, default ones excluded", "load-balancer-limits")
def test_twenty_five_extra_certificates(codes: ReadCodes) -> None:
    def make(extra: int) -> LoadBalancer:
        return LoadBalancer(
            name="a", listeners=(listener(1, certificates=11), listener(2, certificates=extra - 10 + 1))
        )

    assert [] == codes(lambda: make(25))
    assert ["TooManyCertificates"] == codes(lambda: make(26))


@pytest.mark.conformance("Attributes", "logs need a bucket", "API reference, LoadBalancerAttribute")
@pytest.mark.parametrize("log", ["access_logs", "connection_logs", "health_check_logs"])
def test_logs_need_a_bucket(log: str, refusals: Read) -> None:
    enabled = f"{log}.s3.enabled"
    reason = f"'{log}.s3.bucket' must be specified when '{enabled}' is 'true'"

    assert [] == refusals(lambda: LoadBalancer(name="a", load_balancer_attributes=attributes_from({enabled: False})))
    found = refusals(lambda: LoadBalancer(name="a", load_balancer_attributes=attributes_from({enabled: True})))
    assert [(f"LoadBalancerAttributes[{enabled}]", reason)] == found
    both = attributes_from({enabled: True, f"{log}.s3.bucket": "logs"})
    assert [] == refusals(lambda: LoadBalancer(name="a", load_balancer_attributes=both))


@pytest.mark.conformance("Security policies", "FIPS policies do not mix with others", "describe-ssl-policies")
def test_fips_policies_do_not_mix_with_others(refusals: Read) -> None:
    fips, other = "ELBSecurityPolicy-TLS13-1-3-FIPS-2023-04", "ELBSecurityPolicy-TLS13-1-3-2021-06"

    def with_policies(*policies: str | None) -> Callable[[], Any]:
        listeners = tuple(
            msgspec.structs.replace(listener(port, certificates=1), ssl_policy=policy)
            for port, policy in enumerate(policies, 443)
        )
        return lambda: LoadBalancer(name="a", listeners=(listener(80), *listeners))

    reason = (
        f"The FIPS policy '{fips}' cannot be combined with a policy that is not for FIPS on the other listeners of a "
        "load balancer"
    )
    assert [("Listeners[2].SslPolicy", reason)] == refusals(with_policies(other, fips))
    assert [("Listeners[1].SslPolicy", reason)] == refusals(with_policies(fips, None))
    assert [] == refusals(with_policies(fips, fips)) == refusals(with_policies(other, None))


@pytest.mark.conformance("Mutual TLS", "two listeners of a load balancer may verify", "load-balancer-limits")
def test_two_listeners_may_verify_clients(codes: ReadCodes) -> None:
    verify = MutualAuthentication(mode="verify", trust_store_arn="ca")
    passthrough = MutualAuthentication(mode="passthrough")

    def with_modes(*modes: MutualAuthentication) -> Callable[[], Any]:
        listeners = tuple(
            msgspec.structs.replace(listener(port, certificates=1), mutual_authentication=mode)
            for port, mode in enumerate(modes, 443)
        )
        return lambda: LoadBalancer(name="a", listeners=listeners)

    assert [] == codes(with_modes(verify, verify, passthrough))
    assert ["TooManyListeners"] == codes(with_modes(verify, verify, verify))


@pytest.mark.conformance("Attributes", "a log's prefix must not contain AWSLogs", "enable-access-logging")
@pytest.mark.parametrize("log", ["access_logs", "connection_logs", "health_check_logs"])
@pytest.mark.parametrize("prefix", ["AWSLogs", "my/AWSLogs/prefix"])
def test_the_prefix_of_a_log_does_not_contain_awslogs(log: str, prefix: str, refusals: Read) -> None:
    key = f"{log}.s3.prefix"
    found = refusals(lambda: LoadBalancer(name="a", load_balancer_attributes=attributes_from({key: prefix})))
    reason = f"'{key}' value '{prefix}' must not contain 'AWSLogs', which the load balancer adds itself"

    assert [(f"LoadBalancerAttributes[{key}]", reason)] == found


@pytest.mark.parametrize("bucket", ["file:logs", "file://logs", "file://"])
def test_a_directory_is_named_by_its_absolute_path(bucket: str, refusals: Read) -> None:
    key = "access_logs.s3.bucket"
    found = refusals(lambda: LoadBalancer(name="a", load_balancer_attributes=attributes_from({key: bucket})))
    reason = f"'{key}' value '{bucket}' must name a directory by its absolute path, as in 'file:///var/log/alb'"

    assert [(f"LoadBalancerAttributes[{key}]", reason)] == found


@pytest.mark.parametrize("log", ["access_logs", "connection_logs", "health_check_logs"])
def test_where_a_log_goes(log: LogName) -> None:
    def delivery(**values: object) -> LogDelivery | None:
        attributes = attributes_from({f"{log}.s3.{key}": value for key, value in values.items()})
        return LoadBalancer(name="a", load_balancer_attributes=attributes).settings.log(log)

    assert None is delivery()
    assert None is delivery(enabled=False, bucket="logs")
    assert LogDelivery("logs", "a/b") == delivery(enabled=True, bucket="logs", prefix="a/b")
    assert None is LogDelivery("logs", "").directory
    assert "/my logs" == LogDelivery("file:///my%20logs", "").directory
