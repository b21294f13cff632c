"""The slow path: what is unusual and passes, what is refused, and with which status."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.errors import ProtocolError
from edgeproxy.protocol import tolerant
from edgeproxy.protocol.head_parser import parse_request_fields
from edgeproxy.protocol.limits import MAX_HEADER_LINE, MAX_REQUEST_HEAD, MAX_REQUEST_LINE
from edgeproxy.protocol.message import RequestFields, RequestHead


def request_line(line: str) -> RequestHead:
    return tolerant.parse_request_line(line, RequestFields([], [], 0), len(line))


def status_of(line: str) -> int:
    with pytest.raises(ProtocolError) as caught:
        request_line(line)
    return caught.value.status


# ---- where a head ends


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"GET / HTTP/1.1\n\n", 16),
        (b"GET / HTTP/1.1\r\n\r\nbody\n\n", 18),
        (b"GET / HTTP/1.1\r\n\nbody", 17),
        (b"GET / HTTP/1.1\n\r\n", 17),
        (b"GET / HTTP/1.1\r\nA: b\r\n", -1),
        (b"GET / HTTP/1.1\n\r", -1),
        (b"GET / HTTP/1.1\r\n\r\r\n", -1),
    ],
)
def test_the_first_empty_line_ends_a_head(data: bytes, expected: int) -> None:
    assert expected == tolerant.find_head_end(data, 0)


@given(st.text("a\r\n", max_size=12), st.integers(0, 12))
def test_looking_on_from_where_an_earlier_look_stopped_finds_the_same_end(text: str, seen: int) -> None:
    data = text.encode()
    seen = min(seen, len(data))
    if tolerant.find_head_end(data[:seen], 0) < 0:
        assert tolerant.find_head_end(data, 0) == tolerant.find_head_end(data, seen)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"A" * MAX_REQUEST_LINE + b"\r", None),
        (b"A" * (MAX_REQUEST_LINE + 2), 414),
        (b"GET / HTTP/1.1\r\n" + b"A" * MAX_REQUEST_HEAD + b"\r", None),
        (b"GET / HTTP/1.1\r\n" + b"A" * (MAX_REQUEST_HEAD + 2), 400),
    ],
)
def test_an_unfinished_head_is_refused_only_when_it_can_no_longer_fit(data: bytes, status: int | None) -> None:
    if status is None:
        tolerant.check_unfinished_head(data)
        return
    with pytest.raises(ProtocolError) as caught:
        tolerant.check_unfinished_head(data)
    assert caught.value.status == status


# ---- fields


@pytest.mark.conformance(
    "Folded headers",
    "a continuation line is a header of its own and gets a colon",
    "load-balancer-troubleshooting",
)
def test_a_folded_line_is_a_header_of_its_own() -> None:
    fields = parse_request_fields(b"Foo: a\r\n b\r\n\tc: d\r\n")
    assert [("Foo", "a"), (" b", ""), ("\tc", "d")] == fields.fields
    assert ["Foo: a", " b:", "\tc: d"] == fields.lines


@pytest.mark.parametrize("framing", [b"Transfer-Encoding: chunked", b"content-length: 5"])
@pytest.mark.parametrize("between", [b"", b"Connection: x\r\n", b": nameless\r\n"])
@pytest.mark.parametrize("folded", [b" , identity", b"\t0", b" x: y"])
def test_a_folded_line_behind_a_framing_header_is_refused(framing: bytes, between: bytes, folded: bytes) -> None:
    """A target that unfolds would read `chunked , identity:`, and the body as the next request."""
    with pytest.raises(ProtocolError, match="folded line stands behind") as caught:
        parse_request_fields(framing + b"\r\n" + between + folded + b"\r\n")
    assert caught.value.status == 400


def test_a_folded_line_in_front_of_a_framing_header_is_harmless() -> None:
    assert 5 == parse_request_fields(b"A: b\r\n c\r\nContent-Length: 5\r\n").body_length


@pytest.mark.conformance(
    "Header lines without a colon", "the load balancer adds the colon", "load-balancer-troubleshooting"
)
def test_a_line_without_a_colon_gets_one() -> None:
    assert ["no colon here:"] == parse_request_fields(b"no colon here\r\n").lines


def test_lines_may_end_with_a_lone_line_feed() -> None:
    assert ([("A", "1"), ("B", "2")], False) == tolerant.parse_fields(b"A: 1\nB:2\r\n")


@pytest.mark.parametrize("line", [b": x", b":", b" : x", b" ", b"\t:", b"::"])
def test_a_header_without_a_name_is_dropped_and_the_message_is_ambiguous(line: bytes) -> None:
    """The classifier calls it EmptyHeader: forward, then close both connections."""
    fields = parse_request_fields(b"A: 1\r\n" + line + b"\r\n")
    assert ([("A", "1")], True) == (fields.fields, fields.is_ambiguous)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"A: \x01\x7f", ("A", "\x01\x7f")),
        (b"A\x01: b", ("A\x01", "b")),
        (b"X\xe9: \xff", ("X\xe9", "\xff")),
        (b"Host : x", ("Host ", "x")),
        (b"A\x0b: \x0b", ("A\x0b", "\x0b")),
    ],
    ids=["control character in value", "in name", "bytes above 0x7f", "space before colon", "vertical tab"],
)
def test_what_the_classifier_calls_acceptable_passes_as_it_came(line: bytes, expected: tuple[str, str]) -> None:
    assert ([expected], False) == tolerant.parse_fields(line + b"\r\n")


def test_a_host_with_a_space_before_its_colon_is_not_the_host() -> None:
    fields = parse_request_fields(b"Host : x\r\n")
    assert ("", 0) == (fields.host, fields.host_count)


@pytest.mark.parametrize("line", [b"A: b\0", b"A\0: b", b"A: b\rC: d", b"\rA: b", b"A: b\r", b"\r"])
def test_nul_and_a_lone_cr_are_refused(line: bytes) -> None:
    """A target might take either for the end of the line."""
    with pytest.raises(ProtocolError, match="NUL or a lone CR") as caught:
        tolerant.parse_fields(line + b"\r\n")
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "name",
    [
        b"Transfer_Encoding",
        b"Transfer-Encoding ",
        b"Transfer-Encoding\t",
        b"Transfer---Encoding",
        b" Transfer-Encoding",
        b"Transfer Encoding",
        b"Trans fer-Encoding",
        b"tran\xc5\xbffer-encoding",
        b"Transfer-Encod\xc4\xb1ng",
        b"\x01Content-Length",
        b"Content-Length\xa0",
        b"Content_Length",
        b"-content-length-",
        b"\tContent-Length",
    ],
)
@pytest.mark.parametrize("value", [b"chunked", b"5", b""])
def test_a_name_that_resembles_a_framing_header_is_refused(name: bytes, value: bytes) -> None:
    """Targets map, strip or fold such names onto the real ones; the load balancer frames by the real ones only."""
    with pytest.raises(ProtocolError, match="resembles one that frames the body") as caught:
        tolerant.parse_fields(name + b": " + value + b"\r\n")
    assert caught.value.status == 400


@pytest.mark.parametrize("name", [b"X-Transfer-Encoding", b"Content-Lengths", b"TransferEncoding", b"Content-Length1"])
def test_a_name_that_is_distant_from_a_framing_header_passes(name: bytes) -> None:
    assert ([(name.decode(), "x")], False) == tolerant.parse_fields(name + b": x\r\n")


@pytest.mark.conformance(
    "Header size",
    "a line of 16,384 bytes or more is answered with 400, one byte less passes",
    "load-balancer-limits",
)
@pytest.mark.parametrize(("size", "is_refused"), [(MAX_HEADER_LINE - 1, False), (MAX_HEADER_LINE, True)])
@pytest.mark.parametrize("name", [b"X-Big", b"Cookie2", b"Cookie "])
def test_one_header_line_has_a_limit(name: bytes, size: int, is_refused: bool) -> None:
    line = name + b": " + b"a" * (size - len(name) - 2)
    assert size == len(line)
    if is_refused:
        with pytest.raises(ProtocolError, match="16384 bytes or longer") as caught:
            parse_request_fields(line + b"\r\n")
        assert caught.value.status == 400
    else:
        assert 1 == len(parse_request_fields(line + b"\r\n").fields)


@pytest.mark.conformance(
    "Header size", "a Cookie line may be longer than 16 K", "load-balancer-limits", status="default"
)
@pytest.mark.parametrize("name", [b"Cookie", b"cookie", b"COOKIE"])
def test_a_cookie_has_no_limit_of_its_own(name: bytes) -> None:
    value = b"a" * MAX_HEADER_LINE
    assert [(name.decode(), value.decode())] == parse_request_fields(name + b": " + value + b"\r\n").fields


@pytest.mark.conformance("Header size", "all headers together may have 64 K", "load-balancer-troubleshooting")
@pytest.mark.parametrize(("size", "is_refused"), [(MAX_REQUEST_HEAD, False), (MAX_REQUEST_HEAD + 1, True)])
def test_all_headers_together_have_a_limit(size: int, is_refused: bool) -> None:
    lines = b"A: " + b"a" * 1000 + b"\r\n"
    data = lines * (size // len(lines) - 1)
    data += b"B: " + b"b" * (size - len(data) - 5) + b"\r\n"
    assert size == len(data)
    if is_refused:
        with pytest.raises(ProtocolError, match="65536 bytes") as caught:
            parse_request_fields(data)
        assert caught.value.status == 400
    else:
        assert size == parse_request_fields(data).size


# ---- request lines


@pytest.mark.conformance("Request line", "an unescaped space in the URI is forwarded", "load-balancer-access-logs")
def test_the_target_reaches_from_the_first_space_to_the_last() -> None:
    head = request_line("GET /a b?c d HTTP/1.1")
    assert ("/a b?c d", "/a b", "c d") == (head.target, head.path, head.query)
    assert head.line == "GET /a b?c d HTTP/1.1"


@pytest.mark.parametrize("target", ["/a\tb", "/\x01", "/\x7f", "/\xe9", "/a?b\x0bc"])
def test_control_characters_and_high_bytes_stay_in_the_target(target: str) -> None:
    assert target == request_line(f"GET {target} HTTP/1.1").target


@pytest.mark.parametrize(
    ("line", "expected", "minor"),
    [
        ("GET  /a HTTP/1.1", "GET /a HTTP/1.1", 1),
        ("GET /a  HTTP/1.1  ", "GET /a HTTP/1.1", 1),
        ("GET /a HTTP/1.5", "GET /a HTTP/1.1", 1),
        ("GET /a HTTP/1.0", "GET /a HTTP/1.0", 0),
    ],
)
def test_a_target_gets_a_line_without_surplus_spaces_and_with_a_spoken_version(
    line: str, expected: str, minor: int
) -> None:
    head = request_line(line)
    assert (expected, minor) == (head.line, head.version_minor)


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


@pytest.mark.parametrize("method", ["get", "Get", "G(T", "G\tT", "", "G\xe9T", "GET1"])
@pytest.mark.conformance(
    "Request line", "methods other than capital letters are 400", "rule-condition-types", status="default"
)
def test_other_methods_are_refused(method: str) -> None:
    assert 400 == status_of(f"{method} / HTTP/1.1")


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("echo test", 400),
        ("GET /", 400),
        ("GET", 400),
        ("", 400),
        ("GET / http/1.1", 400),
        ("GET / HTTP/1.10", 400),
        ("GET / HTTP/01.1", 400),
        ("GET / HTTP/1.", 400),
        ("GET / HTTP/0.9", 400),
        ("GET / HTTP/1.1x", 400),
        ("GET / HTTP/1.1\t", 400),
        ("GET / HTTP/1.1 HTTP/1.1", 400),
        ("GET /a\0 HTTP/1.1", 400),
        ("GET /a\rb HTTP/1.1", 400),
        ("GET a HTTP/1.1", 400),
        ("OPTIONS * HTTP/1.1", 400),
        ("GET http:///a HTTP/1.1", 400),
        ("GET ftp://a/ HTTP/1.1", 400),
        ("GET  HTTP/1.1", 400),
        ("CONNECT  HTTP/1.1", 400),
        ("GET / HTTP/2.0", 505),
        ("GET / HTTP/3.0", 505),
        ("GET / HTTP/99999999999.1", 505),
    ],
)
def test_lines_that_cannot_be_read_are_refused(line: str, status: int) -> None:
    assert status == status_of(line)


@pytest.mark.conformance(
    "HTTP versions", "an HTTP/2 request on an HTTP/1 connection is a 505", "load-balancer-troubleshooting"
)
def test_another_version_is_refused() -> None:
    assert 505 == status_of("GET / HTTP/2.0")


@pytest.mark.conformance(
    "HTTP versions",
    "the preface of HTTP/2 on an HTTP/1 connection is answered with 400",
    "load-balancer-troubleshooting",
    status="default",
)
def test_the_preface_of_http2_is_refused_for_its_target() -> None:
    assert 400 == status_of("PRI * HTTP/2.0")


def test_connect_passes_with_its_authority() -> None:
    """Whether it is served is not for the codec to say."""
    assert "a:443" == request_line("CONNECT a:443 HTTP/1.1").target


@pytest.mark.conformance("Request line", "longer than 16 K is answered with 414", "load-balancer-limits")
@pytest.mark.parametrize(("size", "is_refused"), [(MAX_REQUEST_LINE, False), (MAX_REQUEST_LINE + 1, True)])
def test_the_request_line_has_a_limit(size: int, is_refused: bool) -> None:
    line = f"GET /{'a' * (size - 14)} HTTP/1.1"
    assert size == len(line)
    if is_refused:
        assert 414 == status_of(line)
    else:
        assert line == request_line(line).line


def test_user_information_in_the_target_is_refused() -> None:
    """It would become part of the Host that the target sees."""
    with pytest.raises(ProtocolError, match="400: the request target holds user information"):
        request_line("GET http://user:secret@a.test/ HTTP/1.1")


@pytest.mark.parametrize("data", [b"\x16\x03\x01\x02\x00", b"get", b"\x00", b" GET / HTTP/1.1"])
def test_what_does_not_begin_with_a_method_is_refused_before_its_line_ends(data: bytes) -> None:
    """A browser that speaks TLS to an HTTP listener would wait for an answer for ever."""
    with pytest.raises(ProtocolError, match="400: the request does not begin with a method"):
        tolerant.check_unfinished_head(data)
