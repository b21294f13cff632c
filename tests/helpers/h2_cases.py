"""What a client may do wrong, frame by frame, and what RFC 9113 has a server do about it.

One case, one rule. The same list is run against the codec (tests/protocol/test_h2_conformance.py) and against other
implementations (tests/bench/bench_h2.py). The preface and an exchange of SETTINGS come before each case's bytes; the
server answers nothing unless `is_answered`, then it answers every request with 200 and no body.
"""

from __future__ import annotations

import enum
import struct
from typing import NamedTuple

from tests.helpers.h2_wire import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GET,
    GOAWAY,
    HAS_PRIORITY,
    HEADERS,
    PADDED,
    PING,
    POST,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Fields,
    block,
    data,
    frame,
    headers,
    reset,
    settings,
    window_update,
)


class Scope(enum.Enum):
    """What a violation ends."""

    CONNECTION = "connection"
    STREAM = "stream"
    NOTHING = "nothing"


class Case(NamedTuple):
    """One rule of RFC 9113 or RFC 7541.

    Attributes:
        section: Where it stands; RFC 7541's have an H in front.
        name: What the client does.
        wire: Its bytes.
        scope: What ends.
        code: The error code, by its number.
        is_answered: Requests are answered while the bytes come.
    """

    section: str
    name: str
    wire: bytes
    scope: Scope
    code: int = 0
    is_answered: bool = False

    def __str__(self) -> str:
        return f"{self.section} {self.name}"


NO_ERROR, PROTOCOL, INTERNAL, FLOW_CONTROL, TIMEOUT, CLOSED, FRAME_SIZE, REFUSED, CANCEL, COMPRESSION = range(10)

PRIORITY_5 = struct.pack(">IB", 3, 16)
BLOCK = block(GET)


def _connection(code: int, cases: list[tuple[str, str, bytes]]) -> list[Case]:
    return [Case(section, name, wire, Scope.CONNECTION, code) for section, name, wire in cases]


def _allowed(cases: list[tuple[str, str, bytes]]) -> list[Case]:
    return [Case(section, name, wire, Scope.NOTHING) for section, name, wire in cases]


def _malformed(section: str, cases: list[tuple[str, Fields]]) -> list[Case]:
    return [Case(section, name, headers(1, fields), Scope.STREAM, PROTOCOL) for name, fields in cases]


