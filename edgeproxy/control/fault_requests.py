"""`/_edgeproxy/faults`: failures on purpose, added to and taken from the load balancer that runs.

| request | does | answers |
| --- | --- | --- |
| `GET /_edgeproxy/faults` | lists all faults with their hits | 200 |
| `POST /_edgeproxy/faults` | begins the fault in the body, a JSON object | 201 with its id; 400 says what is wrong |
| `DELETE /_edgeproxy/faults/ID` | ends one that was added | 200, or 404; 409 for one that stands in the file |
| `DELETE /_edgeproxy/faults` | ends all that were added | 200 with their number |

Changes ask for what no web page can send to another host unasked: `Content-Type: application/json`, and DELETE.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from edgeproxy.control.fault_document import fault_document, faults_document, read_fault
from edgeproxy.errors import ConfigError

if TYPE_CHECKING:
    from edgeproxy.runtime.faults import Faults

PATH: Final = "/_edgeproxy/faults"

MAX_SIZE: Final = 64 * 1024
"""Bytes of one fault."""


class FaultRequests:
    """The handlers of the path, around one load balancer's faults."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Answers the path and what is below it."""
        router.add_get(PATH, self._list)
        router.add_post(PATH, self._add)
        router.add_delete(PATH, self._clear)
        router.add_delete(f"{PATH}/{{id}}", self._remove)

    async def _list(self, _request: web.Request) -> web.Response:
        return _json(faults_document(self._faults.list()))

    async def _add(self, request: web.Request) -> web.Response:
        if request.content_type != "application/json":
            return _refused("A fault is sent with 'Content-Type: application/json'.", 415)
        body = bytearray()
        async for piece in request.content.iter_any():
            body += piece
            if len(body) > MAX_SIZE:
                return _refused(f"A fault is at most {MAX_SIZE} bytes.", 413)
        try:
            fault_id = self._faults.add(read_fault(bytes(body)))
        except (ValueError, TypeError) as error:
            return _refused(str(error), 400)
        except ConfigError as error:
            return _refused(f"{error}.", 400)
        (added,) = (each for each in self._faults.list() if each.id == fault_id)
        return _json(fault_document(added), status=201)

    async def _remove(self, request: web.Request) -> web.Response:
        fault_id = request.match_info["id"]
        if self._faults.remove(fault_id):
            return _json({"Removed": 1})
        known = {each.id: each.source for each in self._faults.list()}
        if fault_id in known:
            return _refused(f"The fault '{fault_id}' stands in the configuration file: take it out there.", 409)
        listed = ", ".join(known) or "none"
        return _refused(f"There is no fault '{fault_id}'. The faults are: {listed}.", 404)

    async def _clear(self, _request: web.Request) -> web.Response:
        return _json({"Removed": self._faults.clear()})


def _refused(message: str, status: int) -> web.Response:
    return _json({"Message": message}, status=status)


def _json(document: dict[str, Any], *, status: int = 200) -> web.Response:
    text = json.dumps(document, indent=2) + "\n"
    return web.json_response(text=text, status=status, headers={"Cache-Control": "no-store"})
