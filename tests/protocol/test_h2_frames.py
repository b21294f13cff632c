"""Frames as they stand on the wire, against the hyperframe library."""

from __future__ import annotations

import hyperframe.frame as hyper
import pytest

from edgeproxy.protocol.h2_frames import (
    SETTINGS_ACK,
    ErrorCode,
    FrameType,
    H2ConnectionError,
    H2StreamError,
    Setting,
    decode_settings,
    encode_frame,
    encode_goaway,
    encode_headers,
    encode_reset,
    encode_settings,
    encode_window_update,
)
from tests.helpers.h2_wire import CONTINUATION, END_HEADERS, END_STREAM, HEADERS, frames


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (encode_frame(FrameType.DATA, END_STREAM, 7, b"abc"), hyper.DataFrame(7, data=b"abc", flags=["END_STREAM"])),
        (encode_reset(5, ErrorCode.CANCEL), hyper.RstStreamFrame(5, error_code=8)),
        (encode_window_update(0, 2**31 - 1), hyper.WindowUpdateFrame(0, window_increment=2**31 - 1)),
        (encode_goaway(9, ErrorCode.ENHANCE_YOUR_CALM), hyper.GoAwayFrame(0, last_stream_id=9, error_code=11)),
        (encode_settings({Setting.MAX_FRAME_SIZE: 2**24 - 1}), hyper.SettingsFrame(0, settings={5: 2**24 - 1})),
        (SETTINGS_ACK, hyper.SettingsFrame(0, flags=["ACK"])),
        (encode_frame(FrameType.DATA, 0, 2**31 - 1, bytes(70_000)), hyper.DataFrame(2**31 - 1, data=bytes(70_000))),
    ],
    ids=["data", "reset", "window update", "goaway", "settings", "settings ack", "large"],
)
def test_frames_are_written_as_hyperframe_writes_them(ours: bytes, theirs: hyper.Frame) -> None:
    assert theirs.serialize() == ours


def test_settings_are_read_in_order() -> None:
    wire = encode_settings({Setting.MAX_CONCURRENT_STREAMS: 128, Setting.INITIAL_WINDOW_SIZE: 65_536})
    assert [(3, 128), (4, 65_536)] == decode_settings(wire[9:])


@pytest.mark.parametrize(("size", "sizes"), [(0, [0]), (10, [10]), (11, [10, 1]), (20, [10, 10]), (25, [10, 10, 5])])
def test_a_block_longer_than_a_frame_is_continued(size: int, sizes: list[int]) -> None:
    written = frames(encode_headers(3, bytes(range(size)), end_stream=True, max_frame_size=10))
    assert sizes == [len(each.payload) for each in written]
    assert bytes(range(size)) == b"".join(each.payload for each in written)
    assert [HEADERS] + [CONTINUATION] * (len(sizes) - 1) == [each.kind for each in written]
    assert [False] * (len(sizes) - 1) + [True] == [bool(each.flags & END_HEADERS) for each in written]
    assert written[0].flags & END_STREAM


@pytest.mark.parametrize("error", [H2ConnectionError, H2StreamError])
def test_errors_name_their_code_and_what_is_wrong(error: type[H2ConnectionError | H2StreamError]) -> None:
    assert "PROTOCOL_ERROR: DATA on stream 0" == str(error(ErrorCode.PROTOCOL_ERROR, "DATA on stream 0"))
