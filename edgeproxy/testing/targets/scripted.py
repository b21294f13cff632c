r"""ScriptedTarget: a target that does to a connection what a test says.

async def rude(side: TargetSide) -> None:
    await side.read_request()
    await side.send(b"HTTP/1.1 200 OK\\r\\nContent-Length: 10\\r\\n\\r\\nhalf")
    side.reset()

A script gets each connection that brings a request; it may read more of them. Health checks are answered with
`health_status` and never reach it, unless that is None. When a script returns, the connection is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

from edgeproxy.testing.loop_thread import LoopThread
from edgeproxy.testing.targets.base import LocalTarget
from edgeproxy.testing.targets.http import Request, Response, parse_head

if TYPE_CHECKING:
    from typing import Self

LIMIT = 1 << 20


class TargetSide:
    """A target's end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, requests: list[Request]) -> None:
        self._reader = reader
        self._writer = writer
        self._requests = requests
        self._next: Request | None = None

    async def read_request(self) -> Request | None:
        """The next request with its body; None when the load balancer has closed the connection."""
        if self._next is not None:
            request, self._next = self._next, None
            return request
        try:
            request = parse_head(await self._reader.readuntil(b"\r\n\r\n"))
            request = dataclasses.replace(request, body=await self._body(request))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        if not request.is_health_check:
            self._requests.append(request)
        return request

    def put_back(self, request: Request) -> Self:
        """The next `read_request` gives this one."""
        self._next = request
        return self

    async def _body(self, request: Request) -> bytes:
        if "chunked" not in request.headers.get("transfer-encoding", ""):
            return await self._reader.readexactly(int(request.headers.get("content-length", "0")))
        parts = []
        while size := int(await self._reader.readline(), 16):
            parts.append(await self._reader.readexactly(size))
            await self._reader.readexactly(2)
        await self._reader.readexactly(2)
        return b"".join(parts)

    async def read(self, size: int = 1 << 16) -> bytes:
        """Whatever comes, empty at the end: for what is no request, such as a WebSocket's frames."""
        return await self._reader.read(size)

    async def send(self, data: bytes) -> None:
        """Sends bytes, whatever they are."""
        self._writer.write(data)
        await self._writer.drain()

    async def wait_closed(self) -> None:
        """Returns when the load balancer has closed the connection."""
        with contextlib.suppress(ConnectionError):
            while await self._reader.read(LIMIT):
                pass

    def half_close(self) -> None:
        """Sends no more, goes on reading."""
        self._writer.write_eof()

    def reset(self) -> None:
        """Cuts the connection so that the load balancer gets a reset."""
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


Script: TypeAlias = Callable[[TargetSide], Awaitable[None]]


class ScriptedTarget(LocalTarget):
    """See the top of this file.

    Attributes:
        requests: Those that came, health checks not among them.
        health_checks: How many were answered here.
        health_status: What health checks are answered with; None leaves them to the script.
        accepted: How many connections brought a request.
    """

    def __init__(self, script: Script, *, health_status: int | None = 200) -> None:
        super().__init__()
        self._script = script
        self._thread: LoopThread | None = None
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.requests: list[Request] = []
        self.health_checks = 0
        self.health_status = health_status
        self.accepted = 0

    def _serve(self, listening: socket.socket) -> None:
        self._thread = LoopThread("edgeproxy-target")
        self._thread.run(self._accept(listening))

    async def _accept(self, listening: socket.socket) -> None:
        self._server = await asyncio.start_server(self._on_connection, sock=listening, limit=LIMIT)

    def _end(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.call(self._close)
            thread.close()

    def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in self._open:
            writer.transport.abort()

    async def _on_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            # ConnectionError: the load balancer cut the connection. CancelledError: the target stops.
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await self._play(TargetSide(reader, writer, self.requests))
        finally:
            writer.close()
            self._open.discard(writer)

    async def _play(self, side: TargetSide) -> None:
        request = await side.read_request()
        if request is None:
            return
        if request.is_health_check:
            self.health_checks += 1
            if self.health_status is not None:
                await side.send(Response(status=self.health_status).encode())
                return
        else:
            self.accepted += 1
        await self._script(side.put_back(request))
