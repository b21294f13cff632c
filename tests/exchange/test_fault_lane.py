"""One direction of a stream that is slow, or cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.exchange.fault_lane import Lane, Piece


@given(st.binary(max_size=5000), st.integers(1, 100_000))
def test_pieces_are_whole_in_order_and_in_time(data: bytes, rate: int) -> None:
    lane = Lane(float(rate))
    passed: list[bytes] = []
    ends: list[bool] = []

    def act(data: bytes, is_complete: bool) -> None:
        passed.append(data)
        ends.append(is_complete)

    lane.waiting.append(Piece(act, act, data, is_complete=True))
    now = 0.0
    while lane.waiting:
        now = max(now, lane.may_pass)
        piece = lane.next(now)
        piece.act(piece.data, piece.is_complete)
    assert data == b"".join(passed)
    assert [False] * (len(ends) - 1) + [True] == ends
    assert len(data) / rate == pytest.approx(lane.may_pass)


@given(st.lists(st.binary(max_size=50), max_size=10), st.integers(0, 200))
def test_a_cut_lets_exactly_so_many_bytes_pass(parts: list[bytes], size: int) -> None:
    lane = Lane(0.0, size)
    passed = b""

    def act(_data: bytes, _is_complete: bool) -> None:
        """Nobody is told in this test."""

    for part in parts:
        piece = Piece(act, act, part)
        last = lane.cut(piece)
        passed += (last or piece).data
        if last is not None:
            break
    assert b"".join(parts)[:size] == passed
