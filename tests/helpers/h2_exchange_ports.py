"""A scripted client of HTTP/2 for the listener without sockets of `exchange_ports.py`.

    stage = Stage(protocol="HTTPS", port=443)
    client = H2ScriptedClient(stage)
    stream = client.asks("GET", "/")
    stage.target.answers("HTTP/1.1 200 OK", "Content-Length: 2", body="ok")
    assert 200 == stream.status

Requests come through the real codec, made by the `hpack` library; responses are read by it. The streams refuse what a
real one could not survive: a second head, bytes behind the end, bytes for a client that is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeproxy.exchange.h2_exchange import FRAME_HEADER_SIZE, H2Exchange
from edgeproxy.protocol.h2_server import H2ServerCodec
from tests.helpers.h2_wire import ACK, PREFACE, SETTINGS, Fields, data, fields_of, frame, headers, reset, settings

if TYPE_CHECKING:
    from edgeproxy.errors import ProtocolError
    from edgeproxy.exchange.forwarding import RequestForwarding
    from edgeproxy.protocol.h2_frames import H2ConnectionError, H2StreamError
    from edgeproxy.protocol.message import RequestHead
    from tests.helpers.exchange_ports import Stage


class ScriptedStream:
    """One stream; implements `StreamPort`. Its events end with "end" or "abort".

    Attributes:
        fields: Those of the response, in order, once it has begun.
        body: What came of its body.
        has_ended: The response is complete.
        fills_up: The next bytes are more than the client can take.
    """

    def __init__(self, client: H2ScriptedClient, stream_id: int) -> None:
        self._client = client
        self.id = stream_id
        self.exchange: H2Exchange | None = None
        self.fields: Fields = []
        self.body = b""
        self.trailers: list[tuple[str, str]] = []
        self.has_ended = False
        self.is_open = True
        self.is_paused = False
        self.fills_up = False
        self.events: list[str] = []

    # ---- the script

    @property
    def status(self) -> int:
        """That of the response."""
        return int(self.fields[0][1])

    @property
    def names(self) -> list[str]:
        """The names of the response's fields, in order."""
        return [name for name, _ in self.fields]

    def value(self, name: str) -> str:
        """The value of the response's only field of that name."""
        (found,) = [value for each, value in self.fields if each == name]
        return found

    def sends(self, body: bytes, *, is_complete: bool = False) -> ScriptedStream:
        """More of the request's body."""
        self._client.feed(data(self.id, body, end_stream=is_complete))
        return self

    def leaves(self) -> None:
        """Resets the stream."""
        self._client.feed(reset(self.id))

    def reads_on(self) -> None:
        """The client has made room."""
        assert self.exchange is not None
        self.exchange.on_client_drained()

    def waits(self, seconds: float) -> None:
        """Time passes without a byte, until the idle timeout."""
        assert self.exchange is not None
        self._client.stage.now += seconds
        self.exchange.on_idle(is_client_paused=self.is_paused)

    # ---- StreamPort

    source_ip = "192.0.2.7"
    source_port = 5000
    must_close = False
    unsent = 0

    @property
    def last_activity(self) -> float:
        return self._client.stage.now

    def check(self, now: float, idle_timeout: float) -> None:
        raise AssertionError("the deadline sweep's")

    def reset(self) -> None:
        self.abort()

    def forwarded_prefix(self, forwarding: RequestForwarding) -> str:
        return forwarding.prefix(self.source_ip, self.source_port, None)

    def write(self, data: bytes) -> None:
        raise AssertionError("bytes of HTTP/1.1 for a client of HTTP/2")

    def send_head(self, block: bytes, data: bytes, is_complete: bool) -> None:
        assert not self.fields, "a second head"
        self.fields = fields_of(block)
        self._take(data, is_complete)

    def send_data(self, data: bytes, is_complete: bool) -> None:
        assert self.fields, "a body without a head"
        self._take(data, is_complete)

    def send_trailers(self, block: bytes) -> None:
        assert self.fields, "trailers without a head"
        self._take(b"", True)
        self.trailers = fields_of(block)

    def _take(self, data: bytes, is_complete: bool) -> None:
        assert self.is_open, "bytes for a client that is gone"
        assert self.exchange is not None, "bytes behind the end of a response"
        assert not self.has_ended, "bytes behind the end of a stream"
        self.body += data
        self.has_ended = is_complete
        if self.fills_up:
            self.fills_up = False
            self.exchange.on_client_blocked()

    def end_response(self, keep_alive: bool) -> None:
        assert self.exchange is not None, "a response that ended twice"
        assert self.has_ended, "the end of a response without END_STREAM"
        self.exchange = None
        self.events.append("end")

    def begin_tunnel(self) -> None:
        raise AssertionError("a tunnel over HTTP/2")

    def abort(self) -> None:
        assert self.is_open, "a stream that was reset twice"
        self.exchange = None
        self.is_open = False
        self.events.append("abort")

    def pause_reading(self) -> None:
        self.is_paused = True
        self.events.append("pause")

    def resume_reading(self) -> None:
        self.is_paused = False
        self.events.append("resume")


