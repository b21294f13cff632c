"""A process that runs out of file descriptors goes on when there are some again."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
from typing import TYPE_CHECKING

import pytest

from tests.helpers.proxies import answering_itself, forwarding_to
from tests.helpers.targets import ScriptedTarget, answering
from tests.helpers.wait import until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path
    from typing import Any

SPARE = 12


@pytest.fixture(params=["uvloop", "asyncio"])
def environment(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """With asyncio's own loop, uvloop is hidden behind a module that cannot be imported."""
    if request.param == "uvloop":
        return {}
    (tmp_path / "uvloop.py").write_text("raise ImportError\n")
    return {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}


def starve(process: Any, spare: int) -> None:
    limit = process.open_files + spare
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (limit, limit))


async def test_it_accepts_again_once_descriptors_are_free(
    start: Callable[..., Awaitable[Any]], environment: dict[str, str]
) -> None:
    process = await start(answering_itself(), environment=environment)
    starve(process, SPARE)
    for _ in range(3):
        clients = [socket.create_connection(("127.0.0.1", process.port)) for _ in range(4 * SPARE)]
        first = clients[0]
        first.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = await asyncio.to_thread(first.recv, 1000)
        assert answer.startswith(b"HTTP/1.1 200 "), "who is connected is served meanwhile"
        for client in clients:
            client.close()
        statuses: list[int] = []
        while 200 not in statuses:
            statuses.append(await process.status())
            assert len(statuses) < 5000, "it never accepted again"

    assert 0 == await asyncio.to_thread(process.process.stop)
    assert len(process.process.events) < 200, "it says so, but not thousands of times"


async def test_without_descriptors_for_targets_requests_are_502_and_then_work_again(
    start: Callable[..., Awaitable[Any]], environment: dict[str, str]
) -> None:
    async with ScriptedTarget(answering()) as target:
        process = await start(forwarding_to(target.port), environment=environment)
        client = await process.connect()
        clients = [await process.connect() for _ in range(SPARE)]
        await until(lambda: target.health_checks)
        for each in clients:
            assert 200 == (await each.ask("GET /")).status, "it has been accepted"
            await each.send(b"GET /")
        assert 200 == (await client.ask("GET /", "Connection: keep-alive")).status
        starve(process, 0)
        busy = clients.pop()
        await busy.send(b" HTTP/1.1\r\nHost: a\r\n\r\n")
        # the pooled connection serves; a second one cannot be made
        other = clients.pop()
        await other.send(b" HTTP/1.1\r\nHost: a\r\n\r\n")
        statuses = [(await busy.read_message()).status, (await other.read_message()).status]
        for each in clients:
            await each.close()
        final = (await client.ask("GET /")).status
        for each in (busy, other, client):
            each.abort()

    assert set(statuses) <= {200, 502}
    assert 200 == final
