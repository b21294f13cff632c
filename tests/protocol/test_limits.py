"""The documented sizes, K is 1024, and that they hold at the byte, however the bytes are cut."""

from __future__ import annotations

import pytest

from edgeproxy.protocol import limits
from edgeproxy.protocol.limits import MAX_REQUEST_HEAD, MAX_REQUEST_LINE, MAX_RESPONSE_HEAD
from tests.helpers.recording import RecordedRequests, Recording, feed_requests, feed_response


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param(
            "MAX_REQUEST_LINE",
            16_384,
            marks=pytest.mark.conformance("Size limits", "request line: 16 K", "load-balancer-limits"),
        ),
        pytest.param(
            "MAX_HEADER_LINE",
            16_384,
            marks=pytest.mark.conformance("Size limits", "one request header: 16 K", "load-balancer-limits"),
        ),
        pytest.param(
            "MAX_REQUEST_HEAD",
            65_536,
            marks=pytest.mark.conformance("Size limits", "all request headers: 64 K", "load-balancer-limits"),
        ),
        pytest.param(
            "MAX_RESPONSE_HEAD",
            32_768,
            marks=pytest.mark.conformance("Size limits", "all response headers: 32 K", "load-balancer-limits"),
        ),
    ],
)
def test_limits_are_the_documented_ones(name: str, expected: int) -> None:
    assert expected == getattr(limits, name)


def request_with(line: int = 20, headers: int = 8) -> bytes:
    """A request whose line (without its CRLF) and whose header section (with all CRLFs) have these sizes."""
    section = b"Cookie: " + b"c" * (headers - 10) + b"\r\n" if headers > 10 else b"Host: x\r\n"
    return b"GET /" + b"a" * (line - 14) + b" HTTP/1.1\r\n" + section + b"\r\n"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (request_with(line=MAX_REQUEST_LINE), []),
        (request_with(line=MAX_REQUEST_LINE + 1), [414]),
        (request_with(line=MAX_REQUEST_LINE).replace(b"\r", b""), []),
        (request_with(line=MAX_REQUEST_LINE + 1).replace(b"\r", b""), [414]),
        (request_with(headers=MAX_REQUEST_HEAD), []),
        (request_with(headers=MAX_REQUEST_HEAD + 1), [400]),
    ],
)
def test_a_request_at_a_limit_is_judged_alike_wherever_it_is_cut(data: bytes, expected: list[int]) -> None:
    assert expected == feed_requests([data]).error_statuses
    for size in range(1, 8):
        pieces = [data[:-60], *(data[len(data) - 60 + at :][:size] for at in range(0, 60, size))]
        assert expected == feed_requests(pieces).error_statuses
        # The same around the end of the request line.
        end = data.index(b"\n")
        pieces = [data[: end - 6], *(data[end - 6 + at :][:size] for at in range(0, 12, size)), b""]
        rest = data[sum(map(len, pieces)) :]
        assert expected == feed_requests([piece for piece in (*pieces, rest) if piece]).error_statuses


@pytest.mark.conformance(
    "502 from a target", "response headers of more than 32 K are a 502", "load-balancer-troubleshooting"
)
@pytest.mark.parametrize(("size", "expected"), [(MAX_RESPONSE_HEAD, []), (MAX_RESPONSE_HEAD + 1, [502])])
def test_a_response_at_the_limit_is_judged_alike_wherever_it_is_cut(size: int, expected: list[int]) -> None:
    data = b"HTTP/1.1 204 No Content\r\nA: " + b"a" * (size - 32) + b"\r\n\r\n"
    assert size == len(data)
    for step in (1, 3, 30, len(data)):
        pieces = [data[: -2 * step], data[-2 * step : -step], data[-step:]]
        assert expected == feed_response([piece for piece in pieces if piece]).error_statuses


@pytest.mark.parametrize(
    "data",
    [b"A" * (MAX_REQUEST_LINE * 2), b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * MAX_REQUEST_HEAD],
    ids=["request line", "headers"],
)
def test_a_slow_client_never_makes_the_codec_hold_more_than_the_limits(data: bytes) -> None:
    recorded = RecordedRequests()
    most = 0
    for at in range(0, len(data), 7):
        recorded.codec.feed(data[at : at + 7])
        most = max(most, recorded.codec.buffered)
        if recorded.codec.is_stopped:
            break
    assert recorded.codec.is_stopped
    assert most <= MAX_REQUEST_LINE + MAX_REQUEST_HEAD
    assert 0 == recorded.codec.buffered


def test_a_slow_target_never_makes_the_codec_hold_more_than_the_limit() -> None:
    recorded: Recording = feed_response([b"HTTP/1.1 200 OK\r\n", *[b"A: bcd\r\n"] * MAX_RESPONSE_HEAD])
    assert [("error", 502)] == recorded.events
