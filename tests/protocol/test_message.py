"""Heads: the cheap views on them that rules, logs and forwarding use."""

from __future__ import annotations

import pytest

from edgeproxy.protocol.head_parser import parse_request_fields, parse_request_line, parse_response_head
from edgeproxy.protocol.message import CHUNKED, SIMPLE, UNTIL_CLOSE, RequestHead


def head(target: str, section: bytes = b"Host: Example.COM:8080\r\nHost: other\r\nX-A: 1\r\nx-a: 2\r\n") -> RequestHead:
    return parse_request_line(f"GET {target} HTTP/1.1", parse_request_fields(section), 99)


def test_the_host_is_the_first_one_in_lower_case_with_its_port() -> None:
    assert head("/").host == "example.com:8080"


def test_lower_case_is_for_ascii_letters_only() -> None:
    """The bytes of another alphabet are not ours to change: the second one of an E with an accent is C9 in latin-1."""
    text = "\u00c3\u0089.Example.COM"
    assert "\u00c3\u0089.example.com" == head("/", f"Host: {text}\r\n".encode("latin-1")).host


def test_without_a_host_header_the_host_is_empty() -> None:
    assert head("/", b"").host == ""


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/", "/", ""),
        ("/a?b=c", "/a", "b=c"),
        ("/a?", "/a", ""),
        ("/a?b?c", "/a", "b?c"),
        ("/%2e/x", "/%2e/x", ""),
        ("/a#b?c", "/a", ""),
    ],
)
def test_path_and_query_are_the_targets_own_text(target: str, path: str, query: str) -> None:
    assert (path, query) == (head(target).path, head(target).query)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", []),
        ("a=1&b=2", [("a", "1"), ("b", "2")]),
        ("a", [("a", "")]),
        ("=1", [("", "1")]),
        ("a=1=2", [("a", "1=2")]),
        ("&a&&", [("a", "")]),
        ("a=%20+", [("a", "%20+")]),
    ],
)
def test_query_pairs_are_undecoded(query: str, expected: list[tuple[str, str]]) -> None:
    request = head(f"/?{query}")
    assert expected == request.query_pairs
    assert request.query_pairs is request.query_pairs


def test_header_values_are_asked_for_in_lower_case() -> None:
    assert ["1", "2"] == list(head("/").header_values("x-a"))
    assert [] == list(head("/").header_values("none"))


def test_requests_may_share_their_fields_and_nothing_else() -> None:
    fields = parse_request_fields(b"Host: a\r\n")
    first, second = (parse_request_line(f"GET /{name} HTTP/1.1", fields, 1) for name in "ab")
    first.path = "/changed"
    first.source_ip = "192.0.2.1"
    assert ("/b", "") == (second.path, second.source_ip)
    assert first.fields is second.fields


def test_heads_say_what_they_are() -> None:
    assert repr(head("/a")) == "<RequestHead 'GET /a HTTP/1.1' 4 fields>"
    assert repr(parse_response_head(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n")) == "<ResponseHead '200 OK' 1 fields>"


def test_lengths_that_are_no_number_of_bytes_are_below_zero() -> None:
    assert max(CHUNKED, UNTIL_CLOSE, SIMPLE) < 0
    assert 3 == len({CHUNKED, UNTIL_CLOSE, SIMPLE})