FRAMES = [
    *_connection(
        PROTOCOL,
        [
            (
                "4.3",
                "PRIORITY inside a header block",
                frame(HEADERS, 1, 1, BLOCK[:5]) + frame(PRIORITY, 0, 1, PRIORITY_5),
            ),
            ("4.3", "another stream's HEADERS inside a block", frame(HEADERS, 1, 1, BLOCK[:5]) + headers(3, GET)),
            ("5.5", "an unknown frame inside a header block", frame(HEADERS, 1, 1, BLOCK[:5]) + frame(22, 0, 0, b"x")),
            ("6.1", "DATA on stream 0", frame(DATA, 0, 0, b"x")),
            (
                "6.1",
                "DATA with more padding than bytes",
                headers(1, POST, end_stream=False) + frame(DATA, 9, 1, b"\x05abc"),
            ),
            ("6.2", "HEADERS on stream 0", frame(HEADERS, 5, 0, BLOCK)),
            ("6.2", "HEADERS with more padding than bytes", frame(HEADERS, 5 | PADDED, 1, b"\xff" + BLOCK)),
            (
                "6.2",
                "HEADERS with padding that leaves no room for the priority",
                frame(HEADERS, 5 | PADDED | HAS_PRIORITY, 1, b"\x03abcd"),
            ),
            ("6.3", "PRIORITY on stream 0", frame(PRIORITY, 0, 0, PRIORITY_5)),
            ("6.4", "RST_STREAM on stream 0", reset(0)),
            ("6.5", "SETTINGS on a stream", frame(SETTINGS, 0, 1)),
            ("6.5.2", "ENABLE_PUSH that is not a truth value", settings((2, 2))),
            ("6.5.2", "MAX_FRAME_SIZE below 16,384", settings((5, 16_383))),
            ("6.5.2", "MAX_FRAME_SIZE above 2**24-1", settings((5, 2**24))),
            ("6.6", "PUSH_PROMISE from a client", headers(1, GET) + frame(PUSH_PROMISE, 4, 1, b"\0\0\0\2" + BLOCK)),
            ("6.7", "PING on a stream", frame(PING, 0, 1, bytes(8))),
            ("6.8", "GOAWAY on a stream", frame(GOAWAY, 0, 1, bytes(8))),
            ("6.9", "WINDOW_UPDATE by 0 on the connection", window_update(0, 0)),
            (
                "6.10",
                "CONTINUATION on stream 0",
                frame(HEADERS, 1, 1, BLOCK[:5]) + frame(CONTINUATION, 4, 0, BLOCK[5:]),
            ),
            ("6.10", "CONTINUATION behind a whole header block", headers(1, GET) + frame(CONTINUATION, 4, 1, BLOCK)),
            (
                "6.10",
                "CONTINUATION behind the end of the block",
                frame(HEADERS, 1, 1, BLOCK[:5]) + frame(CONTINUATION, 4, 1, BLOCK[5:]) + frame(CONTINUATION, 4, 1, b""),
            ),
            (
                "6.10",
                "CONTINUATION behind DATA",
                headers(1, POST, end_stream=False) + data(1, b"x") + frame(CONTINUATION, 4, 1, BLOCK),
            ),
        ],
    ),
    *_connection(
        FRAME_SIZE,
        [
            ("6.1", "padded DATA without a padding length", headers(1, POST, end_stream=False) + frame(DATA, 9, 1)),
            ("6.2", "HEADERS too short for the priority", frame(HEADERS, 5 | HAS_PRIORITY, 1, b"abcd")),
            ("6.3", "PRIORITY of 4 bytes", frame(PRIORITY, 0, 1, bytes(4))),
            ("6.4", "RST_STREAM of 3 bytes", headers(1, GET) + frame(RST_STREAM, 0, 1, bytes(3))),
            ("6.5", "SETTINGS of 3 bytes", frame(SETTINGS, 0, 0, bytes(3))),
            ("6.5", "an acknowledgement of SETTINGS with a payload", frame(SETTINGS, ACK, 0, bytes(6))),
            ("6.7", "PING of 6 bytes", frame(PING, 0, 0, bytes(6))),
            ("6.8", "GOAWAY of 7 bytes", frame(GOAWAY, 0, 0, bytes(7))),
            ("6.9", "WINDOW_UPDATE of 3 bytes", frame(WINDOW_UPDATE, 0, 0, bytes(3))),
        ],
    ),
    *_allowed(
        [
            ("4.1", "a frame of an unknown type", frame(22, 0, 0, b"abc")),
            ("4.1", "a frame of an unknown type on a stream", frame(22, 255, 1, b"abc")),
            ("4.1", "flags without a meaning", frame(PING, 0xFE, 0, bytes(8))),
            ("4.1", "the reserved bit", frame(WINDOW_UPDATE, 0, 0x8000_0000, b"\0\0\0\1")),
            ("5.3.2", "PRIORITY on an idle stream", frame(PRIORITY, 0, 7, PRIORITY_5) + headers(1, GET)),
            ("6.1", "DATA with padding", headers(1, POST, end_stream=False) + frame(DATA, 9, 1, b"\3x\0\0\0")),
            ("6.2", "HEADERS with padding", frame(HEADERS, 5 | PADDED, 1, b"\2" + BLOCK + b"\0\0")),
            ("6.2", "HEADERS with priority", frame(HEADERS, 5 | HAS_PRIORITY, 1, PRIORITY_5 + BLOCK)),
            ("6.5", "an empty SETTINGS", settings()),
            ("6.5.2", "an unknown setting", settings((0xFF, 1))),
            ("6.7", "an answer to no PING", frame(PING, ACK, 0, bytes(8))),
            (
                "6.10",
                "a header block in many frames",
                frame(HEADERS, END_STREAM, 1, BLOCK[:3])
                + frame(CONTINUATION, 0, 1, BLOCK[3:9])
                + frame(CONTINUATION, 0, 1)
                + frame(CONTINUATION, END_HEADERS, 1, BLOCK[9:]),
            ),
            ("7", "an unknown error code in GOAWAY", frame(GOAWAY, 0, 0, bytes(4) + b"\0\0\0\xff")),
        ]
    ),
]

