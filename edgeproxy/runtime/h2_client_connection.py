"""H2ClientConnection: the asyncio Protocol that faces a client which speaks HTTP/2.

It adapts, as `client_connection.py` does for HTTP/1: the codec reads, and each stream has an exchange that decides. TLS
has agreed on `h2` (ALPN) before it is made; there is no other way in (user guide, load-balancer-listeners).

Time. A stream is silent when neither its client nor its target moves a byte; then its exchange answers or breaks off.
A response that waits for the client is a sign of life while it shrinks, and so is what waits in the transport
(`flow.py`); one that does not shrink any more is reset, whether its exchange is over or not. The connection is idle
when no stream is open; PINGs do not count (user guide, edit-load-balancer-attributes). A connection that has reached
its age takes one more request and says GOAWAY behind it.

Backpressure. Body bytes that the target cannot take are not acknowledged, so the client's window closes; response bytes
that the client's windows do not take wait in the codec up to its high mark, and then the target is paused. Heads have
no window: a client that takes none of the answers that it asks for is not read any more.

The end. A client goes on opening windows while it reads; closing then would reset the connection and destroy what is
still on its way (RFC 9112 section 9.6 tells the same of HTTP/1.1). So behind GOAWAY and the last response the client is
left to close, and is waited for as long as it says something and a little longer.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from edgeproxy.exchange.h2_exchange import H2Exchange
from edgeproxy.protocol.h2_frames import ErrorCode
from edgeproxy.protocol.h2_server import H2ServerCodec
from edgeproxy.runtime.client_facts import LINGER_SECONDS, LINGER_SILENCE_SECONDS, ClientFacts
from edgeproxy.runtime.h2_client_stream import ClientStream
from edgeproxy.runtime.h2_progress import SendProgress

if TYPE_CHECKING:
    from edgeproxy.errors import ProtocolError
    from edgeproxy.protocol.h2_frames import H2ConnectionError, H2StreamError
    from edgeproxy.protocol.memo import Memo
    from edgeproxy.protocol.message import RequestFields, RequestHead
    from edgeproxy.runtime.listener import ListenerSocket

MAX_UNREAD_ANSWERS: Final = 128
"""Answers that may wait in the transport behind its high mark: as many as requests may be under way."""

MAX_HELD_BACK: Final = 32 * 1024
"""Bytes that may wait for the end of the loop's round, to be sent together."""


