"""TlsAccept: a client's connection until its TLS handshake is over.

`loop.create_server(ssl=...)` tells nobody when a handshake fails: the connection's Protocol is made and then never
called. So the server socket accepts plain TCP here, and this Protocol puts the event loop's own TLS layer in between,
exactly as the loop would have done: it knows who connected, and it is told how the handshake ended.

The layer is the class `SSLProtocol` that asyncio and uvloop use themselves. It is not documented; its constructor has
been the same since Python 3.11 and uvloop 0.17. `loop.start_tls` would do the same in public, but it costs a task per
connection, and what comes between the accept and the task's first step, or together with the last bytes of the
handshake, is lost or comes before `connection_made`. Building the layer here costs nothing that can be measured
against a handshake.

The first bytes come to this Protocol: a client that speaks plain HTTP gets an answer that it can read. Then the layer
takes its place.
"""

from __future__ import annotations

import asyncio
import asyncio.sslproto
import sys
from typing import TYPE_CHECKING, Any, cast

from edgeproxy.runtime.plain_http import REASON, is_plain_http
from edgeproxy.runtime.tls_facts import UNFINISHED

if TYPE_CHECKING:
    import ssl

    from edgeproxy.runtime.client_connection import ClientConnection
    from edgeproxy.runtime.server_tls import Accepts
    from edgeproxy.runtime.tls_facts import TlsFacts


class TlsAccept(asyncio.Protocol):  # hot path: once a connection
    """See the top of this file.

    Attributes:
        client: The address and port at the other end; only there for the connection log.
        node_address: The load balancer's own address on this connection; only there for the connection log.
        reason: Why a client was refused: nothing here can tell, but for clients that speak no TLS at all.
    """

    __slots__ = ("_connection", "_context", "_layer", "_listener", "_transport", "client", "node_address", "reason")

    def __init__(self, listener: Accepts, connection: ClientConnection, context: ssl.SSLContext) -> None:
        """`connection` gets the decrypted bytes."""
        self._listener = listener
        self._connection = connection
        self._context = context
        self._transport: asyncio.Transport | None = None
        self._layer: Any = None
        self.client = ("-", 0)
        self.node_address = "-"
        self.reason = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TCP is there; the handshake begins."""
        self._transport = cast("asyncio.Transport", transport)
        if self._listener.connection_log.is_on:
            # Not to be had any more once the connection is gone.
            self.client = address_of(transport, "peername")
            self.node_address = address_of(transport, "sockname")[0]
        self._listener.handshakes.add(self)
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        done.add_done_callback(self._on_done)
        self._layer = tls_layer(loop)(
            loop,
            self._connection,
            self._context,
            done,
            server_side=True,
            ssl_handshake_timeout=self._listener.handshake_seconds,
        )
        self._layer.connection_made(self._transport)

    def data_received(self, data: bytes) -> None:
        """The first bytes; the TLS layer gets the others without a detour."""
        assert self._transport is not None
        if is_plain_http(data):
            self._refuse(self._transport, data)
            return
        layer = self._layer
        self._transport.set_protocol(layer)
        view = memoryview(data)
        # The layer has a buffer of its own, which may be smaller than what came.
        while view and not self._transport.is_closing():
            buffer = layer.get_buffer(len(view))
            size = min(len(buffer), len(view))
            buffer[:size] = view[:size]
            layer.buffer_updated(size)
            view = view[size:]

    def eof_received(self) -> bool | None:
        """The client left before it said anything."""
        return cast("bool | None", self._layer.eof_received())

    def connection_lost(self, exc: Exception | None) -> None:
        """TCP is gone before the client said anything."""
        self._layer.connection_lost(exc)

    def _refuse(self, transport: asyncio.Transport, data: bytes) -> None:
        self.reason = REASON
        self.client = address_of(transport, "peername")
        transport.write(self._listener.plain_http_answer(data))
        transport.close()

    def abort(self) -> None:
        """Gives up on the handshake, without another word."""
        self._listener.handshakes.discard(self)
        if self._transport is not None:
            self._transport.abort()

    def _on_done(self, done: asyncio.Future[None]) -> None:
        # A connection that was cut meanwhile has no exception.
        has_failed = done.exception() is not None or not self._connection.has_begun
        if self in self._listener.handshakes:
            self._listener.handshakes.discard(self)
            if has_failed:
                self._listener.on_handshake_failed(self)
        if has_failed and self._transport is not None and not self._transport.is_closing():
            self._transport.abort()

    @property
    def facts(self) -> TlsFacts:
        """How far it came is not known."""
        return UNFINISHED

    @property
    def trace_id(self) -> str:
        """What the connection would have been known by."""
        return self._connection.trace_id


def tls_layer(loop: asyncio.AbstractEventLoop) -> Any:
    """The TLS layer that belongs to a loop: uvloop reads through its own without going through Python."""
    uvloop = sys.modules.get("uvloop.loop")
    if uvloop is not None and isinstance(loop, uvloop.Loop):
        return uvloop.SSLProtocol
    return asyncio.sslproto.SSLProtocol


def address_of(transport: asyncio.BaseTransport | None, end: str) -> tuple[str, int]:
    """Address and port of one end, `peername` or `sockname`; IPv4 clients of a dual-stack socket as what they are."""
    name = transport.get_extra_info(end) if transport is not None else None
    return (name[0].removeprefix("::ffff:"), name[1]) if name else ("-", 0)