STREAMS = [
    *_connection(
        PROTOCOL,
        [
            ("5.1", "DATA on an idle stream", data(1, b"x")),
            ("5.1", "RST_STREAM on an idle stream", reset(1)),
            ("5.1", "WINDOW_UPDATE on an idle stream", window_update(1, 1)),
            ("5.1", "CONTINUATION on an idle stream", frame(CONTINUATION, 4, 1, BLOCK)),
            ("5.1.1", "HEADERS on an even stream", headers(2, GET)),
            ("5.1.1", "a stream number that was left out", headers(5, GET) + headers(3, GET)),
            ("5.1", "CONTINUATION behind the end of the stream", headers(1, GET) + frame(CONTINUATION, 4, 1, b"")),
        ],
    ),
    *_connection(
        CLOSED,
        [
            (
                "5.1",
                "DATA behind the client's RST_STREAM",
                headers(1, POST, end_stream=False) + reset(1) + data(1, b"x"),
            ),
            (
                "5.1",
                "HEADERS behind the client's RST_STREAM",
                headers(1, POST, end_stream=False) + reset(1) + headers(1, GET),
            ),
        ],
    ),
    Case("5.1", "DATA on a closed stream", headers(1, GET) + data(1, b"x"), Scope.CONNECTION, CLOSED, is_answered=True),
    Case("5.1", "HEADERS on a closed stream", headers(1, GET) * 2, Scope.CONNECTION, CLOSED, is_answered=True),
    Case(
        "5.1",
        "WINDOW_UPDATE on a closed stream",
        headers(1, GET) + window_update(1, 1),
        Scope.NOTHING,
        is_answered=True,
    ),
    Case("5.1", "RST_STREAM on a closed stream", headers(1, GET) + reset(1), Scope.NOTHING, is_answered=True),
    Case(
        "5.1",
        "PRIORITY on a closed stream",
        headers(1, GET) + frame(PRIORITY, 0, 1, PRIORITY_5),
        Scope.NOTHING,
        0,
        True,
    ),
    Case("5.1", "DATA behind the end of the stream", headers(1, GET) + data(1, b"x"), Scope.STREAM, CLOSED),
    Case("5.1", "HEADERS behind the end of the stream", headers(1, GET) * 2, Scope.STREAM, CLOSED),
    Case("5.1.2", "129 streams", b"".join(headers(2 * n + 1, GET) for n in range(129)), Scope.STREAM, REFUSED),
]

WINDOWS = [
    Case("6.5.2", "INITIAL_WINDOW_SIZE of 2**31", settings((4, 2**31)), Scope.CONNECTION, FLOW_CONTROL),
    Case("6.9", "WINDOW_UPDATE by 0 on a stream", headers(1, GET) + window_update(1, 0), Scope.STREAM, PROTOCOL),
    Case("6.9.1", "a connection's window of 2**31", window_update(0, 2**31 - 1), Scope.CONNECTION, FLOW_CONTROL),
    Case(
        "6.9.1", "a stream's window of 2**31", headers(1, GET) + window_update(1, 2**31 - 1), Scope.STREAM, FLOW_CONTROL
    ),
    Case(
        "6.9.2",
        "SETTINGS that make a stream's window 2**31",
        headers(1, GET) + window_update(1, 2**31 - 65_536) + settings((4, 65_536)),
        Scope.CONNECTION,
        FLOW_CONTROL,
    ),
    Case(
        "6.9.1",
        "a body larger than the stream's window",
        headers(1, POST, end_stream=False) + data(1, bytes(16_384)) * 4 + data(1, b"x"),
        Scope.STREAM,
        FLOW_CONTROL,
    ),
]

_REST = [(":scheme", "https"), (":path", "/"), (":authority", "x")]
_BODY_5: Fields = [*POST, ("content-length", "5")]