class H2ClientConnection(ClientFacts, asyncio.Protocol):  # hot path
    """One connection from one client."""

    __slots__ = (
        "_activity",
        "_codec",
        "_is_blocked",
        "_is_idle",
        "_linger_until",
        "_loop",
        "_out",
        "_out_size",
        "_progress",
        "_streams",
        "_unread_answers",
        "last_activity",
    )

    def __init__(self, listener: ListenerSocket, memo: Memo[RequestFields], *, established: float) -> None:
        """`established` is when TCP was there."""
        super().__init__(listener)
        self.established = established
        self.grows_old = established + listener.client_keep_alive
        self.last_activity = established
        self._codec = H2ServerCodec(self, memo, self._write)
        self._streams: dict[int, ClientStream] = {}
        self._is_blocked = False
        self._unread_answers = 0
        self._is_idle = False
        self._linger_until = 0.0
        self._progress = SendProgress()
        self._activity = 0
        self._out: list[bytes] = []
        self._out_size = 0
        self._loop = asyncio.get_running_loop()

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
        self._is_blocked = True
        self._codec.pause_writing()

    def resume_writing(self) -> None:
        """What was unsent has gone out."""
        self._is_blocked = False
        if self._unread_answers >= MAX_UNREAD_ANSWERS and self._transport is not None:
            self._transport.resume_reading()
        self._unread_answers = 0
        self._codec.resume_writing()

    def _write(self, data: bytes) -> None:
        """Sends bytes, with those of other streams that follow before the loop looks for events again.

        Each write is a TLS record: with 32 requests under way, sending at once costs 8 % more instructions a request.
        Much is sent at once all the same, because uvloop reads a socket 32 times before anything else has its turn.
        """
        out = self._out
        if not out:
            self._loop.call_soon(self._send)
        out.append(data)
        self._out_size += len(data)
        if self._out_size > MAX_HELD_BACK:
            self._send()

    def _send(self) -> None:
        out = self._out
        if out:
            data = out[0] if len(out) == 1 else b"".join(out)
            out.clear()
            self._out_size = 0
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
        """The end of a request."""
        stream = self._streams.get(stream_id)
        if stream is not None:
            stream.on_trailers(lines, self._now())

    def on_request_error(self, stream_id: int, error: ProtocolError) -> None:
        """A request that is answered with an error."""
        stream = self._open(stream_id, None)
        assert stream.exchange is not None
        stream.exchange.refuse(error)

    def on_request_dropped(self, stream_id: int, head: RequestHead | None, error: H2StreamError | None) -> None:
        """A request that is over before anybody heard of it: there is a line in the log, and no answer."""
        now = self.last_activity = self._now()
        if head is not None:
            head.source_ip = self.source_ip
        stream = ClientStream(self, self._codec, stream_id, now)
        H2Exchange(stream, self._listener.context, head, now).drop(error)

    def on_stream_reset(self, stream_id: int, code: int) -> None:
        """The client does not want the response any more."""
        stream = self._streams.pop(stream_id, None)
        if stream is not None and stream.exchange is not None:
            self.last_activity = self._now()
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
        if self._is_idle:
            self._close()
            return
        self.last_activity = self._now()
        self._linger_until = self.last_activity + LINGER_SECONDS * self._listener.time_scale

    def _close(self) -> None:
        self._send()
        super()._close()

    def on_connection_error(self, error: H2ConnectionError) -> None:
        """The client broke the protocol; GOAWAY says how."""
        self._on_left()
        self._close()

    # ---- its streams

    def on_stream_answered(self, stream_id: int) -> None:
        """A stream has no exchange any more."""
        self._streams.pop(stream_id, None)
        self.last_activity = self._now()
        if self._is_blocked:
            self._unread_answers += 1
            if self._unread_answers == MAX_UNREAD_ANSWERS and self._transport is not None:
                self._transport.pause_reading()

    # ---- time and shutdown

    def check(self, now: float, idle_timeout: float) -> None:
        """Called by the deadline sweep: is it time to give up on a stream, or on the connection?"""
        transport = self._transport
        if transport is None:
            return
        progress = self._progress
        progress.look(self._codec.waiting, transport.get_write_buffer_size(), now)
        if self._linger_until and not transport.is_closing():
            self._check_lingering(transport, now, idle_timeout)
            return
        for stream_id, stream in list(self._streams.items()):
            stream.check(now, idle_timeout, progress.of(stream_id))
        for stream_id in progress.stuck(now - idle_timeout):
            if stream_id not in self._streams:
                # Its exchange is over; nobody else would give up on what is left of the response.
                self._codec.reset_stream(stream_id, ErrorCode.CANCEL)
        if not self._streams and now - max(self.last_activity, progress.last) > idle_timeout:
            self._end_idle(transport, now)

    def _check_lingering(self, transport: asyncio.Transport, now: float, idle_timeout: float) -> None:
        scale = self._listener.time_scale
        if self._codec.activity != self._activity:
            self._activity = self._codec.activity
            self.last_activity = now
        last = max(self.last_activity, self._progress.last)
        if self._progress.unsent:
            self._linger_until = now + LINGER_SECONDS * scale
            if now - last > idle_timeout:
                transport.abort()
        elif now >= self._linger_until or now - last > LINGER_SILENCE_SECONDS * scale:
            self._close()

    def _end_idle(self, transport: asyncio.Transport, now: float) -> None:
        if self._progress.unsent or transport.is_closing():
            # Closing in order would wait for ever for a client that does not read, or does not answer the end of TLS.
            transport.abort()
        elif not self._progress.is_waiting:
            self.drain()
            self.last_activity = now

    def drain(self) -> None:
        """Takes no more requests, and closes when those under way are answered and have arrived."""
        silence = self._now() - self.last_activity
        self._is_idle = silence > LINGER_SILENCE_SECONDS * self._listener.time_scale
        self._codec.shut_down()
        self._is_idle = False

    def cut(self) -> None:
        """The time for finishing has run out."""
        for stream in list(self._streams.values()):
            if stream.exchange is not None:
                stream.exchange.on_shutdown()
        # The answers of this moment; what a client has not taken by now is lost.
        self._send()
        if self._transport is not None:
            self._transport.abort()

    def __repr__(self) -> str:
        return f"<H2ClientConnection {self.label} streams={len(self._streams)}>"
