"""What both ends do alike: what is remembered of closed streams, and for how long. RFC 9113 section 5.1."""

from __future__ import annotations

import pytest

from edgeproxy.protocol.h2_connection import MAX_REMEMBERED_RESETS
from edgeproxy.protocol.h2_frames import ErrorCode
from edgeproxy.protocol.h2_hpack import HeaderEncoder
from tests.helpers.h2_wire import (
    GET,
    POST,
    RST_STREAM,
    Server,
    codes,
    data,
    frame,
    greeted_server,
    headers,
    reset,
    window_update,
)

OK = HeaderEncoder().encode_response(200, [])


def reset_by_us(stream_id: int) -> Server:
    """A server that has reset a request whose body is still coming."""
    server = greeted_server()
    server.feed(headers(stream_id, POST, end_stream=False))
    server.codec.reset_stream(stream_id)
    server.written()
    server.told()
    return server


def test_late_frames_behind_our_reset_are_dropped() -> None:
    server = reset_by_us(1)
    assert [] == server.feed(data(1, bytes(100)), headers(1, [("t", "1")]), window_update(1, 1), reset(1))
    assert [] == server.told()


def test_late_header_blocks_keep_the_compression_state() -> None:
    server = reset_by_us(1)
    server.feed(frame(1, 5, 1, b"\x40\x03abc\x03def"), frame(1, 5, 3, b"\x82\x87\x84\x41\x01x\xbf"))
    assert [[("host", "x"), ("abc", "def")]] == [head.fields.fields for head in server.heads[1:]]


def test_late_data_does_not_use_up_the_connection_s_window() -> None:
    server = reset_by_us(1)
    for _ in range(1200):
        server.feed(data(1, bytes(10_000)))
    assert 1200 * 10_000 > 65_535 + 8_388_352
    assert not server.errors


def test_our_resets_are_remembered_for_a_while_and_not_for_ever() -> None:
    server = greeted_server()
    for number in range(MAX_REMEMBERED_RESETS + 1):
        stream_id = 2 * number + 1
        server.feed(headers(stream_id, POST, end_stream=False))
        server.codec.send_head(stream_id, OK, end_stream=True)
    server.told()
    server.feed(data(3, b"late"))
    assert [] == server.told()
    server.feed(data(1, b"too late"))
    assert [("connection error", ErrorCode.STREAM_CLOSED)] == server.told()


def test_a_sink_may_reset_the_stream_that_it_is_told_of() -> None:
    class Refusing(Server):
        def on_request(self, stream_id: int, head: object, payload: bytes, is_complete: bool) -> None:
            self.codec.reset_stream(stream_id, ErrorCode.REFUSED_STREAM)

    server = Refusing()
    server.feed(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", frame(4))
    written = server.feed(headers(1, GET), headers(3, POST, end_stream=False), data(3, b"abc", end_stream=True))
    assert [(1, ErrorCode.REFUSED_STREAM), (3, ErrorCode.REFUSED_STREAM)] == codes(written, RST_STREAM)
    assert server.codec.is_idle


def test_a_sink_may_stop_everything() -> None:
    class Leaving(Server):
        def on_request(self, stream_id: int, head: object, payload: bytes, is_complete: bool) -> None:
            super().on_request(stream_id, head, payload, is_complete)  # type: ignore[arg-type]
            self.codec.stop()

    server = Leaving()
    server.feed(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", frame(4), headers(1, GET), headers(3, GET))
    assert 1 == len(server.heads)


def test_the_other_streams_live_when_one_is_broken() -> None:
    server = greeted_server()
    server.feed(headers(1, GET), headers(3, GET))
    assert [(1, ErrorCode.PROTOCOL_ERROR)] == codes(server.feed(window_update(1, 0)), RST_STREAM)
    assert ("reset", 1, ErrorCode.PROTOCOL_ERROR) == server.told()[-1]
    server.codec.send_head(3, OK, end_stream=True)
    assert [1] == [each.kind for each in server.written()]


def test_writes_of_one_feed_leave_together() -> None:
    writes: list[bytes] = []
    server = greeted_server()
    server.codec._write = writes.append
    server.codec.feed(frame(6, 0, 0, bytes(8)) + frame(4) + headers(1, POST, end_stream=False) + window_update(1, 0))
    assert 1 == len(writes)


@pytest.mark.parametrize("stream_id", [0, 2, 99])
def test_streams_that_are_not_open_are_not(stream_id: int) -> None:
    server = greeted_server()
    server.feed(headers(1, GET))
    assert server.codec.is_open(1)
    assert not server.codec.is_open(stream_id)
    assert "<H2ServerCodec open streams=1 waiting=0>" == repr(server.codec)
