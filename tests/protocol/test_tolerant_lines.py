"""The slow path: request lines that are unusual and pass, with which verdict; those that nobody can read; HTTP/0.9."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.protocol import tolerant
from edgeproxy.protocol.desync import classify
from edgeproxy.protocol.head_parser import parse_request_fields
from edgeproxy.protocol.judgement import UnreadableRequestError
from edgeproxy.protocol.limits import MAX_REQUEST_LINE
from edgeproxy.protocol.message import SIMPLE, RequestFields, RequestHead


def request_line(line: str) -> RequestHead:
    return tolerant.parse_request_line(line, RequestFields([], [], 0), len(line))


def refusal_of(line: str) -> tuple[int, str]:
    """The status of the answer, and the reason in the log."""
    with pytest.raises(UnreadableRequestError) as caught:
        request_line(line)
    return caught.value.status, "" if caught.value.verdict is None else caught.value.verdict.reason


def reason_of(head: RequestHead) -> str:
    return "" if head.verdict is None else head.verdict.reason


@pytest.mark.conformance("Request line", "an unescaped space in the URI is forwarded", "load-balancer-access-logs")
def test_the_target_reaches_from_the_first_space_to_the_version() -> None:
    head = request_line("GET /a b?c d HTTP/1.1")
    assert ("/a b?c d", "/a b", "c d") == (head.target, head.path, head.query)
    assert head.line == "GET /a b?c d HTTP/1.1"
    assert "SpaceInUri" == reason_of(head)


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("/a\tb", "AmbiguousUri"),
        ("/\x01", "AmbiguousUri"),
        ("/\x7f", "AmbiguousUri"),
        ("/\xe9", ""),
        ("/a?b\x0bc", "AmbiguousUri"),
        ("/a HTTP", "SpaceInUri"),
        ("/a http/1.0", "SpaceInUri"),
    ],
)
def test_whatever_ends_no_line_stays_in_the_target(target: str, reason: str) -> None:
    head = request_line(f"GET {target} HTTP/1.1")
    assert (target, reason) == (head.target, reason_of(head))


@pytest.mark.parametrize(
    ("line", "version", "reason"),
    [
        ("GET  /a HTTP/1.1", "HTTP/1.1", "SpaceInUri"),
        ("GET /a  HTTP/1.1  ", "HTTP/1.1", "NonCompliantVersion"),
        ("GET /a\tHTTP/1.1\t", "HTTP/1.1", "NonCompliantVersion"),
        ("GET /a HTTP/1.5", "HTTP/1.1", "NonCompliantVersion"),
        ("GET /a HTTP/1.10", "HTTP/1.1", "BadVersion"),
        ("GET /a HTTP/1.00", "HTTP/1.0", "BadVersion"),
        ("GET /a HTTP/1.0", "HTTP/1.0", ""),
        ("GET /a", "HTTP/0.9", "NonCompliantVersion"),
    ],
)
def test_a_target_gets_a_line_without_surplus_spaces_and_with_a_spoken_version(
    line: str, version: str, reason: str
) -> None:
    head = request_line(line)
    assert ("GET /a HTTP/1.1", version, reason) == (head.line, head.version, reason_of(head))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("GET / HTTP/1.1", ("GET", "/", "HTTP/1.1")),
        ("GET  /a b HTTP/1.1 ", ("GET", " /a b", "HTTP/1.1 ")),
        ("GET / \t HTTP/1.1", ("GET", "/", " \tHTTP/1.1")),
        ("GET /\tHTTP/1.1", ("GET", "/", "HTTP/1.1")),
        ("GET / HTTP/1.1 HTTP/1.1", ("GET", "/", "HTTP/1.1 HTTP/1.1")),
        ("GET / HTTP/1.1 x", ("GET", "/", "HTTP/1.1 x")),
        ("GET / http/1.1 HTTP/1.1", ("GET", "/ http/1.1", "HTTP/1.1")),
        ("GET / Http/1.1", ("GET", "/", "Http/1.1")),
        ("GET / http/1.1 x", ("GET", "/ http/1.1 x", "")),
        ("GET /aHTTP/1.1", ("GET", "/aHTTP/1.1", "")),
        ("GET\t/ HTTP/1.1", ("GET\t/", "HTTP/1.1", "")),
        ("GET  HTTP/1.1", ("GET", "", "HTTP/1.1")),
        ("GET HTTP/1.1", ("GET", "HTTP/1.1", "")),
        (" / HTTP/1.1", ("", "/", "HTTP/1.1")),
        ("GET ", ("GET", "", "")),
        ("GET", ("GET", "", "")),
        ("", ("", "", "")),
    ],
)
def test_a_line_is_split_into_method_target_and_version(line: str, expected: tuple[str, str, str]) -> None:
    assert expected == tolerant.split_request_line(line)


@given(st.text("GET /a\t\rHTP1.\0", max_size=30))
def test_splitting_a_line_only_loses_what_separates(line: str) -> None:
    method, target, version = tolerant.split_request_line(line)
    assert len(method) + len(target) + len(version) >= len(line) - 2
    assert line.startswith(method)
    assert line.endswith(version)
    assert target in line


@pytest.mark.parametrize(
    ("target", "authority", "rest"),
    [
        ("http://a.example/b?c", "a.example", "/b?c"),
        ("HTTPS://A.example:8080", "A.example:8080", "/"),
        ("http://a?b", "a", "/?b"),
        ("http://[::1]:80/x", "[::1]:80", "/x"),
    ],
)
@pytest.mark.conformance(
    "Request line", "an absolute-form target names its own authority", "edit-load-balancer-attributes"
)
def test_absolute_form_is_split_in_authority_and_path(target: str, authority: str, rest: str) -> None:
    head = request_line(f"GET {target} HTTP/1.1")
    assert (authority, rest) == (head.authority, head.target)


def test_a_fragment_is_neither_path_nor_query() -> None:
    head = request_line("GET /a?b#c?d HTTP/1.1")
    assert ("/a", "b", "/a?b#c?d") == (head.path, head.query, head.target)


@pytest.mark.conformance("Request line", "custom methods are taken", "rule-condition-types")
@pytest.mark.parametrize("method", ["FOO", "M-SEARCH", "A_B", "X" * 30])
def test_custom_methods_pass(method: str) -> None:
    assert method == request_line(f"{method} /a b HTTP/1.1").method


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        ("get", ""),
        ("Get", ""),
        ("GET1", ""),
        ("", ""),
        ("G(T", "BadMethod"),
        ("G\tT", "BadMethod"),
        ("G\xe9T", "BadMethod"),
        ("G\0T", "BadMethod"),
    ],
)
@pytest.mark.conformance(
    "Request line", "methods other than capital letters are 400", "rule-condition-types", status="default"
)
def test_other_methods_are_refused(method: str, reason: str) -> None:
    assert (400, reason) == refusal_of(f"{method} / HTTP/1.1")


@pytest.mark.parametrize(
    ("line", "status", "reason"),
    [
        ("echo test", 400, ""),
        ("POST /", 400, ""),
        ("GET a", 400, ""),
        ("GET /a b", 400, ""),
        ("GET  /", 400, ""),
        ("GET / ", 400, ""),
        ("GET /\x01", 400, ""),
        ("GET", 400, ""),
        ("", 400, ""),
        ("GET HTTP/1.1", 400, ""),
        ("GET / http/1.1", 400, ""),
        ("GET / HTTP/01.1", 400, "BadVersion"),
        ("GET / HTTP/1.", 400, "BadVersion"),
        ("GET / HTTP/0.9", 400, "NonCompliantVersion"),
        ("GET / HTTP/1.1x", 400, "BadVersion"),
        ("GET / HTTP/1.1 HTTP/1.1", 400, "BadVersion"),
        ("GET / HTTP/1.1\r", 400, "BadVersion"),
        ("GET / HTTP/1.\u0661", 400, "BadVersion"),
        ("GET /a\0 HTTP/1.1", 400, "BadUri"),
        ("GET /a\rb HTTP/1.1", 400, "BadUri"),
        ("GET a HTTP/1.1", 400, ""),
        ("OPTIONS * HTTP/1.1", 400, ""),
        ("OPTIONS * HTTP/1.2", 400, "NonCompliantVersion"),
        ("GET http:///a HTTP/1.1", 400, ""),
        ("GET ftp://a/ HTTP/1.1", 400, ""),
        ("GET  HTTP/1.1", 400, ""),
        ("CONNECT  HTTP/1.1", 400, ""),
        ("GET / HTTP/2.0", 505, ""),
        ("GET / HTTP/3.0", 505, ""),
        ("GET / HTTP/20.0", 505, ""),
        ("GET / HTTP/10.0", 505, "BadVersion"),
        ("GET / HTTP/99999999999.1", 505, ""),
    ],
)
def test_lines_that_cannot_be_read_are_refused(line: str, status: int, reason: str) -> None:
    assert (status, reason) == refusal_of(line)


@given(st.text("GETget /a\t\r\0HTP1.209", max_size=30))
def test_any_line_gives_a_request_or_a_refusal_with_the_verdict_on_its_parts(line: str) -> None:
    fields = parse_request_fields(b"A B: c\r\n")
    method, target, version = tolerant.split_request_line(line)
    try:
        verdict = tolerant.parse_request_line(line, fields, 1).verdict
    except UnreadableRequestError as error:
        verdict = error.verdict
        if not version:
            assert verdict is None
            return
    assert verdict == classify(method, target, version, fields.headers if version else [])


# ---- HTTP/0.9


@pytest.mark.conformance(
    "HTTP versions", "a GET without a version is HTTP/0.9, and acceptable", "how-elastic-load-balancing-works"
)
@pytest.mark.parametrize("target", ["/", "/a?b=c", "/\xe9", "/a#b"])
def test_a_simple_request_is_a_path(target: str) -> None:
    head = request_line(f"GET {target}")
    assert ("HTTP/0.9", SIMPLE, "NonCompliantVersion") == (head.version, head.fields.body_length, reason_of(head))
    assert (target, [], "") == (head.target, head.fields.lines, head.host)


def test_headers_behind_a_simple_request_are_not_read() -> None:
    fields = parse_request_fields(b"Host: x\r\nContent-Length: nonsense\r\nA: \0\r\n")
    head = tolerant.parse_request_line("GET /", fields, 10)
    assert ([], "NonCompliantVersion", 10) == (head.fields.lines, reason_of(head), head.size)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"GET /\r\n", "GET /"),
        (b"GET /\n", "GET /"),
        (b"GET /a?b\r\nHost: x\r\n", "GET /a?b"),
        (b"GET /" + b"a" * (MAX_REQUEST_LINE - 5) + b"\r\n", "GET /" + "a" * (MAX_REQUEST_LINE - 5)),
        (b"GET /" + b"a" * (MAX_REQUEST_LINE - 4) + b"\r\n", None),
        (b"GET /", None),
        (b"GET /\r", None),
        (b"GET / HTTP/1.1\r\n", None),
        (b"GET /a b\r\n", None),
        (b"GET /\x01\r\n", None),
        (b"GET /\r\r\n", None),
        (b"GET a\r\n", None),
        (b"GET http://a.test/\r\n", None),
        (b"HEAD /\r\n", None),
        (b"POST /\r\n", None),
        (b"\r\nGET /\r\n", None),
    ],
)
def test_only_get_and_a_path_is_a_simple_request(data: bytes, expected: str | None) -> None:
    assert expected == tolerant.find_simple_request(data)


@pytest.mark.conformance(
    "HTTP versions", "an HTTP/2 request on an HTTP/1 connection is a 505", "load-balancer-troubleshooting"
)
def test_another_version_is_refused() -> None:
    assert (505, "") == refusal_of("GET / HTTP/2.0")


@pytest.mark.conformance(
    "HTTP versions",
    "the preface of HTTP/2 on an HTTP/1 connection is answered with 400",
    "load-balancer-troubleshooting",
    status="default",
)
def test_the_preface_of_http2_is_refused_for_its_target() -> None:
    assert (400, "") == refusal_of("PRI * HTTP/2.0")


@pytest.mark.conformance("Request line", "OPTIONS * is a 400", "load-balancer-troubleshooting", status="default")
def test_the_asterisk_form_is_refused() -> None:
    assert (400, "") == refusal_of("OPTIONS * HTTP/1.1")


@pytest.mark.conformance(
    "Request line", "bytes from 0x80 on are compliant and pass as they came", "load-balancer-access-logs"
)
def test_bytes_that_are_not_ascii_pass() -> None:
    head = request_line("GET /caf\xc3\xa9?\xff HTTP/1.1")

    assert ("/caf\xc3\xa9?\xff", None) == (head.target, head.verdict)


def test_connect_passes_with_its_authority() -> None:
    """Whether it is served is not for the codec to say."""
    head = request_line("CONNECT a:443 HTTP/1.1")

    assert ("a:443", "-") == (head.authority, head.target)


@pytest.mark.conformance("Request line", "longer than 16 K is answered with 414", "load-balancer-limits")
@pytest.mark.parametrize(("size", "is_refused"), [(MAX_REQUEST_LINE, False), (MAX_REQUEST_LINE + 1, True)])
def test_the_request_line_has_a_limit(size: int, is_refused: bool) -> None:
    line = f"GET /{'a' * (size - 14)} HTTP/1.1"
    assert size == len(line)
    if is_refused:
        assert (414, "") == refusal_of(line)
    else:
        assert line == request_line(line).line


def test_user_information_in_the_target_is_refused() -> None:
    """It would become part of the Host that the target sees."""
    with pytest.raises(UnreadableRequestError, match="400: the request target holds user information"):
        request_line("GET http://user:secret@a.test/ HTTP/1.1")
