"""The sweep over everything that can grow old."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest

from edgeproxy.runtime.deadlines import MIN_SWEEP_SECONDS, DeadlineSweep

if TYPE_CHECKING:
    from collections.abc import Callable


class Handle:
    def __init__(self, delay: float, callback: Callable[[], None]) -> None:
        self.delay = delay
        self.callback = callback
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class Loop:
    """Keeps the timers; the test lets them fire."""

    def __init__(self) -> None:
        self.timers: list[Handle] = []

    def call_later(self, delay: float, callback: Callable[[], None]) -> Handle:
        self.timers.append(Handle(delay, callback))
        return self.timers[-1]

    def fire(self) -> None:
        timer = self.timers.pop(0)
        if not timer.is_cancelled:
            timer.callback()


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    fake = Loop()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: fake)
    return fake


@pytest.mark.parametrize(
    ("time_scale", "interval"), [(1.0, 1.0), (0.1, 0.1), (0.0001, MIN_SWEEP_SECONDS), (60.0, 60.0)]
)
def test_the_interval_follows_the_time_scale_down_to_a_floor(time_scale: float, interval: float) -> None:
    assert interval == DeadlineSweep(lambda: 0.0, time_scale=time_scale).interval


def test_visitors_are_told_the_time_in_their_order_again_and_again(loop: Loop) -> None:
    times = iter([1.0, 2.0])
    seen: list[tuple[str, float]] = []
    sweep = DeadlineSweep(lambda: next(times))
    sweep.visit(lambda now: seen.append(("first", now)))
    sweep.visit(lambda now: seen.append(("second", now)))
    sweep.start()
    loop.fire()
    loop.fire()

    assert [("first", 1.0), ("second", 1.0), ("first", 2.0), ("second", 2.0)] == seen


def test_nothing_happens_before_the_start_and_after_the_stop(loop: Loop) -> None:
    seen: list[float] = []
    sweep = DeadlineSweep(lambda: 1.0)
    sweep.visit(seen.append)
    assert [] == loop.timers
    sweep.start()
    sweep.stop()
    sweep.stop()
    loop.fire()

    assert ([], []) == (seen, loop.timers)


def test_a_visitor_may_stop_the_sweep(loop: Loop) -> None:
    sweep = DeadlineSweep(lambda: 1.0)
    sweep.visit(lambda _now: sweep.stop())
    sweep.start()
    loop.fire()

    assert [True] == [timer.is_cancelled for timer in loop.timers]


def test_a_visitor_that_fails_does_not_keep_the_others_from_their_deadlines(
    loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_now: float) -> None:
        raise ValueError("a visitor with a mistake")

    seen: list[float] = []
    sweep = DeadlineSweep(lambda: 1.0)
    sweep.visit(fail)
    sweep.visit(seen.append)
    sweep.start()
    with caplog.at_level(logging.ERROR):
        loop.fire()
        loop.fire()

    assert [1.0, 1.0] == seen
    assert ["A deadline visitor failed"] * 2 == [record.message for record in caplog.records]
