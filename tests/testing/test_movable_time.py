from __future__ import annotations

import asyncio
import time

import pytest

from edgeproxy.testing.movable_time import MovableLoop, MovableTime, Skipping


def run(movable: MovableTime, main: object) -> object:
    with asyncio.Runner(loop_factory=lambda: MovableLoop(movable)) as runner:
        return runner.run(main)  # type: ignore[arg-type]


def test_timers_of_every_kind_follow_in_their_order() -> None:
    movable, happened = MovableTime(), []

    async def late() -> None:
        try:
            async with asyncio.timeout(40):
                await asyncio.Event().wait()
        except TimeoutError:
            happened.append("timeout")

    async def main() -> None:
        asyncio.get_running_loop().call_later(50, happened.append, "timer")
        task = asyncio.create_task(late())
        sleeping = asyncio.create_task(asyncio.sleep(30))
        sleeping.add_done_callback(lambda _: happened.append("sleep"))
        await Skipping(movable, sweep_seconds=1).skip(60)
        await task

    before = time.monotonic()
    run(movable, main())
    assert ["sleep", "timeout", "timer"] == happened
    assert time.monotonic() - before < 30


def test_what_repeats_is_repeated_as_often_as_it_would_have_been() -> None:
    movable, ticks = MovableTime(), []

    async def tick() -> None:
        while True:
            await asyncio.sleep(10)
            ticks.append(movable.skipped)

    async def main() -> None:
        task = asyncio.create_task(tick())
        await Skipping(movable, sweep_seconds=1).skip(95)
        task.cancel()

    run(movable, main())
    assert 9 == len(ticks)


@pytest.mark.parametrize("seconds", [0.5, 1, 3600, 30 * 86400])
def test_any_time_can_pass(seconds: float) -> None:
    movable = MovableTime()
    run(movable, Skipping(movable, sweep_seconds=1).skip(seconds))

    assert movable.skipped == pytest.approx(seconds)


def test_both_clocks_go_on_by_themselves() -> None:
    movable = MovableTime()
    movable.skipped = 5

    assert time.monotonic() + 5 <= movable.now() <= time.monotonic() + 5
    assert time.time() + 5 <= movable.wall() <= time.time() + 5
