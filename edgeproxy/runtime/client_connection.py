"""ClientConnection: the asyncio Protocol that faces a client. It adapts; the codec reads, the exchange decides.

One exchange at a time: the codec holds pipelined requests back until `end_response`. A connection that must close
does so when the answer is delivered; if the client is still sending, its bytes are thrown away for a while first,
because closing a socket with unread bytes resets it and may destroy the answer on its way (RFC 9112 section 9.6).
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, cast

from edgeproxy.errors import ProtocolError
from edgeproxy.exchange.exchange import Exchange
from edgeproxy.exchange.simple import SimpleExchange
from edgeproxy.protocol.h1_server import H1ServerCodec
from edgeproxy.runtime.client_facts import LINGER_SECONDS, LINGER_SILENCE_SECONDS, ClientFacts, speaks_h2
from edgeproxy.runtime.h2_client_connection import H2ClientConnection

if TYPE_CHECKING:
    from edgeproxy.protocol.memo import Memo
    from edgeproxy.protocol.message import RequestFields, RequestHead
    from edgeproxy.runtime.listener import ListenerSocket


class ClientConnection(ClientFacts, asyncio.Protocol):  # hot path
    """One connection from one client."""

    __slots__ = (  # noqa: RUF023 - grouped by how long they live
        # per connection
        "_codec",
        "_memo",
        "feed",
        # per request
        "_is_blocked",
        "_is_held",
        "_is_paused",
        "_linger_until",
        "_unsent",
        "_progress",
        "exchange",
        "last_activity",
    )

    def __init__(self, listener: ListenerSocket, memo: Memo[RequestFields]) -> None:
        super().__init__(listener)
        self._memo = memo
        self._codec = H1ServerCodec(self, memo)
        self.feed = self._codec.feed
        self._is_blocked = False
        self._is_held = False
        self._is_paused = False
        self._linger_until = 0.0
        self._unsent = 0
        self._progress = 0.0
        self.exchange: Exchange | None = None
        self.last_activity = self.established

    # ---- asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        self._meet(transport)
        if self._listener.tls is not None and speaks_h2(transport):
            transport = cast("asyncio.Transport", transport)
            successor = H2ClientConnection(self._listener, self._memo, established=self.established)
            transport.set_protocol(successor)
            self._transport = None
            successor.connection_made(transport)
            return
        self._listener.on_opened(self)

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        self.last_activity = self._now()
        self.feed(data)

    def eof_received(self) -> None:
        """The other end sends no more."""
        # A client that has closed its sending side is treated as gone, as nginx does.
        self._on_left()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._on_left()
        self._transport = None
        self._listener.on_closed(self)

    def _on_left(self) -> None:
        exchange = self.exchange
        if exchange is not None:
            self.exchange = None
            exchange.on_client_lost()
        self._codec.stop()

    def pause_writing(self) -> None:
        """More is unsent than the high mark."""
        self._is_blocked = True
        if self.exchange is not None:
            self.exchange.on_client_blocked()

    def resume_writing(self) -> None:
        """What was unsent has gone out."""
        self._is_blocked = False
        if self.exchange is not None:
            self.exchange.on_client_drained()
        elif self._is_held:
            self._is_held = False
            self._next_request()

    # ---- RequestSink

    def on_request(self, head: RequestHead, data: bytes, is_complete: bool) -> None:
        """The codec has read a head: the exchange begins, under the configuration of this moment."""
        head.source_ip = self.source_ip
        exchange = self.exchange = Exchange(self, self._listener.context, head, self.last_activity)
        exchange.begin(data, is_complete)

    def on_simple_request(self, head: RequestHead) -> None:
        """The codec has read a request of HTTP/0.9."""
        head.source_ip = self.source_ip
        exchange = self.exchange = SimpleExchange(self, self._listener.context, head, self.last_activity)
        exchange.begin(b"", is_complete=True)

    def on_request_body(self, data: bytes, size: int, is_complete: bool) -> None:
        """The codec has read some of the body."""
        if self.exchange is not None:
            self.exchange.on_request_body(data, size, is_complete)
        elif is_complete:
            self._close()

    def on_request_error(self, error: ProtocolError) -> None:
        """The client broke the protocol."""
        exchange = self.exchange
        if exchange is not None:
            exchange.on_request_error(error)
        elif self._linger_until == 0.0:
            self.exchange = exchange = Exchange(self, self._listener.context, None, self.last_activity)
            exchange.refuse(error)

    def on_early_bytes(self) -> None:
        """Unless a tunnel opens, the connection ends with the answer: these bytes will not be read."""
        self.grows_old = 0.0

    def on_tunnel_bytes(self, data: bytes) -> None:
        """The client sends through a tunnel."""
        if self.exchange is not None:
            self.exchange.on_client_bytes(data)

    def on_pipeline_full(self) -> None:
        """Enough requests wait; the rest stays in the socket."""
        self.pause_reading()

    # ---- ClientPort

    @property
    def must_close(self) -> bool:
        """Draining, or the connection has reached its age."""
        return self._listener.is_draining or self.last_activity > self.grows_old

    def write(self, data: bytes) -> None:
        """Sends bytes to the client."""
        if self._transport is not None:
            self._transport.write(data)

    def end_response(self, keep_alive: bool) -> None:
        """The response is out."""
        self.exchange = None
        if not keep_alive or self._listener.is_draining:
            self._end_connection()
        elif self._is_blocked:
            # The next answer would only lengthen a queue that the client does not read.
            self._is_held = True
        else:
            self._next_request()

    def begin_tunnel(self) -> None:
        """A WebSocket is open."""
        if self._is_paused:
            self.resume_reading()
        self._codec.start_tunnel()

    def _next_request(self) -> None:
        # The idle time begins now, not when the request came; a pipelined request arrives now.
        self.last_activity = self._now()
        if self._is_paused:
            self.resume_reading()
        self._codec.next_request()

    def _end_connection(self) -> None:
        """Closes when everything is delivered, after lingering for a client that is still sending."""
        transport = self._transport
        if self._codec.has_tunnel_bytes and transport is not None and transport.can_write_eof():
            # Who knows what is on its way; the client sees the end and closes. TLS cannot be half closed.
            self._codec.stop()
        if not (self._codec.is_reading_body or self._codec.is_stopped):
            self._close()
            return
        # Its silence so far does not count: reading may have been paused.
        self.last_activity = self._now()
        self._linger_until = self.last_activity + LINGER_SECONDS * self._listener.time_scale
        if self._is_paused:
            self.resume_reading()
        if transport is not None and transport.can_write_eof() and not transport.is_closing():
            # A client that has gone in the meantime is no reason to disturb whoever has ended the exchange.
            with contextlib.suppress(OSError):
                transport.write_eof()

    @property
    def _is_closing(self) -> bool:
        return self._transport is not None and self._transport.is_closing()

    def abort(self) -> None:
        """Cuts the connection."""
        self.exchange = None
        self._codec.stop()
        if self._transport is not None:
            self._transport.abort()

    def reset(self) -> None:
        """Cuts the connection with a RST."""
        self._arm_reset()
        self.abort()

    def pause_reading(self) -> None:
        """Stops reading until resumed."""
        self._is_paused = True
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Goes on reading."""
        self._is_paused = False
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    # ---- time and shutdown

    def check(self, now: float, idle_timeout: float) -> None:
        """Called by the deadline sweep: is it time to give up on this connection?"""
        exchange = self.exchange
        if exchange is None:
            self._check_between_requests(now, idle_timeout)
            return
        port = exchange.port
        last = self.last_activity if port is None else max(self.last_activity, port.last_activity)
        if now - max(last, self._last_progress(now)) > idle_timeout:
            exchange.on_idle(is_client_paused=self._is_paused)

    def _check_between_requests(self, now: float, idle_timeout: float) -> None:
        progress = self._last_progress(now)
        if self._linger_until and not self._is_closing:
            self._check_lingering(now, progress, idle_timeout)
        elif now - self.last_activity > idle_timeout and now - progress > idle_timeout:
            self._on_idle_between_requests()

    def _check_lingering(self, now: float, progress: float, idle_timeout: float) -> None:
        scale = self._listener.time_scale
        if self._unsent:
            # Closing now would destroy what the client has yet to take: its time begins when it has taken everything.
            self._linger_until = now + LINGER_SECONDS * scale
            if now - progress > idle_timeout:
                self.abort()
        elif now >= self._linger_until or now - max(self.last_activity, progress) > LINGER_SILENCE_SECONDS * scale:
            self._close()

    def _last_progress(self, now: float) -> float:
        """When the client last took bytes that wait for it: a full buffer that shrinks is a sign of life."""
        unsent = self._transport.get_write_buffer_size() if self._transport is not None else 0
        if unsent != self._unsent:
            self._unsent = unsent
            self._progress = now
        return self._progress

    def _on_idle_between_requests(self) -> None:
        if self._unsent or self._is_closing:
            # Closing in order would wait for ever for a client that does not read, or does not answer the end of TLS.
            self.abort()
        elif self._codec.is_idle or self._codec.is_stopped:
            self.last_activity = self._now()
            self._close()
        else:
            # Part of a request came and then nothing (user guide, load-balancer-troubleshooting, HTTP 408).
            error = ProtocolError(408, "the request did not arrive in time")
            error.is_head = self._codec.has_begun_head_request
            self._codec.stop()
            self.on_request_error(error)

    def drain(self) -> None:
        """Closes if nothing is under way but delivery; otherwise the response that is under way ends the connection."""
        if self.exchange is None and not self._linger_until:
            self._close()

    def cut(self) -> None:
        """The time for finishing has run out."""
        if self.exchange is not None:
            self.exchange.on_shutdown()
        if self._transport is not None:
            self._transport.abort()

    def __repr__(self) -> str:
        state = "idle" if self.exchange is None else repr(self.exchange)
        return f"<ClientConnection {self.label} {state}>"
