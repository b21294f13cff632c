"""Attacks that are made of frames that are allowed, each against the whole codec."""

from __future__ import annotations

import tracemalloc

import pytest

from edgeproxy.protocol.h2_abuse import (
    MAX_EARLY_RESETS,
    MAX_EMPTY_DATA,
    MAX_MINOR_FRAMES,
    MAX_PINGS,
    MAX_SETTINGS,
    MAX_UNREAD_REPLIES,
    FloodGuard,
)
from edgeproxy.protocol.h2_frames import ErrorCode, H2ConnectionError
from edgeproxy.protocol.h2_hpack import HeaderEncoder
from edgeproxy.protocol.h2_reader import MAX_CONTINUATIONS, MAX_HEADER_BLOCK, MAX_SETTINGS_FRAME
from edgeproxy.protocol.h2_server import MAX_STREAMS
from tests.helpers.h2_wire import (
    ACK,
    CONTINUATION,
    GET,
    GOAWAY,
    HEADERS,
    PING,
    POST,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    Server,
    codes,
    data,
    frame,
    goaway,
    greeted_server,
    headers,
    reset,
    settings,
    window_update,
)

CALM = ErrorCode.ENHANCE_YOUR_CALM
OK = HeaderEncoder().encode_response(200, [])

PINGS = frame(PING, 0, 0, bytes(8))
PRIORITIES = frame(PRIORITY, 0, 1, bytes(4) + b"\1")
OPEN = headers(1, POST, end_stream=False)


def is_cut(server: Server) -> bool:
    """Whether the connection has ended with ENHANCE_YOUR_CALM."""
    assert server.codec.is_stopped == bool(server.errors)
    return [CALM] == [error.code for error in server.errors]


@pytest.mark.parametrize(
    ("begin", "wire", "limit"),
    [
        (b"", PINGS, MAX_PINGS),
        (b"", frame(PING, ACK, 0, bytes(8)), MAX_MINOR_FRAMES),
        (b"", settings(), MAX_SETTINGS - 2),
        (b"", frame(SETTINGS, ACK), MAX_SETTINGS - 2),
        (b"", PRIORITIES, MAX_MINOR_FRAMES),
        (b"", window_update(0, 1), MAX_MINOR_FRAMES),
        (b"", frame(77), MAX_MINOR_FRAMES),
        (OPEN, data(1, b""), MAX_EMPTY_DATA),
        (OPEN, frame(0, 8, 1, b"\x02\0\0"), MAX_EMPTY_DATA),
        (OPEN + reset(1), reset(1), MAX_MINOR_FRAMES),
        (OPEN, goaway(0), MAX_MINOR_FRAMES),
    ],
    ids=[
        "pings", "answers to no ping", "settings", "settings acks", "priorities", "window updates", "unknown frames",
        "empty data", "data of padding", "resets of closed streams", "goaways",
    ],
)  # fmt: skip
def test_frames_that_lead_nowhere_have_a_limit(begin: bytes, wire: bytes, limit: int) -> None:
    server = greeted_server()
    server.feed(begin, wire * limit)
    assert not is_cut(server)
    server.feed(wire)
    assert is_cut(server)


def test_work_wipes_the_slate() -> None:
    """A client that pings between its requests is an honest one."""
    server = greeted_server()
    for number in range(5):
        server.feed(PINGS * (MAX_PINGS - 1), headers(2 * number + 1, GET))
    assert not is_cut(server)


def test_rapid_reset_is_cut() -> None:
    """CVE-2023-44487: requests that are cancelled before anybody can answer."""
    server = greeted_server()
    for number in range(MAX_EARLY_RESETS):
        server.feed(headers(2 * number + 1, GET), reset(2 * number + 1))
    assert not is_cut(server)
    server.feed(headers(9_001, GET), reset(9_001))
    assert is_cut(server)


def test_requests_that_never_leave_the_codec_are_counted_too() -> None:
    """A request and its reset in the same bytes: nobody hears of it, and it is still one of the many."""
    server = greeted_server()
    server.feed(*(OPEN.replace(b"\0\0\0\1", bytes([0, 0, 0, 2 * n + 1]), 1) + reset(2 * n + 1) for n in range(120)))
    assert [] == server.told()
    server.feed(*(headers(1001 + 2 * n, GET) + reset(1001 + 2 * n) for n in range(MAX_EARLY_RESETS - 120 + 1)))
    assert is_cut(server)


def test_resets_that_a_client_provokes_are_counted() -> None:
    """CVE-2025-8671: it breaks its streams' rules so that the server resets them."""
    server = greeted_server()
    for number in range(MAX_EARLY_RESETS + 1):
        assert not is_cut(server)
        server.feed(headers(2 * number + 1, GET), window_update(2 * number + 1, 0))
    assert is_cut(server)


def test_refused_streams_are_counted() -> None:
    server = greeted_server()
    server.feed(*(headers(2 * n + 1, GET) for n in range(MAX_STREAMS + MAX_EARLY_RESETS)))
    assert not is_cut(server)
    server.feed(headers(9_001, GET))
    assert is_cut(server)


def test_resets_behind_the_beginning_of_a_response_are_free() -> None:
    """Browsers leave downloads, and gRPC clients end streaming calls so."""
    server = greeted_server()
    for number in range(2 * MAX_EARLY_RESETS):
        stream_id = 2 * number + 1
        server.feed(headers(stream_id, GET))
        server.codec.send_head(stream_id, OK, end_stream=False)
        server.feed(reset(stream_id))
    assert not is_cut(server)


