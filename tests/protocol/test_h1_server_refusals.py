"""What a client sends that is not read, and whose bytes are never read as another request."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.protocol.judgement import UnreadableRequestError
from edgeproxy.protocol.limits import MAX_HEADER_LINE, MAX_REQUEST_LINE
from tests.helpers.recording import RequestFacts, bytewise, cut, cuts, feed_requests

if TYPE_CHECKING:
    from edgeproxy.errors import ProtocolError


class Refused(NamedTuple):
    """Bytes, why they are not read, the status of the answer and the classifier's word."""

    data: bytes
    reason: str
    status: int = 400
    verdict: str = ""


def post(*lines: bytes, behind: bytes = b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n") -> bytes:
    return b"".join(line + b"\r\n" for line in (b"POST / HTTP/1.1", b"Host: x", *lines)) + b"\r\n" + behind


BAD = "BadContentLength"
REFUSED = [
    Refused(
        post(b"Content-Length: 5", b"Content-Length: 6"),
        "two lengths: targets may choose the other one",
        verdict="MultipleContentLength",
    ),
    Refused(post(b"Content-Length: +5"), "a sign", verdict=BAD),
    Refused(post(b"Content-Length: 0x5"), "a prefix", verdict=BAD),
    Refused(post(b"Content-Length: 5,5"), "a list", verdict=BAD),
    Refused(post(b"Content-Length: 5 5"), "two numbers", verdict=BAD),
    Refused(post(b"Content-Length: 18446744073709551616"), "overflows", verdict=BAD),
    Refused(post(b"Content-Length: 18446744073709551615"), "no body is that long"),
    Refused(post(b"Content-Length: " + b"9" * 5000), "overflows by far", verdict=BAD),
    Refused(post(b"Content-Length: x", b"A: \0"), "no number, and NUL in front of it all", verdict="BadHeader"),
    Refused(b"GET /\rGET /smuggled HTTP/1.1\r\n\r\n", "a lone CR in the request line", verdict="BadUri"),
    Refused(b"GET / HTTP/1.1\rHost: x\r\n\r\n", "a lone CR behind the version", verdict="BadVersion"),
    Refused(b"GET /\0 HTTP/1.1\r\n\r\n", "NUL in the target", verdict="BadUri"),
    Refused(b"GET / HTTP/1.1 HTTP/1.1\r\n\r\n", "two versions", verdict="BadVersion"),
    Refused(b"G(T / HTTP/1.1\r\n\r\n", "no method", verdict="BadMethod"),
    Refused(b"GET /  HTTP/1.1\r\nHost: a/b\r\n\r\n", "no Host", verdict="NonCompliantVersion"),
    Refused(b"echo test\r\n\r\n", "no HTTP"),
    Refused(b"POST /\r\n\r\n", "HTTP/0.9 knows no other method"),
    Refused(b"\x16\x03\x01\x02\x00\x01\x00\x01\n\n", "a TLS client hello"),
    Refused(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/2 with prior knowledge"),
    Refused(b"GET / HTTP/2.0\r\n\r\n", "another version", 505),
    Refused(b"GET /" + b"a" * MAX_REQUEST_LINE + b" HTTP/1.1\r\n\r\n", "a long request line", 414),
    Refused(b"GET /" + b"a" * MAX_REQUEST_LINE + b" HTTP/1.1\r\nA: \0\r\n\r\n", "a long line, and a bad header", 414),
    Refused(b"A" * (MAX_REQUEST_LINE + 2), "a request line without an end", 414),
    Refused(post(b"X: " + b"a" * (MAX_HEADER_LINE - 3)), "a long header line"),
    Refused(post(*[b"A: " + b"b" * 1000] * 66), "too many headers"),
    Refused(b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20_000, "headers without an end"),
    Refused(post(b"Transfer-Encoding: chunked", behind=b"x\r\n"), "a chunk size that is none"),
    Refused(post(b"Transfer-Encoding: chunked", behind=b"1\r\nab\r\n0\r\n\r\n"), "a chunk longer than its size"),
    Refused(post(b"Transfer-Encoding: chunked", behind=b"1\na\n0\n\n"), "chunks in lone line feeds"),
]


@pytest.mark.parametrize("row", REFUSED, ids=[row.reason for row in REFUSED])
def test_what_cannot_be_read_is_refused_and_nothing_behind_it_is_read(row: Refused) -> None:
    data = row.data
    for pieces in ([data], [data[at : at + 61] for at in range(0, len(data), 61)], bytewise(data[:1500])):
        recorded = feed_requests(pieces)
        if len(pieces) == 1500 and len(data) > 1500:
            continue
        assert [row.status] == recorded.error_statuses
        assert ("error", row.status) == recorded.events[-1]
        assert row.verdict == verdict_of(recorded.errors[0])
        assert recorded.codec.is_stopped
        assert 0 == recorded.codec.buffered
        assert "/smuggled" not in [head.target for head in recorded.heads]


@pytest.mark.parametrize(
    "request_", [b"* HTTP/1.1\r\n\r\n", b"/" + b"a" * MAX_REQUEST_LINE, b"/ HTTP/1.1\r\nA: " + b"a" * MAX_HEADER_LINE]
)
@pytest.mark.parametrize("before", [b"", b"\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_an_error_says_whether_the_method_is_head(before: bytes, request_: bytes) -> None:
    for method in (b"HEAD", b"GET", b"HEADS"):
        data = before + method + b" " + request_ + b"\r\n\r\n"
        for pieces in ([data], bytewise(data) if len(data) < 100 else [data[:50], data[50:]]):
            (error,) = feed_requests(pieces).errors
            assert (method == b"HEAD") is error.is_head


def verdict_of(error: ProtocolError) -> str:
    verdict = error.verdict if isinstance(error, UnreadableRequestError) else None
    return "" if verdict is None else verdict.reason


@pytest.mark.conformance("501", "a transfer coding that is not served is marked", "load-balancer-troubleshooting")
@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([b"Transfer-Encoding: gzip"], ""),
        ([b"Transfer-Encoding: gzip, chunked"], ""),
        ([b"Transfer-Encoding: chunked, gzip"], ""),
        ([b"Transfer-Encoding: chunked, identity"], ""),
        ([b"Transfer-Encoding: chunked, gzip, chunked"], ""),
        ([b"Transfer-Encoding: gzip", b"Content-Length: 5"], "BothTeClPresent"),
        ([b"Transfer-Encoding: xchunked"], "BadTransferEncoding"),
        ([b"Transfer-Encoding: \x0bchunked"], "BadTransferEncoding"),
        ([b"Transfer-Encoding: chunked", b"Transfer-Encoding: x"], "BadTransferEncoding"),
        ([b"Transfer-Encoding: x", b"Content-Length: y"], "BadTransferEncoding"),
        ([b"Transfer-Encoding:", b" chunked"], "BadTransferEncoding"),
        ([b"Transfer-Encoding: chunked, chunked"], "MultipleTransferEncodingChunked"),
        (
            [b"Transfer-Encoding: chunked", b" ,identity", b"Transfer-Encoding: chunked"],
            "MultipleTransferEncodingChunked",
        ),
    ],
)
@pytest.mark.parametrize("is_split", [False, True])
def test_behind_a_coding_that_is_not_served_nothing_is_read_as_a_request(
    lines: list[bytes], reason: str, is_split: bool
) -> None:
    """Where such a body ends cannot be known, so all that follows is body, in every mitigation mode."""
    data = post(*lines)
    recorded = feed_requests(bytewise(data) if is_split else [data])
    (head,) = recorded.heads
    assert (True, reason) == (head.fields.unsupported_coding, "" if head.verdict is None else head.verdict.reason)
    assert recorded.body == data.partition(b"\r\n\r\n")[2]
    assert recorded.codec.is_reading_body
    assert [] == recorded.errors


def test_after_an_error_everything_is_ignored() -> None:
    recorded = feed_requests([b"echo\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"echo\r\n\r\n"])
    assert [("error", 400)] == recorded.events


@given(
    st.sampled_from([row.data for row in REFUSED if len(row.data) < 500]),
    cuts(),
    st.integers(0, 200),
    st.binary(max_size=2),
)
def test_an_error_has_the_same_verdict_however_the_bytes_are_cut(
    data: bytes, places: list[int], place: int, inserted: bytes
) -> None:
    """But for bytes that begin no request: they are refused as soon as they come, and their line is not waited for."""
    place %= len(data)
    damaged = data[:place] + inserted + data[place:]
    verdicts = [
        [verdict_of(error) for error in feed_requests(pieces).errors if isinstance(error, UnreadableRequestError)]
        for pieces in ([damaged], cut(damaged, places), bytewise(damaged))
    ]
    assert 1 == len({verdict for each in verdicts for verdict in each} or {""})


# ---- HTTP/0.9


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
@pytest.mark.parametrize(
    "behind", [b"", b"\r\n", b"Host: x\r\n\r\n", b"GET /smuggled HTTP/1.1\r\n\r\n", b"A: \0\r\n\r\nGET /next\r\n\r\n"]
)
@pytest.mark.parametrize("answers_at_once", [True, False])
def test_a_simple_request_is_complete_with_its_line_and_the_last_of_its_connection(
    line_end: bytes, behind: bytes, answers_at_once: bool
) -> None:
    data = b"GET /a?b" + line_end + behind
    facts = RequestFacts("GET", "/a?b", [], "/a", "b", version="HTTP/0.9", reason="NonCompliantVersion")
    expected = [("request", facts), ("end",)]
    assert expected == feed_requests([data], answers_at_once=answers_at_once).events
    assert expected == feed_requests(bytewise(data), answers_at_once=answers_at_once).events


@pytest.mark.parametrize("data", [b"GET /\r\n", b"GET /\n"])
def test_a_simple_request_counts_its_line(data: bytes) -> None:
    assert len(data) == feed_requests([data]).received == feed_requests(bytewise(data)).received


def test_a_simple_request_may_follow_another_request() -> None:
    recorded = feed_requests([b"GET /1 HTTP/1.1\r\n\r\nGET /2\r\nGET /3\r\n"])
    assert [("/1", "HTTP/1.1"), ("/2", "HTTP/0.9")] == [(head.target, head.version) for head in recorded.heads]
