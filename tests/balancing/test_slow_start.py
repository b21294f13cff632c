"""Slow start: who enters it, and how fast the share grows."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from edgeproxy.balancing.group import TargetGroupState
from edgeproxy.model.target import TargetHealth, TargetHealthState

if TYPE_CHECKING:
    from edgeproxy.balancing.target_state import TargetState

PAGE = "edit-target-group-attributes"
STATES = {"H": TargetHealthState.HEALTHY, "U": TargetHealthState.UNHEALTHY, "I": TargetHealthState.INITIAL}


class SlowGroup:
    """A group with slow start and a clock that is set by hand."""

    def __init__(self, count: int, seconds: float = 30.0) -> None:
        self.time = 0.0
        self.group = TargetGroupState("api", "arn:api", now=lambda: self.time)
        self.configure(seconds)
        self.register(count)

    def configure(self, seconds: float) -> None:
        self.group.configure(minimum_healthy_count=1, minimum_healthy_percentage=None, slow_start_seconds=seconds)

    def register(self, count: int) -> None:
        self.group.update(((f"10.0.0.{number}", 80) for number in range(count)), drain_seconds=300)

    def set(self, letters: str) -> None:
        for target, letter in zip(self.group.targets.values(), letters, strict=True):
            target.health = TargetHealth(STATES[letter])
            self.group.on_health_change()

    def shares(self, picks: int = 1000) -> list[float]:
        counted: Counter[TargetState | None] = Counter(self.group.pick() for _ in range(picks))
        return [round(counted[target] / picks, 2) for target in self.group.targets.values()]

    @property
    def slow(self) -> list[bool]:
        return [target.slow_since is not None for target in self.group.targets.values()]


def settled_and_new() -> SlowGroup:
    """One target that has been healthy for long, and one that becomes healthy at 100 s."""
    group = SlowGroup(1)
    group.set("H")
    group.time = 100.0
    group.register(2)
    group.set("HH")
    return group


@pytest.mark.conformance("slow start", "the share grows with the time, then is equal", PAGE, status="default")
def test_a_new_target_gets_its_share_little_by_little() -> None:
    """Half the duration is half the weight, a third of the requests."""
    group = settled_and_new()
    shares = []
    for seconds in (0, 1, 7.5, 15, 22.5, 29):
        group.time = 100.0 + seconds
        shares.append(group.shares()[1])
    assert sorted(set(shares)) == shares
    assert (0.01, 0.33) == (shares[0], shares[3])
    group.time = 130.0
    group.group.pick()
    assert [0.5, 0.5] == group.shares()


@pytest.mark.conformance("slow start", "the first targets of a group get their share at once", PAGE)
def test_the_first_batch_gets_its_share_at_once() -> None:
    group = SlowGroup(2)
    group.set("HI")
    group.time = 1.0
    group.set("HH")
    assert [0.5, 0.5] == group.shares()


@pytest.mark.conformance("slow start", "needs another healthy target that is not in slow start", PAGE)
def test_a_target_that_would_be_alone_does_not_start_slowly() -> None:
    group = settled_and_new()
    group.time = 110.0
    group.set("UU")
    group.set("UH")
    assert [False, False] == group.slow


@pytest.mark.conformance("slow start", "targets that are healthy already do not enter it", PAGE)
def test_healthy_targets_do_not_enter_when_it_is_switched_on() -> None:
    group = SlowGroup(2, seconds=0)
    group.set("HH")
    group.configure(30)
    assert ([False, False], [0.5, 0.5]) == (group.slow, group.shares())


@pytest.mark.conformance("slow start", "ends with the health and begins anew with it", PAGE)
def test_an_unhealthy_target_starts_anew() -> None:
    group = settled_and_new()
    group.time = 120.0
    group.set("HU")
    assert [False, False] == group.slow
    group.set("HH")
    assert [False, True] == group.slow
    assert 0.01 == group.shares()[1]


@pytest.mark.conformance("slow start", "registering again restarts it", PAGE)
def test_registering_again_starts_anew() -> None:
    group = settled_and_new()
    group.time = 120.0
    group.register(1)
    assert [1.0] == group.shares()
    group.register(2)
    group.set("HH")
    assert (120.0, 0.01) == (list(group.group.targets.values())[1].slow_since, group.shares()[1])


def test_switched_off_it_ends_at_once() -> None:
    group = settled_and_new()
    group.configure(0)
    assert [0.5, 0.5] == group.shares()


def test_plain_round_robin_is_back_once_all_have_settled() -> None:
    group = settled_and_new()
    group.time = 131.0
    group.group.pick()
    assert group.group._algorithm.pick == group.group.pick


def test_those_who_fail_open_are_slow_only_if_they_were() -> None:
    """An unhealthy target has no slow start, so in a group that fails open it weighs as much as a settled one."""
    group = settled_and_new()
    group.set("UU")
    assert [0.5, 0.5] == group.shares()
