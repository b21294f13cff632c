"""Time that a test may move.

A load balancer under test has an event loop of its own, so its time can be anything as long as there is only one:

    MovableTime    what `Clock` reads: the real time, and what was skipped so far
    MovableLoop    an event loop on that time: every timer, sleep and timeout of asyncio follows it

Both go on with the real time by themselves. A skip makes everything due that the real time would have made due, in the
same order, in the loop's next rounds; nothing has to be patched or replaced.

What does not move: the kernel (TCP's own timers), the targets, the client, and the validity of certificates.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from edgeproxy.runtime.health_probe import Probe, run_probe

if TYPE_CHECKING:
    from edgeproxy.health.outcome import CheckResult

MAX_STEPS = 1000
"""In how many steps a skip is made, at most: up to that many seconds in steps of one second, each with its sweep."""

PATIENCE_SECONDS = 1.0
"""Real seconds that a step waits for the answers to health checks. A target that takes longer is silent: time moves on
and the check times out in it."""

_ROUNDS = 6
"""Rounds of the loop until what a timer has begun is visible: the timer, its future, its task, the task's first await.
"""


class MovableTime:
    """The real time, and what was skipped so far.

    Attributes:
        skipped: Seconds.
    """

    __slots__ = ("skipped",)

    def __init__(self) -> None:
        self.skipped = 0.0

    def now(self) -> float:
        """Seconds on the monotonic clock."""
        return time.monotonic() + self.skipped

    def wall(self) -> float:
        """Seconds since 1970."""
        return time.time() + self.skipped


class MovableLoop(asyncio.SelectorEventLoop):
    """An event loop on movable time; asyncio's own, because uvloop's timers cannot be moved."""

    def __init__(self, movable: MovableTime) -> None:
        self._movable = movable
        super().__init__()

    def time(self) -> float:
        """See `MovableTime.now`."""
        return self._movable.now()


class Skipping:
    """Moves the time of one load balancer, and waits for the health checks that become due on the way."""

    def __init__(self, movable: MovableTime, *, sweep_seconds: float) -> None:
        """`sweep_seconds`: how often the load balancer looks at its deadlines."""
        self._movable = movable
        self._sweep_seconds = sweep_seconds
        self._running = 0
        self._idle = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()

    async def probe(self, probe: Probe) -> CheckResult:
        """One health check; for `EdgeProxy(probe=...)`."""
        self._running += 1
        self._idle.clear()
        try:
            return await run_probe(probe)
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()

    async def settle(self) -> None:
        """Returns when no health check is under way, or one has been for too long."""
        for _ in range(_ROUNDS):
            await asyncio.sleep(0)
        if not self._running:
            return
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while self._running:
                    await self._idle.wait()
        except TimeoutError:
            return
        for _ in range(_ROUNDS):
            await asyncio.sleep(0)

    async def skip(self, seconds: float) -> None:
        """So many seconds pass.

        In steps, because what is due first may change what is due next: five health checks in a row, each thirty
        seconds after the other, are five steps at least.
        """
        async with self._one_at_a_time:
            step = max(self._sweep_seconds, seconds / MAX_STEPS)
            left = seconds
            await self.settle()
            while left > 0:
                self._movable.skipped += min(step, left)
                left -= step
                await self.settle()
