"""H2Output: what is sent on an HTTP/2 connection, and what waits to be. RFC 9113 sections 5.2 and 6.9.

DATA goes out when the stream's window, the connection's window and the transport all take it; else it waits on its
stream, and streams take turns frame by frame. Everything else goes out at once: it is small, and what the other end can
make us write without reading it is counted (`h2_abuse.py`).

What is written goes through `write`, once for each call from outside: bytes that answer one `feed` leave together.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from edgeproxy.protocol.h2_abuse import FloodGuard
from edgeproxy.protocol.h2_frames import (
    DEFAULT_MAX_FRAME_SIZE,
    DEFAULT_WINDOW,
    END_STREAM,
    LARGEST_MAX_FRAME_SIZE,
    LARGEST_WINDOW,
    SETTINGS_ACK,
    ErrorCode,
    FrameType,
    H2ConnectionError,
    Setting,
    encode_frame,
    encode_headers,
    encode_message,
)
from edgeproxy.protocol.h2_hpack import DEFAULT_TABLE_SIZE, NO_DYNAMIC_TABLE
from edgeproxy.protocol.h2_windows import HIGH_WATER, LOW_WATER, Stream

if TYPE_CHECKING:
    from collections.abc import Callable

LARGEST_DATA_FRAME: Final = 64 * 1024
"""Streams take turns frame by frame, so a frame is not longer than this whatever the other end allows."""


class StreamSink(Protocol):
    """Who is told what happens to streams, whichever end begins them."""

    def on_stream_reset(self, stream_id: int, code: int) -> None:
        """The stream is gone before its end: the other end reset it, or broke its rules and was reset."""

    def on_stream_drained(self, stream_id: int) -> None:
        """After `send_data` said to wait: more may be sent."""

    def on_goaway(self) -> None:
        """The other end begins or takes no more streams; those under way go on."""

    def on_finished(self) -> None:
        """A GOAWAY was sent or received, and no stream is left: the connection is to be closed."""

    def on_connection_error(self, error: H2ConnectionError) -> None:
        """The other end broke the connection's rules. GOAWAY is written; all streams are gone; close."""


SinkT = TypeVar("SinkT", bound=StreamSink)


