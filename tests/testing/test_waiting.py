from __future__ import annotations

import concurrent.futures
import threading

import pytest
import trio

from edgeproxy.testing.waiting import Done, Pending, asynchronous_library, waited


def later(value: int) -> concurrent.futures.Future[int]:
    future: concurrent.futures.Future[int] = concurrent.futures.Future()
    threading.Timer(0.01, future.set_result, [value]).start()
    return future


def test_a_plain_test_is_blocked_until_it_is_there() -> None:
    done = waited(later(7))

    assert isinstance(done, Done)
    assert (7, None) == (done.value, asynchronous_library())


async def test_an_asynchronous_test_awaits_it() -> None:
    pending = waited(later(7))

    assert isinstance(pending, Pending)
    assert 7 == await pending
    assert 8 == await Done(8)


def test_on_trio_as_well() -> None:
    async def main() -> int:
        assert "trio" == asynchronous_library()
        return await waited(later(7))

    assert 7 == trio.run(main)


async def test_errors_come_through() -> None:
    future: concurrent.futures.Future[int] = concurrent.futures.Future()
    future.set_exception(TimeoutError("late"))

    with pytest.raises(TimeoutError, match="late"):
        await waited(future)
