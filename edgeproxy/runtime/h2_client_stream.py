"""ClientStream: one request of an HTTP/2 client, between its exchange and the codec of its connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from edgeproxy.exchange.h2_exchange import FRAME_HEADER_SIZE
from edgeproxy.protocol.h2_frames import ErrorCode
from edgeproxy.runtime.access_log_line import connection_part

if TYPE_CHECKING:
    from edgeproxy.exchange.forwarding import RequestForwarding
    from edgeproxy.exchange.h2_exchange import H2Exchange
    from edgeproxy.protocol.h2_server import H2ServerCodec
    from edgeproxy.runtime.access_log_line import ConnectionPart
    from edgeproxy.runtime.h2_client_connection import H2ClientConnection


class ClientStream:  # hot path
    """One stream, as its exchange sees it: implements `StreamPort`.

    Attributes:
        exchange: Until the response is out, or the stream is gone.
        is_h2: As a connection of HTTP/1.1 is not.
        last_activity: When the client last moved a byte of this stream.
    """

    __slots__ = ("_codec", "_connection", "_id", "_is_paused", "_untaken", "exchange", "last_activity")

    is_h2: ClassVar = True

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
        """The connection's; made by its first stream that is logged."""
        connection = self._connection
        part = connection.log_part
        if part is None:
            part = connection.log_part = connection_part(connection)
        return part

    @property
    def unsent(self) -> int:
        """What of the response waits for the client's windows."""
        return self._codec.unsent_of(self._id)

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

    def on_trailers(self, lines: list[str], now: float) -> None:
        """The end of the request."""
        self.last_activity = now
        if self.exchange is not None:
            self.exchange.on_request_trailers(lines)

    def begin(self, data: bytes, is_complete: bool) -> None:
        """The exchange begins, with the part of the body that came with the head."""
        assert self.exchange is not None
        self._untaken = len(data)
        self.exchange.begin(data, is_complete)
        if data:
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

    def send_trailers(self, block: bytes) -> None:
        """Ends the response with trailers, behind whatever waits."""
        self._codec.send_trailers(self._id, block)

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

    def reset(self) -> None:
        """Resets the stream; the connection's other streams go on."""
        self.abort()

    # ---- time

    def check(self, now: float, idle_timeout: float, taken: float = 0.0) -> None:
        """Is it time to give up on this stream? `taken` is when the client last took what waits for it."""
        exchange = self.exchange
        if exchange is None:
            return
        port = exchange.port
        last = max(self.last_activity, taken)
        if now - (last if port is None else max(last, port.last_activity)) > idle_timeout:
            exchange.on_idle(is_client_paused=self._is_paused)