def test_answers_earn_resets() -> None:
    server = greeted_server()
    for number in range(MAX_EARLY_RESETS * 2):
        first, second = 4 * number + 1, 4 * number + 3
        server.feed(headers(first, GET), headers(second, GET), reset(second))
        server.codec.send_head(first, OK, end_stream=True)
    assert not is_cut(server)


def test_replies_that_nobody_reads_have_a_limit() -> None:
    """CVE-2019-9512, CVE-2019-9515: while the client does not read, each of its frames makes us keep another."""
    server = greeted_server()
    server.codec.pause_writing()
    for number in range(MAX_UNREAD_REPLIES // 10):
        server.feed(headers(2 * number + 1, GET), PINGS * 10)
        server.codec.send_head(2 * number + 1, OK, end_stream=True)
    assert not is_cut(server)
    server.feed(PINGS)
    assert is_cut(server)


def test_reading_again_wipes_the_count_of_replies() -> None:
    guard = FloodGuard()
    for _ in range(3):
        guard.on_reply(is_unread=False)
        for _ in range(MAX_UNREAD_REPLIES):
            guard.on_reply(is_unread=True)
    with pytest.raises(H2ConnectionError, match="1000 replies wait to be read"):
        guard.on_reply(is_unread=True)


def test_a_header_block_in_too_many_pieces_is_cut() -> None:
    """CVE-2024-27316, the CONTINUATION flood: it need not even end."""
    server = greeted_server()
    server.feed(frame(HEADERS, 0, 1), frame(CONTINUATION, 0, 1, b"\x82") * MAX_CONTINUATIONS)
    assert not is_cut(server)
    server.feed(frame(CONTINUATION, 0, 1))
    assert is_cut(server)


def test_a_header_block_that_is_too_long_is_cut_before_it_ends() -> None:
    server = greeted_server()
    server.feed(frame(HEADERS, 0, 1), frame(CONTINUATION, 0, 1, bytes(16_384)) * (MAX_HEADER_BLOCK // 16_384 - 1))
    assert not is_cut(server)
    server.feed(frame(CONTINUATION, 0, 1, bytes(16_384)))
    assert is_cut(server)


@pytest.mark.parametrize(
    ("kind", "size"), [(HEADERS, MAX_HEADER_BLOCK + 1), (SETTINGS, MAX_SETTINGS_FRAME + 6), (GOAWAY, 2**20)]
)
def test_frames_that_must_be_read_whole_are_refused_by_their_length(kind: int, size: int) -> None:
    """Nothing of them need come."""
    server = greeted_server()
    server.feed(frame(kind, 0, 1 if kind == HEADERS else 0, bytes(size))[:9])
    assert is_cut(server)


@pytest.mark.parametrize("name", [b"\x40\x01a", b"\x60", b"\x66"], ids=["field", "cookie", "host"])
@pytest.mark.parametrize("pseudo", [b"\x82\x84\x87\x41\x01x", b"\x82\x84\x87"], ids=["authority", "no authority"])
def test_a_bomb_of_references_is_not_unfolded(name: bytes, pseudo: bytes) -> None:
    """CVE-2016-6581: one entry of 4,000 bytes, named 90,000 times, means 360 MB of headers."""
    server = greeted_server()
    bomb = pseudo + name + b"\x7f\xa1\x1e" + b"x" * 4000 + b"\xbe" * 90_000
    tracemalloc.start()
    server.feed(frame(HEADERS, 5, 1, bomb))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert ([] if name == b"\x66" and len(pseudo) > 3 else [("error", 1, 400)]) == server.told()
    assert peak < 16 * 2**20


def test_a_bomb_of_names_is_not_unfolded() -> None:
    """A name of 4,000 bytes in the table, and values that differ: five bytes each become a line of 4,000."""
    server = greeted_server()
    values = (bytes([33 + number // 90 % 90, 33 + number % 90]) for number in range(19_000))
    literals = b"".join(b"\x0f\x2f\x02" + value for value in values)
    bomb = b"\x82\x84\x87\x41\x01x\x40\x7f\xa1\x1e" + b"x" * 4000 + b"\x00" + literals[: 90_000 // 5 * 5]
    tracemalloc.start()
    written = server.feed(frame(HEADERS, 5, 1, bomb))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert is_cut(server)
    assert [(0, CALM)] == codes(written, GOAWAY)
    assert peak < 4 * 2**20


def test_a_bomb_of_trailers_is_not_unfolded() -> None:
    server = greeted_server()
    server.feed(headers(1, POST, end_stream=False))
    written = server.feed(frame(HEADERS, 5, 1, b"\x40\x01a\x7f\xa1\x1e" + b"x" * 4000 + b"\xbe" * 90_000))
    assert [(1, CALM)] == codes(written, RST_STREAM)


def test_an_ordinary_client_meets_no_limit() -> None:
    server = greeted_server()
    for number in range(3000):
        stream_id = 2 * number + 1
        server.feed(
            headers(stream_id, POST, end_stream=False), PINGS, PRIORITIES, data(stream_id, b"x", end_stream=True)
        )
        server.codec.acknowledge(stream_id, 1)
        server.codec.send_head(stream_id, OK, b"abc", end_stream=True)
        server.feed(window_update(0, 3))
    assert [] == codes(server.written(), RST_STREAM)
    assert not is_cut(server)
