from __future__ import annotations

import asyncio
import os
import signal

from edgeproxy.control.signals import StopSignals


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
