"""Apps as targets, each served by a server that is made for its kind. Servers are imported when one is started."""

from __future__ import annotations

import asyncio
import contextlib
import socketserver
import threading
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from edgeproxy.testing.loop_thread import LoopThread
from edgeproxy.testing.targets.base import HOST, LocalTarget

if TYPE_CHECKING:
    import socket

    from aiohttp import web


class AsgiTarget(LocalTarget):
    """An ASGI app, served by uvicorn with its defaults: it closes idle connections after five seconds."""

    def __init__(self, app: Any, **options: Any) -> None:
        """`options` are uvicorn's, such as `timeout_keep_alive=75`."""
        super().__init__()
        self._app = app
        self._options = options
        self._thread: LoopThread | None = None
        self._server: Any = None
        self._serving: Any = None

    def _serve(self, listening: socket.socket) -> None:
        try:
            import uvicorn  # noqa: PLC0415 - see the top
        except ImportError as error:
            raise RuntimeError(
                "An ASGI app is served by uvicorn, which is not installed: pip install uvicorn."
            ) from error
        options = {"log_config": None, "access_log": False, "ws": "auto", **self._options}
        self._thread = LoopThread("edgeproxy-asgi-target")
        self._server = uvicorn.Server(uvicorn.Config(self._app, **options))
        self._serving = self._thread.start(self._run(listening))
        self._thread.run(self._wait_until_started())

    async def _run(self, listening: socket.socket) -> None:
        # An app whose startup fails makes uvicorn leave the process, which is the test's.
        with contextlib.suppress(SystemExit):
            await self._server.serve(sockets=[listening])

    async def _wait_until_started(self) -> None:
        while not self._server.started:
            if self._serving.done():
                self._serving.result()
                raise RuntimeError("The ASGI app did not start; what uvicorn logs says why.")
            await asyncio.sleep(0.001)

    def _end(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            self._server.should_exit = self._server.force_exit = True
            thread.run(asyncio.wait_for(asyncio.wrap_future(self._serving, loop=thread.loop), 5))
            thread.close()


class AiohttpTarget(LocalTarget):
    """An aiohttp app."""

    def __init__(self, app: web.Application, **options: Any) -> None:
        """`options` are those of aiohttp's `AppRunner`, such as `keepalive_timeout=75`."""
        super().__init__()
        self._app = app
        self._options = options
        self._thread: LoopThread | None = None
        self._runner: web.AppRunner | None = None

    def _serve(self, listening: socket.socket) -> None:
        self._thread = LoopThread("edgeproxy-aiohttp-target")
        self._thread.run(self._start(listening))

    async def _start(self, listening: socket.socket) -> None:
        from aiohttp import web  # noqa: PLC0415 - see the top

        self._runner = web.AppRunner(self._app, **{"shutdown_timeout": 0.1, **self._options})
        await self._runner.setup()
        await web.SockSite(self._runner, listening).start()

    def _end(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            if self._runner is not None:
                thread.run(self._runner.cleanup())
            thread.close()


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def server_bind(self) -> None:
        """The socket is bound already."""


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
        """The load balancer's log has it."""


class WsgiTarget(LocalTarget):
    """A WSGI app, served by the standard library: HTTP/1.0, one request a connection, each in a thread."""

    def __init__(self, app: Any) -> None:
        super().__init__()
        self._app = app
        self._server: _Server | None = None

    def _serve(self, listening: socket.socket) -> None:
        server = self._server = _Server((HOST, self.port), _QuietHandler, bind_and_activate=False)
        server.socket.close()
        server.socket = listening
        server.server_name, server.server_port = HOST, self.port
        server.setup_environ()
        server.set_app(self._app)
        threading.Thread(target=server.serve_forever, args=(0.01,), name="edgeproxy-wsgi-target", daemon=True).start()

    def _end(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
