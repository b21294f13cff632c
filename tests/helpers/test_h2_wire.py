"""The other end of an HTTP/2 connection writes what the hyperframe and hpack libraries read."""

from __future__ import annotations

import hyperframe.frame as hyper
import pytest

from tests.helpers.h2_wire import (
    GET,
    GOAWAY,
    PREFACE,
    RST_STREAM,
    Frame,
    block,
    codes,
    data,
    fields_of,
    frames,
    goaway,
    greeted_client,
    greeted_server,
    headers,
    reset,
    settings,
    window_update,
)


@pytest.mark.parametrize(
    ("wire", "theirs"),
    [
        (data(3, b"abc", end_stream=True), hyper.DataFrame(3, data=b"abc", flags=["END_STREAM"])),
        (reset(1, 7), hyper.RstStreamFrame(1, error_code=7)),
        (settings((1, 2), (3, 4)), hyper.SettingsFrame(0, settings={1: 2, 3: 4})),
        (window_update(5, 9), hyper.WindowUpdateFrame(5, window_increment=9)),
        (goaway(5, 2), hyper.GoAwayFrame(0, last_stream_id=5, error_code=2)),
        (headers(1, GET), hyper.HeadersFrame(1, data=block(GET), flags=["END_HEADERS", "END_STREAM"])),
    ],
)
def test_frames_are_what_hyperframe_writes(wire: bytes, theirs: hyper.Frame) -> None:
    assert theirs.serialize() == wire


@pytest.mark.parametrize("size", [0, 126, 127, 128, 300, 20_000])
def test_blocks_are_read_by_hpack(size: int) -> None:
    fields = [*GET, ("x", "a" * size)]
    assert fields == fields_of(block(fields))


def test_frames_are_found_in_bytes() -> None:
    assert [Frame(0, 0, 1, b"abc"), Frame(4, 0, 0, b"")] == frames(PREFACE + data(1, b"abc") + settings())


def test_codes_are_found_in_frames() -> None:
    written = frames(reset(3, 8) + goaway(5, 2) + settings())
    assert [(3, 8)] == codes(written, RST_STREAM)
    assert [(5, 2)] == codes(written, GOAWAY)


def test_both_ends_begin_without_events() -> None:
    for end in (greeted_server(), greeted_client()):
        assert [] == end.told()
        assert not end.codec.is_stopped
