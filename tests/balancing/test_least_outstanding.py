"""Least outstanding requests: the least busy target, equals in turn."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.balancing.least_outstanding import LeastOutstanding
from edgeproxy.balancing.target_state import TargetState


def targets(*outstanding: int) -> list[TargetState]:
    pool = [TargetState("api", f"10.0.0.{number}", 80) for number in range(len(outstanding))]
    for target, count in zip(pool, outstanding, strict=True):
        target.outstanding = count
    return pool


def choosing_among(*outstanding: int) -> tuple[LeastOutstanding, list[TargetState]]:
    algorithm, pool = LeastOutstanding(), targets(*outstanding)
    algorithm.use(pool)
    return algorithm, pool


def test_empty_pool_gives_nothing() -> None:
    algorithm, _ = choosing_among()
    assert algorithm.pick() is None


@pytest.mark.conformance(
    "least_outstanding_requests", "the target with the fewest requests in progress", "load-balancer-target-groups"
)
@given(outstanding=st.lists(st.integers(0, 5), min_size=1, max_size=8), ahead=st.integers(0, 9))
def test_the_least_busy_target_is_chosen(outstanding: list[int], ahead: int) -> None:
    algorithm, pool = choosing_among(*outstanding)
    for _ in range(ahead):
        algorithm.pick()
    chosen = algorithm.pick()
    assert chosen is not None
    assert min(target.outstanding for target in pool) == chosen.outstanding


@pytest.mark.conformance(
    "least_outstanding_requests", "ties are served in turn", "load-balancer-target-groups", status="default"
)
@pytest.mark.parametrize("busy", [0, 3])
def test_equals_are_served_in_turn(busy: int) -> None:
    algorithm, pool = choosing_among(busy, busy, busy)
    assert pool * 2 == [algorithm.pick() for _ in range(6)]


def test_a_pool_that_shrinks_keeps_the_cursor_inside() -> None:
    algorithm, pool = choosing_among(0, 0, 0)
    algorithm.pick(), algorithm.pick()
    algorithm.use(pool[:1])
    assert pool[0] is algorithm.pick()


def test_a_slow_target_gets_fewer_requests() -> None:
    """Requests come one a tick; one target needs nine ticks for each, the others one."""
    algorithm, pool = choosing_among(0, 0, 0)
    seconds = {pool[0]: 9, pool[1]: 1, pool[2]: 1}
    ends: list[tuple[int, TargetState]] = []
    picks: Counter[TargetState] = Counter()
    for tick in range(900):
        for _, target in [each for each in ends if each[0] == tick]:
            target.outstanding -= 1
        ends = [each for each in ends if each[0] > tick]
        chosen = algorithm.pick()
        assert chosen is not None
        chosen.outstanding += 1
        ends.append((tick + seconds[chosen], chosen))
        picks[chosen] += 1
    assert min(target.outstanding for target in pool) >= 0
    assert picks[pool[0]] < 120
    assert min(picks[pool[1]], picks[pool[2]]) > 380


def test_load_stays_within_one_request_when_nothing_ends() -> None:
    algorithm, pool = choosing_among(*random.Random(1).choices(range(4), k=5))
    for _ in range(100):
        chosen = algorithm.pick()
        assert chosen is not None
        chosen.outstanding += 1
    counts = [target.outstanding for target in pool]
    assert max(counts) - min(counts) <= 1
