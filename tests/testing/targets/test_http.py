"""The little HTTP that scripted targets speak."""

from __future__ import annotations

import pytest

from edgeproxy.testing.targets.http import Response, parse_head, response_of

HEAD = b"GET /a%20b?c=d&c=e&f= HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nx-a: 2\r\n\r\n"


def test_a_request_in_parts() -> None:
    request = parse_head(HEAD)

    assert ("GET", "/a b", {"c": "e", "f": ""}) == (request.method, request.path, request.query)
    assert ({"host": "x", "x-a": "1, 2"}, HEAD, False) == (request.headers, request.head, request.is_health_check)


def test_health_checks_are_known_by_their_name() -> None:
    assert parse_head(b"GET / HTTP/1.1\r\nUser-Agent: ELB-HealthChecker/2.0\r\n\r\n").is_health_check


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        ("ü", "text/plain; charset=utf-8", "ü".encode()),
        (b"\xff", "application/octet-stream", b"\xff"),
        ({"a": 1}, "application/json", b'{"a": 1}'),
    ],
)
def test_a_body_says_what_it_is(body: object, kind: str, expected: bytes) -> None:
    head, _, sent = Response(body).encode().partition(b"\r\n\r\n")

    assert expected == sent
    assert [f"Content-Type: {kind}", f"Content-Length: {len(expected)}"] == head.decode().split("\r\n")[1:]


def test_an_answer_to_head_has_the_length_and_no_body() -> None:
    encoded = Response("four").encode(is_head=True)

    assert b"Content-Length: 4" in encoded
    assert encoded.endswith(b"\r\n\r\n")


def test_an_answer_in_short_is_a_response() -> None:
    assert (Response(status=404), Response("tea", 418), Response(status=204), Response([1])) == (
        *(response_of(404), response_of((418, "tea")), response_of(None), response_of([1])),
    )
