"""HTTP/2's frames: names, limits, and how each is written. RFC 9113 sections 4, 6 and 7.

Read by `h2_reader.py`. All writers return whole frames; whoever writes HEADERS or DATA keeps to the other end's
MAX_FRAME_SIZE.

The engine was chosen by measurement (tests/bench/bench_h2.py makes the figures again): CPU microseconds to read a
browser's request of 16 fields and write a small answer, the same request each time, another path each time, another
path and cookie each time; and how many of the rules in tests/helpers/h2_cases.py are noticed, by whatever error.

                            same   paths   cookies     rules
    this one                   5      14        29   123 of 123
    h2 4.4 (and hpack)       125     125       137   119 of 123
    jh2 5.0 (HPACK in Rust)   70      70        70   114 of 123
    httpunk 0.4 (Rust)         3       3         3    85 of 123    its frame codec alone: no streams, no windows

* h2 is the most careful and the best kept, and two and a half times what a whole request may cost here. It stays as
  the independent other end of our tests.
* jh2 is a faster fork; its decoder panics on a header block that is cut short, and it lets NUL, CR and LF pass in
  values. Its HPACK alone, under our frames, would save 3 microseconds where nothing repeats and cost 2 where it does:
  it hands out bytes that must be checked and joined each time, ours remembers lines that are.
* httpunk's codec moves repeated headers together, needs a wheel for each version of Python and calls itself alpha;
  streams, windows and a third of the rules would be ours to write all the same.

Frames are simple, so the frame layer is ours, with exactly the SETTINGS and windows that the ALB shows, and nothing
that returns a window by itself.
"""

from __future__ import annotations

import enum
import struct
from typing import Final

from edgeproxy.errors import EdgeProxyError

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""What a client sends first."""

FRAME_HEADER_SIZE: Final = 9
DEFAULT_WINDOW: Final = 65_535
DEFAULT_MAX_FRAME_SIZE: Final = 16_384
LARGEST_MAX_FRAME_SIZE: Final = 2**24 - 1
LARGEST_WINDOW: Final = 2**31 - 1
LARGEST_STREAM_ID: Final = 2**31 - 1


class FrameType(enum.IntEnum):
    """RFC 9113 section 6."""

    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9


END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
HAS_PRIORITY: Final = 0x20
"""Flags."""


class Setting(enum.IntEnum):
    """RFC 9113 section 6.5.2."""

    HEADER_TABLE_SIZE = 1
    ENABLE_PUSH = 2
    MAX_CONCURRENT_STREAMS = 3
    INITIAL_WINDOW_SIZE = 4
    MAX_FRAME_SIZE = 5
    MAX_HEADER_LIST_SIZE = 6


class ErrorCode(enum.IntEnum):
    """RFC 9113 section 7. The other end may send codes that are not listed here."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    SETTINGS_TIMEOUT = 4
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    CONNECT_ERROR = 10
    ENHANCE_YOUR_CALM = 11
    INADEQUATE_SECURITY = 12
    HTTP_1_1_REQUIRED = 13


class H2ConnectionError(EdgeProxyError):
    """A violation after which the connection cannot go on: GOAWAY with this code, then close.

    Attributes:
        code: What the GOAWAY says.
        fault: What is wrong, as a phrase for logs and tests.
    """

    def __init__(self, code: ErrorCode, fault: str) -> None:
        super().__init__(code, fault)
        self.code = code
        self.fault = fault

    def __str__(self) -> str:
        return f"{self.code.name}: {self.fault}"


class H2StreamError(EdgeProxyError):
    """A violation that ends one stream only: RST_STREAM with this code.

    Attributes:
        code: What the RST_STREAM says.
        fault: What is wrong, as a phrase for logs and tests.
    """

    def __init__(self, code: ErrorCode, fault: str) -> None:
        super().__init__(code, fault)
        self.code = code
        self.fault = fault

    def __str__(self) -> str:
        return f"{self.code.name}: {self.fault}"


_HEADER: Final = struct.Struct(">HBBBI")
_pack_header: Final = _HEADER.pack
unpack_header: Final = _HEADER.unpack_from
"""A frame's header: length (upper 16 bits, lower 8), type, flags, stream with its reserved bit."""

_RESET: Final = struct.Struct(">HBBBII").pack
_SETTING: Final = struct.Struct(">HI")
_GOAWAY: Final = struct.Struct(">II")

SETTINGS_ACK: Final = _pack_header(0, 0, FrameType.SETTINGS, ACK, 0)


def encode_frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:  # hot path
    """One frame of any type."""
    length = len(payload)
    return _pack_header(length >> 8, length & 0xFF, kind, flags, stream_id) + payload


def encode_message(stream_id: int, block: bytes, data: bytes) -> bytes:  # hot path
    """A whole message: HEADERS and a DATA frame that ends the stream, each no longer than a frame may be."""
    head, body = len(block), len(data)
    return b"".join(
        (
            _pack_header(head >> 8, head & 0xFF, 1, END_HEADERS, stream_id),
            block,
            _pack_header(body >> 8, body & 0xFF, 0, END_STREAM, stream_id),
            data,
        )
    )


def encode_settings(settings: dict[Setting, int]) -> bytes:
    """SETTINGS, in the order given."""
    return encode_frame(FrameType.SETTINGS, 0, 0, b"".join(_SETTING.pack(*item) for item in settings.items()))


def decode_settings(payload: bytes) -> list[tuple[int, int]]:
    """Identifiers and values, in the order received."""
    return list(_SETTING.iter_unpack(payload))


def encode_reset(stream_id: int, code: int) -> bytes:
    """RST_STREAM."""
    return _RESET(0, 4, FrameType.RST_STREAM, 0, stream_id, code)


def encode_window_update(stream_id: int, increment: int) -> bytes:
    """WINDOW_UPDATE; stream 0 is the connection."""
    return _RESET(0, 4, FrameType.WINDOW_UPDATE, 0, stream_id, increment)


def encode_goaway(last_stream_id: int, code: int) -> bytes:
    """GOAWAY without debug data."""
    return encode_frame(FrameType.GOAWAY, 0, 0, _GOAWAY.pack(last_stream_id, code))


def encode_headers(stream_id: int, block: bytes, *, end_stream: bool, max_frame_size: int) -> bytes:  # hot path
    """HEADERS with a whole header block, continued where it is longer than a frame may be."""
    flags = END_STREAM if end_stream else 0
    if len(block) <= max_frame_size:
        return encode_frame(FrameType.HEADERS, flags | END_HEADERS, stream_id, block)
    frames = [encode_frame(FrameType.HEADERS, flags, stream_id, block[:max_frame_size])]
    for start in range(max_frame_size, len(block), max_frame_size):
        part = block[start : start + max_frame_size]
        is_last = start + max_frame_size >= len(block)
        frames.append(encode_frame(FrameType.CONTINUATION, END_HEADERS if is_last else 0, stream_id, part))
    return b"".join(frames)
