"""Scripted targets: TCP servers that do to a connection what a test says.

    async with ScriptedTarget(answering(b"hello")) as target: ...

A script is a coroutine function that gets a `Conversation` and the head of the first request on it; what it does with
them is the test. Health checks never reach a script: they are answered with `target.health_status`, unless that is
None.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from tests.helpers.conversation import Conversation
from tests.helpers.listening import Listening

if TYPE_CHECKING:
    import ssl

Script = Callable[[Conversation, bytes], Awaitable[None]]

HEALTH_CHECK = b"User-Agent: ELB-HealthChecker/2.0\r\n"
ROOM = b"x" * (1 << 16)


class ScriptedTarget(Listening):
    """A target on a free port of the loopback.

    Attributes:
        port: Where it listens.
        heads: The head of every request that came, in order; scripts that read more add to it with `again`.
        health_checks: The heads of the health checks.
        health_status: What health checks are answered with; None leaves them to the script.
        open: The conversations that are going on.
        accepted: How many connections with a request were made to it.
    """

    def __init__(
        self,
        script: Script,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        health_status: int | None = 200,
        receive_buffer: int | None = None,
        speaks_first: bool = False,
    ) -> None:
        """See the class; a script that speaks first is given no head and every connection, health checks as well."""
        super().__init__(host=host, port=port, tls=tls, receive_buffer=receive_buffer)
        self._script = script
        self._speaks_first = speaks_first
        self.health_status = health_status
        self.heads: list[bytes] = []
        self.health_checks: list[bytes] = []
        self.open: set[Conversation] = set()
        self.accepted = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversation = Conversation(reader, writer)
        self.open.add(conversation)
        try:
            # ConnectionError: the proxy cut the connection. IncompleteReadError: it closed an idle one.
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._play(conversation)
        finally:
            if self.is_stopped:
                conversation.abort()
            else:
                writer.close()
            self.open.discard(conversation)

    async def _play(self, conversation: Conversation) -> None:
        if self._speaks_first:
            self.accepted += 1
            await self._script(conversation, b"")
            return
        head = await conversation.read_head()
        if HEALTH_CHECK in head:
            self.health_checks.append(head)
            if self.health_status is not None:
                await conversation.send(b"HTTP/1.1 %d Checked\r\nContent-Length: 0\r\n\r\n" % self.health_status)
                return
        else:
            self.accepted += 1
            self.heads.append(head)
        await self._script(_Recording(conversation, self.heads), head)


class _Recording(Conversation):
    """A conversation whose later heads are written down as well."""

    def __init__(self, conversation: Conversation, heads: list[bytes]) -> None:
        super().__init__(conversation._reader, conversation._writer)
        self._heads = heads

    async def read_head(self) -> bytes:
        head = await super().read_head()
        self._heads.append(head)
        return head


# ---- scripts


def answering(body: bytes = b"ok", *, status: str = "200 OK", headers: tuple[str, ...] = ()) -> Script:
    """Answers every request with the same, and keeps the connection."""
    fields = "".join(f"{header}\r\n" for header in headers)
    answer = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{fields}\r\n".encode() + body

    async def script(conversation: Conversation, head: bytes) -> None:
        while True:
            await conversation.read_rest_of(head)
            await conversation.send(answer if not head.startswith(b"HEAD ") else answer.removesuffix(body))
            head = await conversation.read_head()

    return script


async def echoing(conversation: Conversation, head: bytes) -> None:
    """Answers with the request's own body, framed like the request, and keeps the connection."""
    while True:
        message = await conversation.read_rest_of(head)
        body = message.body
        if "transfer-encoding" in message.headers:
            framed = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
            await conversation.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + framed)
        else:
            await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        head = await conversation.read_head()


def saying(data: bytes) -> Script:
    """Sends these bytes, whatever they are, and then waits for the other end to close."""

    async def script(conversation: Conversation, head: bytes) -> None:
        await conversation.send(data)
        await conversation.read_to_end()

    return script


silent = saying(b"")
"""Never answers."""

garbage = saying(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
"""Answers with what is no HTTP."""


def leaving_after(data: bytes) -> Script:
    """Sends these bytes and closes."""

    async def script(conversation: Conversation, head: bytes) -> None:
        await conversation.send(data)

    return script


def resetting_after(data: bytes) -> Script:
    """Sends these bytes and resets the connection."""

    async def script(conversation: Conversation, head: bytes) -> None:
        await conversation.send(data)
        conversation.reset()

    return script


def half_closing_after(data: bytes) -> Script:
    """Sends these bytes, sends no more, and goes on reading."""

    async def script(conversation: Conversation, head: bytes) -> None:
        await conversation.send(data)
        conversation.half_close()
        await conversation.read_to_end()

    return script


def gated(gate: asyncio.Event, answer: bytes) -> Script:
    """Answers every request once the gate is open: a slow target without a clock."""

    async def script(conversation: Conversation, head: bytes) -> None:
        while True:
            await conversation.read_rest_of(head)
            await gate.wait()
            await conversation.send(answer)
            head = await conversation.read_head()

    return script


def pouring(size: int) -> Script:
    """Answers with so many bytes as fast as they are taken, and keeps the connection."""

    async def script(conversation: Conversation, head: bytes) -> None:
        while True:
            await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
            for _ in range(size // len(ROOM)):
                await conversation.send(ROOM)
            await conversation.send(ROOM[: size % len(ROOM)])
            await conversation.read_head()

    return script
