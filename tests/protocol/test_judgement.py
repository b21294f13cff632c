"""How a head gets its verdict, and how one that cannot be served keeps it."""

from __future__ import annotations

import pytest

from edgeproxy.errors import ProtocolError
from edgeproxy.protocol.desync import VERDICTS
from edgeproxy.protocol.head_parser import parse_request_fields
from edgeproxy.protocol.judgement import UnreadableRequestError, judge
from edgeproxy.protocol.message import RequestHead


def head(section: bytes, method: str = "POST") -> RequestHead:
    return RequestHead(f"{method} / HTTP/1.1", method, "/", "/", "", parse_request_fields(section), 1)


@pytest.mark.parametrize(
    ("method", "section", "target", "version", "reason"),
    [
        ("POST", b"Host: x\r\n", "/", "HTTP/1.1", None),
        ("POST", b"Host: x\r\n", "/ a", "HTTP/1.1", "SpaceInUri"),
        ("POST", b"Host: x\r\n", "/", "HTTP/1.1 ", "NonCompliantVersion"),
        ("POST", b"Host: x\r\n", "/", "", "NonCompliantVersion"),
        ("GET", b"Content-Length: 5\r\n", "/", "HTTP/1.1", "UndefinedContentLengthSemantics"),
        ("POST", b"Content-Length: 5\r\n", "/", "HTTP/1.1", None),
        ("P(", b"", "/", "HTTP/1.1", "BadMethod"),
    ],
)
def test_the_verdict_is_on_method_target_version_and_headers_as_received(
    method: str, section: bytes, target: str, version: str, reason: str | None
) -> None:
    request = head(section, method)
    judge(request, target, version)
    assert (VERDICTS[reason] if reason else None) == request.verdict


@pytest.mark.parametrize(
    ("section", "reason", "forwarded"),
    [
        (b"A: b\r\nC: \0\r\n", "BadHeader", ["A: b"]),
        (b"A: b\r\n: c\r\n", "EmptyHeader", ["A: b"]),
        (b"Content-Length: 5\r\n x\r\nContent-Length: 6\0\r\n", "BadHeader", [" x:", "Content-Length: 5"]),
    ],
)
def test_headers_that_are_not_forwarded_count(section: bytes, reason: str, forwarded: list[str]) -> None:
    request = head(section)
    judge(request, "/", "HTTP/1.1")
    assert (VERDICTS[reason], forwarded) == (request.verdict, request.fields.lines)


def test_the_order_is_that_of_the_client_not_of_what_is_forwarded() -> None:
    """The header that frames the body goes last, but the lookalike behind it was found second."""
    request = head(b"Transfer-Encoding: x\r\n: y\r\n folded\r\nContent_Length: 5\r\n")
    judge(request, "/", "HTTP/1.1")
    assert "SuspiciousTeClPresent" == (request.verdict and request.verdict.reason)
    request = head(b"Content-Length: x\r\n folded\r\nTransfer-Encoding: y\r\n")
    judge(request, "/", "HTTP/1.0")
    assert "UndefinedTransferEncodingSemantics" == (request.verdict and request.verdict.reason)


@pytest.mark.parametrize(
    ("section", "reason"),
    [
        (b"Content-Length: x\r\n", "BadContentLength"),
        (b"Content-Length: 5\r\nContent-Length: 6\r\n", "MultipleContentLength"),
        (b"Content-Length: 9223372036854775808\r\n", None),
        (b"Host: a b\r\n", None),
        (b"Host: a b\r\nA B: c\r\n", "NonCompliantHeader"),
    ],
)
def test_a_fault_becomes_an_error_that_carries_the_verdict(section: bytes, reason: str | None) -> None:
    request = head(section)
    fault = request.fields.fault
    assert fault is not None
    with pytest.raises(UnreadableRequestError) as caught:
        judge(request, "/", "HTTP/1.1")
    expected = VERDICTS[reason] if reason else None
    assert (fault.status, fault.fault, expected) == (caught.value.status, caught.value.fault, caught.value.verdict)
    assert expected == request.verdict


def test_an_unreadable_request_is_a_violation_of_the_protocol() -> None:
    """Whoever only wants the status need not know the difference."""
    error = UnreadableRequestError(414, "too long", VERDICTS["BadUri"])
    assert isinstance(error, ProtocolError)
    assert (414, "too long", "414: too long") == (error.status, error.fault, str(error))
