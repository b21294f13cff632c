from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from edgeproxy.model.action import Action
from edgeproxy.model.listener import Listener
from edgeproxy.model.load_balancer import LoadBalancer
from edgeproxy.model.target import Target, TargetHealth, TargetHealthState
from edgeproxy.model.target_group import TargetGroup
from edgeproxy.model.topology import Topology
from edgeproxy.runtime.metrics import Metrics
from edgeproxy.runtime.prometheus import render
from edgeproxy.runtime.status import TargetGroupStatus, TargetStatus

GROUP = TargetGroup(name="app", protocol="HTTP", port=80, targets=(Target(id="10.0.0.1"), Target(id="10.0.0.2")))
FORWARD = Action(type="forward", target_group_arn="app")
LISTENER = Listener(port=80, protocol="HTTP", default_actions=(FORWARD,))
TOPOLOGY = Topology(load_balancers=(LoadBalancer(name="dev", listeners=(LISTENER,)),), target_groups=(GROUP,))


def samples(metrics: Metrics, *states: TargetHealthState) -> dict[tuple[str, ...], float]:
    targets = [
        TargetStatus(f"10.0.0.{number}", 80, "80", TargetHealth(state), None)
        for number, state in enumerate(states, start=1)
    ]
    group = TargetGroupStatus("app", TOPOLOGY.target_group_arn(GROUP), False, targets)
    text = render(metrics, [group], TOPOLOGY).decode()
    return {
        (sample.name.removeprefix("aws_applicationelb_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.conformance(
    "metrics",
    "answers by the load balancer are counted by class, and 500, 502, 503 and 504 singly as well",
    "load-balancer-cloudwatch-metrics",
)
def test_answers_by_the_load_balancer_are_counted_by_class_and_some_singly() -> None:
    metrics = Metrics()
    metrics.load_balancers["dev"].elb_status.update({301: 1, 400: 2, 460: 3, 502: 4, 503: 5, 561: 6})

    found = samples(metrics)

    assert (1, 5, 15) == tuple(found[f"httpcode_elb_{digit}xx_count_total", "dev"] for digit in (3, 4, 5))
    assert (4, 5) == tuple(found[f"httpcode_elb_{status}_count_total", "dev"] for status in (502, 503))


def test_a_status_class_that_never_occurred_has_no_line() -> None:
    metrics = Metrics()
    metrics.load_balancers["dev"].groups["app"].target_status[2] = 7

    found = samples(metrics)

    assert 7 == found["httpcode_target_2xx_count_total", "dev", "app"]
    assert ("httpcode_target_5xx_count_total", "dev", "app") not in found
    assert ("httpcode_elb_5xx_count_total", "dev") not in found


def test_counters_carry_the_load_balancer_and_the_target_group() -> None:
    metrics = Metrics()
    counters = metrics.load_balancers["dev"]
    counters.request_count, counters.active_connections, counters.processed_bytes = 3, 2, 1000
    counters.groups["app"].request_count = 3
    counters.groups["app"].connection_errors = 1

    found = samples(metrics)

    assert 3 == found["request_count_total", "dev"]
    assert 2 == found["active_connection_count", "dev"]
    assert 1000 == found["processed_bytes_total", "dev"]
    assert 3 == found["target_group_request_count_total", "dev", "app"]
    assert 1 == found["target_connection_error_count_total", "dev", "app"]


def test_response_times_are_a_sum_and_a_count() -> None:
    metrics = Metrics()
    group = metrics.load_balancers["dev"].groups["app"]
    group.response_seconds, group.response_samples = 0.75, 3

    found = samples(metrics)

    assert 0.75 == found["target_response_time_seconds_sum", "dev", "app"]
    assert 3 == found["target_response_time_seconds_count", "dev", "app"]


def test_targets_are_counted_by_health() -> None:
    found = samples(Metrics(), TargetHealthState.HEALTHY, TargetHealthState.UNHEALTHY)

    assert 1 == found["healthy_host_count", "dev", "app"]
    assert 1 == found["un_healthy_host_count", "dev", "app"]
    assert 0 == found["edgeproxy_target_healthy", "dev", "10.0.0.2:80", "app"]


@pytest.mark.conformance(
    "metrics",
    "AnomalousHostCount, MitigatedHostCount and UnhealthyRoutingRequestCount",
    "load-balancer-cloudwatch-metrics",
)
def test_anomalies_and_fail_open_are_counted() -> None:
    health = TargetHealth(TargetHealthState.HEALTHY)
    targets = [
        TargetStatus("10.0.0.1", 80, "80", health, None, is_anomalous=True, is_mitigated=True),
        TargetStatus("10.0.0.2", 80, "80", health, None, is_mitigated=True),
    ]
    arn = TOPOLOGY.target_group_arn(GROUP)
    group = TargetGroupStatus("app", arn, False, targets, unhealthy_routing_requests=7)
    lines = render(Metrics(), [group], TOPOLOGY).decode().splitlines()

    labels = '{load_balancer="dev",target_group="app"}'
    assert f"aws_applicationelb_anomalous_host_count{labels} 1.0" in lines
    assert f"aws_applicationelb_mitigated_host_count{labels} 2.0" in lines
    assert f"aws_applicationelb_unhealthy_routing_request_count_total{labels} 7.0" in lines
