"""The fast target: answers every request with one small JSON document. `python -m tests.bench.target PORT`.

It must cost so little that the proxies are what is measured: one uvloop Protocol, one prepared answer, and no parsing
beyond finding where a head ends. It knows requests without a body, which is all the load generator sends to it; bodies
go to `body_target.py`.
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import uvloop

_BODY = b'{"id": 42, "name": "example", "ok": true, "tags": ["a", "b"]}'
ANSWER = (
    b"HTTP/1.1 200 OK\r\n"
    b"Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
    b"Server: target\r\n"
    b"Content-Type: application/json; charset=utf-8\r\n"
    b"Content-Length: %d\r\n"
    b"Cache-Control: private, max-age=0, must-revalidate\r\n"
    b"Vary: Accept-Encoding, Origin\r\n"
    b'ETag: W/"3d-5f8c1b2a9e7d"\r\n'
    b"X-Content-Type-Options: nosniff\r\n"
    b"\r\n"
    b"%b" % (len(_BODY), _BODY)
)
_END = b"\r\n\r\n"


class SmallAnswers(asyncio.Protocol):
    """One keep-alive connection; every complete head gets `ANSWER`."""

    _transport: asyncio.Transport
    _rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports have the shape, not the base class

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        heads = data.count(_END)
        self._rest = b"" if data.endswith(_END) else data[data.rfind(_END) + len(_END) if heads else 0 :]
        if heads:
            self._transport.write(ANSWER * heads)


async def serve(port: int) -> None:
    """Listen on loopback until the process is ended."""
    server = await asyncio.get_running_loop().create_server(SmallAnswers, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
