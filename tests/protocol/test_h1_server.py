"""What a client sends, and what the codec makes of it, however the bytes are cut.

test_h1_server_refusals.py has what it does not read.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.errors import ProtocolError
from edgeproxy.protocol.h1_server import MAX_PIPELINED
from tests.helpers.recording import (
    Event,
    RecordedRequests,
    RequestFacts,
    agrees_until_error,
    bytewise,
    cut,
    cuts,
    feed_requests,
)
from tests.helpers.second_opinion import Message, request_by_h11, request_by_httptools, requests

HOST = [("Host", "x")]
CHUNKED = ("Transfer-Encoding", "chunked")


def whole(method: str, target: str, fields: list[tuple[str, str]], body: bytes = b"", **facts: object) -> list[Event]:
    """The events of one complete request."""
    path, _, query = target.partition("?")
    head = RequestFacts(method, target, fields, path, query)._replace(**facts)  # type: ignore[arg-type]
    return [("request", head), *([("body", body)] if body else []), ("end",)]


GET = whole("GET", "/", HOST)

STREAMS: dict[str, tuple[bytes, list[Event]]] = {
    "get": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", GET),
    "no headers": (b"GET / HTTP/1.1\r\n\r\n", whole("GET", "/", [])),
    "query": (b"GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n", whole("GET", "/a?b=c", HOST)),
    "pipelined": (
        b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\nPOST /2 HTTP/1.1\r\nContent-Length: 2\r\n\r\nabGET /3 HTTP/1.1\r\n\r\n",
        [
            *whole("GET", "/1", HOST),
            *whole("POST", "/2", [("Content-Length", "2")], b"ab"),
            *whole("GET", "/3", []),
        ],
    ),
    "length": (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n\r\n\r\nGET / ",
        whole("POST", "/", [*HOST, ("Content-Length", "10")], b"\r\n\r\nGET / "),
    ),
    "length zero": (
        b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
        whole("POST", "/", [("Content-Length", "0")]),
    ),
    "get with a body": (
        b"GET / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
        whole("GET", "/", [("Content-Length", "3")], b"abc", reason="UndefinedContentLengthSemantics"),
    ),
    "head": (b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", whole("HEAD", "/", HOST)),
    "chunked, extensions, trailers": (
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n1\r\nd\r\n0\r\nT: x\r\n\r\n",
        whole("POST", "/", [CHUNKED], b"abcd"),
    ),
    "chunked and empty": (
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        whole("POST", "/", [CHUNKED]),
    ),
    "chunked wins over length": (
        b"POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        whole("POST", "/", [("Content-Length", "4"), CHUNKED], b"a", reason="BothTeClPresent"),
    ),
    "equal lengths": (
        b"POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab",
        whole("POST", "/", [("Content-Length", "2")] * 2, b"ab", reason="DuplicateContentLength"),
    ),
    "http/1.0": (b"GET / HTTP/1.0\r\n\r\n", whole("GET", "/", [], version="HTTP/1.0")),
    "expect": (
        b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab",
        whole("POST", "/", [("Expect", "100-continue"), ("Content-Length", "2")], b"ab"),
    ),
    "lone line feeds": (b"GET / HTTP/1.1\nHost: x\n\n", GET),
    "lone line feed behind the line": (b"GET / HTTP/1.1\nHost: x\r\n\r\n", GET),
    "lone line feed behind a header": (
        b"GET / HTTP/1.1\r\nA: b\nHost: x\r\n\r\n",
        whole("GET", "/", [("A", "b"), *HOST]),
    ),
    "lone line feed ends the head": (
        b"GET / HTTP/1.1\r\nHost: x\r\n\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n",
        [*GET, *whole("GET", "/2", HOST)],
    ),
    "lone line feeds and no headers": (
        b"GET / HTTP/1.1\n\nGET /2 HTTP/1.1\r\n\r\n",
        [*whole("GET", "/", []), *whole("GET", "/2", [])],
    ),
    "folded": (
        b"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
        whole("GET", "/", [*HOST, (" folded", "")], reason="NonCompliantHeader"),
    ),
    "no colon": (
        b"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
        whole("GET", "/", [*HOST, ("no colon", "")], reason="NonCompliantHeader"),
    ),
    "no name": (b"GET / HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n", whole("GET", "/", HOST, reason="EmptyHeader")),
    "space in target": (b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", whole("GET", "/a b", HOST, reason="SpaceInUri")),
    "control character in target": (
        b"GET /\x01\ta HTTP/1.1\r\nHost: x\r\n\r\n",
        whole("GET", "/\x01\ta", HOST, reason="AmbiguousUri"),
    ),
    "high bytes": (
        b"GET /\xc3\xa9 HTTP/1.1\r\nX: \xff\r\nY\xe9: z\r\n\r\n",
        whole("GET", "/\xc3\xa9", [("X", "\xff"), ("Y\xe9", "z")], reason="NonCompliantHeader"),
    ),
    "control character in value": (
        b"GET / HTTP/1.1\r\nX: a\x02\x7f\r\n\r\n",
        whole("GET", "/", [("X", "a\x02\x7f")], reason="NonCompliantHeader"),
    ),
    "nul in a header": (
        b"GET / HTTP/1.1\r\nA: \0\r\nHost: x\r\n\r\n",
        whole("GET", "/", HOST, reason="BadHeader"),
    ),
    "lone cr in a header": (
        b"POST / HTTP/1.1\r\nHost: x\r\nX: a\rTransfer-Encoding: chunked\r\n\r\n",
        whole("POST", "/", HOST, reason="BadHeader"),
    ),
    "cr cr lf": (
        b"POST / HTTP/1.1\r\nHost: x\r\nX: a\r\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        whole("POST", "/", [*HOST, CHUNKED], b"a", reason="BadHeader"),
    ),
    "nul in a framing header": (
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\0\r\n\r\n",
        whole("POST", "/", HOST, reason="BadHeader"),
    ),
    "cr in front of a framing header": (
        b"POST / HTTP/1.1\r\nHost: x\r\n\rContent-Length: 5\r\n\r\n",
        whole("POST", "/", HOST, reason="BadHeader"),
    ),
    "space behind a framing header's name": (
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n",
        whole("POST", "/", [*HOST, ("Transfer-Encoding ", "chunked")], reason="SuspiciousHeader"),
    ),
    "underscore in a framing header's name": (
        b"POST / HTTP/1.1\r\nContent_Length: 5\r\nContent-Length: 2\r\n\r\nab",
        whole("POST", "/", [("Content_Length", "5"), ("Content-Length", "2")], b"ab", reason="MultipleContentLength"),
    ),
    "lookalike and the real one": (
        b"POST / HTTP/1.1\r\nTransfer_Encoding: chunked\r\nContent-Length: 2\r\n\r\nab",
        whole(
            *("POST", "/", [("Transfer_Encoding", "chunked"), ("Content-Length", "2")], b"ab"),
            reason="SuspiciousTeClPresent",
        ),
    ),
    "vertical tab in front of a framing header": (
        b"POST / HTTP/1.1\r\n\x0bTransfer-Encoding: chunked\r\n\r\n",
        whole("POST", "/", [("\x0bTransfer-Encoding", "chunked")], reason="SuspiciousHeader"),
    ),
    "folded behind chunked": (
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n ,identity\r\nHost: x\r\n\r\n1\r\na\r\n0\r\n\r\n",
        whole("POST", "/", [(" ,identity", ""), *HOST, CHUNKED], b"a", reason="NonCompliantHeader"),
    ),
    "folded framing header": (
        b"POST / HTTP/1.1\r\nContent-Length: 2\r\n Transfer-Encoding: chunked\r\n\r\nab",
        whole(
            *("POST", "/", [(" Transfer-Encoding", "chunked"), ("Content-Length", "2")], b"ab"),
            reason="SuspiciousTeClPresent",
        ),
    ),
    "bad length beside chunks": (
        b"POST / HTTP/1.1\r\nContent-Length: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        whole("POST", "/", [("Content-Length", "x"), CHUNKED], b"a", reason="BadContentLength"),
    ),
    "chunks in http/1.0": (
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        whole("POST", "/", [CHUNKED], b"a", version="HTTP/1.0", reason="UndefinedTransferEncodingSemantics"),
    ),
    "get with chunks": (
        b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        whole("GET", "/", [CHUNKED], b"a", reason="UndefinedTransferEncodingSemantics"),
    ),
    "later minor version": (
        b"GET / HTTP/1.9\r\n\r\n",
        whole("GET", "/", [], reason="NonCompliantVersion"),
    ),
    "absolute-form": (
        b"GET http://h:8/p?q HTTP/1.1\r\nHost: x\r\n\r\n",
        whole("GET", "/p?q", HOST, authority="h:8"),
    ),
    "fragment": (
        b"GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n",
        whole("GET", "/a#b", HOST, path="/a"),
    ),
    "empty lines in front": (b"\r\n\r\n\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", GET),
    "empty lines in between": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n\r\n\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", GET * 2),
    "empty lines alone": (b"\r\n\n\r\n", []),
    "long cookie": (
        b"GET / HTTP/1.1\r\nCookie: " + b"c" * 20_000 + b"\r\n\r\n",
        whole("GET", "/", [("Cookie", "c" * 20_000)]),
    ),
    "many headers": (
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 4000 + b"\r\n",
        whole("GET", "/", [("A", "b")] * 4000),
    ),
}

CASES = pytest.mark.parametrize(("data", "expected"), STREAMS.values(), ids=STREAMS.keys())


@CASES
@pytest.mark.parametrize("answers_at_once", [True, False])
def test_a_whole_stream_is_read(data: bytes, expected: list[Event], answers_at_once: bool) -> None:
    assert expected == feed_requests([data], answers_at_once=answers_at_once).events


@CASES
@pytest.mark.parametrize("answers_at_once", [True, False])
def test_byte_by_byte_gives_the_same(data: bytes, expected: list[Event], answers_at_once: bool) -> None:
    # Long heads in steps: what lies between two cuts is the same everywhere.
    pieces = bytewise(data) if len(data) < 1000 else [data[at : at + 777] for at in range(0, len(data), 777)]
    assert expected == feed_requests(pieces, answers_at_once=answers_at_once).events


@CASES
@pytest.mark.parametrize("behind", [b"\r\n", b"GET /next HTTP/1.1\r\n\r\n", b"POST /next HTTP/1.1\r\nContent-"])
def test_bytes_behind_a_stream_change_nothing_in_front(data: bytes, expected: list[Event], behind: bytes) -> None:
    recorded = feed_requests([data + behind])
    following = whole("GET", "/next", []) if behind.startswith(b"GET") else []
    assert expected + following == recorded.events
    assert (len(behind) if behind.startswith(b"POST") else 0) == recorded.codec.buffered


@given(st.sampled_from([name for name in STREAMS if len(STREAMS[name][0]) < 1000]), cuts(), st.booleans())
def test_every_way_of_cutting_gives_the_same(name: str, places: list[int], answers_at_once: bool) -> None:
    data, expected = STREAMS[name]
    assert expected == feed_requests(cut(data, places), answers_at_once=answers_at_once).events


def test_codecs_that_share_a_memo_read_the_same_every_time() -> None:
    first = feed_requests([])
    for data, expected in STREAMS.values():
        for _ in range(3):
            recorded = RecordedRequests(memo=first.codec._memo)
            recorded.codec.feed(data)
            assert expected == recorded.events


@pytest.mark.conformance("HTTP versions", "HTTP/1.0 and HTTP/1.1 requests are read", "load-balancer-listeners")
@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
def test_both_versions_of_http1_are_read(version: str) -> None:
    assert [version] == [head.version for head in feed_requests([f"GET / {version}\r\n\r\n".encode()]).heads]


@pytest.mark.conformance(
    "Methods", "GET, HEAD, POST, PUT, DELETE, OPTIONS and PATCH are read", "how-elastic-load-balancing-works"
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_the_documented_methods_are_read(method: str) -> None:
    assert whole(method, "/", []) == feed_requests([f"{method} / HTTP/1.1\r\n\r\n".encode()]).events


# ---- what counts as received


@given(st.sampled_from([name for name in STREAMS if len(STREAMS[name][0]) < 1000]), cuts())
def test_every_byte_of_a_request_is_counted_however_it_comes(name: str, places: list[int]) -> None:
    data = STREAMS[name][0]
    assert feed_requests([data]).received == feed_requests(cut(data, places)).received


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nT: x\r\n\r\n",
    ],
)
def test_a_request_counts_with_what_frames_its_body(data: bytes) -> None:
    assert len(data) == feed_requests([data]).received == feed_requests(bytewise(data)).received
    assert len(data) == feed_requests([data + b"GET /half"]).received


# ---- any bytes


GRAMMAR = st.sampled_from(
    [
        *(b"GET", b"POST", b" ", b"/", b"HTTP/1.1", b"HTTP/1.0", b"\r\n", b"\n", b"\r", b"Host: x", b":", b"\0", b"\t"),
        *(b"Content-Length: 3", b"Transfer-Encoding: chunked", b"3", b"0", b"abc", b"\r\n\r\n", b";", b"\xff", b"_"),
    ]
)  # fmt: skip
NEARLY_HTTP = st.builds(
    b"".join,
    st.tuples(
        st.sampled_from([b"", b"GET / HTTP/1.1\r\n", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"]),
        st.lists(GRAMMAR, max_size=12).map(b"".join),
    ),
)


@given(NEARLY_HTTP | st.binary(max_size=80), cuts())
def test_any_bytes_give_requests_or_one_error_however_they_are_cut(data: bytes, places: list[int]) -> None:
    once, split, single = feed_requests([data] if data else []), feed_requests(cut(data, places)), bytewise(data)
    assert agrees_until_error(once.events, split.events)
    assert agrees_until_error(once.events, feed_requests(single).events)
    assert bool(once.errors) is once.codec.is_stopped
    assert len(once.errors) <= 1


@given(st.sampled_from(sorted(STREAMS)), st.integers(0, 10_000), st.binary(max_size=3), st.integers(0, 3))
def test_a_damaged_message_never_does_anything_else(name: str, place: int, inserted: bytes, removed: int) -> None:
    data = STREAMS[name][0][:500]
    place %= len(data)
    damaged = data[:place] + inserted + data[place + removed :]
    if damaged:
        assert agrees_until_error(feed_requests([damaged]).events, feed_requests(bytewise(damaged)).events)


# ---- second and third opinions


@given(requests(), cuts())
def test_three_implementations_read_the_same_request(message: Message, places: list[int]) -> None:
    recorded = feed_requests(cut(message.data, places))
    (head,) = recorded.heads
    fields = head.fields
    keeps_alive = not fields.wants_close and (head.version == "HTTP/1.1" or fields.wants_keep_alive)
    ours = Message((head.method, head.target), fields.fields, recorded.body, keeps_alive, message.data)
    assert message == ours
    theirs = request_by_httptools(message.data)
    if theirs == request_by_h11(message.data):
        assert theirs == ours


# ---- memory and turns


def test_bodies_pass_through_without_being_held() -> None:
    recorded = feed_requests([b"POST / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n"])
    for _ in range(10):
        recorded.codec.feed(b"x" * 1000)
        assert 0 == recorded.codec.buffered
    assert recorded.codec.is_reading_body


@pytest.mark.conformance("Pipelining", "accepted from clients, answered in order", "how-elastic-load-balancing-works")
def test_a_pipelined_request_is_not_looked_at_before_its_turn() -> None:
    recorded = RecordedRequests(answers_at_once=False)
    recorded.codec.feed(b"GET /1 HTTP/1.1\r\n\r\nnonsense\r\n\r\n")
    assert whole("GET", "/1", []) == recorded.events
    assert not recorded.codec.is_stopped
    recorded.answer()
    assert [400] == recorded.error_statuses


def test_too_many_waiting_bytes_are_reported() -> None:
    recorded = RecordedRequests(answers_at_once=False)
    recorded.codec.feed(b"GET / HTTP/1.1\r\n\r\n")
    recorded.codec.feed(b"x" * MAX_PIPELINED)
    assert ("pipeline full",) not in recorded.events
    recorded.codec.feed(b"x")
    assert ("pipeline full",) == recorded.events[-1]


def test_thousands_of_pipelined_requests_do_not_deepen_the_stack() -> None:
    recorded = feed_requests([b"GET / HTTP/1.1\r\n\r\n" * 5000])
    assert 5000 == len(recorded.heads)


def test_the_codec_says_where_it_stands() -> None:
    recorded = RecordedRequests(answers_at_once=False)
    codec = recorded.codec
    assert (True, True, False) == (codec.is_idle, codec.is_reading_head, codec.is_reading_body)
    codec.feed(b"POST / HTTP/1.1\r\n")
    assert (False, True, False) == (codec.is_idle, codec.is_reading_head, codec.is_reading_body)
    codec.feed(b"Content-Length: 2\r\n\r\na")
    assert (False, False, True) == (codec.is_idle, codec.is_reading_head, codec.is_reading_body)
    codec.feed(b"b")
    assert (False, False, False) == (codec.is_idle, codec.is_reading_head, codec.is_reading_body)
    recorded.answer()
    assert codec.is_idle
    codec.stop()
    assert (True, False) == (codec.is_stopped, codec.is_idle)


def test_an_error_knows_its_sentence() -> None:
    (error,) = feed_requests([b"GET / HTTP/2.0\r\n\r\n"]).errors
    assert isinstance(error, ProtocolError)
    assert error.fault == "the version 'HTTP/2.0' is not spoken on this connection"


def test_a_request_whose_body_breaks_was_a_request_however_the_bytes_are_cut() -> None:
    """The log shows it as one: its line must not depend on what came in which packet."""
    stream = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
    expected = [("request", RequestFacts("POST", "/", [CHUNKED], "/")), ("error", 400)]

    assert expected == feed_requests([stream]).events
    assert expected == feed_requests(bytewise(stream)).events
