from __future__ import annotations

import pytest

from edgeproxy.model.attributes import attribute_problems, attributes_from
from edgeproxy.model.target_group import TargetGroup
from edgeproxy.model.target_group_settings import FOREIGN, SPECS, TargetGroupSettings, conflicts, settings_from

page = "edit-target-group-attributes"
health = "target_group_health"


def refused(mapping: dict[str, object]) -> list[str]:
    return [
        error.reason for error in attribute_problems("TargetGroupAttributes", attributes_from(mapping), SPECS, FOREIGN)
    ]


def conflicting(mapping: dict[str, object]) -> list[str]:
    return [error.reason for error in conflicts(attributes_from(mapping))]


@pytest.mark.conformance("Target group attributes", "defaults", page)
def test_defaults() -> None:
    settings = TargetGroup(name="a", port=1).settings
    assert TargetGroupSettings() == settings
    assert (300, "round_robin", 0, False, 1, None) == (
        settings.deregistration_delay_seconds,
        settings.algorithm,
        settings.slow_start_seconds,
        settings.stickiness_enabled,
        settings.minimum_healthy_count,
        settings.minimum_healthy_percentage,
    )


@pytest.mark.conformance("Target group attributes", "keys and values", "TargetGroupAttribute")
@pytest.mark.parametrize(
    ("key", "text", "field", "value"),
    [
        ("deregistration_delay.timeout_seconds", "0", "deregistration_delay_seconds", 0),
        ("load_balancing.algorithm.type", "weighted_random", "algorithm", "weighted_random"),
        ("load_balancing.algorithm.anomaly_mitigation", "on", "anomaly_mitigation", True),
        ("load_balancing.cross_zone.enabled", "false", "cross_zone", "false"),
        ("slow_start.duration_seconds", "900", "slow_start_seconds", 900),
        ("stickiness.enabled", "true", "stickiness_enabled", True),
        ("stickiness.type", "app_cookie", "stickiness_type", "app_cookie"),
        ("stickiness.lb_cookie.duration_seconds", "604800", "lb_cookie_duration_seconds", 604800),
        ("stickiness.app_cookie.cookie_name", "SID", "app_cookie_name", "SID"),
        ("stickiness.app_cookie.duration_seconds", "1", "app_cookie_duration_seconds", 1),
        (f"{health}.dns_failover.minimum_healthy_targets.count", "off", "dns_failover_count", None),
        (f"{health}.dns_failover.minimum_healthy_targets.percentage", "100", "dns_failover_percentage", 100),
        (f"{health}.unhealthy_state_routing.minimum_healthy_targets.count", "2", "minimum_healthy_count", 2),
        (
            f"{health}.unhealthy_state_routing.minimum_healthy_targets.percentage",
            "50",
            "minimum_healthy_percentage",
            50,
        ),
        ("lambda.multi_value_headers.enabled", "true", "multi_value_headers", True),
    ],
)
def test_attributes_become_settings(key: str, text: str, field: str, value: object) -> None:
    attributes = attributes_from({key: text})
    assert [] == refused({key: text})
    assert value == getattr(settings_from(attributes), field)


@pytest.mark.conformance("Target group attributes", "values outside their range are refused", "TargetGroupAttribute")
@pytest.mark.parametrize(
    ("key", "text", "end"),
    [
        ("deregistration_delay.timeout_seconds", "10000", "must be between '0-3600' inclusive"),
        ("slow_start.duration_seconds", "29", "must be '0' or between '30-900' inclusive"),
        ("slow_start.duration_seconds", "901", "must be '0' or between '30-900' inclusive"),
        ("stickiness.lb_cookie.duration_seconds", "0", "must be between '1-604800' inclusive"),
        ("stickiness.app_cookie.duration_seconds", "604801", "must be between '1-604800' inclusive"),
        ("stickiness.type", "source_ip_dest_ip", "must be one of [app_cookie, lb_cookie, source_ip]"),
        ("load_balancing.algorithm.anomaly_mitigation", "true", "must be one of [on, off]"),
        (f"{health}.unhealthy_state_routing.minimum_healthy_targets.count", "0", "must be between '1-1000' inclusive"),
        (f"{health}.dns_failover.minimum_healthy_targets.percentage", "101", "must be between '1-100' inclusive"),
    ],
)
def test_bad_values_are_refused(key: str, text: str, end: str) -> None:
    assert [f"'{key}' value '{text}' {end}"] == refused({key: text})


