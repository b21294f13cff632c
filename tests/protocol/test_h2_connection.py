"""What both ends do alike: what is remembered of closed streams, and for how long. RFC 9113 section 5.1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from edgeproxy.protocol.h2_connection import MAX_REMEMBERED_RESETS
from edgeproxy.protocol.h2_frames import ErrorCode
from edgeproxy.protocol.h2_hpack import HeaderEncoder
from edgeproxy.protocol.h2_server import CONNECTION_WINDOW
from tests.helpers.h2_wire import (
    GET,
    POST,
    RST_STREAM,
    Client,
    Server,
    block,
    codes,
    data,
    frame,
    frames,
    goaway,
    greeted_server,
    headers,
    reset,
    settings,
    window_update,
)
from tests.helpers.h2_wire import (
    OK as OK_FIELDS,
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


def test_what_counts_as_activity() -> None:
    server = greeted_server()
    seen = [server.codec.activity]
    for wire in (frame(6, 0, 0, bytes(8)), headers(1, POST, end_stream=False), data(1, b"abc"), window_update(1, 5)):
        server.feed(wire)
        seen.append(server.codec.activity)
    assert [0, 0, 1, 2, 3] == seen


# ---- anything at all

stream_ids = st.sampled_from([0, 1, 2, 3, 5, 7, 9, 11])
sizes = st.integers(0, 20_000)
blocks = st.one_of(
    st.sampled_from(
        [block(GET), block(POST), block(OK_FIELDS), block([("t", "1")]), b"\x40\x01a\x01b", b"\xbe", b"\x20"]
    ),
    st.binary(max_size=12),
)
plausible = st.one_of(
    st.builds(
        lambda stream_id, payload, flags: frame(1, flags, stream_id, payload),
        stream_ids,
        blocks,
        st.sampled_from([0, 1, 4, 5, 5, 5, 4]),
    ),
    st.builds(
        lambda stream_id, payload, flags: frame(9, flags, stream_id, payload),
        stream_ids,
        blocks,
        st.sampled_from([0, 4]),
    ),
    st.builds(
        lambda stream_id, size, is_last: data(stream_id, bytes(size), end_stream=is_last),
        stream_ids,
        sizes,
        st.booleans(),
    ),
    st.builds(
        lambda stream_id, padding: frame(0, 9, stream_id, bytes([padding]) + bytes(20)), stream_ids, st.integers(0, 25)
    ),
    st.builds(reset, stream_ids, st.integers(0, 20)),
    st.builds(window_update, stream_ids, st.sampled_from([0, 1, 1000, 70_000, 2**31 - 1])),
    st.builds(
        lambda pairs: settings(*pairs),
        st.lists(st.tuples(st.integers(0, 8), st.sampled_from([0, 1, 5, 20_000, 2**31]))),
    ),
    st.builds(goaway, stream_ids, st.integers(0, 20)),
    st.builds(frame, st.integers(0, 12), st.integers(0, 255), stream_ids, st.binary(max_size=10)),
)
acts = st.sampled_from(
    ["head", "end", "data", "large", "trailers", "reset", "acknowledge", "pause", "resume", "shut down", "open"]
)
scripts = st.lists(plausible | st.tuples(acts, stream_ids), max_size=30)


def act(end: Server | Client, what: str, stream_id: int) -> None:
    """Something that the runtime may do at any time."""
    codec = end.codec
    match what:
        case "head" | "end":
            codec.send_head(stream_id, OK, b"abc", end_stream=what == "end")
        case "data" | "large":
            codec.send_data(stream_id, bytes(100_000 if what == "large" else 5), end_stream=False)
        case "trailers":
            codec.send_trailers(stream_id, OK)
        case "reset":
            codec.reset_stream(stream_id)
        case "acknowledge":
            codec.acknowledge(stream_id, 10_000)
        case "pause":
            codec.pause_writing()
        case "resume":
            codec.resume_writing()
        case "shut down":
            codec.shut_down()
        case "open" if isinstance(end, Client) and end.codec.can_open:
            end.codec.open(OK, b"abc", end_stream=bool(stream_id & 2))


@pytest.mark.parametrize("make", [Server, Client])
@profile(max_examples=300)
@given(scripts, st.integers(1, 30_000))
def test_nothing_that_may_come_is_too_much(
    make: type[Server | Client], script: list[bytes | tuple[str, int]], cut: int
) -> None:
    """No order of frames and acts raises, and only whole frames are written, nothing of them behind the last GOAWAY."""
    end = make()
    end.codec.start()
    if make is Server:
        end.codec.feed(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    end.codec.feed(settings())
    for step in script:
        if isinstance(step, tuple):
            act(end, *step)
            continue
        for start in range(0, len(step), cut):
            end.codec.feed(step[start : start + cut])
    frames(end.wire)
    assert len(end.errors) <= 1
    assert bool(end.errors) == end.codec.is_stopped
    for stream in end.codec._streams.values():
        assert stream.is_local_open or stream.is_remote_open
        assert stream.held >= 0
    if not end.codec.is_stopped:
        # Every byte of the connection's window is open, about to be announced, or held for somebody.
        window = end.codec._window
        held = sum(stream.held for stream in end.codec._streams.values())
        assert CONNECTION_WINDOW == window.left + window._returned + held
    assert end.codec._waiting.keys() <= end.codec._streams.keys()
