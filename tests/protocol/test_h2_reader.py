"""Frames come out of bytes, however these are cut; and nothing is kept that need not be."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.protocol.h2_frames import LARGEST_MAX_FRAME_SIZE, ErrorCode, H2ConnectionError
from edgeproxy.protocol.h2_reader import FrameReader
from tests.helpers.h2_wire import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HAS_PRIORITY,
    HEADERS,
    PADDED,
    PING,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    data,
    frame,
    goaway,
    reset,
    settings,
    window_update,
)


class Sink:
    """Writes down frames; pieces of one DATA frame are joined."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []

    def on_data(self, stream_id: int, payload: bytes, size: int, is_last: bool) -> None:
        last = self.events[-1] if self.events else ()
        if last[:2] == ("data", stream_id) and not last[4]:
            payload, size = last[2] + payload, last[3] + size
            self.events.pop()
        self.events.append(("data", stream_id, payload, size, is_last))

    def __getattr__(self, name: str) -> Any:
        return lambda *args: self.events.append((name.removeprefix("on_"), *args))


def read(wire: bytes, size: int, *, max_frame_size: int = LARGEST_MAX_FRAME_SIZE) -> list[tuple[Any, ...]]:
    """The frames of bytes that come `size` at a time; an error of the connection is the last of them."""
    sink = Sink()
    reader = FrameReader(sink, max_frame_size=max_frame_size)
    try:
        for start in range(0, len(wire), size):
            reader.feed(wire[start : start + size])
    except H2ConnectionError as error:
        sink.events.append(("error", error.code))
    return sink.events


SIZES = [1, 2, 3, 8, 9, 10, 11, 64, 1 << 20]

STREAM = (
    settings((3, 100), (4, 65_536))
    + frame(SETTINGS, ACK)
    + frame(HEADERS, END_HEADERS | END_STREAM, 1, b"abc")
    + frame(HEADERS, END_HEADERS | PADDED | HAS_PRIORITY, 3, b"\x02" + bytes(5) + b"abc" + bytes(2))
    + frame(HEADERS, END_STREAM | PADDED, 5, b"\x01a\x00")
    + frame(CONTINUATION, 0, 5, b"b")
    + frame(CONTINUATION, END_HEADERS, 5, b"c")
    + data(3, b"0123456789")
    + frame(200, 255, 3, b"skipped " * 9)
    + frame(DATA, PADDED | END_STREAM, 3, b"\x05ab" + bytes(5))
    + frame(DATA, PADDED, 7, b"\x00")
    + frame(DATA, END_STREAM, 7)
    + frame(PRIORITY, 0, 9, bytes(5))
    + reset(1, 8)
    + frame(PING, 0, 0, b"12345678")
    + frame(PING, ACK, 0, b"87654321")
    + window_update(0x8000_0000, 5)
    + frame(GOAWAY, 0, 0, goaway(7, 2)[9:] + b"debug data")
)
EVENTS = [
    ("settings", [(3, 100), (4, 65_536)]),
    ("settings_ack",),
    ("header_block", 1, b"abc", 12, True),
    ("header_block", 3, b"abc", 20, False),
    ("header_block", 5, b"abc", 32, True),
    ("data", 3, b"0123456789", 10, False),
    ("unknown",),
    ("data", 3, b"ab", 8, True),
    ("data", 7, b"", 1, True),
    ("priority",),
    ("reset", 1, 8),
    ("ping", b"12345678"),
    ("ping_ack", b"87654321"),
    ("window_update", 0, 5),
    ("goaway", 7, 2),
]


@pytest.mark.parametrize("size", SIZES)
def test_every_kind_of_frame_is_read_however_it_is_cut(size: int) -> None:
    assert EVENTS == read(STREAM, size)


payloads = st.binary(max_size=40)
anything = st.builds(frame, st.integers(0, 11), st.integers(0, 255), st.sampled_from([0, 1, 3, 0x8000_0001]), payloads)
well_formed = st.one_of(
    st.builds(data, st.integers(1, 9), payloads, end_stream=st.booleans()),
    st.builds(
        lambda stream_id, payload, padding: frame(DATA, PADDED, stream_id, bytes([padding]) + payload + bytes(padding)),
        st.integers(1, 9),
        payloads,
        st.integers(0, 20),
    ),
    st.builds(lambda payload: frame(HEADERS, END_HEADERS, 1, payload), payloads),
    st.builds(lambda payload: frame(0x77, 0, 0, payload), payloads),
    st.just(settings((1, 2))),
)


@given(st.lists(well_formed | anything, max_size=8), st.integers(1, 50))
def test_cutting_bytes_changes_nothing(wires: list[bytes], size: int) -> None:
    wire = b"".join(wires)
    assert read(wire, len(wire) + 1) == read(wire, size)


@given(st.binary(max_size=200), st.integers(1, 50))
def test_any_bytes_are_read_or_refused(wire: bytes, size: int) -> None:
    read(wire, size)


def test_data_is_handed_on_before_its_frame_has_ended() -> None:
    sink = Sink()
    reader = FrameReader(sink, max_frame_size=LARGEST_MAX_FRAME_SIZE)
    wire = data(1, bytes(100_000), end_stream=True)
    for start in range(0, 90_000, 30_000):
        reader.feed(wire[start : start + 30_000])
        assert not reader._buffer
    assert [("data", 1, bytes(89_991), 89_991, False)] == sink.events


def test_unknown_frames_are_not_kept() -> None:
    sink = Sink()
    reader = FrameReader(sink, max_frame_size=LARGEST_MAX_FRAME_SIZE)
    wire = frame(99, 0, 0, bytes(100_000)) + settings()
    reader.feed(wire[:50_000])
    assert not reader._buffer
    reader.feed(wire[50_000:])
    assert [("unknown",), ("settings", [])] == sink.events


@pytest.mark.parametrize("kind", [DATA, HEADERS, SETTINGS, 99])
def test_frames_longer_than_announced_are_refused(kind: int) -> None:
    wire = frame(kind, 0, 0 if kind == SETTINGS else 1, bytes(16_385))
    assert [("error", ErrorCode.FRAME_SIZE_ERROR)] == read(wire, 9, max_frame_size=16_384)


def test_nothing_is_read_behind_a_stop() -> None:
    class Stopping(Sink):
        def on_ping(self, payload: bytes) -> None:
            self.events.append(("ping",))
            reader.stop()

    sink = Stopping()
    reader = FrameReader(sink, max_frame_size=16_384)
    reader.feed(frame(PING, 0, 0, bytes(8)) * 3)
    reader.feed(frame(RST_STREAM, 0, 1, bytes(4)))
    assert [("ping",)] == sink.events
