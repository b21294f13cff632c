"""H1ServerCodec: faces a client, reads requests. RFC 9112.

States are bound methods: `_on_bytes` is what the next bytes mean.

    _read_head --head with body--> _read_length | _read_chunked --end--> _hold
    _read_head --head without body--> _hold
    _hold --next_request()--> _read_head          (pipelined bytes waited in the buffer)
    _read_head --head that asks for a WebSocket--> _hold_early --start_tunnel()--> _tunnel
    any --violation--> _ignore                    (one error, then the connection is to be closed)

While a request is being answered nothing is parsed: responses go out in the order of requests (RFC 9112 section
9.3.2), and a pipelined request must see the world as it is when its turn comes.

A client may not send anything behind a request for a WebSocket before it is answered (RFC 6455 section 4.1). What it
sends all the same is kept for the tunnel, and never read as a request: whose bytes they are is not known.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from edgeproxy.errors import ProtocolError
from edgeproxy.protocol import tolerant
from edgeproxy.protocol.body import ChunkedReader
from edgeproxy.protocol.head_parser import known_request_lines, parse_request_fields, parse_request_line
from edgeproxy.protocol.limits import MAX_HEADER_LINE
from edgeproxy.protocol.memo import Memo
from edgeproxy.protocol.message import CHUNKED, SIMPLE, RequestFields, RequestHead
from edgeproxy.protocol.upgrade import asks_for_websocket

if TYPE_CHECKING:
    from collections.abc import Callable

_CR: Final = 13
_LF: Final = 10
_HEAD: Final = b"HEAD "

MAX_PIPELINED: Final = 64 * 1024
"""Bytes that may wait behind a request before the connection is told to stop reading."""


class RequestSink(Protocol):
    """Who is told what a client sent."""

    def on_request(self, head: RequestHead, data: bytes, is_complete: bool) -> None:
        """A head, the body bytes that came with it, and whether that is the whole request."""

    def on_simple_request(self, head: RequestHead) -> None:
        """A request of HTTP/0.9: the answer is a body without a head, and ends with the connection."""

    def on_request_body(self, data: bytes, size: int, is_complete: bool) -> None:
        """More of the body, and how many bytes it took on the wire; `data` may be empty in a chunked body."""

    def on_early_bytes(self) -> None:
        """Bytes came behind a request for a WebSocket: without a tunnel, nothing more can be read from this client."""

    def on_tunnel_bytes(self, data: bytes) -> None:
        """Bytes for the other end of the tunnel."""

    def on_pipeline_full(self) -> None:
        """More than MAX_PIPELINED bytes wait behind the request being answered; read no more until it is done."""

    def on_request_error(self, error: ProtocolError) -> None:
        """The client broke the protocol; nothing more will be read from this connection."""


def request_fields_memo() -> Memo[RequestFields]:
    """A memo that the codecs of one proxy share."""
    return Memo(partial(parse_request_fields, known=known_request_lines()))


class H1ServerCodec:  # hot path
    """The requests of one client connection."""

    __slots__ = (
        "_buffer",
        "_chunks",
        "_early",
        "_is_feeding",
        "_memo",
        "_on_bytes",
        "_remaining",
        "_scanned",
        "_sink",
    )

    def __init__(self, sink: RequestSink, memo: Memo[RequestFields]) -> None:
        self._sink = sink
        self._memo = memo
        self._buffer = b""
        self._scanned = 0
        self._remaining = 0
        self._early = b""
        self._chunks: ChunkedReader | None = None
        self._is_feeding = False
        self._on_bytes: Callable[[bytes], None] = self._read_head

    # ---- what the connection may ask

    @property
    def buffered(self) -> int:
        """Bytes that wait to be parsed: part of a head, or pipelined requests."""
        return len(self._buffer)

    @property
    def is_reading_head(self) -> bool:
        """The next bytes belong to a request's head."""
        return self._on_bytes == self._read_head

    @property
    def is_idle(self) -> bool:
        """Between two requests, with nothing of the next one received."""
        return not self._buffer and self.is_reading_head

    @property
    def is_reading_body(self) -> bool:
        """Part of a request's body has yet to come."""
        return self._on_bytes in (self._read_length, self._read_chunked)

    @property
    def has_tunnel_bytes(self) -> bool:
        """A tunnel is open, or bytes for one have come that did not open."""
        return bool(self._early) or self._on_bytes == self._tunnel

    @property
    def is_stopped(self) -> bool:
        """Everything is ignored: the client broke the protocol, or the connection is ending."""
        return self._on_bytes == self._ignore

    @property
    def has_begun_head_request(self) -> bool:
        """Part of a request has come, and its method is HEAD."""
        return self._buffer.startswith(_HEAD)

    # ---- what the connection does

    def feed(self, data: bytes) -> None:
        """Takes the connection's next bytes and tells the sink what they mean."""
        self._is_feeding = True
        try:
            self._on_bytes(data)
        except ProtocolError as error:
            self._fail(error)
        finally:
            self._is_feeding = False

    def next_request(self) -> None:
        """The response is out: the next request may be read, from the buffer if it is already there."""
        self._on_bytes = self._read_head
        if self._buffer and not self._is_feeding:
            data, self._buffer = self._buffer, b""
            self.feed(data)

    def start_tunnel(self) -> None:
        """The WebSocket is open: bytes are only handed on, those that came early at once."""
        self._on_bytes = self._tunnel
        early, self._early = self._early, b""
        if early:
            self._tunnel(early)

    def stop(self) -> None:
        """Ignores everything from now on."""
        self._on_bytes = self._ignore
        self._buffer = self._early = b""

    # ---- states

    def _read_head(self, data: bytes) -> None:
        try:
            while True:
                if self._buffer:
                    data = self._buffer + data
                    self._buffer = b""
                    if self._scanned and tolerant.find_head_end(data, self._scanned) < 0:
                        # Straight on: the other searches begin at the front again, and a client may send byte by byte.
                        self._take_unfinished_head(data)
                        return
                if data[0] == _CR or data[0] == _LF:
                    # RFC 9112 section 2.2: empty lines before a request line are ignored.
                    data = data.lstrip(b"\r\n")
                    if not data:
                        return
                data = self._take_head(data)
                # A sink that answers at once has called next_request(); a loop keeps pipelined requests off the stack.
                if not data or self._on_bytes != self._read_head:
                    self._buffer += data
                    return
        except ProtocolError as error:
            error.is_head = data.startswith(_HEAD)
            raise

    def _take_head(self, data: bytes) -> bytes:
        """Reads one head if it is complete; returns what is left to look at, or keeps it when more must come first."""
        end = data.find(b"\r\n\r\n")
        # The first LF, not the first CRLF: a line that a lone LF ends must not swallow the next one.
        line_end = data.find(b"\n") - 1
        if end < 0 or end >= MAX_HEADER_LINE or data[line_end] != _CR:
            return self._take_unusual_head(data)
        section = data[line_end + 2 : end + 2]
        fields = self._memo.find(section) or self._memo.compute(section)
        # An empty line that a lone LF ends is the end of the head. Only an unusual section can hold one.
        if fields.headers and (data.find(b"\n\n", 0, end) >= 0 or data.find(b"\n\r\n", 0, end + 3) >= 0):
            return self._take_unusual_head(data)
        head = parse_request_line(data[:line_end].decode("latin-1"), fields, end + 4)
        return self._begin(head, data[end + 4 :])

    def _take_unusual_head(self, data: bytes) -> bytes:
        end = tolerant.find_head_end(data, self._scanned)
        if end < 0:
            self._take_unfinished_head(data)
            return b""
        if self._take_simple_request(data):
            return b""
        line, _, section = data[:end].partition(b"\n")
        tolerant.check_unfinished_head(line)
        section = section[: section.rindex(b"\n", 0, -1) + 1] if section.count(b"\n") > 1 else b""
        fields = self._memo.find(section) or self._memo.compute(section)
        head = parse_request_line(line.removesuffix(b"\r").decode("latin-1"), fields, end)
        return self._begin(head, data[end:])

    def _take_unfinished_head(self, data: bytes) -> None:
        if not self._take_simple_request(data):
            tolerant.check_unfinished_head(data)
            self._scanned = len(data)
            self._buffer = data

    def _take_simple_request(self, data: bytes) -> bool:
        """Announces a request of HTTP/0.9 if the first line is one; whatever is behind it is not read."""
        simple = tolerant.find_simple_request(data)
        if simple is None:
            return False
        self._begin(tolerant.parse_simple_request(simple, data.index(b"\n") + 1), b"")
        return True

    def _begin(self, head: RequestHead, rest: bytes) -> bytes:
        """Announces a request with as much of its body as is there; returns the bytes behind it."""
        self._scanned = 0
        length = head.fields.body_length
        if length == 0:
            if head.fields.wants_websocket and asks_for_websocket(head):
                return self._begin_upgrade(head, rest)
            self._on_bytes = self._hold
            self._sink.on_request(head, b"", True)
            return rest
        if length == CHUNKED:
            self._chunks = ChunkedReader(error_status=400)
            try:
                payload, behind = self._chunks.feed(rest) if rest else (b"", None)
            except ProtocolError:
                # There was a request, and it is logged as one, also when its body breaks in the same packet.
                self._on_bytes = self._read_chunked
                self._sink.on_request(head, b"", False)
                raise
            self._on_bytes = self._read_chunked if behind is None else self._hold
            head.size += len(rest) - len(payload) - len(behind or b"")
            self._sink.on_request(head, payload, behind is not None)
            return behind or b""
        if length == SIMPLE:
            self._on_bytes = self._hold
            self._sink.on_simple_request(head)
            return b""
        body = rest[:length]
        self._remaining = length - len(body)
        self._on_bytes = self._read_length if self._remaining else self._hold
        self._sink.on_request(head, body, self._remaining == 0)
        return rest[length:]

    def _begin_upgrade(self, head: RequestHead, early: bytes) -> bytes:
        self._on_bytes = self._hold_early
        self._early = b""
        if early:
            self._hold_early(early)
        self._sink.on_request(head, b"", True)
        return b""

    def _hold_early(self, data: bytes) -> None:
        if not self._early:
            self._sink.on_early_bytes()
        self._early += data
        if len(self._early) > MAX_PIPELINED:
            self._sink.on_pipeline_full()

    def _tunnel(self, data: bytes) -> None:
        self._sink.on_tunnel_bytes(data)

    def _read_length(self, data: bytes) -> None:
        left = self._remaining - len(data)
        if left > 0:
            self._remaining = left
            self._sink.on_request_body(data, len(data), False)
            return
        body = data[: self._remaining] if left else data
        self._buffer = data[self._remaining :]
        self._remaining = 0
        self._on_bytes = self._hold
        self._sink.on_request_body(body, len(body), True)
        self._after_body()

    def _read_chunked(self, data: bytes) -> None:
        assert self._chunks is not None
        payload, behind = self._chunks.feed(data)
        if behind is None:
            # Told even without payload: the bytes count.
            self._sink.on_request_body(payload, len(data), False)
            return
        self._buffer = behind
        self._on_bytes = self._hold
        self._sink.on_request_body(payload, len(data) - len(behind), True)
        self._after_body()

    def _after_body(self) -> None:
        """The sink may have answered while it was told of the body's end; then pipelined bytes are the next request."""
        if self._buffer and self.is_reading_head:
            data, self._buffer = self._buffer, b""
            self._read_head(data)

    def _hold(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > MAX_PIPELINED:
            self._sink.on_pipeline_full()

    def _ignore(self, data: bytes) -> None:
        pass

    def _fail(self, error: ProtocolError) -> None:
        self.stop()
        self._sink.on_request_error(error)
