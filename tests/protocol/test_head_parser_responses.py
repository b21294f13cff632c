"""Responses: what their heads say, and which of them are malformed."""

from __future__ import annotations

import pytest

from edgeproxy.errors import ProtocolError
from edgeproxy.protocol.head_parser import parse_response_head
from edgeproxy.protocol.message import CHUNKED, UNTIL_CLOSE


def section(*lines: bytes) -> bytes:
    return b"".join(line + b"\r\n" for line in lines)


def response(line: bytes, *lines: bytes) -> bytes:
    return section(line, *lines) + b"\r\n"


@pytest.mark.parametrize(
    ("line", "status", "status_line", "minor"),
    [
        (b"HTTP/1.1 200 OK", 200, "200 OK", 1),
        (b"HTTP/1.0 404 Not \xe9", 404, "404 Not \xe9", 0),
        (b"HTTP/1.1 204", 204, "204", 1),
        (b"HTTP/1.1 299 ", 299, "299 ", 1),
        (b"HTTP/1.1 999 x", 999, "999 x", 1),
    ],
)
def test_status_lines_are_kept_as_the_target_sent_them(line: bytes, status: int, status_line: str, minor: int) -> None:
    head = parse_response_head(response(line))
    assert (status, status_line, minor) == (head.status, head.status_line, head.version_minor)


@pytest.mark.conformance(
    "502 from a target", "a response with a malformed status line is a 502", "load-balancer-troubleshooting"
)
@pytest.mark.parametrize(
    "line",
    [
        b"HTTP/2 200 OK",
        b"HTTP/1.2 200 OK",
        b"HTTP/1.1 20 OK",
        b"HTTP/1.1 2000 OK",
        b"HTTP/1.1  200 OK",
        b"200 OK",
        b"HTTP/1.1 099 x",
        b"HTTP/1.1 200OK",
        b"http/1.1 200 OK",
        b"HTTP/1.1 200 a\x01",
        b"ICY 200 OK",
        b"",
    ],
)
def test_other_status_lines_are_refused(line: bytes) -> None:
    with pytest.raises(ProtocolError, match="status line") as caught:
        parse_response_head(response(line))
    assert caught.value.status == 502


@pytest.mark.conformance(
    "502 from a target", "a response with invalid header bytes is a 502", "load-balancer-troubleshooting"
)
@pytest.mark.parametrize(
    "line",
    [
        b"no colon",
        b" folded: x",
        b"A : b",
        b": x",
        b"A: b\x00",
        b"A: b\x01",
        b"A: \x7f",
        b"A: b\rC: d",
        b"A: b\nC: d",
        b"A\xe9: b",
        b"A b: c",
    ],
)
def test_malformed_response_headers_are_refused(line: bytes) -> None:
    with pytest.raises(ProtocolError, match="malformed header line") as caught:
        parse_response_head(response(b"HTTP/1.1 200 OK", b"X: y", line))
    assert caught.value.status == 502


@pytest.mark.parametrize(
    ("version", "lines", "expected"),
    [
        (b"1.1", [], True),
        (b"1.1", [b"Connection: close"], False),
        (b"1.1", [b"Connection: x, CLOSE"], False),
        (b"1.1", [b"Connection: keep-alive", b"Connection: close"], False),
        (b"1.0", [], False),
        (b"1.0", [b"Connection: Keep-Alive"], True),
        (b"1.0", [b"Connection: upgrade"], False),
    ],
)
def test_a_target_says_whether_its_connection_may_be_used_again(
    version: bytes, lines: list[bytes], expected: bool
) -> None:
    assert expected is parse_response_head(response(b"HTTP/" + version + b" 200 OK", *lines)).is_reusable


def test_a_response_knows_its_special_fields_and_its_size() -> None:
    data = response(b"HTTP/1.1 200 OK", b"Server: x", b"Date: d", b"date: e", b"Content-Length: 3")
    head = parse_response_head(data)
    assert [(1, "date", "d"), (2, "date", "e"), (3, "content-length", "3")] == head.special
    assert 3 == head.body_length
    assert len(data) == head.size
    assert ["d", "e"] == head.values("date")


@pytest.mark.parametrize(
    ("lines", "length"),
    [([], UNTIL_CLOSE), ([b"Content-Length: 0"], 0), ([b"transfer-encoding: Chunked"], CHUNKED)],
)
def test_a_response_states_the_length_of_its_body(lines: list[bytes], length: int) -> None:
    assert length == parse_response_head(response(b"HTTP/1.1 200 OK", *lines)).body_length
