"""The counters begin at nothing and are kept apart by name."""

from __future__ import annotations

import pytest

from edgeproxy.balancing.group import TargetGroupState
from edgeproxy.model.target import TargetHealth, TargetHealthState
from edgeproxy.runtime.metrics import LoadBalancerCounters, Metrics, TargetGroupCounters


def test_counters_are_made_when_they_are_first_named() -> None:
    metrics = Metrics()
    metrics.load_balancers["a"].groups["app"].request_count += 1

    assert (1, 0) == (
        metrics.load_balancers["a"].groups["app"].request_count,
        metrics.load_balancers["b"].groups["app"].request_count,
    )


def test_a_name_keeps_its_counters() -> None:
    metrics = Metrics()

    assert metrics.load_balancers["a"] is metrics.load_balancers["a"]


def test_everything_begins_at_zero() -> None:
    balancer, group = LoadBalancerCounters(), TargetGroupCounters()
    numbers = {name: getattr(balancer, name) for name in balancer.__slots__ if name not in {"elb_status", "groups"}}

    assert {0} == set(numbers.values())
    assert ({}, {}, 0) == (balancer.elb_status, balancer.groups, balancer.request_count)
    assert (0, 0.0, 0, 0, 0.0, 0, [0] * 6) == (
        group.request_count,
        group.requests_per_target,
        group.connection_errors,
        group.tls_errors,
        group.response_seconds,
        group.response_samples,
        group.target_status,
    )


def test_a_load_balancers_requests_are_those_of_its_groups() -> None:
    balancer = LoadBalancerCounters()
    balancer.groups["a"].request_count, balancer.groups["b"].request_count = 2, 3

    assert 5 == balancer.request_count


@pytest.mark.conformance(
    "metrics",
    "RequestCountPerTarget: divided by the healthy targets, by all where none is healthy",
    "load-balancer-cloudwatch-metrics",
)
def test_requests_are_shared_out_among_what_was_healthy_at_their_time() -> None:
    metrics = Metrics()
    counters = metrics.load_balancers["dev"].groups["app"]
    group = TargetGroupState("app", "arn")
    group.update([("10.0.0.1", 80), ("10.0.0.2", 80), ("10.0.0.3", 80)])

    def serve(requests: int, *states: TargetHealthState) -> float:
        for target, state in zip(group.targets.values(), states, strict=True):
            target.health = TargetHealth(state)
        counters.request_count += requests
        before = counters.requests_per_target
        metrics.share_out({"app": group})
        return counters.requests_per_target - before

    healthy, unhealthy = TargetHealthState.HEALTHY, TargetHealthState.UNHEALTHY

    assert 3 == serve(6, healthy, healthy, unhealthy)
    assert 6 == serve(6, healthy, unhealthy, unhealthy)
    assert 2 == serve(6, unhealthy, unhealthy, unhealthy)
    assert 0 == serve(0, unhealthy, unhealthy, unhealthy)


def test_requests_of_a_group_without_targets_are_shared_out_later() -> None:
    metrics = Metrics()
    counters = metrics.load_balancers["dev"].groups["app"]
    counters.request_count = 4
    group = TargetGroupState("app", "arn")
    metrics.share_out({"app": group})
    metrics.share_out({})
    none = counters.requests_per_target
    group.update([("10.0.0.1", 80)])
    metrics.share_out({"app": group})

    assert (0, 4) == (none, counters.requests_per_target)
