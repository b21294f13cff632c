"""`/_edgeproxy/requests`: recent requests as JSON lines, and with `follow=1` every one from now on.

Query parameters are `follow` and the filters of `request_filter.py`. Beside requests there are lines that say something
about the stream; they have the key `event`:

    {"event": "listening", "message": …}             requests were not kept before this one was asked for
    {"event": "missed", "count": 12, "message": …}   the reader is slower than the requests come

Rules of this file:

* The load balancer goes first: what a reader does not take in time is lost for it, and it is told how much.
* Only what passes the filters is rendered, a few at a time.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from edgeproxy.control.request_document import request_document
from edgeproxy.control.request_filter import RequestFilter
from edgeproxy.runtime.request_ring import LISTENING_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edgeproxy.runtime.request_ring import Entry, Follower, RequestRing

AT_A_TIME: Final = 50
"""Requests that are rendered before the load balancer has its turn again: about a millisecond."""

GONE_CHECK_SECONDS: Final = 1.0
"""How often a quiet stream looks whether its reader is still there."""

_HEADERS: Final = {"Content-Type": "application/x-ndjson; charset=utf-8", "Cache-Control": "no-store"}
_BEGUN: Final = (
    f"Requests are kept from now on, and for as long as somebody asks at least every {LISTENING_SECONDS / 60:.0f} "
    "minutes or follows with ?follow=1."
)


class LiveRequests:
    """The handler of the path, around one load balancer's ring."""

    def __init__(self, ring: RequestRing) -> None:
        self._ring = ring

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The recent requests, or a stream of those to come."""
        try:
            wanted = RequestFilter((name, value) for name, value in request.query.items() if name != "follow")
        except ValueError as error:
            return web.json_response({"Message": str(error)}, status=400)
        if request.query.get("follow", "0") in ("0", "false"):
            return self._recent(wanted)
        response = web.StreamResponse(headers=_HEADERS)
        # Before the head: whoever has seen it misses nothing.
        follower = self._ring.follow()
        try:
            await response.prepare(request)
            if request.method != "HEAD":
                await self._stream(request, response, follower, wanted)
        except ConnectionError:
            pass  # the reader has left
        finally:
            follower.leave()
        return response

    def _recent(self, wanted: RequestFilter) -> web.Response:
        entries = self._ring.recent()
        if entries is None:
            body = _line({"event": "listening", "message": _BEGUN})
        else:
            body = self._render(filter(wanted.holds, entries))
        return web.Response(body=body, headers=_HEADERS)

    async def _stream(
        self, request: web.Request, response: web.StreamResponse, follower: Follower, wanted: RequestFilter
    ) -> None:
        while request.transport is not None and not request.transport.is_closing():
            batch = follower.read(AT_A_TIME)
            data = self._render(filter(wanted.holds, batch.entries))
            if batch.missed:
                data = _missed(batch.missed) + data
            if data:
                await response.write(data)
            if batch.entries:
                await asyncio.sleep(0)
            elif follower.is_dismissed:
                return
            else:
                await follower.wait(GONE_CHECK_SECONDS)

    def _render(self, entries: Iterable[Entry]) -> bytes:
        offset = self._ring.clock.offset
        return b"".join(_line(request_document(entry, offset)) for entry in entries)


def _missed(count: int) -> bytes:
    message = f"{count} requests are missing here: this reader is slower than they come."
    return _line({"event": "missed", "count": count, "message": message})


def _line(document: dict[str, Any]) -> bytes:
    # ASCII: what clients sent must not reach a terminal as control characters.
    return json.dumps(document, ensure_ascii=True).encode() + b"\n"
