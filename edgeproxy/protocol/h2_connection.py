"""H2Connection: what both ends of an HTTP/2 connection do alike. RFC 9113 sections 3 to 6.

Streams, windows, SETTINGS, PING and GOAWAY. `h2_server.py` and `h2_client.py` add who begins streams and what header
blocks mean.

A stream, from where we stand (`Stream.is_remote_open`, `Stream.is_local_open`):

    idle --head--> open --its END_STREAM--> half closed (remote) --our END_STREAM--> closed
                   open --our END_STREAM--> half closed (local)  --its END_STREAM--> closed
                   any  --RST_STREAM, either way--> closed

Only streams that are not closed have an object. A closed one is known by its number being no larger than the last.
Frames for it are a violation, except while they may have been on their way: behind a reset of ours, and for streams
that a GOAWAY of ours left out, they are read (header blocks change the compression state, DATA takes from the
connection's window) and dropped.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Final

from edgeproxy.protocol.h2_frames import (
    ACK,
    DEFAULT_MAX_FRAME_SIZE,
    DEFAULT_WINDOW,
    FRAME_HEADER_SIZE,
    LARGEST_WINDOW,
    ErrorCode,
    FrameType,
    H2ConnectionError,
    H2StreamError,
    Setting,
    encode_frame,
    encode_goaway,
    encode_reset,
    encode_settings,
    encode_window_update,
)
from edgeproxy.protocol.h2_hpack import HeaderBlock, HeaderDecoder
from edgeproxy.protocol.h2_output import H2Output, SinkT
from edgeproxy.protocol.h2_reader import FrameReader
from edgeproxy.protocol.h2_windows import ReceiveWindow, Stream

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_REMEMBERED_RESETS: Final = 1024
"""Streams that we reset and for which late frames are expected; the oldest are forgotten."""


class H2Connection(H2Output[SinkT]):  # hot path
    """One connection, seen from one of its ends."""

    __slots__ = (
        "_buffer",
        "_decoder",
        "_dropped",
        "_held",
        "_initial_window",
        "_last_id",
        "_last_taken_id",
        "_on_bytes",
        "_reader",
        "_settings",
        "_window",
        "is_stopped",
    )

    def __init__(
        self, sink: SinkT, write: Callable[[bytes], None], *, settings: dict[Setting, int], window: int
    ) -> None:
        """Prepares a connection; nothing is written before `start`.

        Args:
            sink: Is told what happens.
            write: Takes the bytes for the other end.
            settings: What we announce.
            window: The connection's receive window.
        """
        super().__init__(sink, write)
        self._settings = settings
        self._decoder = HeaderDecoder()
        self._reader = FrameReader(self, max_frame_size=settings.get(Setting.MAX_FRAME_SIZE, DEFAULT_MAX_FRAME_SIZE))
        self._dropped: dict[int, None] = {}
        # The largest stream that has begun, and the largest that was looked at.
        self._last_id = 0
        self._last_taken_id = 0
        self._initial_window = settings.get(Setting.INITIAL_WINDOW_SIZE, DEFAULT_WINDOW)
        self._window = ReceiveWindow(window)
        self._buffer = b""
        self._held: Stream | None = None
        self._on_bytes: Callable[[bytes], None] = self._read_first
        self.is_stopped = False
        """Everything is ignored: the connection is ending."""

    # ---- what the runtime does

    def start(self) -> None:
        """Writes SETTINGS and opens the connection's window."""
        window = encode_window_update(0, self._window.left - DEFAULT_WINDOW)
        self._write(self._preface() + encode_settings(self._settings) + window)

    def _preface(self) -> bytes:
        return b""

    def feed(self, data: bytes) -> None:
        """Takes the connection's next bytes and tells the sink what they mean."""
        if self.is_stopped:
            return
        self._is_feeding = True
        try:
            self._on_bytes(data)
            if self._held is not None:
                self._release()
        except H2ConnectionError as error:
            self._is_feeding = False
            self._fail(error)
        finally:
            self._is_feeding = False
            self._flush()

    def _read_first(self, data: bytes) -> None:
        """RFC 9113 section 3.4: the first frame is SETTINGS."""
        data = self._buffer + data
        self._buffer = data
        if len(data) < FRAME_HEADER_SIZE:
            return
        if data[3] != FrameType.SETTINGS or data[4] & ACK:
            raise H2ConnectionError(ErrorCode.PROTOCOL_ERROR, "the first frame is not SETTINGS")
        self._buffer = b""
        self._on_bytes = self._reader.feed
        self._reader.feed(data)

    def reset_stream(self, stream_id: int, code: int = ErrorCode.CANCEL) -> None:
        """Ends a stream at once, both ways. Nothing happens if it is closed."""
        stream = self._streams.get(stream_id)
        if stream is not None:
            self._drop(stream, code)
            self._flush()

    def acknowledge(self, stream_id: int, size: int) -> None:
        """Whoever the bytes are for has taken this many of a stream's: the other end may send as many again."""
        stream = self._streams.get(stream_id)
        if stream is not None:
            size = min(size, stream.held)
            stream.held -= size
            self._give_back(stream, size)
            self._flush()

    def shut_down(self) -> None:
        """Takes no more streams: GOAWAY now, `on_finished` when those under way have ended."""
        if not self.is_stopped and not self.is_going_away:
            self.is_going_away = True
            self._out.append(encode_goaway(self._goaway_id, ErrorCode.NO_ERROR))
            self._flush()

    def stop(self) -> None:
        """Ignores everything from now on and forgets all streams; the sink hears nothing more."""
        self.is_stopped = self._is_finished = True
        self._reader.stop()
        self._streams.clear()
        self._waiting.clear()

    # ---- streams

    @property
    @abstractmethod
    def _goaway_id(self) -> int:
        """The largest stream of the other end that was looked at."""

    def _end_local(self, stream: Stream) -> None:
        stream.is_local_open = False
        if not stream.is_remote_open:
            self._close(stream)

    def _end_remote(self, stream: Stream) -> None:
        """The other end's END_STREAM has come."""
        stream.is_remote_open = False
        if not stream.is_local_open:
            self._close(stream)

    def _close(self, stream: Stream) -> None:
        del self._streams[stream.id]
        self._waiting.pop(stream.id, None)
        if stream.is_local_open or stream.is_remote_open:
            # It did not end, it broke off; then a head that waits for its body is not told of either.
            stream.is_local_open = stream.is_remote_open = False
            if self._held is stream:
                self._held = None
        if stream.held:
            # Nobody will take these any more.
            held, stream.held = stream.held, 0
            self._give_back(None, held)

    def _drop(self, stream: Stream, code: int) -> None:
        """RST_STREAM from us; what is still on its way will be ignored."""
        self._out.append(encode_reset(stream.id, code))
        self._remember_reset(stream.id)
        self._close(stream)

    def _remember_reset(self, stream_id: int) -> None:
        self._dropped[stream_id] = None
        if len(self._dropped) > MAX_REMEMBERED_RESETS:
            del self._dropped[next(iter(self._dropped))]

    def _break(self, stream: Stream, error: H2StreamError) -> None:
        """The other end broke a stream's rules."""
        self._drop(stream, error.code)
        self._guard.on_reply(is_unread=self._is_blocked)
        if stream.is_announced:
            self._sink.on_stream_reset(stream.id, error.code)

    def _fail(self, error: H2ConnectionError) -> None:
        self._out.append(encode_goaway(self._goaway_id, error.code))
        self.stop()
        self._flush()
        self._sink.on_connection_error(error)

    def _is_idle(self, stream_id: int) -> bool:
        """Whether nobody has begun the stream yet."""
        return stream_id > self._last_id or not stream_id & 1

    def _is_late(self, stream_id: int) -> bool:
        """Whether frames for a closed stream may have been on their way when it closed."""
        return stream_id in self._dropped or stream_id > self._last_taken_id

    def _check_not_idle(self, stream_id: int, kind: FrameType) -> None:
        if self._is_idle(stream_id):
            raise H2ConnectionError(ErrorCode.PROTOCOL_ERROR, f"{kind.name} for stream {stream_id}, which is idle")

    # ---- FrameSink: DATA

    def on_data(self, stream_id: int, data: bytes, size: int, is_last: bool) -> None:
        """Bytes of a body."""
        self.activity += 1
        if not self._window.take(size):
            raise H2ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, "DATA is larger than the connection's window")
        if data:
            self._guard.on_progress()
        elif not is_last:
            self._guard.on_empty_data()
        stream = self._streams.get(stream_id)
        if stream is None:
            self._check_not_idle(stream_id, FrameType.DATA)
            if not self._is_late(stream_id):
                raise H2ConnectionError(ErrorCode.STREAM_CLOSED, f"DATA for stream {stream_id}, which is closed")
            self._give_back(None, size)
            return
        try:
            self._take_data(stream, data, size, is_last)
        except H2StreamError as error:
            self._break(stream, error)

    def _take_data(self, stream: Stream, data: bytes, size: int, is_last: bool) -> None:
        stream.held += size
        if not stream.is_remote_open:
            raise H2StreamError(ErrorCode.STREAM_CLOSED, "DATA behind the end of the stream")
        window = stream.window or self._begin_body(stream)
        if not window.take(size):
            raise H2StreamError(ErrorCode.FLOW_CONTROL_ERROR, "DATA is larger than the stream's window")
        if stream.expected >= 0:
            stream.expected -= len(data)
            if stream.expected < 0 or (is_last and stream.expected):
                raise H2StreamError(ErrorCode.PROTOCOL_ERROR, "the body is not as long as Content-Length states")
        padding = size - len(data)
        if padding:
            stream.held -= padding
            self._give_back(stream, padding)
        if is_last:
            self._end_remote(stream)
        elif not data:
            return
        held = self._held
        if held is None:
            self._on_body(stream, data, is_last)
        else:
            self._held = None
            if held is stream:
                self._on_message(stream, data, is_last)
            else:
                self._on_message(held, b"", False)
                self._on_body(stream, data, is_last)

    def _begin_body(self, stream: Stream) -> ReceiveWindow:
        # What is answered with an error has no head, and its body is dropped.
        if stream.is_announced and stream.head is None:
            raise H2StreamError(ErrorCode.PROTOCOL_ERROR, "DATA in front of the response's head")
        stream.window = ReceiveWindow(self._initial_window)
        return stream.window

    # ---- messages: a head waits for the body bytes that came with it, until anything else comes

    def _release(self) -> None:
        stream, self._held = self._held, None
        if stream is not None:
            self._on_message(stream, b"", False)

    @abstractmethod
    def _on_message(self, stream: Stream, data: bytes, is_last: bool) -> None:
        """`stream.head` is there, with the body bytes that came along."""

    @abstractmethod
    def _on_body(self, stream: Stream, data: bytes, is_last: bool) -> None:
        """More of a body, checked and counted."""

    def _give_back(self, stream: Stream | None, size: int) -> None:
        """Opens the windows again, of the connection and of a stream that may use it."""
        increment = self._window.give_back(size)
        if increment:
            self._out.append(encode_window_update(0, increment))
        if stream is not None and stream.is_remote_open and stream.window is not None:
            increment = stream.window.give_back(size)
            if increment:
                self._out.append(encode_window_update(stream.id, increment))

    # ---- FrameSink: the others

    def on_header_block(self, stream_id: int, block: bytes, size: int, is_last: bool) -> None:
        """A head or a trailer section."""
        # Before anything else: the compression state is the connection's, whatever becomes of the stream.
        self.activity += 1
        decoded = self._decoder.decode(block)
        if self._held is not None:
            self._release()
        self._on_headers(stream_id, decoded, size, is_last)

    @abstractmethod
    def _on_headers(self, stream_id: int, block: HeaderBlock, size: int, is_last: bool) -> None:
        """A head, or trailers, of a stream."""

    def on_priority(self) -> None:
        """RFC 9113 section 5.3.2: deprecated, and ignored."""
        self._guard.on_minor_frame()

    def on_unknown(self) -> None:
        """RFC 9113 section 4.1: ignored."""
        self._guard.on_minor_frame()

    def on_push_promise(self) -> None:
        """Clients may not send it, and servers are told not to."""
        raise H2ConnectionError(ErrorCode.PROTOCOL_ERROR, "PUSH_PROMISE is not allowed")

    def on_reset(self, stream_id: int, code: int) -> None:
        """The other end has ended a stream."""
        stream = self._streams.get(stream_id)
        if stream is None:
            self._check_not_idle(stream_id, FrameType.RST_STREAM)
            self._guard.on_minor_frame()
            return
        self._close(stream)
        self._on_reset(stream, code)

    def _on_reset(self, stream: Stream, code: int) -> None:
        if stream.is_announced:
            self._sink.on_stream_reset(stream.id, code)

    def on_ping(self, payload: bytes) -> None:
        """Is the connection alive?"""
        self._guard.on_ping()
        self._reply(encode_frame(FrameType.PING, ACK, 0, payload))

    def on_ping_ack(self, payload: bytes) -> None:
        """We ask nothing, so this means nothing."""
        self._guard.on_minor_frame()

    @abstractmethod
    def on_goaway(self, last_stream_id: int, code: int) -> None:
        """The other end will begin or take no more streams."""

    def on_window_update(self, stream_id: int, increment: int) -> None:
        """More may be sent."""
        self.activity += 1
        self._guard.on_minor_frame()
        if stream_id == 0:
            if not increment:
                raise H2ConnectionError(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE opens the connection by 0 bytes")
            self._send_window += increment
            if self._send_window > LARGEST_WINDOW:
                raise H2ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, "the connection's window is 2**31 or larger")
            self._pump()
            return
        stream = self._streams.get(stream_id)
        if stream is None:
            self._check_not_idle(stream_id, FrameType.WINDOW_UPDATE)
            return
        stream.send_window += increment
        if not increment:
            self._break(stream, H2StreamError(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE opens a stream by 0 bytes"))
        elif stream.send_window > LARGEST_WINDOW:
            self._break(stream, H2StreamError(ErrorCode.FLOW_CONTROL_ERROR, "a stream's window is 2**31 or larger"))
        elif stream_id in self._waiting:
            self._pump()

    def __repr__(self) -> str:
        state = "stopped" if self.is_stopped else "going away" if self.is_going_away else "open"
        return f"<{type(self).__name__} {state} streams={len(self._streams)} waiting={len(self._waiting)}>"
