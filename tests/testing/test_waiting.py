from __future__ import annotations

import concurrent.futures
import threading

import anyio
import pytest
import trio

from edgeproxy.testing.waiting import Done, Pending, asynchronous_library, waited


def later(value: int) -> concurrent.futures.Future[int]:
    future: concurrent.futures.Future[int] = concurrent.futures.Future()
    threading.Timer(0.01, future.set_result, [value]).start()
    return future


def test_a_plain_test_is_blocked_until_it_is_there() -> None:
    done = waited(later(7), "it")

    assert isinstance(done, Done)
    assert (7, None) == (done.value, asynchronous_library())


async def test_an_asynchronous_test_awaits_it() -> None:
    pending = waited(later(7), "it")

    assert isinstance(pending, Pending)
    assert 7 == await pending
    assert 8 == await Done(8)


def test_on_trio_as_well() -> None:
    async def main() -> int:
        assert "trio" == asynchronous_library()
        return await waited(later(7), "it")

    assert 7 == trio.run(main)


async def test_errors_come_through() -> None:
    future: concurrent.futures.Future[int] = concurrent.futures.Future()
    future.set_exception(TimeoutError("late"))

    with pytest.raises(TimeoutError, match="late"):
        await waited(future, "it")


async def test_what_nobody_awaits_is_warned_of() -> None:
    """A forgotten `await` would let the test go on before anything has happened."""
    pending = waited(later(7), "wait_healthy()")
    with pytest.warns(
        RuntimeWarning, match=r"wait_healthy\(\) was not awaited: in an asynchronous test, write `await`"
    ):
        del pending


def test_a_cancelled_wait_ends_at_once_on_either_library() -> None:
    """And what was waited for is cancelled with it."""

    async def main() -> bool:
        future: concurrent.futures.Future[int] = concurrent.futures.Future()
        with anyio.move_on_after(0.01):
            await waited(future, "it")
        return future.cancelled()

    assert [True, True] == [anyio.run(main, backend=each) for each in ("asyncio", "trio")]
