"""H2ClientConnection: the asyncio Protocol that faces a client which speaks HTTP/2.

It adapts, as `client_connection.py` does for HTTP/1: the codec reads, and each stream has an exchange that decides. TLS
has agreed on `h2` (ALPN) before it is made; there is no other way in (user guide, load-balancer-listeners).

Time. A stream is silent when neither its client nor its target moves a byte; then its exchange answers or breaks off.
The connection is idle when no stream is open; PINGs do not count (user guide, edit-load-balancer-attributes). A
connection that has reached its age takes one more request and says GOAWAY behind it.

Backpressure. Body bytes that the target cannot take are not acknowledged, so the client's window closes; response bytes
that the client's windows do not take wait in the codec up to its high mark, and then the target is paused.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from edgeproxy.exchange.h2_exchange import FRAME_HEADER_SIZE, H2Exchange
from edgeproxy.protocol.h2_frames import ErrorCode
from edgeproxy.protocol.h2_server import H2ServerCodec
from edgeproxy.runtime.client_facts import ClientFacts

if TYPE_CHECKING:
    import ssl

    from edgeproxy.errors import ProtocolError
    from edgeproxy.exchange.forwarding import RequestForwarding
    from edgeproxy.protocol.h2_frames import H2ConnectionError
    from edgeproxy.protocol.memo import Memo
    from edgeproxy.protocol.message import RequestFields, RequestHead
    from edgeproxy.runtime.access_log import ConnectionPart
    from edgeproxy.runtime.listener import ListenerSocket


def speaks_h2(transport: asyncio.BaseTransport) -> bool:
    """Whether TLS has agreed on HTTP/2."""
    ssl_object = cast("ssl.SSLObject | None", transport.get_extra_info("ssl_object"))
    return ssl_object is not None and ssl_object.selected_alpn_protocol() == "h2"


class ClientStream:  # hot path
    """One stream, as its exchange sees it: implements `StreamPort`.

    Attributes:
        exchange: Until the response is out, or the stream is gone.
        last_activity: When the client last moved a byte of this stream.
    """

    __slots__ = ("_codec", "_connection", "_id", "_is_paused", "_untaken", "exchange", "last_activity")

    def __init__(self, connection: H2ClientConnection, codec: H2ServerCodec, stream_id: int, now: float) -> None:
        self._connection = connection
        self._codec = codec
        self._id = stream_id
        self._is_paused = False
        self._untaken = 0
        self.exchange: H2Exchange | None = None
        self.last_activity = now

    # ---- what of the connection an exchange and the logs ask

    @property
    def source_ip(self) -> str:
        """The client's address."""
        return self._connection.source_ip

    @property
    def source_port(self) -> int:
        """The client's TCP port."""
        return self._connection.source_port

    @property
    def label(self) -> str:
        """Address and port, as logs write them."""
        return self._connection.label

    @property
    def trace_id(self) -> str:
        """The connection's."""
        return self._connection.trace_id

    @property
    def log_part(self) -> ConnectionPart:
        """The connection's."""
        return self._connection.log_part

    @property
    def must_close(self) -> bool:
        """Connections end with GOAWAY, not with a response."""
        return False

    def forwarded_prefix(self, forwarding: RequestForwarding) -> str:
        """The connection's."""
        return self._connection.forwarded_prefix(forwarding)

    # ---- the request

    def on_body(self, data: bytes, is_complete: bool, now: float) -> None:
        """More of the body; windows are given back when the target takes it."""
        self.last_activity = now
        self._untaken += len(data)
        if self.exchange is not None:
            self.exchange.on_request_body(data, FRAME_HEADER_SIZE + len(data), is_complete)
        self._give_back()

    def begin(self, data: bytes, is_complete: bool) -> None:
        """The exchange begins, with the part of the body that came with the head."""
        assert self.exchange is not None
        self._untaken = len(data)
        self.exchange.begin(data, is_complete)
        self._give_back()

    def _give_back(self) -> None:
        """Opens the window again by what is on its way to the target."""
        if self._untaken and not self._is_paused:
            size, self._untaken = self._untaken, 0
            self._codec.acknowledge(self._id, size)

    def pause_reading(self) -> None:
        """Gives no windows back until resumed."""
        self._is_paused = True

    def resume_reading(self) -> None:
        """Gives back what was kept."""
        self._is_paused = False
        self._give_back()

    # ---- the response

    def write(self, data: bytes) -> None:
        """HTTP/1.1's interim answers are not for this client."""

    def send_head(self, block: bytes, data: bytes, is_complete: bool) -> None:
        """Sends a response head."""
        self._went(self._codec.send_head(self._id, block, data, end_stream=is_complete))

    def send_data(self, data: bytes, is_complete: bool) -> None:
        """Sends more of the body."""
        if data or is_complete:
            self._went(self._codec.send_data(self._id, data, end_stream=is_complete))

    def _went(self, is_open: bool) -> None:
        if not is_open and self.exchange is not None:
            self.exchange.on_client_blocked()

    def on_drained(self, now: float) -> None:
        """The client has made room."""
        self.last_activity = now
        if self.exchange is not None:
            self.exchange.on_client_drained()

    def end_response(self, keep_alive: bool) -> None:
        """The response is out, or waits in the codec."""
        self.exchange = None
        self._connection.on_stream_answered(self._id)

    def begin_tunnel(self) -> None:
        """There is no WebSocket over HTTP/2 here: the load balancer does not offer extended CONNECT."""
        raise AssertionError("a target cannot switch protocols for a client of HTTP/2")

    def abort(self) -> None:
        """Resets the stream: a response that cannot be completed must not look complete."""
        self.exchange = None
        self._codec.reset_stream(self._id, ErrorCode.INTERNAL_ERROR)
        self._connection.on_stream_answered(self._id)

    # ---- time

    def check(self, now: float, idle_timeout: float) -> None:
        """Is it time to give up on this stream?"""
        exchange = self.exchange
        if exchange is None:
            return
        port = exchange.port
        last = self.last_activity if port is None else max(self.last_activity, port.last_activity)
        if now - last > idle_timeout:
            exchange.on_idle(is_client_paused=self._is_paused)


