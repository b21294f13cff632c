"""H2TargetConnection: the asyncio Protocol that faces a target in HTTP/2, and its streams.

It adapts, as `target_connection.py` does for HTTP/1.1, but many exchanges share it: each has a `TargetStream`. A
request goes out only when the target's SETTINGS have come, so that no stream is begun that the target would refuse.

Backpressure. Response bytes that the client cannot take are not acknowledged, so the target's window closes; request
bytes that the target's windows do not take wait in the codec up to its high mark, and then the client is paused.

A stream that the target resets or never looked at is a 502, as a closed connection is: nothing is retried. A target
that says GOAWAY answers what it has taken, and the connection closes behind the last response.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, cast

from edgeproxy.exchange.outcome import Outcome
from edgeproxy.protocol.h2_client import H2ClientCodec
from edgeproxy.protocol.h2_frames import ErrorCode
from edgeproxy.runtime.target_connection import HIGH_WATER

if TYPE_CHECKING:
    from edgeproxy.errors import ProtocolError
    from edgeproxy.exchange.exchange import Exchange
    from edgeproxy.exchange.h2_exchange import H2Exchange
    from edgeproxy.protocol.h2_frames import H2ConnectionError
    from edgeproxy.protocol.memo import Memo
    from edgeproxy.protocol.message import ResponseHead
    from edgeproxy.runtime.h2_target_pool import H2TargetPool


class TargetStream:  # hot path
    """One stream, as its exchange sees it: implements `TargetStreamPort`. It begins with `open`.

    Attributes:
        exchange: Until it is over, or the stream is gone. Only HTTP/2 clients come here.
        last_activity: When the target last moved a byte of this stream.
    """

    __slots__ = ("_codec", "_connection", "_id", "_is_paused", "_unsent", "_untaken", "exchange", "last_activity")

    is_stream: Final = True

    def __init__(self, connection: H2TargetConnection, codec: H2ClientCodec) -> None:
        self._connection = connection
        self._codec = codec
        self._id = 0
        self._is_paused = False
        self._untaken = 0
        self._unsent = 0
        self.exchange: Exchange | None = None
        self.last_activity = 0.0

    @property
    def scheme(self) -> str:
        """The connection's."""
        return self._connection.scheme

    # ---- the request

    def open(self, block: bytes, data: bytes, *, is_complete: bool, is_head: bool) -> None:
        """Begins the stream with a request head."""
        codec = self._codec
        # In two steps: what the body's first bytes lead to needs the stream's number.
        ends = is_complete and not data
        self._id = codec.open(block, end_stream=ends, is_head=is_head)
        self.last_activity = self._connection.now()
        self._connection.on_stream_opened(self._id, self)
        if data:
            self.send_data(data, is_complete)

    def send_data(self, data: bytes, is_complete: bool) -> None:
        """Sends more of the body."""
        is_taken = self._codec.send_data(self._id, data, end_stream=is_complete)
        if not is_taken and self.exchange is not None:
            self.exchange.on_target_blocked()

    def send_trailers(self, block: bytes) -> None:
        """Ends the request with trailers, behind whatever waits."""
        self._codec.send_trailers(self._id, block)

    def on_drained(self) -> None:
        """The target has made room."""
        self.last_activity = self._connection.now()
        if self.exchange is not None:
            self.exchange.on_target_drained()

    def note_progress(self, now: float) -> None:
        """Called by the deadline sweep: bytes that the target has taken are a sign of life, as bytes from it are."""
        unsent = self._codec.unsent_of(self._id)
        if unsent != self._unsent:
            self._unsent = unsent
            self.last_activity = now

    # ---- the response

    def on_response(self, head: ResponseHead, data: bytes, is_complete: bool, now: float) -> None:
        """A response head."""
        self.last_activity = now
        self._untaken = len(data)
        if self.exchange is not None:
            self.exchange.on_response(head, data, is_complete, now)
        self._give_back()

    def on_body(self, data: bytes, is_complete: bool, now: float) -> None:
        """More of the body; windows are given back when the client takes it."""
        self.last_activity = now
        self._untaken += len(data)
        if self.exchange is not None:
            self.exchange.on_response_body(data, is_complete)
        self._give_back()

    def on_trailers(self, lines: list[str], now: float) -> None:
        """The end of the response."""
        self.last_activity = now
        if self.exchange is not None:
            cast("H2Exchange", self.exchange).on_response_trailers(lines)

    def _give_back(self) -> None:
        """Opens the window again by what is on its way to the client."""
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

    # ---- the end

    def leave(self) -> None:
        """Instead of `open`: closes the connection when its other streams have ended, and gives it no more."""
        self.exchange = None
        self._connection.close()

    def release(self) -> None:
        """The exchange is over; a target that has answered without reading everything gets no more."""
        self.abort()

    def abort(self) -> None:
        """Resets the stream, if it is not over."""
        self.exchange = None
        self._codec.reset_stream(self._id, ErrorCode.CANCEL)
        self._connection.on_stream_over(self._id)

    def lose(self, outcome: Outcome) -> None:
        """The stream is gone."""
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.on_target_lost(outcome)

    # ---- HTTP/1.1's: asked for by an exchange that began before its group's version changed

    def send_request(self, method: str, data: bytes) -> None:
        """A head of HTTP/1.1, which this target does not take."""
        self.lose(Outcome.VERSION_REFUSED)

    def send_upgrade(self, data: bytes) -> None:
        """There is no WebSocket over HTTP/2 here."""
        self.lose(Outcome.VERSION_REFUSED)

    def write(self, data: bytes) -> None:
        """Nothing follows what was refused."""

    def end_tunnel(self) -> None:
        """There is none."""

    def __repr__(self) -> str:
        return f"<TargetStream {self._id} of {self._connection!r}>"


