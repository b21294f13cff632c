"""H1ClientCodec: faces a target, reads responses. RFC 9112.

    _unexpected --start(method)--> _read_head --head--> _read_length | _read_chunked | _read_until_close
    any body state --end--> _unexpected           (bytes without a request outstanding spoil the connection)
    _unexpected --start_upgrade()--> _read_head_or_switch --101--> _tunnel, or as from _read_head

Interim responses (1xx) are passed over: the load balancer answers `Expect: 100-continue` itself. A 101 is final, and
only a request for a WebSocket may get it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from edgeproxy.errors import ProtocolError
from edgeproxy.protocol.body import ChunkedReader
from edgeproxy.protocol.head_parser import known_response_lines, parse_response_head
from edgeproxy.protocol.limits import MAX_RESPONSE_HEAD
from edgeproxy.protocol.memo import Memo
from edgeproxy.protocol.message import CHUNKED, UNTIL_CLOSE, ResponseHead
from edgeproxy.protocol.upgrade import accepts_websocket

if TYPE_CHECKING:
    from collections.abc import Callable

_BODILESS_STATUSES: Final = frozenset({204, 304})
_CR: Final = 13


class ResponseSink(Protocol):
    """Who is told what a target sent."""

    def on_response(self, head: ResponseHead, data: bytes, is_complete: bool) -> None:
        """A final head, the body bytes that came with it, and whether that is the whole response."""

    def on_response_body(self, data: bytes, is_complete: bool) -> None:
        """More of the body; `data` is empty only at the end."""

    def on_response_error(self, error: ProtocolError) -> None:
        """The target broke the protocol or left early; the connection is to be closed."""


class TunnelSink(Protocol):
    """Who is told what a target sent that was asked for a WebSocket and has opened it."""

    def on_switch(self, head: ResponseHead, data: bytes) -> None:
        """The target's 101; `data` are the tunnel's first bytes, if any."""

    def on_tunnel_bytes(self, data: bytes) -> None:
        """Bytes for the other end of the tunnel."""

    def on_tunnel_end(self) -> None:
        """The target has closed its side of the tunnel."""


def response_head_memo() -> Memo[ResponseHead]:
    """A memo that the codecs of one proxy share."""
    return Memo(partial(parse_response_head, known=known_response_lines()))


def _check_beginning(data: bytes) -> None:
    """Refuses at once what no further byte can make a response, instead of waiting for the idle timeout.

    Raises:
        ProtocolError: 502 for another protocol's greeting, and for lines that a lone LF ends.
    """
    if not data.startswith(b"HTTP/"[: len(data)]):
        raise ProtocolError(502, f"the target's status line {data[:60]!r} is not HTTP/1")
    line_end = data.find(b"\n")
    if line_end >= 0 and data[line_end - 1] != _CR:
        raise ProtocolError(502, "the target's status line does not end with CRLF")


class H1ClientCodec:  # hot path
    """The responses of one target connection."""

    __slots__ = (
        "_buffer",
        "_chunks",
        "_is_head_request",
        "_memo",
        "_on_bytes",
        "_remaining",
        "_sink",
        "_tunnel_sink",
        "is_spoiled",
    )

    def __init__(self, sink: ResponseSink, memo: Memo[ResponseHead]) -> None:
        self._sink = sink
        self._memo = memo
        self._buffer = b""
        self._remaining = 0
        self._chunks: ChunkedReader | None = None
        self._is_head_request = False
        self._tunnel_sink: TunnelSink | None = None
        self.is_spoiled = False
        """The target sent bytes that belong to no request."""
        self._on_bytes: Callable[[bytes], None] = self._unexpected

    def start(self, method: str) -> None:
        """A request with this method goes out; its response comes next."""
        self._is_head_request = method == "HEAD"
        self._on_bytes = self._read_head

    def start_upgrade(self, sink: TunnelSink) -> None:
        """A request for a WebSocket goes out; a 101, which `sink` is told of, or any other response comes next."""
        self._tunnel_sink = sink
        self._is_head_request = False
        self._on_bytes = self._read_head_or_switch

    @property
    def is_waiting(self) -> bool:
        """A request is outstanding and its response has not ended."""
        return self._on_bytes != self._unexpected

    def feed(self, data: bytes) -> None:
        """Takes the connection's next bytes and tells the sink what they mean."""
        try:
            self._on_bytes(data)
        except ProtocolError as error:
            self._fail(error)

    def feed_eof(self) -> None:
        """The target has closed its side; this ends a body without a length and is an error anywhere else."""
        if self._on_bytes == self._read_until_close:
            self._end(b"")
            self._sink.on_response_body(b"", True)
        elif self._on_bytes == self._tunnel:
            self._on_bytes = self._unexpected
            assert self._tunnel_sink is not None
            self._tunnel_sink.on_tunnel_end()
        elif self.is_waiting:
            self._fail(ProtocolError(502, "the target closed the connection before the response had ended"))

    # ---- states

    def _read_head(self, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        while True:
            end = data.find(b"\r\n\r\n")
            if end < 0 or end + 4 > MAX_RESPONSE_HEAD:
                if end >= 0 or len(data) > MAX_RESPONSE_HEAD:
                    raise ProtocolError(502, f"the response headers are longer than {MAX_RESPONSE_HEAD} bytes")
                _check_beginning(data)
                self._buffer = data
                return
            raw = data[: end + 4]
            head = self._memo.find(raw) or self._memo.compute(raw)
            data = data[end + 4 :]
            if head.status >= 200:
                self._begin(head, data)
                return
            if head.status == 101:
                self._switch(head, data)
                return
            if not data:
                return

    def _read_head_or_switch(self, data: bytes) -> None:
        # A state of its own is how the plain one need not ask whether a switch is allowed.
        self._read_head(data)

    def _switch(self, head: ResponseHead, data: bytes) -> None:
        if self._on_bytes != self._read_head_or_switch:
            raise ProtocolError(502, "the target switched protocols although it was not asked to")
        if not accepts_websocket(head):
            raise ProtocolError(502, "the target switched to another protocol than WebSocket")
        self._on_bytes = self._tunnel
        assert self._tunnel_sink is not None
        self._tunnel_sink.on_switch(head, data)

    def _tunnel(self, data: bytes) -> None:
        assert self._tunnel_sink is not None
        self._tunnel_sink.on_tunnel_bytes(data)

    def _begin(self, head: ResponseHead, data: bytes) -> None:
        length = head.body_length
        if self._is_head_request or head.status in _BODILESS_STATUSES:
            length = 0
        if length >= 0:
            self._remaining = length - len(data)
            if self._remaining <= 0:
                self._end(data[length:])
                self._sink.on_response(head, data[:length], True)
            else:
                self._on_bytes = self._read_length
                self._sink.on_response(head, data, False)
        elif length == CHUNKED:
            self._chunks = ChunkedReader(error_status=502)
            payload, behind = self._chunks.feed(data) if data else (b"", None)
            if behind is None:
                self._on_bytes = self._read_chunked
            else:
                self._end(behind)
            self._sink.on_response(head, payload, behind is not None)
        else:
            assert length == UNTIL_CLOSE
            self._on_bytes = self._read_until_close
            self._sink.on_response(head, data, False)

    def _read_length(self, data: bytes) -> None:
        left = self._remaining - len(data)
        if left > 0:
            self._remaining = left
            self._sink.on_response_body(data, False)
            return
        body = data[: self._remaining] if left else data
        self._end(data[self._remaining :])
        self._sink.on_response_body(body, True)

    def _read_chunked(self, data: bytes) -> None:
        assert self._chunks is not None
        payload, behind = self._chunks.feed(data)
        if behind is not None:
            self._end(behind)
        if payload or behind is not None:
            self._sink.on_response_body(payload, behind is not None)

    def _read_until_close(self, data: bytes) -> None:
        self._sink.on_response_body(data, False)

    def _unexpected(self, data: bytes) -> None:
        self.is_spoiled = True

    def _end(self, behind: bytes) -> None:
        self._on_bytes = self._unexpected
        self._chunks = None
        if behind:
            self.is_spoiled = True

    def _fail(self, error: ProtocolError) -> None:
        self._on_bytes = self._unexpected
        self.is_spoiled = True
        self._sink.on_response_error(error)
