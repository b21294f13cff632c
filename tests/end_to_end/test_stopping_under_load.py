"""SIGTERM to a process that is at work."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

from tests.helpers.conversation import request
from tests.helpers.proxies import forwarding_to
from tests.helpers.targets import ScriptedTarget, gated, silent
from tests.helpers.wait import until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CLIENTS = 30


async def test_running_requests_finish_and_the_exit_code_is_0(start: Callable[..., Awaitable[Any]]) -> None:
    gate = asyncio.Event()
    async with ScriptedTarget(gated(gate, OK)) as target:
        process = await start(forwarding_to(target.port))
        clients = [await process.connect() for _ in range(CLIENTS)]
        for client in clients:
            await client.send(request("GET /"))
        await until(lambda: CLIENTS == len(target.heads))
        process.process.send(signal.SIGTERM)
        await process.wait_for("stopping")
        await until(lambda: process.process.process.poll() is None)
        gate.set()
        answers = [await client.read_message() for client in clients]
        code = await process.wait()
        for client in clients:
            client.abort()

    assert {(200, b"ok")} == {(answer.status, answer.body) for answer in answers}
    assert 0 == code


async def test_a_second_signal_ends_it_at_once(start: Callable[..., Awaitable[Any]]) -> None:
    async with ScriptedTarget(silent) as target:
        process = await start(forwarding_to(target.port))
        client = await process.connect()
        await client.send(request("GET /"))
        await until(lambda: target.heads)
        process.process.send(signal.SIGTERM)
        await process.wait_for("stopping")
        process.process.send(signal.SIGTERM)
        code = await process.wait()
        client.abort()

    assert 128 + signal.SIGTERM == code


async def test_the_drain_time_ends_what_does_not_finish(start: Callable[..., Awaitable[Any]]) -> None:
    async with ScriptedTarget(silent) as target:
        process = await start(forwarding_to(target.port), "--drain-seconds", "0.2")
        client = await process.connect()
        await client.send(request("GET /"))
        await until(lambda: target.heads)
        process.process.send(signal.SIGTERM)
        code = await process.wait()
        received = await client.read_until_cut()
        client.abort()

    assert 0 == code
    assert b"200" not in received