@pytest.mark.conformance("Target group attributes", "the load balancer's own cookie names are refused", page)
@pytest.mark.parametrize("name", ["AWSALB", "AWSALBAPP-0", "AWSALBTG", "AWSALBX"])
def test_reserved_cookie_names(name: str) -> None:
    (reason,) = refused({"stickiness.app_cookie.cookie_name": name})
    assert reason.endswith("must not start with AWSALB, AWSALBAPP, AWSALBTG, which the load balancer uses itself")


@pytest.mark.parametrize("name", ["a b", "a;b", "a=b", "é"])
def test_cookie_names_are_tokens(name: str) -> None:
    assert 1 == len(refused({"stickiness.app_cookie.cookie_name": name}))


@pytest.mark.conformance("Target group attributes", "keys of other load balancers are refused", "TargetGroupAttribute")
@pytest.mark.parametrize(
    "key",
    [
        "deregistration_delay.connection_termination.enabled",
        "preserve_client_ip.enabled",
        "proxy_protocol_v2.enabled",
        "target_health_state.unhealthy.connection_termination.enabled",
        "target_failover.on_unhealthy",
        "send_tcp_reset.enabled",
    ],
)
def test_keys_of_other_load_balancers_are_refused(key: str) -> None:
    (reason,) = refused({key: "true"})
    assert reason.startswith(f"The attribute '{key}' is only supported for ")


@pytest.mark.conformance("Target group attributes", "what excludes each other", page)
@pytest.mark.parametrize(
    ("mapping", "reason"),
    [
        (
            {"stickiness.type": "source_ip"},
            "Stickiness type 'source_ip' is not supported for target groups with the HTTP protocol",
        ),
        (
            {"stickiness.enabled": True, "stickiness.type": "app_cookie"},
            "You must set an application cookie name to enable stickiness of type 'app_cookie'",
        ),
        (
            {"slow_start.duration_seconds": 30, "load_balancing.algorithm.type": "weighted_random"},
            "You cannot enable both slow start and weighted random algorithm on a target group",
        ),
        (
            {"stickiness.enabled": True, "load_balancing.algorithm.type": "weighted_random"},
            "You cannot have both stickiness and weighted random algorithm enabled on the same target group.",
        ),
        (
            {"slow_start.duration_seconds": 30, "load_balancing.algorithm.type": "least_outstanding_requests"},
            "You cannot enable both slow start and least outstanding requests algorithm on a target group",
        ),
        (
            {"load_balancing.algorithm.anomaly_mitigation": "on"},
            "Anomaly mitigation needs 'load_balancing.algorithm.type' to be 'weighted_random'",
        ),
        (
            {"stickiness.enabled": True, "load_balancing.cross_zone.enabled": False},
            "You cannot enable stickiness on a target group whose cross-zone load balancing is off",
        ),
        (
            {
                f"{health}.dns_failover.minimum_healthy_targets.count": 1,
                f"{health}.unhealthy_state_routing.minimum_healthy_targets.count": 2,
            },
            "The unhealthy state routing count '2' must not be greater than the DNS failover count '1'",
        ),
        (
            {
                f"{health}.dns_failover.minimum_healthy_targets.percentage": 10,
                f"{health}.unhealthy_state_routing.minimum_healthy_targets.percentage": 20,
            },
            "The unhealthy state routing percentage '20' must not be greater than the DNS failover percentage '10'",
        ),
    ],
)
def test_conflicts(mapping: dict[str, object], reason: str) -> None:
    assert [reason] == conflicting(mapping)


@pytest.mark.conformance("Target group attributes", "what goes together", page)
@pytest.mark.parametrize(
    "mapping",
    [
        {},
        {"stickiness.enabled": True},
        {"stickiness.enabled": True, "slow_start.duration_seconds": 30},
        {"stickiness.enabled": True, "load_balancing.algorithm.type": "least_outstanding_requests"},
        {"stickiness.enabled": True, "stickiness.type": "app_cookie", "stickiness.app_cookie.cookie_name": "S"},
        {
            "load_balancing.algorithm.anomaly_mitigation": "on",
            "load_balancing.algorithm.type": "weighted_random",
            "load_balancing.cross_zone.enabled": False,
        },
        {f"{health}.unhealthy_state_routing.minimum_healthy_targets.count": 2},
    ],
)
def test_no_conflicts(mapping: dict[str, object]) -> None:
    assert [] == conflicting(mapping)
