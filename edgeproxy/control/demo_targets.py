"""The demo's sample targets: 404 on `/`, an echo of the request everywhere else.

The echo shows what a target sees behind the load balancer: the header lines in the order and case of their arrival.
"""

from __future__ import annotations

import errno
import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Sequence

_SHOWN_BYTES = 200
_READ_LIMIT = 64 * 1024


class SampleTarget:
    """One sample target on this machine.

    Attributes:
        name: What the echo calls itself, so that a reader sees which target answered.
        port: Where it listens, once started.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.port = 0
        self._runner: web.AppRunner | None = None

    async def start(self, preferred_port: int) -> None:
        """Listen on 127.0.0.1, on another free port if the preferred one is taken."""
        # header lines as long as the load balancer lets through
        self._runner = web.AppRunner(
            self.application(),
            access_log=None,
            handle_signals=False,
            max_line_size=_READ_LIMIT,
            max_field_size=_READ_LIMIT,
        )
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, "127.0.0.1", preferred_port).start()
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def application(self) -> web.Application:
        """404 on `/`, the echo elsewhere."""
        application = web.Application(client_max_size=0)
        application.router.add_route("*", "/", self._not_found)
        application.router.add_route("*", "/{path:.*}", self._echo)
        return application

    async def _not_found(self, _request: web.Request) -> web.Response:
        text = f"{self.name} has nothing at /, and counts as healthy all the same. Try /hello\n"
        return web.Response(status=404, text=text)

    async def _echo(self, request: web.Request) -> web.Response:
        length, first = await _measure_body(request)
        document: dict[str, Any] = {
            "target": self.name,
            "method": request.method,
            "path": request.rel_url.raw_path,
            "query": request.rel_url.raw_query_string,
            "headers": header_lines(request.raw_headers),
            "body_bytes": length,
            "body_begins": first.decode("utf-8", "backslashreplace"),
        }
        return web.json_response(document, dumps=_pretty)


def header_lines(raw_headers: Sequence[tuple[bytes, bytes]]) -> list[str]:
    """`Name: value` for each header line, as received."""
    return [f"{name.decode('latin-1')}: {value.decode('latin-1')}" for name, value in raw_headers]


async def _measure_body(request: web.Request) -> tuple[int, bytes]:
    # chunk by chunk, so that an upload of any size fits into memory
    length, first = 0, b""
    async for chunk in request.content.iter_any():
        first += chunk[: _SHOWN_BYTES - len(first)]
        length += len(chunk)
    return length, first


def _pretty(document: Any) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
