"""What a target sends, and what the codec makes of it, however the bytes are cut."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.protocol.limits import MAX_RESPONSE_HEAD
from tests.helpers.recording import (
    Event,
    RecordedResponses,
    ResponseFacts,
    agrees_until_error,
    bytewise,
    cut,
    cuts,
    feed_response,
)
from tests.helpers.second_opinion import Message, response_by_h11, response_by_httptools, responses

LENGTH = ("Content-Length", "2")
CHUNKED = ("Transfer-Encoding", "chunked")


def whole(
    status_line: str, fields: list[tuple[str, str]], body: bytes = b"", *, is_reusable: bool = True
) -> list[Event]:
    """The events of one complete response."""
    facts = ResponseFacts(int(status_line[:3]), status_line, fields, is_reusable)
    return [("response", facts), *([("body", body)] if body else []), ("end",)]


class Stream(NamedTuple):
    """A response, what it is an answer to, and whether only the connection's end completes it."""

    data: bytes
    expected: list[Event]
    method: str = "GET"
    closes: bool = False


STREAMS = {
    "length": Stream(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", whole("200 OK", [LENGTH], b"ab")),
    "length zero": Stream(
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", whole("200 OK", [("Content-Length", "0")])
    ),
    "chunked, extensions, trailers": Stream(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n1 \r\nc\r\n0\r\nT: x\r\n\r\n",
        whole("200 OK", [CHUNKED], b"abc"),
    ),
    "chunked and empty": Stream(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", whole("200 OK", [CHUNKED])
    ),
    "until close": Stream(
        b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nab\r\n\r\n", whole("200 OK", [("A", "b")], b"ab\r\n\r\n"), closes=True
    ),
    "until close and empty": Stream(b"HTTP/1.1 200 OK\r\n\r\n", whole("200 OK", []), closes=True),
    "identity": Stream(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nab",
        whole("200 OK", [("Transfer-Encoding", "identity")], b"ab"),
        closes=True,
    ),
    "http/1.0": Stream(
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nab", whole("200 OK", [LENGTH], b"ab", is_reusable=False)
    ),
    "http/1.0 keep-alive": Stream(
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nab",
        whole("200 OK", [("Connection", "keep-alive"), LENGTH], b"ab"),
    ),
    "connection close": Stream(
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nab",
        whole("200 OK", [("Connection", "close"), LENGTH], b"ab", is_reusable=False),
    ),
    "no reason": Stream(b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nab", whole("200", [LENGTH], b"ab")),
    "head with length": Stream(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", whole("200 OK", [LENGTH]), method="HEAD"
    ),
    "head with chunked": Stream(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", whole("200 OK", [CHUNKED]), method="HEAD"
    ),
    "head without length": Stream(b"HTTP/1.1 200 OK\r\n\r\n", whole("200 OK", []), method="HEAD"),
    "204": Stream(b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n", whole("204 No Content", [LENGTH])),
    "304": Stream(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", whole("304 Not Modified", [LENGTH])),
    "interim responses": Stream(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab",
        whole("200 OK", [LENGTH], b"ab"),
    ),
    "high bytes": Stream(
        b"HTTP/1.1 200 \xe9\r\nX: \xff\r\nContent-Length: 2\r\n\r\n\x00\xff",
        whole("200 \xe9", [("X", "\xff"), LENGTH], b"\x00\xff"),
    ),
    "body that looks like a head": Stream(
        b"HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\nHTTP/1.1 500 No\r\n\r\n",
        whole("200 OK", [("Content-Length", "19")], b"HTTP/1.1 500 No\r\n\r\n"),
    ),
}  # fmt: skip

CASES = pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS.keys())


def said(stream: Stream, pieces: list[bytes]) -> RecordedResponses:
    return feed_response(pieces, method=stream.method, closes=stream.closes)


@CASES
def test_whole_and_byte_by_byte_give_the_same(stream: Stream) -> None:
    assert stream.expected == said(stream, [stream.data]).events
    assert stream.expected == said(stream, bytewise(stream.data)).events


@given(st.sampled_from(sorted(STREAMS)), cuts())
def test_every_way_of_cutting_gives_the_same(name: str, places: list[int]) -> None:
    stream = STREAMS[name]
    recorded = said(stream, cut(stream.data, places))
    assert stream.expected == recorded.events
    assert not recorded.codec.is_waiting
    assert not recorded.codec.is_spoiled


@CASES
def test_bytes_behind_a_response_change_nothing_and_spoil_the_connection(stream: Stream) -> None:
    """They belong to no request: whoever gets this connection next must not take them for an answer."""
    if stream.closes:
        return
    for pieces in ([stream.data + b"HTTP/1.1 200 OK\r\n\r\n"], [stream.data, b"x"], bytewise(stream.data + b"\n")):
        recorded = said(stream, pieces)
        assert stream.expected == recorded.events
        assert recorded.codec.is_spoiled


@CASES
def test_a_connection_that_closes_early_breaks_the_response(stream: Stream) -> None:
    """At every byte; only a body that ends with the connection may stop anywhere."""
    for end in range(len(stream.data)):
        recorded = feed_response(cut(stream.data[:end], []), method=stream.method, closes=True)
        if stream.closes and end >= stream.data.index(b"\r\n\r\n") + 4:
            assert ("end",) == recorded.events[-1]
        else:
            assert [502] == recorded.error_statuses
        assert not recorded.codec.is_waiting


def test_responses_follow_each_other_on_one_connection() -> None:
    recorded = RecordedResponses()
    for stream in STREAMS.values():
        if not stream.closes:
            recorded.events.clear()
            recorded.codec.start(stream.method)
            recorded.codec.feed(stream.data)
            assert stream.expected == recorded.events
            assert not recorded.codec.is_spoiled


def test_codecs_that_share_a_memo_read_the_same_every_time() -> None:
    memo = RecordedResponses().codec._memo
    for stream in STREAMS.values():
        for _ in range(3):
            recorded = RecordedResponses(method=stream.method, memo=memo)
            recorded.codec.feed(stream.data)
            if stream.closes:
                recorded.codec.feed_eof()
            assert stream.expected == recorded.events


def test_a_head_request_and_a_get_share_a_head_but_not_its_body() -> None:
    data = STREAMS["length"].data
    memo = RecordedResponses().codec._memo
    for method, expected in (("GET", b"ab"), ("HEAD", b""), ("GET", b"ab"), ("HEAD", b"")):
        recorded = RecordedResponses(method=method, memo=memo)
        recorded.codec.feed(data)
        assert expected == recorded.body
        assert (method == "HEAD") is recorded.codec.is_spoiled


# ---- what is refused


REFUSED = [
    (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", "two lengths"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", "the length twice"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "two kinds of length"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "a negative length"),
    (b"HTTP/1.1 204 No Content\r\nContent-Length: x\r\n\r\n", "a malformed length, even where no body follows"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "a coding that is not passed on"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "a chunk size that is none"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", "a chunk longer than its size"),
    (b"HTTP/1.1 200 OK\r\nA: b\x01\r\n\r\n", "a control character"),
    (b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", "a folded line"),
    (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "a line without a colon"),
    (b"HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\r\n", "a lone line feed"),
    (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nab", "lone line feeds only"),
    (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "an upgrade that was not asked for"),
    (b"HTTP/1.1 099 Low\r\n\r\n", "no status"),
    (b"HTTP/2 200 OK\r\n\r\n", "another version"),
    (b"\r\nHTTP/1.1 200 OK\r\n\r\n", "an empty line in front"),
    (b"SSH-2.0-OpenSSH_9.6\r\n", "another protocol's greeting"),
    (b"\x15\x03\x01\x00\x02\x02\x16", "a TLS alert"),
    (b"HTTP/1.1 200 OK\r\nA: " + b"a" * MAX_RESPONSE_HEAD, "a head that is too long"),
    (b"HTTP/1.1 100 Continue\r\n\r\nx", "nonsense behind an interim response"),
]


@pytest.mark.conformance(
    "502 from a target", "a malformed response or one with invalid headers is a 502", "load-balancer-troubleshooting"
)
@pytest.mark.parametrize(("data", "reason"), REFUSED, ids=[reason for _, reason in REFUSED])
def test_malformed_responses_are_refused_at_once_and_spoil_the_connection(data: bytes, reason: str) -> None:
    """Without waiting for more bytes: a target that says nothing else would only be noticed at the idle timeout."""
    for pieces in ([data], [data[at : at + 61] for at in range(0, len(data), 61)], bytewise(data[-2000:])):
        if len(pieces) == 2000:
            continue
        recorded = feed_response(pieces)
        assert ("error", 502) == recorded.events[-1], reason
        assert [502] == recorded.error_statuses
        assert recorded.codec.is_spoiled
        assert not recorded.codec.is_waiting


def test_after_an_error_nothing_is_told() -> None:
    recorded = feed_response([b"SSH-2.0\r\n", b"HTTP/1.1 200 OK\r\n\r\n"], closes=True)
    assert [("error", 502)] == recorded.events


def test_an_end_without_a_request_is_no_error() -> None:
    recorded = feed_response([STREAMS["length"].data])
    recorded.codec.feed_eof()
    assert STREAMS["length"].expected == recorded.events


NEARLY_HTTP = st.builds(
    b"".join,
    st.tuples(
        st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"]),
        st.lists(
            st.sampled_from(
                [
                    *(b"HTTP/1.1 ", b"HTTP/1.0 ", b"200 ", b"100 ", b"OK", b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"A: b"),
                    *(
                        b"Content-Length: 3",
                        b"Transfer-Encoding: chunked",
                        b"3",
                        b"0",
                        b"abc",
                        b":",
                        b";",
                        b"\0",
                        b"\xff",
                    ),
                ]
            ),
            max_size=12,
        ).map(b"".join),
    ),
)


@given(NEARLY_HTTP | st.binary(max_size=60), cuts(), st.booleans())
def test_any_bytes_give_a_response_or_one_error_however_they_are_cut(
    data: bytes, places: list[int], closes: bool
) -> None:
    once = feed_response([data] if data else [], closes=closes)
    for pieces in (cut(data, places), bytewise(data)):
        split = feed_response(pieces, closes=closes)
        assert agrees_until_error(once.events, split.events)
        assert once.codec.is_spoiled is split.codec.is_spoiled
    assert len(once.errors) <= 1
    assert not (closes and once.codec.is_waiting)


# ---- second and third opinions


@given(responses(), cuts())
def test_three_implementations_read_the_same_response(message: Message, places: list[int]) -> None:
    recorded = feed_response(cut(message.data, places))
    (head,) = recorded.heads
    status, reason = message.start
    assert f"{status} {reason}" == head.status_line
    ours = Message((head.status, reason), head.fields, recorded.body, head.is_reusable, message.data)
    assert message == ours
    theirs = response_by_httptools(message.data)
    if theirs == response_by_h11(message.data):
        assert theirs == ours


# ---- memory


def test_bodies_pass_through_without_being_held() -> None:
    for head in (b"Content-Length: 1000000\r\n", b"A: b\r\n"):
        recorded = feed_response([b"HTTP/1.1 200 OK\r\n" + head + b"\r\n"])
        for _ in range(10):
            recorded.codec.feed(b"x" * 1000)
            assert recorded.codec._buffer == b""
        assert 10_000 == len(recorded.body)


def test_the_codec_says_whether_a_response_is_outstanding() -> None:
    recorded = RecordedResponses()
    assert recorded.codec.is_waiting
    recorded.codec.feed(STREAMS["length"].data[:-1])
    assert recorded.codec.is_waiting
    recorded.codec.feed(STREAMS["length"].data[-1:])
    assert not recorded.codec.is_waiting
