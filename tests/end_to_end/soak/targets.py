"""Targets that do what the path of a request says, and that can be killed and started again.

`/ok/17` is request 17, answered as usual. What each word does stands in `BEHAVIOURS`.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.helpers.conversation import LIMIT
from tests.helpers.listening import Listening

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable

_BODY: Final = b"0123456789" * 5
BIG: Final = b"x" * 300_000
SWITCHING: Final = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


def _answer(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    lines = [b"HTTP/1.1 " + status, *headers, b"Content-Length: %d" % len(body), b"", body]
    return b"\r\n".join(lines)


_CHUNKED: Final = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class Asked(NamedTuple):
    """One request at a target, its body read unless it never came."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    is_head: bool

    async def send(self, data: bytes) -> None:
        if self.is_head:
            head, end, _ = data.partition(b"\r\n\r\n")
            data = head + end
        if self.writer.is_closing():
            raise LeaveError
        self.writer.write(data)
        await self.writer.drain()


class LeaveError(Exception):
    """The target closes the connection."""


async def _ok(asked: Asked) -> None:
    await asked.send(_answer(_BODY))


async def _chunked(asked: Asked) -> None:
    await asked.send(_CHUNKED)
    if not asked.is_head:
        await asked.send(b"32\r\n%b\r\n" % _BODY)
        await asked.send(b"32\r\n%b\r\n0\r\n\r\n" % _BODY)


async def _until_close(asked: Asked) -> None:
    await asked.send(b"HTTP/1.1 200 OK\r\n\r\n")
    if not asked.is_head:
        await asked.send(_BODY)
    raise LeaveError


async def _big(asked: Asked) -> None:
    await asked.send(_answer(BIG))


async def _empty(asked: Asked) -> None:
    await asked.send(b"HTTP/1.1 204 No Content\r\n\r\n")


async def _error(asked: Asked) -> None:
    await asked.send(_answer(b"", status=b"500 Oops"))


async def _last(asked: Asked) -> None:
    await asked.send(_answer(_BODY, b"Connection: close"))
    raise LeaveError


async def _slow(asked: Asked) -> None:
    await asyncio.sleep(0.003)
    await asked.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
    for _ in range(2 * (not asked.is_head)):
        await asyncio.sleep(0.003)
        await asked.send(_BODY)


async def _leaves(asked: Asked) -> None:
    """Promises to keep the connection and closes it: the next request on it may find it gone."""
    await asked.send(_answer(_BODY))
    raise LeaveError


async def _closed(asked: Asked) -> None:
    raise LeaveError


async def _reset(asked: Asked) -> None:
    sock: socket.socket = asked.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    asked.writer.transport.abort()
    raise LeaveError


async def _garbage(asked: Asked) -> None:
    await asked.send(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
    raise LeaveError


async def _half_head(asked: Asked) -> None:
    await asked.send(b"HTTP/1.1 200 OK\r\nContent-")
    raise LeaveError


async def _cut_length(asked: Asked) -> None:
    await asked.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
    await asked.send(_BODY)
    raise LeaveError


async def _cut_chunks(asked: Asked) -> None:
    await asked.send(_CHUNKED)
    await asked.send(b"32\r\n%b\r\n" % _BODY)
    raise LeaveError


async def _bad_chunks(asked: Asked) -> None:
    await asked.send(_CHUNKED)
    await asked.send(b"zz\r\n%b\r\n" % _BODY)
    raise LeaveError


async def _stalled(asked: Asked) -> None:
    await asked.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
    if not asked.is_head:
        await asked.send(_BODY)
        await asked.reader.read()


async def _silent(asked: Asked) -> None:
    await asked.reader.read()
    raise LeaveError


async def _talk(asked: Asked) -> None:
    """A WebSocket that echoes until its other end closes."""
    await asked.send(SWITCHING)
    while data := await asked.reader.read(LIMIT):
        await asked.send(data)
    raise LeaveError


async def _talk_once(asked: Asked) -> None:
    await asked.send(SWITCHING)
    await asked.send(await asked.reader.read(LIMIT))
    raise LeaveError


async def _talk_never(asked: Asked) -> None:
    await asked.send(SWITCHING)
    await asked.reader.read()
    raise LeaveError


BEHAVIOURS: Final[dict[str, tuple[float, Callable[[Asked], Awaitable[None]]]]] = {
    "ok": (50, _ok),
    "chunked": (8, _chunked),
    "until-close": (3, _until_close),
    "big": (3, _big),
    "empty": (3, _empty),
    "error": (3, _error),
    "last": (5, _last),
    "slow": (4, _slow),
    "leaves": (4, _leaves),
    "closed": (2, _closed),
    "reset": (2, _reset),
    "garbage": (1, _garbage),
    "half-head": (1, _half_head),
    "cut-length": (2, _cut_length),
    "cut-chunks": (2, _cut_chunks),
    "bad-chunks": (1, _bad_chunks),
    "stalled": (0.5, _stalled),
    "silent": (0.5, _silent),
}
"""Word -> how often it is asked for, and what it does."""

TALKS: Final[dict[str, tuple[float, Callable[[Asked], Awaitable[None]]]]] = {
    "talk": (8, _talk),
    "talk-once": (2, _talk_once),
    "talk-never": (0.5, _talk_never),
}
"""The same of requests for a WebSocket."""

_BY_WORD: Final = {word: what for word, (_, what) in (BEHAVIOURS | TALKS).items()}


class Arrivals:
    """Which requests have come to a target: a client that leaves waits for this, so that it knows it was heard."""

    def __init__(self) -> None:
        self._awaited: dict[int, asyncio.Future[None]] = {}

    def expect(self, number: int) -> asyncio.Future[None]:
        """Done once the request is there."""
        return self._awaited.setdefault(number, asyncio.get_running_loop().create_future())

    def note(self, number: int) -> None:
        """It is there."""
        future = self._awaited.pop(number, None)
        if future is not None and not future.done():
            future.set_result(None)


class Target(Listening):
    """One target on a port of its own."""

    def __init__(self, arrivals: Arrivals, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls=tls)
        self._arrivals = arrivals

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(LeaveError, OSError, asyncio.IncompleteReadError):
                while True:
                    await self._answer(reader, writer)
            writer.close()
        except asyncio.CancelledError:
            # It is killed: what is open is reset.
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        method, path, _ = head.split(b" ", 2)
        asked = Asked(reader, writer, is_head=method == b"HEAD")
        if path == b"/":
            await _ok(asked)  # a health check
            return
        _, word, number = path.decode().split("/")
        self._arrivals.note(int(number))
        await _read_body(reader, head.lower())
        await _BY_WORD[word](asked)


async def _read_body(reader: asyncio.StreamReader, head: bytes) -> None:
    if b"\r\ntransfer-encoding:" in head:
        while int(await reader.readuntil(b"\r\n"), 16):
            await reader.readuntil(b"\r\n")
        await reader.readline()
    elif b"\r\ncontent-length: " in head:
        length = head.partition(b"\r\ncontent-length: ")[2]
        await reader.readexactly(int(length[: length.index(b"\r")]))
