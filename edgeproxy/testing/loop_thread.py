"""An event loop in a thread of its own, and how other threads talk to it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")

JOIN_SECONDS = 10.0
_ROUNDS = 3


class LoopThread:
    """Runs a loop until it is closed. The thread is a daemon: a test that forgets to close keeps nobody from leaving.

    Attributes:
        loop: What runs in it.
    """

    def __init__(self, name: str, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.loop = loop or asyncio.new_event_loop()
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        while not self._is_closing:
            # SystemExit in a task leaves the loop, and whoever waits for this thread would wait for ever.
            with contextlib.suppress(SystemExit):
                self.loop.run_forever()

    @property
    def is_here(self) -> bool:
        """Whether the caller is on this thread."""
        return threading.current_thread() is self._thread

    def call(self, function: Callable[[], T]) -> T:
        """What a function says on the loop; waits for it."""
        if self.is_here:
            return function()
        future: concurrent.futures.Future[T] = concurrent.futures.Future()

        def run() -> None:
            try:
                future.set_result(function())
            except BaseException as error:
                future.set_exception(error)

        self.loop.call_soon_threadsafe(run)
        return future.result()

    def start(self, coroutine: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Begins a coroutine on the loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """What a coroutine gives; waits for it."""
        if self.is_here:
            coroutine.close()
            raise RuntimeError("This cannot be waited for from inside the event loop that it runs on.")
        return self.start(coroutine).result()

    def close(self) -> None:
        """Ends what still runs, the loop and the thread."""
        if self.loop.is_closed():
            return
        with contextlib.suppress(RuntimeError):
            self.start(_cancel_all()).result(JOIN_SECONDS)
        self._is_closing = True
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(JOIN_SECONDS)
        if not self._thread.is_alive():
            self.loop.close()


async def _cancel_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    if others:
        await asyncio.wait(others, timeout=JOIN_SECONDS)
    for _ in range(_ROUNDS):
        await asyncio.sleep(0)  # transports report their end
    loop = asyncio.get_running_loop()
    await loop.shutdown_asyncgens()
    await loop.shutdown_default_executor()
