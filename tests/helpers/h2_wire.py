"""HTTP/2 as the other end writes and reads it, and sinks that write down what a codec tells them.

Nothing here uses the code under test to make or read bytes. Header blocks are literals, and read by the `hpack`
library. Events are tuples that can be compared, adjacent bodies joined: `("request", stream, RequestFacts)`,
`("response", stream, ResponseFacts)`, `("body", stream, bytes)`, `("end", stream)`, `("trailers", stream, lines)`,
`("reset", stream, code)`, `("error", stream, status)`, `("drained", stream)`, `("goaway",)`, `("finished",)`,
`("connection error", code)`.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple

import hpack

from edgeproxy.protocol.h1_client import response_head_memo
from edgeproxy.protocol.h1_server import request_fields_memo
from edgeproxy.protocol.h2_client import H2ClientCodec
from edgeproxy.protocol.h2_server import H2ServerCodec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edgeproxy.errors import ProtocolError
    from edgeproxy.protocol.h2_connection import H2Connection
    from edgeproxy.protocol.h2_frames import H2ConnectionError, H2StreamError
    from edgeproxy.protocol.message import RequestHead, ResponseHead

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM = ACK = 1
END_HEADERS = 4
PADDED = 8
HAS_PRIORITY = 32

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

Event = tuple[Any, ...]
Fields = list[tuple[str, str]]

GET: Fields = [(":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", "x")]
POST: Fields = [(":method", "POST"), (":scheme", "https"), (":path", "/"), (":authority", "x")]
OK: Fields = [(":status", "200")]


class Frame(NamedTuple):
    """One frame as it stands on the wire."""

    kind: int
    flags: int
    stream_id: int
    payload: bytes


def frame(kind: int, flags: int = 0, stream_id: int = 0, payload: bytes = b"") -> bytes:
    """One frame's bytes."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream_id) + payload


def settings(*pairs: tuple[int, int]) -> bytes:
    """SETTINGS."""
    return frame(SETTINGS, payload=b"".join(struct.pack(">HI", *pair) for pair in pairs))


def block(fields: Fields) -> bytes:
    """A header block that leaves the dynamic table alone."""
    return b"".join(
        b"\x00" + bytes([len(name)]) + name.encode("latin-1") + _length(len(value)) + value.encode("latin-1")
        for name, value in fields
    )


def fields_of(header_block: bytes, decoder: hpack.Decoder | None = None) -> Fields:
    """A header block, read by the `hpack` library."""
    raw = (decoder or hpack.Decoder()).decode(header_block, raw=True)
    return [(bytes(name).decode("latin-1"), bytes(value).decode("latin-1")) for name, value in raw]


def _length(size: int) -> bytes:
    if size < 127:
        return bytes([size])
    encoded = b"\x7f"
    size -= 127
    while size >= 128:
        encoded += bytes([size % 128 + 128])
        size //= 128
    return encoded + bytes([size])


def headers(stream_id: int, fields: Fields, *, end_stream: bool = True) -> bytes:
    """HEADERS with a whole block."""
    return frame(HEADERS, END_HEADERS | (END_STREAM if end_stream else 0), stream_id, block(fields))


def data(stream_id: int, payload: bytes, *, end_stream: bool = False) -> bytes:
    """DATA."""
    return frame(DATA, END_STREAM if end_stream else 0, stream_id, payload)


def reset(stream_id: int, code: int = 8) -> bytes:
    """RST_STREAM."""
    return frame(RST_STREAM, 0, stream_id, struct.pack(">I", code))


def window_update(stream_id: int, increment: int) -> bytes:
    """WINDOW_UPDATE."""
    return frame(WINDOW_UPDATE, 0, stream_id, struct.pack(">I", increment))


def goaway(last_stream_id: int, code: int = 0) -> bytes:
    """GOAWAY."""
    return frame(GOAWAY, 0, 0, struct.pack(">II", last_stream_id, code))


def frames(wire: bytes) -> list[Frame]:
    """The frames that stand in some bytes; a client's preface in front is passed over."""
    wire = wire.removeprefix(PREFACE)
    found = []
    while wire:
        length = int.from_bytes(wire[:3])
        kind, flags, stream_id = struct.unpack(">BBI", wire[3:9])
        assert len(wire) >= 9 + length, "a frame is cut short"
        found.append(Frame(kind, flags, stream_id, wire[9 : 9 + length]))
        wire = wire[9 + length :]
    return found


class RequestFacts(NamedTuple):
    """What a request head says."""

    method: str
    target: str
    fields: Fields
    body_length: int = 0


class ResponseFacts(NamedTuple):
    """What a response head says."""

    status: int
    fields: Fields
    body_length: int


