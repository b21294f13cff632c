from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from edgeproxy.testing.loop_thread import LoopThread

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def thread() -> Iterator[LoopThread]:
    made = LoopThread("test")
    yield made
    made.close()


def test_functions_and_coroutines_run_there_and_are_waited_for(thread: LoopThread) -> None:
    async def name() -> str:
        return threading.current_thread().name

    assert "test" == thread.call(lambda: threading.current_thread().name) == thread.run(name())
    assert not thread.is_here
    assert thread.call(lambda: thread.is_here)
    assert thread.call(lambda: thread.call(lambda: True))


def test_errors_come_back(thread: LoopThread) -> None:
    with pytest.raises(ZeroDivisionError):
        thread.call(lambda: 1 // 0)


def test_waiting_for_oneself_is_refused(thread: LoopThread) -> None:
    async def waits() -> None:
        thread.run(asyncio.sleep(0))

    with pytest.raises(RuntimeError, match="cannot be waited for from inside"):
        thread.run(waits())


def test_whatever_still_runs_is_ended(thread: LoopThread) -> None:
    ended = threading.Event()

    async def forgotten() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    thread.start(forgotten())
    thread.close()
    thread.close()

    assert ended.is_set()
    assert thread.loop.is_closed()


def test_a_task_that_wants_to_leave_the_process_does_not_take_the_thread_along() -> None:
    async def leave() -> None:
        raise SystemExit(3)

    thread = LoopThread("test")
    future = thread.start(leave())
    with pytest.raises(SystemExit):
        future.result(5)
    assert 1 == thread.call(lambda: 1)
    thread.close()
