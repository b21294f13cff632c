"""Thousands of connections that do nothing, or as little as they can."""

from __future__ import annotations

import asyncio
import selectors
import signal
import socket
from typing import TYPE_CHECKING

import pytest

from tests.bench.memory import rss
from tests.helpers.proxies import answering_itself, forwarding_to
from tests.helpers.targets import ScriptedTarget, answering
from tests.helpers.wait import until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path
    from typing import Any

pytestmark = pytest.mark.slow

MANY = 5000


@pytest.fixture
def many(enough_files: int) -> int:
    """How many connections: thousands, or what the machine allows this user."""
    return min(MANY, enough_files // 3)


def connected(count: int, port: int, say: bytes = b"") -> list[socket.socket]:
    """So many connections that have said this much."""
    clients = []
    for _ in range(count):
        clients.append(socket.create_connection(("127.0.0.1", port)))
        if say:
            clients[-1].sendall(say)
    return clients


def heard(clients: list[socket.socket]) -> list[bytes]:
    """What each hears until its connection ends; closes them."""
    said = dict.fromkeys(clients, b"")
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client, selectors.EVENT_READ, client)
        while selector.get_map():
            ready = selector.select(60)
            assert ready, f"{len(selector.get_map())} connections are still open"
            for key, _ in ready:
                client = key.data
                data = client.recv(65536)
                said[client] += data
                if not data:
                    selector.unregister(client)
                    client.close()
    return list(said.values())


async def test_thousands_of_idle_connections_do_not_disturb_and_are_closed_by_the_idle_timeout(
    start: Callable[..., Awaitable[Any]], many: int, tmp_path: Path
) -> None:
    """The timeout becomes short when all are there, however long that took."""
    async with ScriptedTarget(answering()) as target:
        process = await start(forwarding_to(target.port, idle_timeout=4000))
        files = process.open_files
        clients = await asyncio.to_thread(connected, many, process.port)
        statuses = {await process.status() for _ in range(20)}
        await until(lambda: process.open_files > many)
        (tmp_path / "edgeproxy.yaml").write_text(forwarding_to(target.port, idle_timeout=1))
        await process.wait_for("reloaded")
        said = await asyncio.to_thread(heard, clients)
        await until(lambda: process.open_files <= files + 1)

    assert {200} == statuses
    assert {b""} == set(said)


async def test_thousands_of_idle_connections_do_not_delay_a_stop(
    start: Callable[..., Awaitable[Any]], many: int
) -> None:
    process = await start(answering_itself())
    clients = await asyncio.to_thread(connected, many, process.port)
    await process.status()
    process.process.send(signal.SIGTERM)
    said = await asyncio.to_thread(heard, clients)

    assert 0 == await process.wait()
    assert {b""} == set(said)


async def test_many_slow_heads_cost_no_more_than_what_they_have_sent_and_end_with_408(
    start: Callable[..., Awaitable[Any]], many: int
) -> None:
    count, say = min(1000, many), b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: " + b"x" * 8000
    process = await start(answering_itself(idle_timeout=60), "--time-scale", "0.05")
    before = rss(process.pid)
    clients = await asyncio.to_thread(connected, count, process.port, say)
    await process.status()
    growth = rss(process.pid) - before
    said = await asyncio.to_thread(heard, clients)

    assert {b"HTTP/1.1 408 Request Time-out"} == {each.partition(b"\r\n")[0] for each in said}
    assert growth < count * (2 * len(say) + 8192)


async def test_many_slow_bodies_end_with_408_and_leave_their_targets_alone(
    start: Callable[..., Awaitable[Any]], many: int
) -> None:
    count, say = min(300, many // 2), b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + b"x" * 50_000
    async with ScriptedTarget(answering()) as target:
        process = await start(forwarding_to(target.port, idle_timeout=30), "--time-scale", "0.05")
        before = rss(process.pid)
        clients = await asyncio.to_thread(connected, count, process.port, say)
        await until(lambda: count == target.accepted)
        growth = rss(process.pid) - before
        said = await asyncio.to_thread(heard, clients)
        await until(lambda: not target.open)

    assert {b"HTTP/1.1 408 Request Time-out"} == {each.partition(b"\r\n")[0] for each in said}
    assert growth < 40 << 20, "bodies are passed on, not collected"