class Recorder:
    """Both kinds of sink; the events so far."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.errors: list[H2ConnectionError] = []
        self.heads: list[Any] = []
        self.dropped: list[tuple[int, str, str]] = []

    def _body(self, stream_id: int, payload: bytes, is_complete: bool) -> None:
        last = self.events[-1] if self.events else ()
        if payload and last[:2] == ("body", stream_id):
            self.events[-1] = ("body", stream_id, last[2] + payload)
        elif payload:
            self.events.append(("body", stream_id, payload))
        if is_complete:
            self.events.append(("end", stream_id))

    def on_request(self, stream_id: int, head: RequestHead, payload: bytes, is_complete: bool) -> None:
        self.heads.append(head)
        fields = head.fields.fields
        facts = RequestFacts(head.method, head.target, fields, head.fields.body_length)
        self.events.append(("request", stream_id, facts))
        self._body(stream_id, payload, is_complete)

    def on_request_body(self, stream_id: int, payload: bytes, is_complete: bool) -> None:
        self._body(stream_id, payload, is_complete)

    def on_request_trailers(self, stream_id: int, lines: list[str]) -> None:
        self.events.append(("trailers", stream_id, lines))

    def on_request_error(self, stream_id: int, error: ProtocolError) -> None:
        self.events.append(("error", stream_id, error.status))

    def on_request_dropped(self, stream_id: int, head: RequestHead | None, error: H2StreamError | None) -> None:
        self.dropped.append((stream_id, "" if head is None else head.target, "" if error is None else error.fault))

    def on_response(self, stream_id: int, head: ResponseHead, payload: bytes, is_complete: bool) -> None:
        self.heads.append(head)
        self.events.append(("response", stream_id, ResponseFacts(head.status, head.fields, head.body_length)))
        self._body(stream_id, payload, is_complete)

    on_response_body = on_request_body
    on_response_trailers = on_request_trailers
    on_response_error = on_request_error

    def on_stream_reset(self, stream_id: int, code: int) -> None:
        self.events.append(("reset", stream_id, code))

    def on_stream_drained(self, stream_id: int) -> None:
        self.events.append(("drained", stream_id))

    def on_goaway(self) -> None:
        self.events.append(("goaway",))

    def on_finished(self) -> None:
        self.events.append(("finished",))

    def on_connection_error(self, error: H2ConnectionError) -> None:
        self.errors.append(error)
        self.events.append(("connection error", error.code))


class _End(Recorder):
    """A codec, what it told, and what it wrote."""

    codec: H2Connection[Any]

    def __init__(self) -> None:
        super().__init__()
        self.wire = b""
        self._decoder = hpack.Decoder()

    def _write(self, wire: bytes) -> None:
        assert wire, "an empty write"
        self.wire += wire

    def written(self) -> list[Frame]:
        """The frames written since this was asked last."""
        wire, self.wire = self.wire, b""
        return frames(wire)

    def told(self) -> list[Event]:
        """The events since this was asked last."""
        events, self.events = self.events, []
        return events

    def feed(self, *wire: bytes) -> list[Frame]:
        """Gives the codec bytes in one piece; returns the frames that it wrote."""
        self.codec.feed(b"".join(wire))
        return self.written()

    def feed_bytewise(self, wire: bytes) -> None:
        """Gives the codec bytes one by one."""
        for byte in wire:
            self.codec.feed(bytes([byte]))

    def fields(self, header_block: bytes) -> Fields:
        """A header block that the codec wrote, read by another implementation."""
        return fields_of(header_block, self._decoder)


class Server(_End):
    """H2ServerCodec with a client in front of it."""

    codec: H2ServerCodec

    def __init__(self) -> None:
        super().__init__()
        self.codec = H2ServerCodec(self, request_fields_memo(), self._write)


class Client(_End):
    """H2ClientCodec with a target behind it."""

    codec: H2ClientCodec

    def __init__(self) -> None:
        super().__init__()
        self.codec = H2ClientCodec(self, response_head_memo(), self._write)


def greeted_server(*pairs: tuple[int, int]) -> Server:
    """A server codec whose client has sent its preface and these SETTINGS, and acknowledged the other ones."""
    server = Server()
    server.codec.start()
    server.feed(PREFACE, settings(*pairs), frame(SETTINGS, ACK))
    return server


def greeted_client(*pairs: tuple[int, int]) -> Client:
    """A client codec whose target has sent these SETTINGS, and acknowledged the other ones."""
    client = Client()
    client.codec.start()
    client.feed(settings(*pairs), frame(SETTINGS, ACK))
    return client


def codes(written: Iterable[Frame], kind: int) -> list[tuple[int, int]]:
    """Stream and error code of each RST_STREAM, or last stream and error code of each GOAWAY."""
    found = []
    for each in written:
        if each.kind == kind:
            stream_id = each.stream_id or int.from_bytes(each.payload[:4])
            found.append((stream_id, int.from_bytes(each.payload[-4:])))
    return found
