"""The counters begin at nothing and are kept apart by name."""

from __future__ import annotations

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
    assert ({}, {}) == (balancer.elb_status, balancer.groups)
    assert (0, 0, 0.0, 0, [0] * 6) == (
        group.request_count,
        group.connection_errors,
        group.response_seconds,
        group.response_samples,
        group.target_status,
    )
