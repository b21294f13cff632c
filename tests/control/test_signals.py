from __future__ import annotations

import asyncio
import os
import signal

import pytest

from edgeproxy.control.signals import StopSignals, answering


async def test_the_first_signal_asks_for_a_clean_end() -> None:
    ended: list[int] = []
    signals = StopSignals(exit_now=ended.append)
    signals.on_signal(signal.SIGTERM)

    await signals.wait()

    assert [] == ended


async def test_the_second_signal_ends_at_once_with_the_shells_exit_code() -> None:
    ended: list[int] = []
    signals = StopSignals(exit_now=ended.append)
    signals.on_signal(signal.SIGTERM)
    signals.on_signal(signal.SIGINT)

    assert [130] == ended


async def test_a_real_signal_arrives() -> None:
    loop = asyncio.get_running_loop()
    signals = StopSignals(exit_now=lambda _: None)
    signals.install(loop)
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        await signals.wait()
    finally:
        signals.remove(loop)


async def test_a_signal_is_answered_each_time_while_the_block_runs() -> None:
    answers: asyncio.Queue[int] = asyncio.Queue()
    count = 0

    async def answer() -> None:
        nonlocal count
        count += 1
        answers.put_nowait(count)

    async with answering(signal.SIGUSR1, answer):
        for expected in (1, 2):
            os.kill(os.getpid(), signal.SIGUSR1)
            assert expected == await answers.get()
    assert signal.SIG_DFL == signal.getsignal(signal.SIGUSR1)


async def test_an_answer_that_is_not_done_ends_with_the_block() -> None:
    begun = asyncio.Event()

    async def answer() -> None:
        begun.set()
        await asyncio.Event().wait()

    async with answering(signal.SIGUSR1, answer):
        os.kill(os.getpid(), signal.SIGUSR1)
        await begun.wait()


async def test_an_answer_that_goes_wrong_is_said_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    begun = asyncio.Event()

    async def answer() -> None:
        begun.set()
        raise RuntimeError("no")

    async with answering(signal.SIGUSR1, answer):
        os.kill(os.getpid(), signal.SIGUSR1)
        await begun.wait()
        await asyncio.sleep(0)

    assert ["What SIGUSR1 asked for went wrong."] == caplog.messages


async def test_what_the_block_raises_comes_out_as_it_is() -> None:
    with pytest.raises(KeyError):
        async with answering(signal.SIGUSR1, lambda: asyncio.sleep(0)):
            raise KeyError
