"""A gibibyte through a process, with a reader on the other side that stops again and again: memory stays bounded."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.bench.memory import peak_rss, rss
from tests.helpers.conversation import request
from tests.helpers.proxies import forwarding_to
from tests.helpers.targets import ROOM, ScriptedTarget, pouring
from tests.helpers.wait import until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from tests.helpers.conversation import Conversation

pytestmark = pytest.mark.slow

GIBIBYTE = 1 << 30
BURST = 1 << 28
"""How much the reader takes before it stops and waits until the sender is stuck."""
ALLOWED_GROWTH = 16 << 20
"""It is one MiB, and more where the kernel gives memory in large pages; a burst is sixteen times as much."""


async def stuck(sender: Callable[[], Conversation]) -> None:
    """The sender has bytes that nobody takes: looked at twice, they are the same."""
    seen = -1

    def is_stuck() -> bool:
        nonlocal seen
        before, seen = seen, sender().transport.get_write_buffer_size()
        return 0 < seen == before

    await until(is_stuck)


async def take(reader: Conversation, size: int, sender: Callable[[], Conversation]) -> None:
    """Read so many bytes in bursts."""
    left = size
    next_stop = size - BURST
    while left:
        left -= len(await reader.read(min(left, 1 << 20)) or b"x" * (left + 1))
        if left and left <= next_stop:
            next_stop -= BURST
            await stuck(sender)
    assert left == 0, "it ended early"


async def test_a_download_does_not_pile_up_in_front_of_a_slow_client(
    start: Callable[..., Awaitable[Any]],
) -> None:
    async with ScriptedTarget(pouring(GIBIBYTE)) as target:
        process = await start(forwarding_to(target.port))
        before = rss(process.pid)
        client = await process.connect(receive_buffer=1 << 16)
        await client.send(request("GET /"))
        await client.read_head()
        (sender,) = target.open
        await take(client, GIBIBYTE, lambda: sender)
        client.abort()

    assert peak_rss(process.pid) - before < ALLOWED_GROWTH


async def test_an_upload_does_not_pile_up_in_front_of_a_slow_target(
    start: Callable[..., Awaitable[Any]],
) -> None:
    async def taking(conversation: Conversation, head: bytes) -> None:
        await take(conversation, GIBIBYTE, lambda: client)
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
        await conversation.read_to_end()

    async with ScriptedTarget(taking, receive_buffer=1 << 16) as target:
        process = await start(forwarding_to(target.port))
        before = rss(process.pid)
        client = await process.connect()
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % GIBIBYTE)

        async def pour() -> None:
            for _ in range(GIBIBYTE // len(ROOM)):
                await client.send(ROOM)

        pouring_in = asyncio.create_task(pour())
        answer = await client.read_message()
        await pouring_in
        client.abort()

    assert b"done" == answer.body
    assert peak_rss(process.pid) - before < ALLOWED_GROWTH
