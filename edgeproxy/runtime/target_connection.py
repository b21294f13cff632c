"""TargetConnection: the asyncio Protocol that faces a target. It adapts; the codec reads, the exchange decides."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, cast

from edgeproxy.exchange.outcome import Outcome
from edgeproxy.protocol.h1_client import H1ClientCodec

if TYPE_CHECKING:
    from edgeproxy.errors import ProtocolError
    from edgeproxy.exchange.exchange import Exchange
    from edgeproxy.protocol.memo import Memo
    from edgeproxy.protocol.message import ResponseHead
    from edgeproxy.runtime.target_pool import TargetPool

HIGH_WATER: Final = 256 * 1024
"""Unsent bytes above which the other side is paused; one read of the loop is at most this much."""


class TargetConnection(asyncio.Protocol):  # hot path
    """One connection to one target: busy with an exchange, or idle in its pool."""

    __slots__ = (
        "_codec",
        "_is_blocked",
        "_is_closed",
        "_is_reusable",
        "_now",
        "_pool",
        "_transport",
        "_unsent",
        "exchange",
        "feed",
        "last_activity",
    )

    is_stream: Final = False

    def __init__(self, pool: TargetPool, memo: Memo[ResponseHead]) -> None:
        self._pool = pool
        self._now = pool.now
        self._codec = H1ClientCodec(self, memo)
        self.feed = self._codec.feed
        self._transport: asyncio.Transport | None = None
        self._is_reusable = True
        self._is_closed = False
        self._is_blocked = False
        self._unsent = 0
        self.exchange: Exchange | None = None
        self.last_activity = self._now()

    # ---- asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=HIGH_WATER)
        # The TLS handshake that may have come first is not the silence of a target that was asked something.
        self.last_activity = self._now()
        self._pool.on_opened(self)

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        self.last_activity = self._now()
        self.feed(data)
        if self._codec.is_spoiled and self.exchange is None:
            # Bytes that nobody asked for: an idle connection with something in it cannot be trusted.
            self.abort()

    def eof_received(self) -> None:
        """The other end sends no more."""
        self._on_closed(is_orderly=True)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._on_closed(is_orderly=exc is None)
        self._transport = None
        self._pool.on_closed(self)

    def _on_closed(self, *, is_orderly: bool) -> None:
        self._is_reusable = False
        self._is_closed = True
        if self.exchange is not None and is_orderly:
            # Only an orderly end completes a body without a length: a reset may have cut it short.
            self._codec.feed_eof()
        if self.exchange is not None:
            self._lose(Outcome.TARGET_CLOSED)
        self._pool.forget_idle(self)

    def pause_writing(self) -> None:
        """More is unsent than the high mark."""
        self._is_blocked = True
        if self.exchange is not None:
            self.exchange.on_target_blocked()

    def resume_writing(self) -> None:
        """What was unsent has gone out."""
        self._is_blocked = False
        if self.exchange is not None:
            self.exchange.on_target_drained()

    # ---- ResponseSink

    def on_response(self, head: ResponseHead, data: bytes, is_complete: bool) -> None:
        """The codec has read a final head."""
        exchange = self.exchange
        if exchange is not None:
            self._is_reusable = self._is_reusable and head.is_reusable
            exchange.on_response(head, data, is_complete, self.last_activity)

    def on_response_body(self, data: bytes, is_complete: bool) -> None:
        """The codec has read some of the body."""
        if self.exchange is not None:
            self.exchange.on_response_body(data, is_complete)

    def on_response_error(self, error: ProtocolError) -> None:
        """The target broke the protocol, or closed too early."""
        self._lose(Outcome.TARGET_CLOSED if self._is_closed else Outcome.TARGET_MALFORMED)

    # ---- TunnelSink

    def on_switch(self, head: ResponseHead, data: bytes) -> None:
        """The codec has read a 101 that was asked for."""
        self._is_reusable = False
        if self.exchange is not None:
            self.exchange.on_switch(head, data, self.last_activity)

    def on_tunnel_bytes(self, data: bytes) -> None:
        """The target sends through a tunnel."""
        if self.exchange is not None:
            self.exchange.on_target_bytes(data)

    def on_tunnel_end(self) -> None:
        """The target has closed its side of a tunnel."""
        if self.exchange is not None:
            self.exchange.on_tunnel_end()

    def cut(self, outcome: Outcome) -> None:
        """Ends whatever is under way."""
        self._lose(outcome)

    def _lose(self, outcome: Outcome) -> None:
        exchange = self.exchange
        self.abort()
        if exchange is not None:
            exchange.on_target_lost(outcome)

    # ---- TargetPort

    @property
    def is_open(self) -> bool:
        """The target has not closed it, and neither have we."""
        return self._transport is not None and not self._transport.is_closing()

    def send_request(self, method: str, data: bytes) -> None:
        """Sends a head with what there is of the body."""
        self._codec.start(method)
        self.write(data)

    def send_upgrade(self, data: bytes) -> None:
        """Sends the head of a request for a WebSocket."""
        self._codec.start_upgrade(self)
        self.write(data)

    def write(self, data: bytes) -> None:
        """Sends more of the body, or of the tunnel."""
        if self._transport is not None:
            self._transport.write(data)

    def release(self) -> None:
        """The exchange is over: back to the pool if the connection is clean."""
        self.exchange = None
        if self._is_blocked:
            # The target answered without reading the request. Nobody would tell the next exchange to wait for it.
            self.abort()
        elif (
            self._is_reusable
            and not self._codec.is_spoiled
            # `is_open`, written out: a property is a call that CPython 3.11 does not specialise.
            and self._transport is not None
            and not self._transport.is_closing()
        ):
            self._pool.put(self)
        else:
            self.close()

    def note_progress(self, now: float) -> None:
        """Called by the deadline sweep: bytes that the target has taken are a sign of life, as bytes from it are."""
        unsent = self._transport.get_write_buffer_size() if self._transport is not None else 0
        if unsent != self._unsent:
            self._unsent = unsent
            self.last_activity = now

    def end_tunnel(self) -> None:
        """Closes when everything is delivered, or when the target has not taken it for too long."""
        self.exchange = None
        self._is_reusable = False
        transport = self._transport
        if transport is None:
            return
        if transport.get_write_buffer_size():
            # Rare, so a timer: nothing else looks at a connection that serves nobody any more.
            asyncio.get_running_loop().call_later(self._pool.linger_seconds, transport.abort)
        self.close()

    def close(self) -> None:
        """Closes an idle connection in order."""
        # Once: a second time makes asyncio's TLS transport forget its connection, and then nothing can end it.
        if self.is_open:
            assert self._transport is not None
            self._transport.close()

    def abort(self) -> None:
        """Closes at once, whatever is under way."""
        self.exchange = None
        self._is_reusable = False
        if self._transport is not None:
            self._transport.abort()

    def pause_reading(self) -> None:
        """Stops reading until resumed."""
        if self.is_open:
            assert self._transport is not None
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Goes on reading."""
        if self.is_open:
            assert self._transport is not None
            self._transport.resume_reading()

    def __repr__(self) -> str:
        state = "idle" if self.exchange is None else "busy"
        return f"<TargetConnection {self._pool.target.label} {state}>"
