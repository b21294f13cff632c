"""What the process does when it is told to stop, or to do something else meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from typing import TYPE_CHECKING, Any

from edgeproxy.control.output import event

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

logger = logging.getLogger(__name__)


class StopSignals:
    """SIGTERM and SIGINT: the first asks for a clean end, the second ends the process at once.

    Args:
        exit_now: Ends the process with the given exit code. `os._exit` and not the signal's default action, because
            the kernel discards signals without a handler for process 1, which edgeproxy is in a container.
    """

    def __init__(self, exit_now: Callable[[int], object] = os._exit) -> None:
        self._requested = asyncio.Event()
        self._exit_now = exit_now

    def install(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take over the two signals."""
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.on_signal, number)

    def remove(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give the two signals back."""
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)

    def on_signal(self, number: signal.Signals) -> None:
        """One arrived."""
        if self._requested.is_set():
            # 128 + number is what a shell reports for a process that a signal ended
            self._exit_now(128 + number)
            return
        logger.info("%s: stopping. A second signal ends at once.", number.name, extra=event("stopping"))
        self._requested.set()

    async def wait(self) -> None:
        """Until the first one arrives."""
        await self._requested.wait()


@contextlib.asynccontextmanager
async def answering(number: signal.Signals, act: Callable[[], Coroutine[Any, Any, object]]) -> AsyncIterator[None]:
    """Does something at every signal of this number that comes while the block runs; what is not done then is ended."""
    loop = asyncio.get_running_loop()
    running: set[asyncio.Task[object]] = set()

    def on_signal() -> None:
        task = loop.create_task(act())
        running.add(task)
        task.add_done_callback(on_done)

    def on_done(task: asyncio.Task[object]) -> None:
        running.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("What %s asked for went wrong.", number.name, exc_info=task.exception())

    loop.add_signal_handler(number, on_signal)
    try:
        yield
    finally:
        loop.remove_signal_handler(number)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