class H2Output(ABC, Generic[SinkT]):  # hot path
    """The sending half of one connection."""

    __slots__ = (
        "_guard",
        "_has_new_table_size",
        "_initial_send_window",
        "_is_blocked",
        "_is_feeding",
        "_is_finished",
        "_max_frame_size",
        "_out",
        "_send_window",
        "_sink",
        "_streams",
        "_waiting",
        "_write",
        "activity",
        "has_settings",
        "is_going_away",
    )

    def __init__(self, sink: SinkT, write: Callable[[bytes], None]) -> None:
        self._sink = sink
        self._write = write
        self._guard = FloodGuard()
        self._streams: dict[int, Stream] = {}
        self._waiting: dict[int, Stream] = {}
        self._initial_send_window = DEFAULT_WINDOW
        self._send_window = DEFAULT_WINDOW
        self._max_frame_size = DEFAULT_MAX_FRAME_SIZE
        self._has_new_table_size = False
        self._out: list[bytes] = []
        self._is_feeding = False
        self._is_blocked = False
        self._is_finished = False
        self.activity = 0
        """Grows with every request, body or window that comes, and not with PING, which resets no idle timer.
        Source: user guide, edit-load-balancer-attributes."""
        self.has_settings = False
        """The other end's SETTINGS have come."""
        self.is_going_away = False
        """A GOAWAY was sent or received: no more streams."""

    # ---- what the runtime may ask

    @property
    def open_streams(self) -> int:
        """How many streams are not closed."""
        return len(self._streams)

    def is_open(self, stream_id: int) -> bool:
        """Whether a stream is not closed."""
        return stream_id in self._streams

    @property
    def unsent(self) -> int:
        """Bytes that wait for windows or for the transport; while the other end takes some, it is alive."""
        return sum(stream.queued for stream in self._waiting.values())

    @property
    def waiting(self) -> dict[int, int]:
        """The streams that wait for windows or for the transport, and how many bytes wait on each."""
        return {stream.id: stream.queued for stream in self._waiting.values()}

    def unsent_of(self, stream_id: int) -> int:
        """The same for one stream."""
        stream = self._streams.get(stream_id)
        return 0 if stream is None else stream.queued

    # ---- what the runtime does

    def pause_writing(self) -> None:
        """The transport has enough: DATA waits from now on."""
        self._is_blocked = True

    def resume_writing(self) -> None:
        """The transport takes more."""
        self._is_blocked = False
        self._pump()
        self._flush()

    def send_head(self, stream_id: int, block: bytes, data: bytes = b"", *, end_stream: bool) -> bool:
        """Sends a head, encoded by `HeaderEncoder`, and what there is of the body.

        Returns:
            Whether more may be sent now; if not, `on_stream_drained` says when.
        """
        stream = self._streams.get(stream_id)
        if stream is None or not stream.is_local_open:
            return True
        stream.has_sent_head = True
        size = len(data)
        if (
            end_stream
            and size
            and not self._is_blocked
            and size <= stream.send_window
            and size <= self._send_window
            and size <= self._max_frame_size
            and len(block) <= self._max_frame_size
            and not self._has_new_table_size
        ):
            # Most messages: in one go they cost a third less than head and body one after the other.
            self._send_window -= size
            self._out.append(encode_message(stream_id, block, data))
            self._guard.on_progress()
            self._end_local(stream)
            self._flush()
            return True
        has_end = end_stream and not data
        self._put_headers(stream_id, block, end_stream=has_end)
        if data:
            return self.send_data(stream_id, data, end_stream=end_stream)
        if has_end:
            self._end_local(stream)
        self._flush()
        return True

    def send_data(self, stream_id: int, data: bytes, *, end_stream: bool) -> bool:
        """Sends more of a body, now or when the windows and the transport take it.

        Returns:
            Whether more may be sent now; if not, `on_stream_drained` says when.
        """
        stream = self._streams.get(stream_id)
        if stream is None or not stream.is_local_open or stream.ends:
            return True
        size = len(data)
        if (
            not stream.queued
            and not self._is_blocked
            and size <= stream.send_window
            and size <= self._send_window
            and size <= self._max_frame_size
        ):
            if size or end_stream:
                self._put_data(stream, data, is_last=end_stream)
        else:
            stream.ends = end_stream
            if size:
                stream.put(data)
            self._waiting[stream_id] = stream
            self._pump()
            if stream.queued > HIGH_WATER:
                # Once behind, only `on_stream_drained` ends it: whoever was told to wait waits for that.
                stream.is_behind = True
        self._flush()
        return not stream.is_behind

    def send_trailers(self, stream_id: int, block: bytes) -> None:
        """Ends a stream with a trailer section, behind whatever waits."""
        stream = self._streams.get(stream_id)
        if stream is None or not stream.is_local_open or stream.ends:
            return
        stream.trailers = block
        stream.ends = True
        if not stream.queued:
            self._put_trailers(stream)
            self._flush()

    # ---- frames

    def _put_headers(self, stream_id: int, block: bytes, *, end_stream: bool) -> None:
        if self._has_new_table_size:
            self._has_new_table_size = False
            block = NO_DYNAMIC_TABLE + block
        self._out.append(encode_headers(stream_id, block, end_stream=end_stream, max_frame_size=self._max_frame_size))

    def _put_trailers(self, stream: Stream) -> None:
        assert stream.trailers is not None
        self._put_headers(stream.id, stream.trailers, end_stream=True)
        self._end_local(stream)

    def _put_data(self, stream: Stream, data: bytes, *, is_last: bool) -> None:
        size = len(data)
        stream.send_window -= size
        self._send_window -= size
        self._out.append(encode_frame(FrameType.DATA, END_STREAM if is_last else 0, stream.id, data))
        self._guard.on_progress()
        if is_last:
            self._end_local(stream)

    def _reply(self, frame: bytes) -> None:
        """A frame that the other end made us write, and that it may not read."""
        self._guard.on_reply(is_unread=self._is_blocked)
        self._out.append(frame)

    def _flush(self) -> None:
        """Writes what there is, unless `feed` will; the last act of every call from outside."""
        if self._is_feeding:
            return
        if self._out:
            out, self._out = self._out, []
            self._write(out[0] if len(out) == 1 else b"".join(out))
        if self.is_going_away and not self._streams and not self._is_finished:
            self._is_finished = True
            self._sink.on_finished()

    # ---- what waits

    def _pump(self) -> None:
        """Sends what waits, one frame of each stream in turn, as far as the windows and the transport go."""
        waiting = self._waiting
        if not waiting or self._is_blocked:
            return
        drained: list[int] = []
        has_sent = True
        while has_sent:
            has_sent = False
            for stream in list(waiting.values()):
                if not self._send_waiting(stream):
                    continue
                has_sent = True
                # Behind the others: the connection's window may end before everybody had a turn.
                waiting.pop(stream.id, None)
                if stream.queued:
                    waiting[stream.id] = stream
                if stream.is_behind and stream.queued <= LOW_WATER:
                    stream.is_behind = False
                    if not stream.ends:
                        drained.append(stream.id)
        for stream_id in drained:
            self._sink.on_stream_drained(stream_id)

    def _send_waiting(self, stream: Stream) -> bool:
        """Sends one DATA frame of what a stream has waiting, and what ends it; False when it may not."""
        room = min(stream.send_window, self._send_window, self._max_frame_size)
        if stream.queued:
            if room <= 0:
                return False
            piece = stream.pop(room)
            is_last = stream.ends and not stream.queued and stream.trailers is None
            self._put_data(stream, piece, is_last=is_last)
        elif stream.ends and stream.trailers is None:
            self._put_data(stream, b"", is_last=True)
        if stream.trailers is not None and not stream.queued:
            self._put_trailers(stream)
        return True

    # ---- FrameSink: SETTINGS, which are about what we send

    def on_settings_ack(self) -> None:
        """Our SETTINGS are in force; they only ever gave, so there was nothing to wait for."""
        self._guard.on_settings()

    def on_settings(self, settings: list[tuple[int, int]]) -> None:
        """What the other end wants."""
        self._guard.on_settings()
        self.has_settings = True
        for identifier, value in settings:
            self._apply(identifier, value)
        self._reply(SETTINGS_ACK)
        self._pump()

    def _apply(self, identifier: int, value: int) -> None:
        match identifier:
            case Setting.INITIAL_WINDOW_SIZE:
                if value > LARGEST_WINDOW:
                    raise H2ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, f"INITIAL_WINDOW_SIZE is {value}")
                self._resize_send_windows(value)
            case Setting.MAX_FRAME_SIZE:
                if not DEFAULT_MAX_FRAME_SIZE <= value <= LARGEST_MAX_FRAME_SIZE:
                    raise H2ConnectionError(ErrorCode.PROTOCOL_ERROR, f"MAX_FRAME_SIZE is {value}")
                self._max_frame_size = min(value, LARGEST_DATA_FRAME)
            case Setting.ENABLE_PUSH:
                if value > 1:
                    raise H2ConnectionError(ErrorCode.PROTOCOL_ERROR, f"ENABLE_PUSH is {value}")
            case Setting.HEADER_TABLE_SIZE:
                # RFC 7541 section 4.2: a smaller table is confirmed with the next header block.
                self._has_new_table_size = self._has_new_table_size or value < DEFAULT_TABLE_SIZE

    def _resize_send_windows(self, value: int) -> None:
        """RFC 9113 section 6.9.2: streams that are open get the difference, and may come below zero."""
        difference = value - self._initial_send_window
        self._initial_send_window = value
        for stream in self._streams.values():
            stream.send_window += difference
            if stream.send_window > LARGEST_WINDOW:
                fault = "INITIAL_WINDOW_SIZE makes a stream's window 2**31 or larger"
                raise H2ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, fault)

    @abstractmethod
    def _end_local(self, stream: Stream) -> None:
        """Our END_STREAM is written."""
