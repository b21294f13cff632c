"""A plain aiohttp reverse proxy, for comparison: `python -m tests.bench.aiohttp_proxy TARGET HTTP HTTPS PEM` (ports).

What a Python programmer writes in an afternoon: aiohttp's server, aiohttp's client, uvloop, no rules, no log.
"""

from __future__ import annotations

import asyncio
import ssl
import sys

import aiohttp
import uvloop
from aiohttp import web
from multidict import CIMultiDict

_HOP_BY_HOP = frozenset({"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"})
_SMALL = 64 * 1024


class PlainProxy:
    """Forwards every request to one target."""

    def __init__(self, session: aiohttp.ClientSession, target: str) -> None:
        self._session = session
        self._target = target

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request: a small answer in one piece, a big one as a stream."""
        headers = CIMultiDict((k, v) for k, v in request.headers.items() if k.lower() not in _HOP_BY_HOP)
        headers["X-Forwarded-For"] = request.remote or ""
        headers["X-Forwarded-Proto"] = request.scheme
        body = request.content if request.can_read_body else None
        async with self._session.request(
            request.method, self._target + request.path_qs, headers=headers, data=body, allow_redirects=False
        ) as answer:
            return await self._answer(request, answer)

    async def _answer(self, request: web.BaseRequest, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        kept = CIMultiDict((k, v) for k, v in answer.headers.items() if k.lower() not in _HOP_BY_HOP)
        if 0 <= (answer.content_length or 0) <= _SMALL:
            kept.pop("Content-Length", None)
            return web.Response(status=answer.status, headers=kept, body=await answer.read())
        streaming = web.StreamResponse(status=answer.status, headers=kept)
        await streaming.prepare(request)
        async for chunk in answer.content.iter_any():
            await streaming.write(chunk)
        await streaming.write_eof()
        return streaming


async def serve(target: int, http: int, https: int, pem: str) -> None:
    """Listen on loopback until the process is ended."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False) as session:
        proxy = PlainProxy(session, f"http://127.0.0.1:{target}")
        runner = web.ServerRunner(web.Server(proxy.handle, access_log=None, keepalive_timeout=600))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", http, backlog=4096).start()
        await web.TCPSite(runner, "127.0.0.1", https, ssl_context=context, backlog=4096).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
