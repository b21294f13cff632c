"""A target that opens WebSockets and echoes. `python -m tests.bench.tunnel_target PORT`.

It looks at no more than the end of the head: requests for anything else are the readiness check's, and get a 200.
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import uvloop

SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
READY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Echo(asyncio.Protocol):
    """One connection."""

    _transport: asyncio.Transport
    _is_open = False
    _head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports have the shape, not the base class

    def data_received(self, data: bytes) -> None:
        if self._is_open:
            self._transport.write(data)
            return
        head, end, rest = (self._head + data).partition(b"\r\n\r\n")
        if not end:
            self._head = head
            return
        self._head = b""
        self._is_open = b"\r\nupgrade: websocket" in head.lower()
        self._transport.write(SWITCHING + rest if self._is_open else READY)


async def serve(port: int) -> None:
    """Listen on loopback until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
