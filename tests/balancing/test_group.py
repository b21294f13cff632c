"""TargetGroupState: candidates, fail-open, and what survives a reload."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.balancing.group import TargetGroupState
from edgeproxy.model.target import TargetHealth, TargetHealthState

if TYPE_CHECKING:
    from edgeproxy.balancing.target_state import TargetState

STATES = {
    "H": TargetHealthState.HEALTHY,
    "U": TargetHealthState.UNHEALTHY,
    "I": TargetHealthState.INITIAL,
    "D": TargetHealthState.DRAINING,
    "N": TargetHealthState.UNUSED,
    "A": TargetHealthState.UNAVAILABLE,
}
FAIL_OPEN = pytest.mark.conformance(
    "fail-open", "with too few healthy targets all registered ones are used", "target-group-health-checks"
)
THRESHOLDS = pytest.mark.conformance(
    "target group health", "below the count or the percentage fails open, at it does not", "load-balancer-target-groups"
)
NO_TARGET = pytest.mark.conformance(
    "no usable target", "nothing registered or everything unused or draining is a 503", "load-balancer-troubleshooting"
)


def group_of(letters: str, *, count: int = 1, percentage: int | None = None) -> TargetGroupState:
    """A group whose targets have these states, one letter each."""
    group = TargetGroupState("api", "arn:api", minimum_healthy_count=count, minimum_healthy_percentage=percentage)
    group.update((f"10.0.0.{number}", 80) for number in range(len(letters)))
    set_states(group, letters)
    return group


def set_states(group: TargetGroupState, letters: str) -> None:
    for target, letter in zip(group.targets.values(), letters, strict=True):
        target.health = TargetHealth(STATES[letter])
    group.on_health_change()


def used(group: TargetGroupState) -> str:
    """The targets that get requests, as their positions in the order of registration."""
    picks = [group.pick() for _ in range(3 * len(group.targets))]
    return "".join(str(number) for number, target in enumerate(group.targets.values()) if target in picks)


@pytest.mark.parametrize(
    ("letters", "expected", "is_failing_open"),
    [
        pytest.param("HHH", "012", False),
        pytest.param("HUI", "0", False, marks=FAIL_OPEN),
        pytest.param("UU", "01", True, marks=FAIL_OPEN),
        pytest.param("I", "0", True, marks=FAIL_OPEN),
        pytest.param("UID", "01", True, marks=FAIL_OPEN),
        pytest.param("HDN", "0", False),
        pytest.param("AA", "01", False),
        pytest.param("", "", False, marks=NO_TARGET),
        pytest.param("NN", "", False, marks=NO_TARGET),
        pytest.param("DD", "", False, marks=NO_TARGET),
    ],
)
def test_who_gets_requests(letters: str, expected: str, is_failing_open: bool) -> None:
    group = group_of(letters)
    assert (expected, is_failing_open) == (used(group), group.is_failing_open)


@THRESHOLDS
@pytest.mark.parametrize(
    ("healthy", "count", "percentage", "expected"),
    [
        (5, 1, 50, False),
        (4, 1, 50, True),
        (5, 6, None, True),
        (6, 6, None, False),
        (6, 6, 61, True),
        (9, 1, 100, True),
        (10, 1, 100, False),
        (0, 1, None, True),
    ],
)
def test_either_threshold_fails_open(*, healthy: int, count: int, percentage: int | None, expected: bool) -> None:
    group = group_of("H" * healthy + "U" * (10 - healthy), count=count, percentage=percentage)
    assert expected == group.is_failing_open
    assert ("0123456789" if expected else "0123456789"[:healthy]) == used(group)


def test_draining_and_unused_targets_do_not_count_for_the_percentage() -> None:
    assert not group_of("HUDDDN", percentage=50).is_failing_open


def test_changed_thresholds_apply_at_once() -> None:
    group = group_of("HU")
    group.configure(minimum_healthy_count=2, minimum_healthy_percentage=None)
    assert (group.is_failing_open, used(group)) == (True, "01")


@NO_TARGET
def test_empty_group_picks_nothing() -> None:
    assert TargetGroupState("api", "arn:api").pick() is None


def test_health_flip_changes_the_pool_and_back() -> None:
    group = group_of("HH")
    set_states(group, "HU")
    assert used(group) == "0"
    set_states(group, "HH")
    assert used(group) == "01"


def test_reload_keeps_what_is_known_of_targets_that_stay() -> None:
    """Health, outstanding requests and the resolved address live on the state object, which stays the same."""
    group = group_of("HUH")
    first, second, third = group.targets.values()
    first.outstanding = 7
    change = group.update([("10.0.0.9", 80), ("10.0.0.0", 80), ("10.0.0.0", 81)])
    assert [target.key for target in change.added] == [("10.0.0.9", 80), ("10.0.0.0", 81)]
    assert change.removed == [second, third]
    assert list(group.targets) == [("10.0.0.9", 80), ("10.0.0.0", 80), ("10.0.0.0", 81)]
    assert group.targets["10.0.0.0", 80] is first
    assert (first.outstanding, first.health.state) == (7, TargetHealthState.HEALTHY)
    assert used(group) == "1"


def test_target_registered_twice_is_one_target() -> None:
    group = TargetGroupState("api", "arn:api")
    group.update([("10.0.0.1", 80), ("10.0.0.1", 80)])
    assert len(group.targets) == 1


def test_repr_tells_an_operator_the_state() -> None:
    assert repr(group_of("HUU")) == "<TargetGroupState api healthy=1/3>"
    assert repr(group_of("UU")) == "<TargetGroupState api healthy=0/2 failing open>"


DNS = pytest.mark.conformance(
    "target group health", "DNS thresholds are looked at like the routing thresholds", "load-balancer-target-groups"
)


@DNS
@pytest.mark.parametrize(
    ("letters", "count", "percentage", "expected"),
    [
        ("HU", 1, None, False),
        ("HU", 2, None, True),
        ("HU", None, 50, False),
        ("HU", None, 51, True),
        ("UU", 1, None, True),
        ("UU", None, None, False),
        ("", 1, None, False),
    ],
)
def test_dns_thresholds_are_reported(
    *, letters: str, count: int | None, percentage: int | None, expected: bool
) -> None:
    group = group_of(letters)
    group.configure(
        minimum_healthy_count=1,
        minimum_healthy_percentage=None,
        dns_failover_count=count,
        dns_failover_percentage=percentage,
    )
    assert expected == group.is_out_of_dns


@pytest.mark.conformance(
    "fail-open",
    "requests routed meanwhile are counted",
    "load-balancer-cloudwatch-metrics (UnhealthyRoutingRequestCount)",
)
def test_requests_are_counted_while_failing_open() -> None:
    group = group_of("HU")
    group.pick()
    set_states(group, "UU")
    group.pick(), group.pick()
    set_states(group, "HU")
    group.pick()
    assert 2 == group.unhealthy_routing_requests


DRAINING = pytest.mark.conformance(
    "deregistration", "draining for the delay, even when idle, without new requests", "edit-target-group-attributes"
)


class Draining:
    """A group of two targets of which the second is deregistered at 100 s, with a delay of 300 s."""

    def __init__(self, delay: float = 300.0) -> None:
        self.time = 100.0
        self.group = TargetGroupState("api", "arn:api", now=lambda: self.time)
        self.group.update([("a", 80), ("a", 81)])
        set_states(self.group, "HH")
        self.first, self.leaving = self.group.targets.values()
        self.group.update([("a", 80)], drain_seconds=delay)


@DRAINING
def test_a_deregistered_target_drains_for_the_delay() -> None:
    case = Draining()
    assert {("a", 81): case.leaving} == case.group.draining
    assert [case.first] * 3 == [case.group.pick() for _ in range(3)]
    assert [] == case.group.finish_draining(399.9)
    assert [case.leaving] == case.group.finish_draining(400.0)
    assert ({}, []) == (case.group.draining, case.group.finish_draining(500.0))


@pytest.mark.conformance("deregistration", "a delay of 0 is over at once", "edit-target-group-attributes")
def test_without_a_delay_it_is_over_at_once() -> None:
    case = Draining(delay=0)
    assert [case.leaving] == case.group.finish_draining(case.time)


@pytest.mark.conformance(
    "deregistration",
    "registered again while draining is a new target",
    "target-group-register-targets",
    status="default",
)
def test_registered_again_it_is_a_new_target_with_its_running_requests() -> None:
    case = Draining()
    case.leaving.outstanding = 3
    case.group.update([("a", 80), ("a", 81)])
    assert case.leaving is case.group.targets["a", 81]
    assert (TargetHealthState.INITIAL, 3) == (case.leaving.health.state, case.leaving.outstanding)
    assert [] == case.group.finish_draining(1e9)


@pytest.mark.conformance("identity", "a target is its id and its port", "API reference, RegisterTargets")
def test_one_port_of_a_target_is_deregistered_without_the_other() -> None:
    case = Draining()
    assert ([("a", 80)], TargetHealthState.HEALTHY) == (list(case.group.targets), case.first.health.state)


def test_the_last_target_draining_leaves_nothing_to_use() -> None:
    case = Draining()
    case.group.update([], drain_seconds=300)
    assert (None, False) == (case.group.pick(), case.group.is_failing_open)


@pytest.mark.parametrize("algorithm", ["round_robin", "least_outstanding_requests", "weighted_random"])
def test_every_algorithm_uses_the_pool_only(algorithm: Any) -> None:
    group = TargetGroupState("api", "arn:api", draw=random.Random(3).random)
    group.update((f"10.0.0.{number}", 80) for number in range(4))
    group.configure(minimum_healthy_count=1, minimum_healthy_percentage=None, algorithm=algorithm)
    set_states(group, "HUHI")
    assert "02" == used(group)
    set_states(group, "UUUI")
    assert len({group.pick() for _ in range(100)}) == 4


def mitigating(*, mitigation: bool) -> TargetGroupState:
    """Three healthy targets of which the first fails."""
    group = TargetGroupState("api", "arn:api", draw=random.Random(3).random)
    group.update((f"10.0.0.{number}", 80) for number in range(3))
    group.configure(
        minimum_healthy_count=1,
        minimum_healthy_percentage=None,
        algorithm="weighted_random",
        anomaly_mitigation=mitigation,
    )
    set_states(group, "HHH")
    for target in group.targets.values():
        target.handled = 100
    next(iter(group.targets.values())).errors = 50
    return group


@pytest.mark.conformance(
    "anomaly mitigation", "only with the attribute on; detection always", "edit-target-group-attributes"
)
@pytest.mark.parametrize(("mitigation", "share"), [(True, 0.2), (False, 1 / 3)])
def test_mitigation_lowers_the_share(*, mitigation: bool, share: float) -> None:
    """After one evaluation the weight is a half, so the share is a fifth."""
    group = mitigating(mitigation=mitigation)
    group.evaluate_anomalies()
    first = next(iter(group.targets.values()))
    picks = [group.pick() for _ in range(10_000)]
    assert first.is_anomalous
    assert abs(picks.count(first) - 10_000 * share) < 5 * (10_000 * share * (1 - share)) ** 0.5


def test_an_unhealthy_target_is_no_anomaly() -> None:
    group = mitigating(mitigation=True)
    group.evaluate_anomalies()
    set_states(group, "UHH")
    group.evaluate_anomalies()
    assert not next(iter(group.targets.values())).is_anomalous


def test_mitigation_switched_off_gives_parity_back() -> None:
    group = mitigating(mitigation=True)
    group.evaluate_anomalies()
    group.configure(minimum_healthy_count=1, minimum_healthy_percentage=None, algorithm="weighted_random")
    assert [1.0] * 3 == [target.weight for target in group.targets.values()]


@given(
    algorithm=st.sampled_from(["round_robin", "least_outstanding_requests", "weighted_random"]),
    events=st.lists(
        st.tuples(st.sampled_from(["requests", "ends", "flips", "leaves", "comes"]), st.integers(0, 5)), max_size=80
    ),
)
def test_outstanding_requests_never_become_negative_or_lost(algorithm: Any, events: list[tuple[str, int]]) -> None:
    """Whatever is registered, deregistered and flips meanwhile."""
    group = TargetGroupState("api", "arn:api", draw=random.Random(3).random)
    keys = [(f"10.0.0.{number}", 80) for number in range(6)]
    registered = set(keys)
    group.update(keys)
    group.configure(
        minimum_healthy_count=1, minimum_healthy_percentage=None, algorithm=algorithm, slow_start_seconds=30
    )
    running: list[TargetState] = []
    for event, number in events:
        match event:
            case "requests":
                target = group.pick()
                if target is not None:
                    target.outstanding += 1
                    running.append(target)
            case "ends" if running:
                running.pop(number % len(running)).outstanding -= 1
            case "flips" if keys[number] in group.targets:
                target = group.targets[keys[number]]
                is_healthy = target.health.state is TargetHealthState.HEALTHY
                target.health = TargetHealth(STATES["U" if is_healthy else "H"])
                group.on_health_change()
            case "leaves" | "comes":
                registered = registered - {keys[number]} if event == "leaves" else registered | {keys[number]}
                group.update([key for key in keys if key in registered], drain_seconds=300)
        everybody = [*group.targets.values(), *group.draining.values()]
        assert len(running) == sum(target.outstanding for target in everybody)
        assert all(target.outstanding >= 0 for target in everybody)
