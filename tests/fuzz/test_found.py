"""What fuzzing has found, so that it stays found. Each input broke the check it is listed with."""

from __future__ import annotations

import time

import pytest

from tests.fuzz.checks import CHECKS
from tests.helpers.recording import bytewise, feed_requests

FOUND = [
    # Too long only with its CR: refused while the LF was missing, forgotten when it came.
    ("head", b"G" * 16385 + b"\r\n / "),
    # Nothing behind the line of HTTP/0.9 is read, so it cannot be too long.
    ("head", b"GET /a\r\nA: " + b"b" * 16384 + b"\r\n\r\n"),
    # The answer to HEAD named a coding that the answer to GET would not have had, and that clients refuse.
    ("response", b"HTTP/1.1 200\r\nTransfer-Encoding:identity\r\n\r\n"),
    # Read as 0, like a request's, and passed on to clients that cannot read it at all.
    ("response", b"HTTP/1.1 200\r\nContent-Length:\r\n\r\n"),
]


@pytest.mark.parametrize(("check", "data"), FOUND)
def test_what_was_found_does_not_come_back(check: str, data: bytes) -> None:
    CHECKS[check](data)


@pytest.mark.parametrize(
    ("start", "piece", "count"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nCookie: ", b"c", 60_000),
        (b"GET / HTTP/1.1\r\n", b"A: b\r\n", 10_000),
        (b"GET / HTTP/1.1\n", b"A: b\n", 12_000),
    ],
)
def test_a_head_that_comes_byte_by_byte_is_not_read_from_the_front_each_time(
    start: bytes, piece: bytes, count: int
) -> None:
    """One takes as long as sixteen of a sixteenth of its length; it took six times as long."""
    long, short = bytewise(start + piece * count), bytewise(start + piece * (count // 16))
    started = time.thread_time()
    assert len(long) == feed_requests(long).codec.buffered
    one = time.thread_time() - started
    for _ in range(16):
        feed_requests(short)
    sixteen = time.thread_time() - started - one

    assert one < 3 * sixteen
