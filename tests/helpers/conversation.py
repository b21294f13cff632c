"""Conversation: one end of a connection, spoken byte by byte. Clients and scripted targets of tests use it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import TYPE_CHECKING, NamedTuple, TypeVar, cast

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable

LIMIT = 1 << 20
PATIENCE_SECONDS = 30.0
"""Longer than anything that a test waits for: a read that hangs fails with a stack."""


T = TypeVar("T")


class Message(NamedTuple):
    """A response, or a request, read to its end. Header names are lower-case; the last of equal ones is kept."""

    start: str
    headers: dict[str, str]
    body: bytes

    @property
    def status(self) -> int:
        """The status of a response."""
        return int(self.start.split(" ")[1])

    @property
    def keeps_alive(self) -> bool:
        """The sender says that the connection goes on."""
        return self.headers.get("connection", "").lower() != "close"


class Conversation:
    """A connection's reading and writing end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @property
    def transport(self) -> asyncio.Transport:
        """What is below."""
        return cast("asyncio.Transport", self._writer.transport)

    @property
    def local_address(self) -> tuple[str, int]:
        """This end's address and port."""
        return cast("tuple[str, int]", self._writer.get_extra_info("sockname")[:2])

    # ---- sending

    async def send(self, data: bytes) -> None:
        """Send and wait while too much is unsent."""
        self._writer.write(data)
        await _patiently(self._writer.drain())

    def half_close(self) -> None:
        """Send no more, go on reading."""
        self._writer.write_eof()

    def reset(self) -> None:
        """Cut the connection so that the other end gets a reset."""
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def abort(self) -> None:
        """Close at once if it is open."""
        if self.transport.get_write_buffer_size() or not self.transport.is_closing():
            self.transport.abort()

    async def close(self) -> None:
        """Close in order."""
        self._writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            await _patiently(self._writer.wait_closed(), within=2)

    # ---- reading

    async def read(self, size: int) -> bytes:
        """What is there, at most `size`; empty at the end."""
        return await _patiently(self._reader.read(size))

    async def read_exactly(self, size: int) -> bytes:
        """So many bytes."""
        return await _patiently(self._reader.readexactly(size))

    async def read_to_end(self) -> bytes:
        """Everything until the other end closes."""
        return await _patiently(self._reader.read())

    async def read_until_cut(self) -> bytes:
        """Everything until the other end closes or resets."""
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while data := await self.read(1 << 16):
                received += data
        return received

    async def read_head(self) -> bytes:
        """Everything up to and with the next empty line.

        Raises:
            asyncio.IncompleteReadError: The other end closed first; `partial` is what it sent.
        """
        return await _patiently(self._reader.readuntil(b"\r\n\r\n"))

    async def read_message(self, *, has_body: bool = True) -> Message:
        """A whole request or response; `has_body` is False for an answer to HEAD."""
        return await self.read_rest_of(await self.read_head(), has_body=has_body)

    async def read_rest_of(self, head: bytes, *, has_body: bool = True) -> Message:
        """The message that begins with this head."""
        start, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if not has_body or " 204 " in start or " 304 " in start:
            body = b""
        elif "chunked" in headers.get("transfer-encoding", ""):
            body = await self._read_chunks()
        elif "content-length" in headers:
            body = await self.read_exactly(int(headers["content-length"]))
        else:
            body = await self.read_to_end() if start.startswith("HTTP/") else b""
        return Message(start, headers, body)

    async def _read_chunks(self) -> bytes:
        parts = []
        while size := int(await _patiently(self._reader.readline()), 16):
            parts.append(await self.read_exactly(size))
            await self.read_exactly(2)
        assert b"\r\n" == await self.read_exactly(2)
        return b"".join(parts)

    async def ask(self, line: str, *headers: str, body: bytes = b"") -> Message:
        """Send a request, wait for its response."""
        await self.send(request(line, *headers, body=body))
        return await self.read_message(has_body=not line.startswith("HEAD "))


async def _patiently(what: Awaitable[T], *, within: float = PATIENCE_SECONDS) -> T:
    """What it gives, in time. `asyncio.wait_for` may lose a cancellation that comes together with a result (3.11)."""
    async with asyncio.timeout(within):
        return await what


def request(line: str, *headers: str, body: bytes = b"") -> bytes:
    """A request's bytes; HTTP/1.1 and a Host are supplied where they are missing."""
    start = line if " HTTP/" in line else f"{line} HTTP/1.1"
    fields = list(headers)
    if not any(field.lower().startswith("host:") for field in fields):
        fields.insert(0, "Host: app.test")
    if body:
        fields.append(f"Content-Length: {len(body)}")
    return "\r\n".join([start, *fields, "", ""]).encode("latin-1") + body


async def connect(
    host: str,
    port: int,
    *,
    tls: ssl.SSLContext | None = None,
    server_name: str | None = None,
    receive_buffer: int | None = None,
    source: str | None = None,
) -> Conversation:
    """A connection to a server.

    Args:
        host: An IP address.
        port: Its port.
        tls: Speak TLS.
        server_name: The name to ask for in TLS.
        receive_buffer: What the kernel keeps for this end, in bytes; a small one makes a slow reader slow at once.
        source: The address to come from.
    """
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    sock.setblocking(False)
    if receive_buffer is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    if source is not None:
        sock.bind((source, 0))
    try:
        await asyncio.get_running_loop().sock_connect(sock, (host, port))
    except BaseException:
        sock.close()
        raise
    reader, writer = await asyncio.open_connection(
        sock=sock, limit=LIMIT, ssl=tls, server_hostname=(server_name or "") if tls is not None else None
    )
    return Conversation(reader, writer)
