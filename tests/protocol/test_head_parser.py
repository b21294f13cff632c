"""The fast path: what it accepts, that the slow path would say the same, and what both make of the fields."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.errors import ProtocolError
from edgeproxy.protocol import head_parser, tolerant
from edgeproxy.protocol.head_parser import parse_request_fields, parse_request_line, parse_response_head
from edgeproxy.protocol.limits import MAX_HEADER_LINE
from edgeproxy.protocol.message import CHUNKED, UNTIL_CLOSE, RequestFields

# Names near the ones with a meaning, so that generated sections meet the interesting branches.
NAMES = st.sampled_from(
    [
        b"Host",
        b"X",
        b"cookie",
        b"Content-Length",
        b"Content_Length",
        b"Transfer-Encoding",
        b"Transfer_Encoding",
        b"-Content-Length",
        b"Content-Length-",
        b"Content--Length",
        b"X-Content-Length",
        b"a b",
        b" c",
        b"",
        b"x\xe9",
    ]
) | st.binary(max_size=4)
VALUES = st.sampled_from([b"", b"5", b" a b\t", b"\t", b"x\xff", b"a\x01", b"a\x7f", b":", b"chunked"]) | st.binary(
    max_size=6
)
LINE_ENDS = st.sampled_from([b"\r\n"] * 6 + [b"\n"])
LINES = st.builds(b"".join, st.tuples(NAMES, st.sampled_from([b":", b": ", b":\t ", b" :"]), VALUES, LINE_ENDS))
SECTIONS = st.lists(LINES, max_size=5).map(b"".join)


def section(*lines: bytes) -> bytes:
    return b"".join(line + b"\r\n" for line in lines)


def parsed(*lines: bytes) -> RequestFields:
    return parse_request_fields(section(*lines))


# ---- two paths, one answer


@given(SECTIONS)
def test_the_slow_path_agrees_on_every_section_that_the_fast_path_accepts(data: bytes) -> None:
    """Or neither accepts it: a section that the fast path hands over is refused for the reason the slow path gives."""
    text = data.decode("latin-1")
    fast = head_parser.parse_fields(text)
    if fast is None:
        return
    assert (fast, False) == tolerant.parse_fields(data)


@given(st.from_regex(r"[A-Z_-]{1,5} /[^\n\r\x00]{0,12} HTTP/1\.[01]", fullmatch=True))
def test_the_slow_path_agrees_on_every_request_line_that_the_fast_path_accepts(line: str) -> None:
    fields = RequestFields([], [], 0)
    if head_parser._REQUEST_LINE(line) is None or not line.isascii():
        return
    fast, slow = parse_request_line(line, fields, 1), tolerant.parse_request_line(line, fields, 1)
    for name in ("line", "method", "target", "path", "query", "authority", "version_minor", "size"):
        assert getattr(fast, name) == getattr(slow, name)


@pytest.mark.parametrize("line", [b"Transfer_Encoding: chunked", b"content.length: 5", b"-Content-Length: 5"])
def test_a_lookalike_of_a_framing_header_does_not_pass_because_it_is_otherwise_plain(line: bytes) -> None:
    """Its characters are those of a token, so the fast expression alone would let it through to a target."""
    with pytest.raises(ProtocolError, match="resembles one that frames the body") as caught:
        parsed(b"Host: x", line)
    assert caught.value.status == 400


@pytest.mark.parametrize("line", [b"X-Content-Length: 5", b"Content-Lengths: 5", b"TransferEncoding: x", b"Lengthy: 1"])
def test_names_that_no_target_reads_as_framing_pass(line: bytes) -> None:
    assert [line.decode()] == parsed(line).lines


@pytest.mark.parametrize("ending", [b"\x01\r\n", b"\n", b"\x7f\r\n"])
@pytest.mark.parametrize("white", [b" ", b"\t", b" \t"])
def test_white_space_before_something_unusual_takes_linear_time(white: bytes, ending: bytes) -> None:
    """A backtracking expression needs 0.7 s for this header; one client could stop everybody with it."""
    data = b"X:" + (white * MAX_HEADER_LINE)[: MAX_HEADER_LINE - 20] + ending
    started = time.process_time()
    head_parser.parse_fields(data.decode("latin-1"))
    assert time.process_time() - started < 0.1


# ---- fields


def test_lines_stay_as_received_and_fields_are_stripped() -> None:
    fields = parsed(b"Host:x", b"A: \t b c\t ", b"Empty:", b"B:\xe9")
    assert ["Host:x", "A: \t b c\t ", "Empty:", "B:\xe9"] == fields.lines
    assert [("Host", "x"), ("A", "b c"), ("Empty", ""), ("B", "\xe9")] == fields.fields
    assert fields.size == len(section(b"Host:x", b"A: \t b c\t ", b"Empty:", b"B:\xe9"))


def test_a_request_without_headers_has_no_fields() -> None:
    fields = parsed()
    assert ([], [], 0) == (fields.fields, fields.lines, fields.body_length)


def test_the_first_host_counts_and_all_are_counted() -> None:
    fields = parsed(b"Host: A", b"host: b")
    assert ("A", 2) == (fields.host, fields.host_count)


def test_special_fields_are_found_by_index_whatever_their_case() -> None:
    fields = parsed(b"A: 1", b"HOST: x", b"B: 2", b"x-forwarded-proto: https", b"Keep-Alive: 5")
    assert [1, 3, 4] == [position for position, _, _ in fields.special]


def test_values_are_found_by_lower_case_name_in_order() -> None:
    fields = parsed(b"X-A: 1", b"x-a: 2", b"B: 3")
    assert ["1", "2"] == list(fields.values("x-a"))
    assert [] == list(fields.values("none"))


@pytest.mark.parametrize(
    ("value", "tokens", "wants_close", "wants_keep_alive"),
    [
        (b"close", frozenset({"close"}), True, False),
        (b"Keep-Alive", frozenset({"keep-alive"}), False, True),
        (b"X, Close\t", frozenset({"x", "close"}), True, False),
        (b"disclose", frozenset({"disclose"}), False, False),
    ],
)
def test_connection_is_a_list_of_tokens_in_any_case(
    value: bytes, tokens: frozenset[str], wants_close: bool, wants_keep_alive: bool
) -> None:
    fields = parsed(b"Connection: " + value)
    assert (tokens, wants_close, wants_keep_alive) == (
        fields.connection_tokens,
        fields.wants_close,
        fields.wants_keep_alive,
    )


def test_tokens_of_several_connection_headers_are_joined() -> None:
    fields = parsed(b"Connection: keep-alive", b"Connection: close")
    assert (True, True) == (fields.wants_close, fields.wants_keep_alive)


def test_what_a_proxy_asks_for_often_is_at_hand() -> None:
    fields = parsed(
        b"User-Agent: a", b"User-Agent: b", b"X-Forwarded-For: 1.1.1.1", b"X-Forwarded-For: 2.2.2.2",
        b"X-Amzn-Trace-Id: Root=1", b"X-Amzn-Trace-Id: Root=2", b"Upgrade: WebSocket",
    )  # fmt: skip
    assert ("a", "1.1.1.1, 2.2.2.2", "Root=1", "websocket") == (
        fields.user_agent,
        fields.forwarded_for,
        fields.trace_id,
        fields.upgrade,
    )


@pytest.mark.conformance(
    "100-continue", "Expect: 100-continue is recognised in any case", "how-elastic-load-balancing-works"
)
@pytest.mark.parametrize(("value", "expected"), [(b"100-continue", True), (b"100-Continue", True), (b"x", False)])
def test_expect_is_recognised(value: bytes, expected: bool) -> None:
    assert expected is parsed(b"Expect: " + value).expects_continue


# ---- responses


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


@pytest.mark.conformance("400", "a Host that no URL could hold", "load-balancer-troubleshooting", status="default")
@pytest.mark.parametrize("host", [b"a b", b"a/b", b"a\x7f", b"/"])
def test_a_host_with_spaces_slashes_or_control_characters_is_refused(host: bytes) -> None:
    with pytest.raises(ProtocolError, match="400: the Host "):
        parse_request_fields(b"Host: " + host + b"\r\n")
