"""A gibibyte over HTTP/2 through a process, with a reader that stops again and again: memory stays bounded."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from tests.bench.memory import peak_rss, rss
from tests.helpers.conversation import PATIENCE_SECONDS
from tests.helpers.https import over_tls
from tests.helpers.programs import find_program
from tests.helpers.proxies import forwarding_to
from tests.helpers.targets import ROOM, ScriptedTarget, pouring
from tests.helpers.wait import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path
    from typing import Any

    from tests.helpers.conversation import Conversation

pytestmark = pytest.mark.slow

GIBIBYTE = 1 << 30
BURST = 1 << 28
"""How much the reader takes before it stops and waits until the sender is stuck."""
ALLOWED_GROWTH = 16 << 20


async def stuck(unsent: Callable[[], int]) -> None:
    """The sender has bytes that nobody takes: looked at twice, they are the same."""
    seen = -1

    def is_stuck() -> bool:
        nonlocal seen
        before, seen = seen, unsent()
        return 0 < seen == before

    await until(is_stuck)


async def take(read: Callable[[int], Awaitable[bytes]], unsent: Callable[[], int]) -> int:
    """Read a gibibyte in bursts; how much there was."""
    left = GIBIBYTE
    next_stop = GIBIBYTE - BURST
    while left:
        async with asyncio.timeout(PATIENCE_SECONDS):
            piece = await read(min(left, 1 << 20))
        if not piece:
            break
        left -= len(piece)
        if left and left <= next_stop:
            next_stop -= BURST
            await stuck(unsent)
    return GIBIBYTE - left


@contextlib.asynccontextmanager
async def curl(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Curl over HTTP/2, with its standard input and output."""
    process = await asyncio.create_subprocess_exec(
        find_program("curl", package="curl"), "-sSk", "--http2", *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 18,
    )  # fmt: skip
    try:
        yield process
        assert 0 == await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_download_does_not_pile_up_in_front_of_a_slow_client(
    start: Callable[..., Awaitable[Any]], tmp_path: Path
) -> None:
    async with ScriptedTarget(pouring(GIBIBYTE)) as target:
        process = await start(over_tls(forwarding_to(target.port), tmp_path))
        before = rss(process.pid)
        async with curl(f"https://127.0.0.1:{process.port}/") as client:
            assert client.stdout is not None
            first = await client.stdout.read(1)
            (sender,) = target.open
            received = await take(client.stdout.read, sender.transport.get_write_buffer_size)
            received += len(first) - 1

    assert GIBIBYTE - 1 <= received
    assert peak_rss(process.pid) - before < ALLOWED_GROWTH


async def test_an_upload_does_not_pile_up_in_front_of_a_slow_target(
    start: Callable[..., Awaitable[Any]], tmp_path: Path
) -> None:
    received = 0

    async def taking(conversation: Conversation, head: bytes) -> None:
        nonlocal received
        assert client.stdin is not None
        received = await take(conversation.read, client.stdin.transport.get_write_buffer_size)
        # To the end of the request: an answer that overtakes it resets the stream, and some versions of curl mind.
        tail = b""
        while not tail.endswith(b"\r\n0\r\n\r\n"):
            piece = await conversation.read(1 << 20)
            assert piece
            received += len(piece)
            tail = tail[-8:] + piece
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
        await conversation.read_to_end()

    async with ScriptedTarget(taking, receive_buffer=1 << 16) as target:
        process = await start(over_tls(forwarding_to(target.port), tmp_path))
        before = rss(process.pid)
        address = f"https://127.0.0.1:{process.port}/"
        async with curl("-X", "POST", "-H", "Expect:", "-T", "-", address) as client:
            assert client.stdin is not None
            assert client.stdout is not None
            for _ in range(GIBIBYTE // len(ROOM)):
                client.stdin.write(ROOM)
                await client.stdin.drain()
            client.stdin.close()
            answer = await client.stdout.read()

    assert b"done" == answer
    assert GIBIBYTE < received
    assert peak_rss(process.pid) - before < ALLOWED_GROWTH
