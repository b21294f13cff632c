"""FrameReader: the connection's bytes to frames. RFC 9113 sections 4 and 6, as far as a frame alone can break them.

DATA is handed on as it arrives, in pieces of a frame if need be: with frames of up to 16 MiB allowed, waiting for a
whole one would be buffering. All other frames are small or refused; unknown ones are skipped without being kept. A
header block is put together from HEADERS and its CONTINUATIONs, between which nothing else may come.

Every violation found here is the connection's end (an endpoint may treat a stream error as a connection error, and the
frames that this concerns come from nobody but the broken or the hostile).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from edgeproxy.protocol.h2_frames import (
    ACK,
    END_HEADERS,
    END_STREAM,
    FRAME_HEADER_SIZE,
    HAS_PRIORITY,
    PADDED,
    ErrorCode,
    FrameType,
    H2ConnectionError,
    decode_settings,
    unpack_header,
)

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_HEADER_BLOCK: Final = 96 * 1024
"""Encoded bytes of one header block. 64 K of headers fit, however they are encoded; more is not a request."""

MAX_CONTINUATIONS: Final = 64
"""CONTINUATION frames of one header block; frames of 16 K make six of the largest block."""

MAX_SETTINGS_FRAME: Final = 6 * 64
"""Bytes of a SETTINGS frame; there are six settings, and a few extensions."""

MAX_GOAWAY_FRAME: Final = 16 * 1024
"""Bytes of a GOAWAY frame, debug data included."""

_FIXED_SIZES: Final[dict[int, int]] = {
    FrameType.PRIORITY: 5,
    FrameType.RST_STREAM: 4,
    FrameType.PING: 8,
    FrameType.WINDOW_UPDATE: 4,
}
_ON_STREAMS: Final = frozenset(
    {FrameType.DATA, FrameType.HEADERS, FrameType.PRIORITY, FrameType.RST_STREAM, FrameType.CONTINUATION}
)
_ON_CONNECTION: Final = frozenset({FrameType.SETTINGS, FrameType.PING, FrameType.GOAWAY})
_LARGEST: Final[dict[int, int]] = {
    FrameType.HEADERS: MAX_HEADER_BLOCK,
    FrameType.CONTINUATION: MAX_HEADER_BLOCK,
    FrameType.SETTINGS: MAX_SETTINGS_FRAME,
    FrameType.GOAWAY: MAX_GOAWAY_FRAME,
}

_HEADERS_FLAGS: Final = END_HEADERS | PADDED | HAS_PRIORITY


class FrameSink(Protocol):
    """Who is told of frames. Whatever it raises ends the reading."""

    def on_data(self, stream_id: int, data: bytes, size: int, is_last: bool) -> None:
        """Payload of a DATA frame, or a part of it.

        Args:
            stream_id: The stream.
            data: The payload without padding; may be empty.
            size: What flow control counts: the payload and whatever padding came with it.
            is_last: END_STREAM, and nothing of the frame is missing.
        """

    def on_header_block(self, stream_id: int, block: bytes, size: int, is_last: bool) -> None:
        """A whole header block; `size` is what it took on the wire, `is_last` says END_STREAM."""

    def on_priority(self) -> None:
        """PRIORITY, which means nothing any more."""

    def on_reset(self, stream_id: int, code: int) -> None:
        """RST_STREAM."""

    def on_settings(self, settings: list[tuple[int, int]]) -> None:
        """SETTINGS."""

    def on_settings_ack(self) -> None:
        """The other end has taken our SETTINGS."""

    def on_push_promise(self) -> None:
        """PUSH_PROMISE; nobody is allowed to send one to us."""

    def on_ping(self, payload: bytes) -> None:
        """PING that is to be answered."""

    def on_ping_ack(self, payload: bytes) -> None:
        """An answer to a PING."""

    def on_goaway(self, last_stream_id: int, code: int) -> None:
        """GOAWAY."""

    def on_window_update(self, stream_id: int, increment: int) -> None:
        """WINDOW_UPDATE; stream 0 is the connection."""

    def on_unknown(self) -> None:
        """A frame of an unknown type."""


def _violation(code: ErrorCode, fault: str) -> H2ConnectionError:
    return H2ConnectionError(code, fault)


class FrameReader:  # hot path
    """The frames of one connection, behind the preface."""

    __slots__ = (
        "_block",
        "_block_ends",
        "_block_frames",
        "_block_size",
        "_block_stream",
        "_buffer",
        "_data_ends",
        "_data_left",
        "_data_padding",
        "_data_stream",
        "_handlers",
        "_longest_headers",
        "_max_frame_size",
        "_sink",
        "_skipped",
        "is_stopped",
    )

    def __init__(self, sink: FrameSink, *, max_frame_size: int) -> None:
        """`max_frame_size` is what our SETTINGS announce."""
        self._sink = sink
        self._max_frame_size = max_frame_size
        self._longest_headers = min(max_frame_size, MAX_HEADER_BLOCK)
        self._buffer = b""
        self._block: list[bytes] = []
        self._block_stream = 0
        self._block_size = 0
        self._block_frames = 0
        self._block_ends = False
        self._data_stream = 0
        self._data_left = 0
        self._data_padding = 0
        self._data_ends = False
        self._skipped = 0
        self.is_stopped = False
        """Everything is ignored from now on."""
        self._handlers: tuple[Callable[[int, int, bytes], None], ...] = (
            self._data,
            self._headers,
            self._priority,
            self._reset,
            self._settings,
            self._push_promise,
            self._ping,
            self._goaway,
            self._window_update,
            self._continuation,
        )

    def feed(self, data: bytes) -> None:
        """Takes the connection's next bytes.

        Raises:
            H2ConnectionError: for a frame that breaks the rules, or what the sink raises.
        """
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        position = 0
        end = len(data)
        while not self.is_stopped:
            if self._data_left or self._data_padding:
                position = self._go_on_with_data(data, position, end)
            elif self._skipped:
                taken = min(self._skipped, end - position)
                self._skipped -= taken
                position += taken
            if end - position < FRAME_HEADER_SIZE:
                break
            high, low, kind, flags, stream_id = unpack_header(data, position)
            length = high << 8 | low
            stream_id &= 0x7FFF_FFFF
            start = position + FRAME_HEADER_SIZE
            if (
                kind == 1
                and flags & _HEADERS_FLAGS == END_HEADERS
                and start + length <= end
                and length <= self._longest_headers
                and stream_id
                and not self._block_stream
            ):
                # Most requests and responses: HEADERS with a whole block and nothing else, which breaks no rule.
                position = start + length
                size = length + FRAME_HEADER_SIZE
                self._sink.on_header_block(stream_id, data[start:position], size, flags & END_STREAM == END_STREAM)
                continue
            if start + length <= end and kind <= FrameType.CONTINUATION:
                self._check(kind, length, stream_id)
                position = start + length
                self._handlers[kind](flags, stream_id, data[start:position])
                continue
            self._check(kind, length, stream_id)
            if kind > FrameType.CONTINUATION:
                self._skipped = length
                position = start
                self._sink.on_unknown()
            elif kind == FrameType.DATA and (not flags & PADDED or start < end):
                position = self._begin_data(data, start, length, flags, stream_id)
            else:
                break
        if position < end and not self.is_stopped:
            self._buffer = data[position:] if position else data

    def stop(self) -> None:
        """Ignores everything from now on."""
        self.is_stopped = True
        self._buffer = b""
        self._block = []

    def _check(self, kind: int, length: int, stream_id: int) -> None:
        """What a frame's header alone can break."""
        if length > self._max_frame_size:
            raise _violation(ErrorCode.FRAME_SIZE_ERROR, f"a frame is longer than {self._max_frame_size} bytes")
        if self._block_stream and (kind != FrameType.CONTINUATION or stream_id != self._block_stream):
            raise _violation(ErrorCode.PROTOCOL_ERROR, "another frame stands inside a header block")
        if stream_id:
            if kind in _ON_CONNECTION:
                fault = f"{FrameType(kind).name} names a stream"
                raise _violation(ErrorCode.PROTOCOL_ERROR, fault)
        elif kind in _ON_STREAMS:
            raise _violation(ErrorCode.PROTOCOL_ERROR, f"{FrameType(kind).name} names no stream")
        fixed = _FIXED_SIZES.get(kind)
        if fixed is not None and fixed != length:
            raise _violation(ErrorCode.FRAME_SIZE_ERROR, f"{FrameType(kind).name} has {length} bytes, not {fixed}")
        if length > _LARGEST.get(kind, length):
            raise _violation(ErrorCode.ENHANCE_YOUR_CALM, f"{FrameType(kind).name} has {length} bytes")

    # ---- DATA

    def _data(self, flags: int, stream_id: int, payload: bytes) -> None:
        size = len(payload)
        if flags & PADDED:
            payload = payload[1 : size - self._padding(payload, 0, size)]
        self._sink.on_data(stream_id, payload, size, bool(flags & END_STREAM))

    @staticmethod
    def _padding(data: bytes, start: int, length: int) -> int:
        """The number of padding bytes of a frame whose payload begins at `start`."""
        if not length:
            raise _violation(ErrorCode.FRAME_SIZE_ERROR, "a padded frame is too short to say how much padding it has")
        padding = data[start]
        if padding >= length:
            raise _violation(ErrorCode.PROTOCOL_ERROR, "a frame has more padding than bytes")
        return padding

    def _begin_data(self, data: bytes, start: int, length: int, flags: int, stream_id: int) -> int:
        """A DATA frame that has not come as a whole."""
        self._data_stream = stream_id
        self._data_ends = bool(flags & END_STREAM)
        self._data_left = length
        if flags & PADDED:
            self._data_padding = self._padding(data, start, length)
            self._data_left = length - 1 - self._data_padding
            start += 1
            self._sink.on_data(stream_id, b"", 1, self._is_data_over)
        return start

    @property
    def _is_data_over(self) -> bool:
        return self._data_ends and not self._data_left and not self._data_padding

    def _go_on_with_data(self, data: bytes, position: int, end: int) -> int:
        if position == end:
            return position
        piece = data[position : position + self._data_left]
        self._data_left -= len(piece)
        position += len(piece)
        padding = min(self._data_padding, end - position)
        self._data_padding -= padding
        self._sink.on_data(self._data_stream, piece, len(piece) + padding, self._is_data_over)
        return position + padding

    # ---- header blocks

    def _headers(self, flags: int, stream_id: int, payload: bytes) -> None:
        size = len(payload) + FRAME_HEADER_SIZE
        if flags & (PADDED | HAS_PRIORITY):
            payload = self._unwrapped(flags, payload)
        if flags & END_HEADERS:
            self._sink.on_header_block(stream_id, payload, size, bool(flags & END_STREAM))
            return
        self._block = [payload]
        self._block_stream = stream_id
        self._block_size = size
        self._block_frames = 0
        self._block_ends = bool(flags & END_STREAM)

    def _unwrapped(self, flags: int, payload: bytes) -> bytes:
        """A HEADERS frame's part of the header block: without padding and priority."""
        start = 0
        end = len(payload)
        if flags & PADDED:
            end -= self._padding(payload, 0, end)
            start = 1
        if flags & HAS_PRIORITY:
            start += 5
        if start > end:
            code = ErrorCode.PROTOCOL_ERROR if flags & PADDED else ErrorCode.FRAME_SIZE_ERROR
            raise _violation(code, "HEADERS is too short for its padding and priority")
        return payload[start:end]

    def _continuation(self, flags: int, stream_id: int, payload: bytes) -> None:
        if not self._block_stream:
            raise _violation(ErrorCode.PROTOCOL_ERROR, "CONTINUATION without a header block to continue")
        self._block.append(payload)
        self._block_size += len(payload) + FRAME_HEADER_SIZE
        self._block_frames += 1
        if self._block_frames > MAX_CONTINUATIONS:
            fault = f"a header block has more than {MAX_CONTINUATIONS} CONTINUATION frames"
            raise _violation(ErrorCode.ENHANCE_YOUR_CALM, fault)
        if self._block_size > MAX_HEADER_BLOCK:
            fault = f"a header block is longer than {MAX_HEADER_BLOCK} bytes"
            raise _violation(ErrorCode.ENHANCE_YOUR_CALM, fault)
        if flags & END_HEADERS:
            block = b"".join(self._block)
            self._block = []
            self._block_stream = 0
            self._sink.on_header_block(stream_id, block, self._block_size, self._block_ends)

    # ---- the others

    def _priority(self, _flags: int, _stream_id: int, _payload: bytes) -> None:
        self._sink.on_priority()

    def _reset(self, _flags: int, stream_id: int, payload: bytes) -> None:
        self._sink.on_reset(stream_id, int.from_bytes(payload))

    def _settings(self, flags: int, _stream_id: int, payload: bytes) -> None:
        if flags & ACK:
            if payload:
                raise _violation(ErrorCode.FRAME_SIZE_ERROR, "an acknowledgement of SETTINGS has a payload")
            self._sink.on_settings_ack()
            return
        if len(payload) % 6:
            raise _violation(ErrorCode.FRAME_SIZE_ERROR, f"SETTINGS has {len(payload)} bytes, no multiple of 6")
        self._sink.on_settings(decode_settings(payload))

    def _push_promise(self, _flags: int, _stream_id: int, _payload: bytes) -> None:
        self._sink.on_push_promise()

    def _ping(self, flags: int, _stream_id: int, payload: bytes) -> None:
        if flags & ACK:
            self._sink.on_ping_ack(payload)
        else:
            self._sink.on_ping(payload)

    def _goaway(self, _flags: int, _stream_id: int, payload: bytes) -> None:
        if len(payload) < 8:
            raise _violation(ErrorCode.FRAME_SIZE_ERROR, f"GOAWAY has {len(payload)} bytes, fewer than 8")
        self._sink.on_goaway(int.from_bytes(payload[:4]) & 0x7FFF_FFFF, int.from_bytes(payload[4:8]))

    def _window_update(self, _flags: int, stream_id: int, payload: bytes) -> None:
        self._sink.on_window_update(stream_id, int.from_bytes(payload) & 0x7FFF_FFFF)