MESSAGES = [
    *_malformed(
        "8.2",
        [
            ("a capital letter in a name", [*GET, ("X-Test", "ok")]),
            ("a space in a name", [*GET, ("x test", "ok")]),
            ("a colon in a name", [*GET, ("x:test", "ok")]),
            ("an empty name", [*GET, ("", "ok")]),
            ("NUL in a value", [*GET, ("x", "a\0b")]),
            ("CR in a value", [*GET, ("x", "a\rb")]),
            ("LF in a value", [*GET, ("x", "a\nb")]),
            ("a space in front of a value", [*GET, ("x", " a")]),
            ("a tab behind a value", [*GET, ("x", "a\t")]),
        ],
    ),
    *_malformed(
        "8.2.2",
        [
            ("Connection", [*GET, ("connection", "keep-alive")]),
            ("Keep-Alive", [*GET, ("keep-alive", "1")]),
            ("Proxy-Connection", [*GET, ("proxy-connection", "close")]),
            ("Transfer-Encoding", [*GET, ("transfer-encoding", "chunked")]),
            ("Upgrade", [*GET, ("upgrade", "h2c")]),
            ("TE other than trailers", [*GET, ("te", "trailers, deflate")]),
        ],
    ),
    *_malformed(
        "8.3",
        [
            ("an unknown pseudo-header", [*GET, (":test", "ok")]),
            ("a response's pseudo-header", [*GET, (":status", "200")]),
            ("a pseudo-header behind a field", [*GET[:3], ("x", "ok"), GET[3]]),
            ("extended CONNECT, which is not offered", [*GET, (":protocol", "websocket")]),
        ],
    ),
    *_malformed(
        "8.3.1",
        [
            ("an empty :path", [(":method", "GET"), (":scheme", "https"), (":path", ""), (":authority", "x")]),
            ("no :method", _REST),
            ("no :scheme", [(":method", "GET"), (":path", "/"), (":authority", "x")]),
            ("no :path", [(":method", "GET"), (":scheme", "https"), (":authority", "x")]),
            ("two :method", [(":method", "GET"), *GET]),
            ("two :scheme", [(":scheme", "https"), *GET]),
            ("two :path", [(":path", "/"), *GET]),
            ("two :authority", [(":authority", "x"), *GET]),
            ("user information in :authority", [*GET[:3], (":authority", "a@x")]),
            ("a Host that says something else", [*GET, ("host", "y")]),
        ],
    ),
    *_malformed(
        "8.5",
        [
            ("CONNECT with :path", [(":method", "CONNECT"), (":authority", "x:1"), (":path", "/")]),
            ("CONNECT with :scheme", [(":method", "CONNECT"), (":authority", "x:1"), (":scheme", "https")]),
            ("CONNECT without :authority", [(":method", "CONNECT")]),
        ],
    ),
    *[
        Case("8.1.1", name, wire, Scope.STREAM, PROTOCOL)
        for name, wire in [
            (
                "less body than Content-Length",
                headers(1, _BODY_5, end_stream=False) + data(1, b"abcd", end_stream=True),
            ),
            (
                "more body than Content-Length",
                headers(1, _BODY_5, end_stream=False) + data(1, b"abcdef", end_stream=True),
            ),
            ("more body in two frames", headers(1, _BODY_5, end_stream=False) + data(1, b"abc") * 2),
            ("no body for Content-Length", headers(1, _BODY_5)),
            ("trailers before the whole body", headers(1, _BODY_5, end_stream=False) + headers(1, [("t", "1")])),
        ]
    ],
    *[
        Case("8.1", name, headers(1, POST, end_stream=False) + wire, Scope.STREAM, PROTOCOL)
        for name, wire in [
            ("a second HEADERS that does not end the stream", headers(1, [("t", "1")], end_stream=False)),
            ("a pseudo-header in trailers", headers(1, [(":method", "POST"), ("t", "1")])),
            ("a capital letter in trailers", headers(1, [("T", "1")])),
        ]
    ],
    *_allowed(
        [
            ("8.1", "trailers", headers(1, POST, end_stream=False) + headers(1, [("t", "1")])),
            ("8.2.2", "TE: trailers", headers(1, [*GET, ("te", "trailers")])),
            ("8.2.3", "cookie crumbs", headers(1, [*GET, ("cookie", "a=1"), ("cookie", "b=2")])),
            ("8.3.1", "a Host that says the same", headers(1, [*GET, ("host", "x")])),
            ("8.3.1", "a Host without :authority", headers(1, [*GET[:3], ("host", "x")])),
        ]
    ),
]

_HUFFMAN = b"\x82\x87\x84\x00\x01x"

COMPRESSED = _connection(
    COMPRESSION,
    [
        (section, name, frame(HEADERS, 5, 1, wire))
        for section, name, wire in [
            ("H2.3.3", "an index beyond both tables", b"\x82\x87\x84\xbe"),
            ("H4.2", "a size update behind a field", b"\x82\x87\x84\x20"),
            ("H5.1", "an integer that is too long", b"\x82\x87\x84\xff\xff\xff\xff\xff\xff\xff\x0f"),
            ("H5.1", "an integer that is cut short", b"\x82\x87\x84\xff"),
            ("H5.2", "a string that is cut short", b"\x82\x87\x84\x00\x01x\x05ab"),
            ("H5.2", "a name that is cut short", b"\x82\x87\x84\x00\x05x"),
            ("H5.2", "padding of eight bits", _HUFFMAN + b"\x82\x07\xff"),
            ("H5.2", "padding with a zero in it", _HUFFMAN + b"\x81\x06"),
            ("H5.2", "the end-of-string symbol", _HUFFMAN + b"\x84\xff\xff\xff\xff"),
            ("H6.1", "index 0", b"\x82\x87\x84\x80"),
            ("H6.3", "a size update beyond the announced size", b"\x3f\xe2\x1f\x82\x87\x84"),
        ]
    ],
)

CASES = [*FRAMES, *STREAMS, *WINDOWS, *MESSAGES, *COMPRESSED]
