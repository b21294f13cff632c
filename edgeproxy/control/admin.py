"""The admin endpoint: a small HTTP server beside the listeners that tells what edgeproxy is doing.

It changes nothing but the failures on purpose.

| path | answer |
| --- | --- |
| `/_edgeproxy/health` | listeners and target health as JSON; 200 while running, 503 while starting or draining |
| `/_edgeproxy/state` | the configuration that serves, in AWS's names |
| `/_edgeproxy/ca.pem` | the development CA's certificate |
| `/_edgeproxy/requests` | recent requests as JSON lines; `?follow=1` streams those to come (`live_requests.py`) |
| `/_edgeproxy/faults` | failures on purpose: listed, begun and ended (`fault_requests.py`) |
| `/metrics` | counters in Prometheus's text format |

Importing this module imports aiohttp, which takes longer than everything else edgeproxy starts with. So it is imported
when the listeners are already up.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from edgeproxy.control.addresses import Address
from edgeproxy.control.admin_documents import health_document, state_document
from edgeproxy.control.fault_requests import PATH as FAULTS
from edgeproxy.control.fault_requests import FaultRequests
from edgeproxy.control.live_requests import LiveRequests
from edgeproxy.errors import BindError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from edgeproxy.runtime.proxy import EdgeProxy

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PATHS = ("/_edgeproxy/health", "/_edgeproxy/state", "/_edgeproxy/ca.pem", "/_edgeproxy/requests", "/metrics")

_METHODS = ("GET", "HEAD", "POST", "DELETE")

STOP_SECONDS = 2.0
"""How long a stop waits for answers that are under way; a stream whose reader does not read is cut then."""


class AdminEndpoint:
    """Serves the paths above for one running load balancer.

    Attributes:
        proxy: The load balancer that is described.
        authority: The development CA's certificate as PEM, or None while there is none.
        metrics: The counters in Prometheus's text format.
    """

    def __init__(
        self, proxy: EdgeProxy, *, authority: Callable[[], bytes | None], metrics: Callable[[], bytes]
    ) -> None:
        self._proxy = proxy
        self._authority = authority
        self._metrics = metrics
        self._runner: web.AppRunner | None = None

    def application(self) -> web.Application:
        """The paths and their handlers."""
        application = web.Application(middlewares=[_answer_errors_in_json])
        live = LiveRequests(self._proxy.requests)
        handlers = (self._health, self._state, self._ca, live.answer, self._counters)
        for path, handler in zip(PATHS, handlers, strict=True):
            application.router.add_get(path, handler)
        FaultRequests(self._proxy.faults).add_to(application.router)
        application.on_shutdown.append(self._dismiss_followers)
        return application

    async def start(self, address: Address) -> Address:
        """Listen; the real address, which differs where port 0 was asked for.

        Raises:
            BindError: The port is taken or forbidden.
        """
        self._runner = web.AppRunner(
            self.application(), access_log=None, handle_signals=False, shutdown_timeout=STOP_SECONDS
        )
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, address.host, address.port).start()
        except OSError as error:
            await self.stop()
            raise BindError(address.host or "", address.port, error.strerror or str(error)) from error
        host, port, *_ = self._runner.addresses[0]
        return Address(host, port)

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _dismiss_followers(self, _application: web.Application) -> None:
        self._proxy.requests.close()

    async def _health(self, _request: web.Request) -> web.Response:
        document = health_document(self._proxy)
        return _json(document, status=200 if document["Status"] == "running" else 503)

    async def _state(self, _request: web.Request) -> web.Response:
        return _json(state_document(self._proxy.topology), status=200)

    async def _ca(self, _request: web.Request) -> web.Response:
        pem = self._authority()
        if pem is None:
            message = (
                "There is no development CA yet: `edgeproxy certs ca` makes one, and so does a listener with `dev`."
            )
            return _json({"Message": message}, status=404)
        return web.Response(body=pem, content_type="application/x-pem-file")

    async def _counters(self, _request: web.Request) -> web.Response:
        headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        return web.Response(body=self._metrics(), headers=headers)


def _json(document: dict[str, Any], *, status: int) -> web.Response:
    # never from a cache: health a minute old is worse than none
    text = json.dumps(document, indent=2) + "\n"
    return web.json_response(text=text, status=status, headers={"Cache-Control": "no-store"})


@web.middleware
async def _answer_errors_in_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPMethodNotAllowed as error:
        allowed = sorted(error.allowed_methods, key=_METHODS.index)
        listed = f"{', '.join(allowed[:-1])} and {allowed[-1]} are" if allowed[1:] else f"{allowed[0]} is"
        response = _json({"Message": f"{error.method} is not answered here: only {listed}."}, status=405)
        response.headers["Allow"] = ", ".join(allowed)
        return response
    except web.HTTPNotFound:
        message = f"{request.path} is not a path of the admin endpoint, which has {', '.join((*PATHS, FAULTS))}."
        return _json({"Message": message}, status=404)