class H2TargetConnection(asyncio.Protocol):  # hot path
    """One connection to one target, shared by many exchanges.

    Attributes:
        streams: Those that are under way.
        ready: Done when the target's SETTINGS have come, or fails with `ConnectionError`.
        last_activity: When bytes last came, or were first waited for.
        now: The time.
    """

    __slots__ = ("_codec", "_is_leaving", "_pool", "_transport", "last_activity", "now", "ready", "scheme", "streams")

    def __init__(self, pool: H2TargetPool, memo: Memo[ResponseHead]) -> None:
        self._pool = pool
        self.now = pool.now
        self._codec = H2ClientCodec(self, memo, self._write)
        self._transport: asyncio.Transport | None = None
        self._is_leaving = False
        self.scheme = "http" if pool.tls is None else "https"
        self.streams: dict[int, TargetStream] = {}
        self.last_activity = self.now()
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    # ---- asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=HIGH_WATER)
        self.last_activity = self.now()
        self._pool.on_opened(self)
        self._codec.start()

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        self.last_activity = self.now()
        self._codec.feed(data)
        if self._codec.has_settings and not self.ready.done():
            self.ready.set_result(None)

    def eof_received(self) -> None:
        """The other end sends no more."""
        self._on_closed()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._on_closed()
        self._transport = None
        self._pool.on_closed(self)

    def _on_closed(self) -> None:
        self._codec.stop()
        self._lose(Outcome.TARGET_CLOSED)

    def _lose(self, outcome: Outcome) -> None:
        """Ends every stream."""
        if not self.ready.done():
            self.ready.set_exception(LostError(outcome))
            # Whoever waited may have given up in the meantime.
            self.ready.exception()
        streams, self.streams = self.streams, {}
        for stream in streams.values():
            stream.lose(outcome)

    def pause_writing(self) -> None:
        """More is unsent than the high mark."""
        self._codec.pause_writing()

    def resume_writing(self) -> None:
        """What was unsent has gone out."""
        self._codec.resume_writing()

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    # ---- H2ResponseSink

    def on_response(self, stream_id: int, head: ResponseHead, data: bytes, is_complete: bool) -> None:
        """The codec has read a final head."""
        stream = self.streams.get(stream_id)
        if stream is not None:
            stream.on_response(head, data, is_complete, self.last_activity)

    def on_response_body(self, stream_id: int, data: bytes, is_complete: bool) -> None:
        """The codec has read some of a body."""
        stream = self.streams.get(stream_id)
        if stream is not None:
            stream.on_body(data, is_complete, self.last_activity)

    def on_response_trailers(self, stream_id: int, lines: list[str]) -> None:
        """The end of a response."""
        stream = self.streams.get(stream_id)
        if stream is not None:
            stream.on_trailers(lines, self.last_activity)

    def on_response_error(self, stream_id: int, error: ProtocolError) -> None:
        """A response that cannot be passed on; its stream was reset."""
        self._lose_stream(stream_id, Outcome.TARGET_MALFORMED)

    def on_stream_reset(self, stream_id: int, code: int) -> None:
        """The target has reset a stream, or has not looked at it."""
        self._lose_stream(stream_id, Outcome.TARGET_CLOSED)

    def _lose_stream(self, stream_id: int, outcome: Outcome) -> None:
        stream = self.streams.get(stream_id)
        if stream is not None:
            self.on_stream_over(stream_id)
            stream.lose(outcome)

    def on_stream_drained(self, stream_id: int) -> None:
        """A stream takes more of its request."""
        stream = self.streams.get(stream_id)
        if stream is not None:
            stream.on_drained()

    def on_goaway(self) -> None:
        """The target takes no more requests; what it has taken is answered."""

    def on_finished(self) -> None:
        """Everything is answered and no more will be asked."""
        # Once: a second time makes asyncio's TLS transport forget its connection, and then nothing can end it.
        if self.is_open:
            assert self._transport is not None
            self._transport.close()

    def on_connection_error(self, error: H2ConnectionError) -> None:
        """The target broke the protocol; GOAWAY says how."""
        self._lose(Outcome.TARGET_MALFORMED)
        self.on_finished()

    # ---- its pool

    @property
    def is_open(self) -> bool:
        """The target has not closed it, and neither have we."""
        return self._transport is not None and not self._transport.is_closing()

    def take(self) -> TargetStream | None:
        """A stream for one more request, if the target allows it; to be opened before another is taken."""
        is_free = self._codec.can_open and not self._is_leaving and self.is_open
        return TargetStream(self, self._codec) if is_free else None

    @property
    def allowed_streams(self) -> int:
        """How many requests at a time the target takes on this connection."""
        return self._codec.allowed_streams

    def on_stream_opened(self, stream_id: int, stream: TargetStream) -> None:
        """A stream has an exchange."""
        if not self.streams:
            self.last_activity = stream.last_activity
        self.streams[stream_id] = stream

    def on_stream_over(self, stream_id: int) -> None:
        """A stream has no exchange any more."""
        if self.streams.pop(stream_id, None) is not None:
            self._pool.on_room(self)
            if self._is_leaving and not self.streams:
                self._codec.shut_down()

    def note_progress(self, now: float) -> None:
        """Called by the deadline sweep."""
        for stream in self.streams.values():
            stream.note_progress(now)

    def close(self) -> None:
        """Asks nothing more, and closes when what is under way is answered.

        GOAWAY is said at the end: there are targets that answer nothing behind one.
        """
        self._is_leaving = True
        if not self.streams:
            self._codec.shut_down()

    def expire(self, before: float) -> None:
        """Called by the deadline sweep: nothing came since `before`.

        Nobody can tell a target that is slow from one that is gone, so no other request is entrusted to it.
        """
        if self.last_activity >= before:
            return
        if self.is_open:
            self.close()
        elif self._transport is not None and not self.streams:
            # It does not take what closing in order has to deliver.
            self._transport.abort()

    def abort(self) -> None:
        """Closes at once, whatever is under way."""
        self._codec.stop()
        if self._transport is not None:
            self._transport.abort()

    def cut(self, outcome: Outcome) -> None:
        """Ends whatever is under way."""
        self._lose(outcome)
        self.abort()

    def __repr__(self) -> str:
        return f"<H2TargetConnection {self._pool.target.label} streams={len(self.streams)}>"


class LostError(ConnectionError):
    """The connection ended before it could be used; the outcome says why."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.value)
        self.outcome = outcome