class H2ClientConnection(ClientFacts, asyncio.Protocol):  # hot path
    """One connection from one client."""

    __slots__ = ("_codec", "_streams", "last_activity")

    def __init__(self, listener: ListenerSocket, memo: Memo[RequestFields], *, established: float) -> None:
        """`established` is when TCP was there."""
        super().__init__(listener)
        self.established = established
        self.last_activity = established
        self._codec = H2ServerCodec(self, memo, self._write)
        self._streams: dict[int, ClientStream] = {}

    # ---- asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there, its handshake over."""
        self._meet(transport)
        self.last_activity = self._now()
        self._codec.start()
        self._listener.on_opened(self)

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        self._codec.feed(data)

    def eof_received(self) -> None:
        """The other end sends no more."""
        self._on_left()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._on_left()
        self._transport = None
        self._listener.on_closed(self)

    def _on_left(self) -> None:
        self._codec.stop()
        streams, self._streams = self._streams, {}
        for stream in streams.values():
            exchange, stream.exchange = stream.exchange, None
            if exchange is not None:
                exchange.on_client_lost()

    def pause_writing(self) -> None:
        """More is unsent than the high mark."""
        self._codec.pause_writing()

    def resume_writing(self) -> None:
        """What was unsent has gone out."""
        self._codec.resume_writing()

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    # ---- H2RequestSink

    def on_request(self, stream_id: int, head: RequestHead, data: bytes, is_complete: bool) -> None:
        """The codec has read a head: an exchange begins, under the configuration of this moment."""
        head.source_ip = self.source_ip
        self._open(stream_id, head).begin(data, is_complete)

    def _open(self, stream_id: int, head: RequestHead | None) -> ClientStream:
        now = self.last_activity = self._now()
        stream = self._streams[stream_id] = ClientStream(self, self._codec, stream_id, now)
        stream.exchange = H2Exchange(stream, self._listener.context, head, now)
        if now > self.grows_old or self._listener.is_draining:
            # One more request is served (user guide, edit-load-balancer-attributes, client keep-alive duration).
            self._codec.shut_down()
        return stream

    def on_request_body(self, stream_id: int, data: bytes, is_complete: bool) -> None:
        """The codec has read some of a body."""
        stream = self._streams.get(stream_id)
        if stream is None:
            self._codec.acknowledge(stream_id, len(data))
        else:
            stream.on_body(data, is_complete, self._now())

    def on_request_trailers(self, stream_id: int, lines: list[str]) -> None:
        """The end of a request; targets that speak HTTP/1.1 are told no trailers, as from nginx."""
        stream = self._streams.get(stream_id)
        if stream is not None:
            stream.on_body(b"", True, self._now())

    def on_request_error(self, stream_id: int, error: ProtocolError) -> None:
        """A request that is answered with an error."""
        stream = self._open(stream_id, None)
        assert stream.exchange is not None
        stream.exchange.refuse(error)

    def on_stream_reset(self, stream_id: int, code: int) -> None:
        """The client does not want the response any more."""
        stream = self._streams.pop(stream_id, None)
        if stream is not None and stream.exchange is not None:
            exchange, stream.exchange = stream.exchange, None
            exchange.on_client_lost()

    def on_stream_drained(self, stream_id: int) -> None:
        """A stream takes more of its response."""
        stream = self._streams.get(stream_id)
        if stream is not None:
            stream.on_drained(self._now())

    def on_goaway(self) -> None:
        """The client begins no more requests; those under way are answered."""

    def on_finished(self) -> None:
        """Everything is answered and no more will come."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.close()

    def on_connection_error(self, error: H2ConnectionError) -> None:
        """The client broke the protocol; GOAWAY says how."""
        self._on_left()
        self.on_finished()

    # ---- its streams

    def on_stream_answered(self, stream_id: int) -> None:
        """A stream has no exchange any more."""
        self._streams.pop(stream_id, None)
        self.last_activity = self._now()

    # ---- time and shutdown

    def check(self, now: float, idle_timeout: float) -> None:
        """Called by the deadline sweep: is it time to give up on a stream, or on the connection?"""
        for stream in list(self._streams.values()):
            stream.check(now, idle_timeout)
        if not self._streams and now - self.last_activity > idle_timeout:
            self._end_idle()

    def _end_idle(self) -> None:
        transport = self._transport
        if transport is None:
            return
        if transport.is_closing() or self._codec.unsent or transport.get_write_buffer_size():
            # Closing in order would wait for ever for a client that does not read.
            transport.abort()
            return
        self.last_activity = self._now()
        self._codec.shut_down()

    def drain(self) -> None:
        """Takes no more requests, and closes when those under way are answered."""
        self._codec.shut_down()

    def cut(self) -> None:
        """The time for finishing has run out."""
        for stream in list(self._streams.values()):
            if stream.exchange is not None:
                stream.exchange.on_shutdown()
        if self._transport is not None:
            self._transport.abort()

    def __repr__(self) -> str:
        return f"<H2ClientConnection {self.label} streams={len(self._streams)}>"
