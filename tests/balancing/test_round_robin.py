"""Round robin: everyone in turn."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.balancing.round_robin import RoundRobin
from edgeproxy.balancing.target_state import TargetState


def targets(count: int) -> list[TargetState]:
    return [TargetState("api", f"10.0.0.{number}", 80) for number in range(count)]


def test_empty_pool_has_no_turn() -> None:
    turn = RoundRobin()
    assert turn.pick() is None
    turn.use(targets(2))
    turn.use([])
    assert turn.pick() is None


@given(size=st.integers(1, 9), rounds=st.integers(1, 5), ahead=st.integers(0, 20))
@pytest.mark.conformance("round_robin", "every healthy target gets an equal share", "load-balancer-target-groups")
def test_whole_rounds_give_everyone_the_same(*, size: int, rounds: int, ahead: int) -> None:
    pool = targets(size)
    turn = RoundRobin()
    turn.use(pool)
    for _ in range(ahead):
        turn.pick()
    picks = Counter(turn.pick() for _ in range(size * rounds))
    assert dict.fromkeys(pool, rounds) == picks


@given(sizes=st.lists(st.tuples(st.integers(1, 6), st.integers(0, 15)), min_size=1, max_size=6))
def test_cursor_keeps_its_place_modulo_the_pool(*, sizes: list[tuple[int, int]]) -> None:
    """After a change the turn goes to the place behind the last pick, counted around the new pool."""
    turn = RoundRobin()
    place = 0
    for size, picks in sizes:
        pool = targets(size)
        turn.use(pool)
        place %= size
        for _ in range(picks):
            place %= size
            assert turn.pick() is pool[place]
            place += 1
