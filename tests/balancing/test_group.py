"""TargetGroupState: candidates, fail-open, and what survives a reload."""

from __future__ import annotations

import pytest

from edgeproxy.balancing.group import TargetGroupState
from edgeproxy.model.target import TargetHealth, TargetHealthState

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