class H2ScriptedClient:
    """A connection of HTTP/2; implements `H2RequestSink`."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.streams: dict[int, ScriptedStream] = {}
        self.resets: list[int] = []
        self._codec = H2ServerCodec(self, stage.request_memo, lambda _: None)
        self._next = 1
        self.feed(PREFACE + settings() + frame(SETTINGS, ACK))

    # ---- the script

    def feed(self, wire: bytes) -> None:
        """Bytes."""
        self._codec.feed(wire)

    def asks(
        self,
        method: str = "GET",
        path: str = "/",
        *fields: tuple[str, str],
        host: str = "example.com",
        body: bytes = b"",
        is_complete: bool = True,
    ) -> ScriptedStream:
        """A request: its head, and what there is of its body, in the same bytes."""
        stream_id = self._next
        self._next += 2
        head = [(":method", method), (":scheme", "https"), (":authority", host), (":path", path), *fields]
        wire = headers(stream_id, head, end_stream=is_complete and not body)
        self.feed(wire + (data(stream_id, body, end_stream=is_complete) if body else b""))
        return self.streams[stream_id]

    # ---- H2RequestSink

    def _begin(self, stream_id: int, head: RequestHead | None) -> ScriptedStream:
        stream = self.streams[stream_id] = ScriptedStream(self, stream_id)
        stream.exchange = H2Exchange(stream, self.stage.context, head, self.stage.now)
        self.stage.exchanges.append(stream.exchange)
        return stream

    def on_request(self, stream_id: int, head: RequestHead, payload: bytes, is_complete: bool) -> None:
        head.source_ip = ScriptedStream.source_ip
        exchange = self._begin(stream_id, head).exchange
        assert exchange is not None
        exchange.begin(payload, is_complete)

    def on_request_body(self, stream_id: int, payload: bytes, is_complete: bool) -> None:
        exchange = self.streams[stream_id].exchange
        self._codec.acknowledge(stream_id, len(payload))
        if exchange is not None:
            exchange.on_request_body(payload, FRAME_HEADER_SIZE + len(payload), is_complete)

    def on_request_trailers(self, stream_id: int, lines: list[str]) -> None:
        self.on_request_body(stream_id, b"", True)

    def on_request_error(self, stream_id: int, error: ProtocolError) -> None:
        exchange = self._begin(stream_id, None).exchange
        assert exchange is not None
        exchange.refuse(error)

    def on_request_dropped(self, stream_id: int, head: RequestHead | None, error: H2StreamError | None) -> None:
        exchange = self._begin(stream_id, head).exchange
        assert exchange is not None
        exchange.drop(error)

    def on_stream_reset(self, stream_id: int, code: int) -> None:
        self.resets.append(stream_id)
        stream = self.streams[stream_id]
        exchange, stream.exchange, stream.is_open = stream.exchange, None, False
        if exchange is not None:
            exchange.on_client_lost()

    def on_stream_drained(self, stream_id: int) -> None:
        raise AssertionError("responses do not go through the codec here")

    def on_goaway(self) -> None:
        pass

    def on_finished(self) -> None:
        pass

    def on_connection_error(self, error: H2ConnectionError) -> None:
        raise AssertionError(f"the script breaks the protocol: {error}")
