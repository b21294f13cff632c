"""What `/metrics` says, and when it says nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from edgeproxy.model.action import Action
from edgeproxy.model.attributes import Attribute
from edgeproxy.model.listener import Listener
from edgeproxy.model.load_balancer import LoadBalancer
from edgeproxy.model.target import Target, TargetHealth, TargetHealthState
from edgeproxy.model.target_group import TargetGroup
from edgeproxy.model.topology import Topology
from edgeproxy.runtime.metric_names import METRICS
from edgeproxy.runtime.metric_row import Unpublished
from edgeproxy.runtime.metrics import Metrics
from edgeproxy.runtime.prometheus import render
from edgeproxy.runtime.status import TargetGroupStatus, TargetStatus

if TYPE_CHECKING:
    from typing import Any

PAGE = "load-balancer-cloudwatch-metrics"
TARGETS = (Target(id="10.0.0.1"), Target(id="10.0.0.2"))
FORWARD = Action(type="forward", target_group_arn="app")
LISTENER = Listener(port=80, protocol="HTTP", default_actions=(FORWARD,))
HEALTHY, UNHEALTHY = TargetHealthState.HEALTHY, TargetHealthState.UNHEALTHY


def topology(**attributes: str) -> Topology:
    group = TargetGroup(
        name="app",
        protocol="HTTP",
        port=80,
        targets=TARGETS,
        target_group_attributes=tuple(Attribute(key=key, value=value) for key, value in attributes.items()),
    )
    return Topology(load_balancers=(LoadBalancer(name="dev", listeners=(LISTENER,)),), target_groups=(group,))


TOPOLOGY = topology()


def status(*states: TargetHealthState, **changed: Any) -> TargetGroupStatus:
    targets = [
        TargetStatus(f"10.0.0.{number}", 80, "80", TargetHealth(state), None)
        for number, state in enumerate(states, start=1)
    ]
    (group,) = TOPOLOGY.target_groups
    return TargetGroupStatus("app", TOPOLOGY.target_group_arn(group), False, targets)._replace(**changed)


def samples(
    metrics: Metrics, groups: tuple[TargetGroupStatus, ...] = (status(),), running: Topology = TOPOLOGY
) -> dict[tuple[str, ...], float]:
    """Name without prefix and label values -> value."""
    text = render(metrics, groups, running).decode()
    return {
        (sample.name.removeprefix("aws_applicationelb_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.conformance(
    "metrics", "answers by the load balancer are counted by class, and 500, 502, 503 and 504 singly as well", PAGE
)
def test_answers_by_the_load_balancer_are_counted_by_class_and_some_singly() -> None:
    metrics = Metrics()
    metrics.load_balancers["dev"].elb_status.update({301: 1, 400: 2, 460: 3, 502: 4, 503: 5, 561: 6})

    found = samples(metrics)

    assert (1, 5, 15) == tuple(found[f"httpcode_elb_{digit}xx_count_total", "dev"] for digit in (3, 4, 5))
    assert (4, 5) == tuple(found[f"httpcode_elb_{code}_count_total", "dev"] for code in (502, 503))
    assert ("httpcode_elb_504_count_total", "dev") not in found


@pytest.mark.conformance("metrics", "reporting criteria: most are reported only when they are not zero", PAGE)
def test_what_never_happened_has_no_line_but_what_cloudwatch_always_reports() -> None:
    metrics = Metrics()
    assert metrics.load_balancers["dev"].groups["app"].request_count == 0
    always = {
        "forwarded_invalid_header_request_count_total",
        "request_count_per_target_total",
        "anomalous_host_count",
        "mitigated_host_count",
    }

    assert always == {name for name, *_ in samples(metrics)}


@pytest.mark.conformance("metrics", "reporting criteria: some are reported while there are registered targets", PAGE)
def test_what_a_group_with_targets_reports_even_when_it_is_zero() -> None:
    with_targets = {
        "request_count_total",
        "healthy_host_count",
        "un_healthy_host_count",
        *(f"httpcode_target_{digit}xx_count_total" for digit in (2, 3, 4, 5)),
        *(f"{state}_state_{where}" for state in ("healthy", "unhealthy") for where in ("dns", "routing")),
    }

    assert with_targets <= {name for name, *_ in samples(Metrics(), (status(HEALTHY),))}
    assert set() == with_targets & {name for name, *_ in samples(Metrics(), (status(TargetHealthState.DRAINING),))}


def test_a_counter_that_has_begun_stays_when_its_group_is_gone() -> None:
    metrics = Metrics()
    group = metrics.load_balancers["dev"].groups["gone"]
    group.request_count, group.target_status[5] = 3, 2

    found = samples(metrics)

    assert 3 == found["request_count_total", "dev", "gone"]
    assert 2 == found["httpcode_target_5xx_count_total", "dev", "gone"]
    assert ("anomalous_host_count", "dev", "gone") not in found


def test_counters_carry_the_load_balancer_and_the_target_group() -> None:
    metrics = Metrics()
    counters = metrics.load_balancers["dev"]
    counters.processed_bytes, counters.rule_evaluations = 1000, 5
    group = counters.groups["app"]
    group.request_count, group.requests_per_target, group.connection_errors, group.tls_errors = 3, 1.5, 1, 2

    found = samples(metrics)

    assert 1000 == found["processed_bytes_total", "dev"]
    assert 5 == found["rule_evaluations_total", "dev"]
    assert 3 == found["request_count_total", "dev", "app"]
    assert 1.5 == found["request_count_per_target_total", "dev", "app"]
    assert 1 == found["target_connection_error_count_total", "dev", "app"]
    assert 2 == found["target_tls_negotiation_error_count_total", "dev", "app"]


@pytest.mark.conformance("metrics", "connections with clients and with targets are one number", PAGE)
def test_connections_of_both_sides_are_one_number() -> None:
    """A client whose TLS handshake failed is one of those that the listener has counted."""
    metrics = Metrics()
    counters = metrics.load_balancers["dev"]
    counters.active_connections, counters.active_target_connections = 2, 3
    counters.new_connections, counters.new_target_connections = 10, 20
    counters.client_tls_negotiation_errors = 5

    found = samples(metrics)

    assert 5 == found["active_connection_count", "dev"]
    assert 30 == found["new_connection_count_total", "dev"]
    assert 5 == found["client_tls_negotiation_error_count_total", "dev"]


def test_response_times_are_a_histogram() -> None:
    metrics = Metrics()
    group = metrics.load_balancers["dev"].groups["app"]
    group.response_seconds = 0.75
    group.response_buckets[0], group.response_buckets[2], group.response_buckets[-1] = 2, 1, 1

    found = samples(metrics)

    assert 0.75 == found["target_response_time_seconds_sum", "dev", "app"]
    assert 4 == found["target_response_time_seconds_count", "dev", "app"]
    assert [2, 2, 3, 3, 4] == [
        found["target_response_time_seconds_bucket", end, "dev", "app"]
        for end in ("0.001", "0.002", "0.005", "60", "+Inf")
    ]


@pytest.mark.conformance("metrics", "deregistering lowers HealthyHostCount and raises no other", PAGE)
def test_targets_are_counted_by_health() -> None:
    found = samples(Metrics(), (status(HEALTHY, UNHEALTHY, TargetHealthState.DRAINING, TargetHealthState.INITIAL),))

    assert 1 == found["healthy_host_count", "dev", "app"]
    assert 1 == found["un_healthy_host_count", "dev", "app"]
    assert 0 == found["edgeproxy_target_healthy", "dev", "10.0.0.2:80", "app"]


@pytest.mark.conformance("metrics", "AnomalousHostCount, MitigatedHostCount and UnhealthyRoutingRequestCount", PAGE)
def test_anomalies_and_fail_open_are_counted() -> None:
    health = TargetHealth(HEALTHY)
    targets = [
        TargetStatus("10.0.0.1", 80, "80", health, None, is_anomalous=True, is_mitigated=True),
        TargetStatus("10.0.0.2", 80, "80", health, None, is_mitigated=True),
    ]
    found = samples(Metrics(), (status(targets=targets, unhealthy_routing_requests=7),))

    assert 1 == found["anomalous_host_count", "dev", "app"]
    assert 2 == found["mitigated_host_count", "dev", "app"]
    assert 7 == found["unhealthy_routing_request_count_total", "dev", "app"]


@pytest.mark.conformance("metrics", "HealthyState and UnhealthyState of DNS and routing count zones", PAGE)
@pytest.mark.parametrize("is_failing_open", [False, True])
@pytest.mark.parametrize("is_out_of_dns", [False, True])
def test_the_one_zone_is_healthy_or_not(is_failing_open: bool, is_out_of_dns: bool) -> None:
    found = samples(Metrics(), (status(HEALTHY, is_failing_open=is_failing_open, is_out_of_dns=is_out_of_dns),))

    for where, is_bad in (("routing", is_failing_open), ("dns", is_out_of_dns)):
        assert (not is_bad, is_bad) == (
            found[f"healthy_state_{where}", "dev", "app"],
            found[f"unhealthy_state_{where}", "dev", "app"],
        )


@pytest.mark.conformance("metrics", "stickiness metrics are reported while stickiness is on", PAGE)
@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, set()),
        ({"stickiness.enabled": "true"}, {"non_sticky_request_count_total"}),
        (
            {
                "stickiness.enabled": "true",
                "stickiness.type": "app_cookie",
                "stickiness.app_cookie.cookie_name": "session",
            },
            {"app_cookie_non_stickiness_count_total"},
        ),
    ],
)
def test_stickiness_is_reported_while_it_is_on(attributes: dict[str, str], expected: set[str]) -> None:
    metrics = Metrics()
    assert not metrics.load_balancers["dev"].sessions_missed

    found = samples(metrics, running=topology(**attributes))

    assert expected == {name for name, *_ in found if "sticky" in name or "stickiness" in name}


def test_every_published_metric_says_what_it_counts() -> None:
    text = render(Metrics(), [], TOPOLOGY).decode()

    for row in METRICS:
        if not isinstance(row, Unpublished):
            assert f"# HELP {row.full_name} {row.counts}\n" in text
