"""H2ServerCodec: faces a client, reads requests. RFC 9113, as the ALB announces itself.

    _read_preface --24 bytes--> _read_first --SETTINGS--> frames

The first frames are those observed on real load balancers: SETTINGS with 128 streams, windows of 65,536 bytes and
frames of up to 16,777,215, then the connection's window. Nothing about extended CONNECT, so no WebSocket; push is
refused because only servers may. Upgrading from HTTP/1.1 is not offered anywhere.

A request is announced when its head and what came along are read: a body that follows in the same bytes is told in the
same call. A malformed request ends its stream with PROTOCOL_ERROR, and the sink hears of it as something for the log; a
request that is to be refused with a status (headers too long, say) is handed on as an error, to be answered on its
stream.

A response that ends before its request has ended is followed by RST_STREAM with NO_ERROR: the rest of the request is
not wanted (RFC 9113 section 8.1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from edgeproxy.errors import ProtocolError
from edgeproxy.protocol.h2_connection import H2Connection
from edgeproxy.protocol.h2_fields import HEAD_LINE
from edgeproxy.protocol.h2_frames import (
    LARGEST_MAX_FRAME_SIZE,
    PREFACE,
    ErrorCode,
    H2ConnectionError,
    H2StreamError,
    Setting,
    encode_reset,
)
from edgeproxy.protocol.h2_headers import malformed, request_head, trailer_lines
from edgeproxy.protocol.h2_output import StreamSink
from edgeproxy.protocol.h2_windows import Stream
from edgeproxy.protocol.limits import MAX_REQUEST_HEAD
from edgeproxy.protocol.message import CHUNKED

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgeproxy.protocol.h2_hpack import HeaderBlock
    from edgeproxy.protocol.memo import Memo
    from edgeproxy.protocol.message import RequestFields, RequestHead

MAX_STREAMS: Final = 128
"""Requests at a time. Source: user guide, load-balancer-listeners."""

MAX_REQUESTS: Final = 10_000
"""Requests of one connection; GOAWAY follows. Source: user guide, load-balancer-troubleshooting."""

SETTINGS: Final = {
    Setting.MAX_CONCURRENT_STREAMS: MAX_STREAMS,
    Setting.INITIAL_WINDOW_SIZE: 65_536,
    Setting.MAX_FRAME_SIZE: LARGEST_MAX_FRAME_SIZE,
}
"""As observed, in this order."""

CONNECTION_WINDOW: Final = 65_535 + 8_388_352
"""The initial window and the WINDOW_UPDATE that was observed."""


class H2RequestSink(StreamSink, Protocol):
    """Who is told what a client sent."""

    def on_request(self, stream_id: int, head: RequestHead, data: bytes, is_complete: bool) -> None:
        """A head, the body bytes that came with it, and whether that is the whole request."""

    def on_request_body(self, stream_id: int, data: bytes, is_complete: bool) -> None:
        """More of the body, to be acknowledged when it is taken; `data` may be empty at the end."""

    def on_request_trailers(self, stream_id: int, lines: list[str]) -> None:
        """The end of the request, with trailers as `name: value` lines."""

    def on_request_error(self, stream_id: int, error: ProtocolError) -> None:
        """A request that is to be answered with an error: there is no head, and no body will be told."""

    def on_request_dropped(self, stream_id: int, head: RequestHead | None, error: H2StreamError | None) -> None:
        """A request of which nothing else is told, because its stream is reset.

        Args:
            stream_id: The stream, which is closed.
            head: The request, where that much of it could be read.
            error: How it is malformed; None where the client gave it up.
        """


def _trailers(stream: Stream, block: HeaderBlock, *, is_last: bool) -> list[str]:
    """A request's trailers.

    Raises:
        H2StreamError: for anything else that a second HEADERS may be.
    """
    if not stream.is_remote_open:
        raise H2StreamError(ErrorCode.STREAM_CLOSED, "HEADERS behind the end of the stream")
    if not is_last:
        raise malformed("a second HEADERS does not end the stream")
    if stream.expected > 0:
        raise malformed("the body is not as long as Content-Length states")
    return trailer_lines(block, MAX_REQUEST_HEAD)


class H2ServerCodec(H2Connection[H2RequestSink]):  # hot path
    """The requests of one client connection."""

    __slots__ = ("_has_skipped", "_memo", "_requests")

    def __init__(self, sink: H2RequestSink, memo: Memo[RequestFields], write: Callable[[bytes], None]) -> None:
        super().__init__(sink, write, settings=SETTINGS, window=CONNECTION_WINDOW)
        self._memo = memo
        self._requests = 0
        self._has_skipped = False
        self._on_bytes = self._read_preface

    @property
    def is_idle(self) -> bool:
        """No request is under way."""
        return not self._streams

    # ---- states

    def _read_preface(self, data: bytes) -> None:
        data = self._buffer + data
        if not data.startswith(PREFACE[: len(data)]):
            raise H2ConnectionError(ErrorCode.PROTOCOL_ERROR, "the connection does not begin with HTTP/2's preface")
        self._buffer = data
        if len(data) >= len(PREFACE):
            self._buffer = b""
            self._on_bytes = self._read_first
            if len(data) > len(PREFACE):
                self._read_first(data[len(PREFACE) :])

    # ---- requests

    def _on_headers(self, stream_id: int, block: HeaderBlock, size: int, is_last: bool) -> None:
        stream = self._streams.get(stream_id)
        if stream is not None:
            self._end_with_trailers(stream, block, is_last)
        elif stream_id > self._last_id:
            self._begin(stream_id, block, size, is_last)
        elif not self._is_late(stream_id):
            # A number that was left out is not closed, it was never begun (RFC 9113 section 5.1.1).
            code = ErrorCode.PROTOCOL_ERROR if self._has_skipped else ErrorCode.STREAM_CLOSED
            raise H2ConnectionError(code, f"HEADERS for stream {stream_id}, which is closed")

    def _begin(self, stream_id: int, block: HeaderBlock, size: int, is_last: bool) -> None:
        if not stream_id & 1:
            raise H2ConnectionError(ErrorCode.PROTOCOL_ERROR, f"a client may not begin stream {stream_id}")
        if stream_id > self._last_id + 2:
            self._has_skipped = True
        self._last_id = stream_id
        if self.is_going_away:
            # Behind our GOAWAY: not looked at, so the client may ask again elsewhere.
            return
        self._last_taken_id = stream_id
        if len(self._streams) >= MAX_STREAMS:
            self._refuse(stream_id)
            return
        stream = self._streams[stream_id] = Stream(stream_id, self._initial_send_window, not is_last)
        self._guard.on_progress()
        try:
            head = request_head(block, self._memo, is_complete=is_last, size=size)
        except H2StreamError as broken:
            self._break(stream, broken)
            return
        except ProtocolError as error:
            error.is_head = HEAD_LINE in block.fields
            self._sink.on_request_error(stream_id, error)
            return
        self._count()
        if is_last:
            stream.is_announced = True
            self._sink.on_request(stream_id, head, b"", True)
            return
        if head.fields.body_length != CHUNKED:
            stream.expected = head.fields.body_length
        stream.head = head
        self._held = stream

    def _count(self) -> None:
        self._requests += 1
        if self._requests == MAX_REQUESTS:
            self.shut_down()

    def _refuse(self, stream_id: int) -> None:
        """RFC 9113 section 5.1.2."""
        self._guard.on_early_reset()
        self._reply(encode_reset(stream_id, ErrorCode.REFUSED_STREAM))
        self._remember_reset(stream_id)

    def _on_message(self, stream: Stream, data: bytes, is_last: bool) -> None:
        stream.is_announced = True
        self._sink.on_request(stream.id, stream.head, data, is_last)

    def _on_body(self, stream: Stream, data: bytes, is_last: bool) -> None:
        if stream.is_announced:
            self._sink.on_request_body(stream.id, data, is_last)
        elif stream.held:
            # The body of a request that is answered with an error is dropped.
            held, stream.held = stream.held, 0
            self._give_back(stream, held)

    def _end_with_trailers(self, stream: Stream, block: HeaderBlock, is_last: bool) -> None:
        try:
            lines = _trailers(stream, block, is_last=is_last)
        except H2StreamError as broken:
            self._break(stream, broken)
            return
        stream.is_remote_open = False
        if stream.is_announced:
            self._sink.on_request_trailers(stream.id, lines)

    # ---- endings

    def on_goaway(self, last_stream_id: int, code: int) -> None:
        """The client is leaving; it gets a GOAWAY too, so that both ends know which streams will be answered."""
        self._guard.on_minor_frame()
        self._sink.on_goaway()
        self.shut_down()

    def _end_local(self, stream: Stream) -> None:
        stream.is_local_open = False
        self._guard.on_answered()
        if stream.is_remote_open:
            self._drop(stream, ErrorCode.NO_ERROR)
        else:
            self._close(stream)

    def _break(self, stream: Stream, error: H2StreamError) -> None:
        self._count_early_end(stream)
        super()._break(stream, error)
        self._tell_dropped(stream, error)

    def _on_reset(self, stream: Stream, code: int) -> None:
        self._count_early_end(stream)
        super()._on_reset(stream, code)
        self._tell_dropped(stream, None)

    def _tell_dropped(self, stream: Stream, error: H2StreamError | None) -> None:
        """Tells of a request that nothing was told of, unless its refusal was."""
        if not stream.is_announced and not stream.has_sent_head:
            self._sink.on_request_dropped(stream.id, stream.head, error)

    def _count_early_end(self, stream: Stream) -> None:
        if not stream.has_sent_head:
            self._guard.on_early_reset()

    @property
    def _goaway_id(self) -> int:
        return self._last_taken_id
