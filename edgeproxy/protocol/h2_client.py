"""H2ClientCodec: faces a target, sends requests and reads responses, many at a time. RFC 9113 with prior knowledge.

The SETTINGS are ours to choose (what the ALB sends to targets is not published): no push, and the windows that clients
get, so that a response is held to the same bounds as a request.

Interim responses (1xx) are passed over, as on HTTP/1.1. What of a response is malformed by RFC 9113, and what the load
balancer calls malformed, resets its stream and is told as a 502. A response may end before its request: whoever is
sending the request may go on or reset the stream.

A GOAWAY of the target resets the streams that it names as not looked at, with REFUSED_STREAM; the others go on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from edgeproxy.errors import ProtocolError
from edgeproxy.protocol.h2_connection import H2Connection
from edgeproxy.protocol.h2_fields import LENGTH
from edgeproxy.protocol.h2_frames import (
    LARGEST_STREAM_ID,
    PREFACE,
    ErrorCode,
    FrameType,
    H2ConnectionError,
    H2StreamError,
    Setting,
)
from edgeproxy.protocol.h2_headers import malformed, response_head, response_status, trailer_lines
from edgeproxy.protocol.h2_output import StreamSink
from edgeproxy.protocol.h2_windows import Stream
from edgeproxy.protocol.limits import MAX_RESPONSE_HEAD

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgeproxy.protocol.h2_hpack import HeaderBlock
    from edgeproxy.protocol.memo import Memo
    from edgeproxy.protocol.message import ResponseHead

MAX_STREAMS: Final = 128
"""Requests at a time on one connection, if the target allows as many; as many as clients get."""

ASSUMED_STREAMS: Final = 100
"""What a target is taken to allow until it says; RFC 9113 section 6.5.2 asks for no fewer."""

SETTINGS: Final = {Setting.ENABLE_PUSH: 0, Setting.INITIAL_WINDOW_SIZE: 65_536}
"""In this order."""

CONNECTION_WINDOW: Final = 65_535 + 8_388_352
"""The same that clients get."""

_BODILESS_STATUSES: Final = frozenset({204, 304})


class H2ResponseSink(StreamSink, Protocol):
    """Who is told what a target sent."""

    def on_response(self, stream_id: int, head: ResponseHead, data: bytes, is_complete: bool) -> None:
        """A final head, the body bytes that came with it, and whether that is the whole response."""

    def on_response_body(self, stream_id: int, data: bytes, is_complete: bool) -> None:
        """More of the body, to be acknowledged when it is taken; `data` may be empty at the end."""

    def on_response_trailers(self, stream_id: int, lines: list[str]) -> None:
        """The end of the response, with trailers as `name: value` lines."""

    def on_response_error(self, stream_id: int, error: ProtocolError) -> None:
        """The response cannot be passed on; its stream was reset."""


class H2ClientCodec(H2Connection[H2ResponseSink]):  # hot path
    """The requests and responses of one target connection."""

    __slots__ = ("_memo", "_target_streams")

    def __init__(self, sink: H2ResponseSink, memo: Memo[ResponseHead], write: Callable[[bytes], None]) -> None:
        super().__init__(sink, write, settings=SETTINGS, window=CONNECTION_WINDOW)
        self._memo = memo
        self._target_streams = ASSUMED_STREAMS

    def _preface(self) -> bytes:
        return PREFACE

    # ---- requests

    @property
    def allowed_streams(self) -> int:
        """How many requests at a time the target takes."""
        return self._target_streams

    @property
    def can_open(self) -> bool:
        """Whether one more request may be sent now."""
        return (
            not self.is_going_away
            and not self.is_stopped
            and len(self._streams) < self._target_streams
            and self._last_id < LARGEST_STREAM_ID
        )

    def open(self, block: bytes, data: bytes = b"", *, end_stream: bool, is_head: bool = False) -> int:
        """Sends a request's head, encoded by `HeaderEncoder`, and what there is of its body. Only where `can_open`.

        Args:
            block: The header block.
            data: What there is of the body.
            end_stream: That is all.
            is_head: The method is HEAD: the response has no body, whatever its length says.

        Returns:
            The stream's number.
        """
        assert self.can_open
        stream_id = self._last_id + 2 if self._last_id else 1
        self._last_id = self._last_taken_id = stream_id
        stream = self._streams[stream_id] = Stream(stream_id, self._initial_send_window, True)
        stream.is_announced = True
        stream.is_bodiless = is_head
        self.send_head(stream_id, block, data, end_stream=end_stream)
        return stream_id

    # ---- responses

    def _on_headers(self, stream_id: int, block: HeaderBlock, size: int, is_last: bool) -> None:
        stream = self._streams.get(stream_id)
        if stream is None:
            self._check_not_idle(stream_id, FrameType.HEADERS)
            if not self._is_late(stream_id):
                raise H2ConnectionError(ErrorCode.STREAM_CLOSED, f"HEADERS for stream {stream_id}, which is closed")
            return
        try:
            self._take_headers(stream, block, is_last=is_last)
        except H2StreamError as broken:
            self._break(stream, broken)
        except ProtocolError as error:
            self._drop(stream, ErrorCode.CANCEL)
            self._sink.on_response_error(stream_id, error)

    def _take_headers(self, stream: Stream, block: HeaderBlock, *, is_last: bool) -> None:
        if not stream.is_remote_open:
            raise H2StreamError(ErrorCode.STREAM_CLOSED, "HEADERS behind the end of the stream")
        if stream.head is None:
            self._begin(stream, block, is_last)
        else:
            self._end_with_trailers(stream, block, is_last=is_last)

    def _begin(self, stream: Stream, block: HeaderBlock, is_last: bool) -> None:
        status = response_status(block)
        if status < 200:
            self._guard.on_minor_frame()
            if is_last:
                raise malformed("an interim response ends the stream")
            return
        head = response_head(block, self._memo, status, is_complete=is_last)
        if stream.is_bodiless or status in _BODILESS_STATUSES:
            stream.expected = 0
        elif block.kinds & LENGTH:
            stream.expected = head.body_length
        self._guard.on_progress()
        if not is_last:
            stream.head = head
            self._held = stream
            return
        if stream.expected > 0:
            raise malformed("the response ends without the body that its Content-Length states")
        self._end_remote(stream)
        self._sink.on_response(stream.id, head, b"", True)

    def _on_message(self, stream: Stream, data: bytes, is_last: bool) -> None:
        self._sink.on_response(stream.id, stream.head, data, is_last)

    def _on_body(self, stream: Stream, data: bytes, is_last: bool) -> None:
        self._sink.on_response_body(stream.id, data, is_last)

    def _end_with_trailers(self, stream: Stream, block: HeaderBlock, *, is_last: bool) -> None:
        if not is_last:
            raise malformed("a second final HEADERS does not end the stream")
        if stream.expected > 0:
            raise malformed("the body is not as long as Content-Length states")
        lines = trailer_lines(block, MAX_RESPONSE_HEAD)
        self._end_remote(stream)
        self._sink.on_response_trailers(stream.id, lines)

    def _break(self, stream: Stream, error: H2StreamError) -> None:
        self._drop(stream, error.code)
        self._guard.on_reply(is_unread=self._is_blocked)
        self._sink.on_response_error(stream.id, ProtocolError(502, error.fault))

    # ---- the connection

    def on_settings(self, settings: list[tuple[int, int]]) -> None:
        """What the target wants."""
        if not self.has_settings:
            self._target_streams = MAX_STREAMS
        super().on_settings(settings)

    def _apply(self, identifier: int, value: int) -> None:
        if identifier == Setting.MAX_CONCURRENT_STREAMS:
            self._target_streams = min(value, MAX_STREAMS)
        elif identifier == Setting.ENABLE_PUSH and value:
            raise H2ConnectionError(ErrorCode.PROTOCOL_ERROR, "a server says ENABLE_PUSH")
        else:
            super()._apply(identifier, value)

    def on_goaway(self, last_stream_id: int, code: int) -> None:
        """The target takes no more requests, and has not looked at those behind the last stream."""
        self._guard.on_minor_frame()
        self.is_going_away = True
        self._last_taken_id = min(self._last_taken_id, last_stream_id)
        for stream in [stream for stream in self._streams.values() if stream.id > last_stream_id]:
            self._close(stream)
            self._sink.on_stream_reset(stream.id, ErrorCode.REFUSED_STREAM)
        self._sink.on_goaway()

    @property
    def _goaway_id(self) -> int:
        # A server begins no streams: push is refused.
        return 0
