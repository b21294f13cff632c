"""Requests on the fast path: what it accepts, that the slow path would say the same, and what both make of the fields.

test_head_parser_responses.py has the responses.
"""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.errors import ProtocolError
from edgeproxy.protocol import head_parser, tolerant
from edgeproxy.protocol.desync import VERDICTS, classify
from edgeproxy.protocol.head_parser import parse_request_fields, parse_request_line
from edgeproxy.protocol.judgement import UnreadableRequestError
from edgeproxy.protocol.limits import MAX_HEADER_LINE
from edgeproxy.protocol.message import RequestFields

# Names near the ones with a meaning, so that generated sections meet the interesting branches.
NAMES = st.sampled_from(
    [
        b"Host",
        b"Connection",
        b"Upgrade",
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
VALUES = st.sampled_from(
    [
        *(b"", b"5", b"0", b" a b\t", b"\t", b"x\xff", b"a\x01", b"a\x7f", b":"),
        *(b"chunked", b"gzip", b"upgrade", b"websocket", b"close"),
    ]
) | st.binary(max_size=6)
LINE_ENDS = st.sampled_from([b"\r\n"] * 6 + [b"\n"])
LINES = st.builds(b"".join, st.tuples(NAMES, st.sampled_from([b":", b": ", b":\t ", b" :"]), VALUES, LINE_ENDS))
INTERPRETED = (
    *("host", "host_count", "body_length", "wants_close", "wants_keep_alive", "connection_tokens", "expects_continue"),
    *("upgrade", "wants_websocket", "user_agent", "forwarded_for", "trace_id", "unsupported_coding", "is_plain"),
)
SECTIONS = st.lists(LINES, max_size=5).map(b"".join)


def section(*lines: bytes) -> bytes:
    return b"".join(line + b"\r\n" for line in lines)


def parsed(*lines: bytes) -> RequestFields:
    return parse_request_fields(section(*lines))


# ---- two paths, one answer


@given(SECTIONS)
def test_the_slow_path_agrees_on_every_section_that_the_fast_path_accepts(data: bytes) -> None:
    """A section that the fast path hands over is read by the slow path alone."""
    fast = head_parser.parse_fields(data.decode("latin-1"))
    if fast is not None:
        headers = tolerant.split_section(data)
        assert fast == headers == tolerant.forwardable(headers)


@given(SECTIONS, st.sampled_from(["GET", "HEAD", "POST", "X-Y"]))
def test_the_fast_paths_verdict_is_that_of_the_classifier_on_the_same_bytes(data: bytes, method: str) -> None:
    """Whatever the fast path concludes from the shape of lines, the classifier would have said."""
    try:
        verdict = parse_request_line(f"{method} /a?b HTTP/1.1", parse_request_fields(data), 1).verdict
    except UnreadableRequestError as error:
        verdict = error.verdict
    assert verdict == classify(method, "/a?b", "HTTP/1.1", tolerant.split_section(data))


@given(SECTIONS)
def test_a_section_is_interpreted_alike_on_both_paths(data: bytes) -> None:
    """A second section, with one header behind it that only the slow path reads, says the same but for that header."""
    fast, slow = parse_request_fields(data), parse_request_fields(data + b"\x7f: x\r\n")
    if not fast.headers:
        assert [*fast.fields, ("\x7f", "x")] == slow.fields
    for name in INTERPRETED:
        assert getattr(fast, name) == getattr(slow, name)
    assert (fast.fault is None) is (slow.fault is None)
    assert slow.has_invalid_names or slow.fault is not None
    assert not slow.is_clean
    assert not slow.is_simply_framed


@given(
    st.from_regex(
        r"(GET|POST|[A-Z_-]{1,5}) /[\x01-\x09\x0b-\xff]{0,12}(?: {1,2}|[ \t]{1,2})HTTP/1\.(?:1|[01][ \t]?)",
        fullmatch=True,
    )
)
def test_the_slow_path_agrees_on_every_request_line_that_the_fast_path_accepts(line: str) -> None:
    fields = RequestFields([], [], 0)
    try:
        slow = tolerant.parse_request_line(line, fields, 1)
    except UnreadableRequestError:
        with pytest.raises(UnreadableRequestError):
            parse_request_line(line, fields, 1)
        return
    fast = parse_request_line(line, fields, 1)
    for name in ("line", "method", "target", "path", "query", "authority", "version", "size", "verdict"):
        assert getattr(fast, name) == getattr(slow, name)
    assert slow.verdict == classify(*tolerant.split_request_line(line), [])


@pytest.mark.parametrize("line", [b"Transfer_Encoding: chunked", b"content.length: 5", b"-Content-Length: 5"])
def test_a_lookalike_of_a_framing_header_is_found_although_it_is_otherwise_plain(line: bytes) -> None:
    """Its characters are those of a token, so the fast expression alone would let it through to a target."""
    fields = parsed(b"Host: x", line)
    assert ([("Host", "x"), tuple(line.decode().split(": "))], 0) == (fields.headers, fields.body_length)
    verdict = parse_request_line("POST / HTTP/1.1", fields, 1).verdict
    assert verdict is VERDICTS["SuspiciousHeader"]


@pytest.mark.parametrize("line", [b"X-Content-Length: 5", b"Content-Lengths: 5", b"TransferEncoding: x", b"Lengthy: 1"])
def test_names_that_no_target_reads_as_framing_pass(line: bytes) -> None:
    assert [line.decode()] == parsed(line).lines


@pytest.mark.parametrize("ending", [b"\x01\r\n", b"\n", b"\x7f\r\n"])
@pytest.mark.parametrize("white", [b" ", b"\t", b" \t"])
def test_white_space_before_something_unusual_takes_linear_time(white: bytes, ending: bytes) -> None:
    """A backtracking expression needs 0.7 s for this header; one client could stop everybody with it."""
    data = b"X:" + (white * MAX_HEADER_LINE)[: MAX_HEADER_LINE - 20] + ending
    started = time.thread_time()
    head_parser.parse_fields(data.decode("latin-1"))
    assert time.thread_time() - started < 0.1


# ---- shortcuts to a verdict


@pytest.mark.parametrize(
    ("lines", "is_clean", "is_simply_framed"),
    [
        ([], True, False),
        ([b"Host: x", b"A: b"], True, False),
        ([b"X_A: b"], True, False),
        ([b"A: \xff\t"], True, False),
        ([b"X-Content-Length: x"], True, False),
        ([b"Content-Length: 5"], False, True),
        ([b"content-length: 0"], False, True),
        ([b"Content-Length:"], False, True),
        ([b"Transfer-Encoding: chunked"], False, True),
        ([b"Transfer-Encoding: Chunked"], False, False),
        ([b"Transfer-Encoding: identity"], False, False),
        ([b"Transfer-Encoding: gzip, chunked"], False, False),
        ([b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"], False, False),
        ([b"Content-Length: 5", b"Content-Length: 5"], False, False),
        ([b"Content-Length: 5", b"Transfer-Encoding: chunked"], False, False),
        ([b"Content-Length: x"], False, False),
        ([b"Content-Length: 9223372036854775808"], False, False),
        ([b"Host: a b"], False, False),
        ([b"Host: a b", b"Content-Length: 5"], False, False),
        ([b"no colon"], False, False),
        ([b": x"], False, False),
        ([b"A: \0"], False, False),
        ([b"Content_Length: 5"], False, False),
        ([b"Content-Length: 5", b"A: \x01"], False, False),
        ([b"Transfer-Encoding: chunked", b" x"], False, False),
    ],
)
def test_sections_say_whether_there_is_anything_to_classify(
    lines: list[bytes], is_clean: bool, is_simply_framed: bool
) -> None:
    fields = parsed(*lines)
    assert (is_clean, is_simply_framed) == (fields.is_clean, fields.is_simply_framed)


@given(SECTIONS)
def test_the_shortcuts_are_only_taken_by_what_the_classifier_calls_compliant(data: bytes) -> None:
    fields, headers = parse_request_fields(data), tolerant.split_section(data)
    assert not (fields.is_clean and fields.is_simply_framed)
    if fields.is_clean:
        assert classify("GET", "/", "HTTP/1.1", headers) is None
    if fields.is_clean or fields.is_simply_framed:
        assert classify("POST", "/", "HTTP/1.1", headers) is None
        assert fields.fault is None
        assert [] == fields.headers


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"Content-Length: 5", "UndefinedContentLengthSemantics"),
        (b"Content-Length: 0", "GetHeadZeroContentLength"),
        (b"Transfer-Encoding: chunked", "UndefinedTransferEncodingSemantics"),
    ],
)
def test_the_plainest_framing_is_compliant_unless_the_method_has_no_body(method: str, line: bytes, reason: str) -> None:
    head = parse_request_line(f"{method} / HTTP/1.1", parsed(line), 1)
    assert (VERDICTS[reason] if method in {"GET", "HEAD"} else None) == head.verdict


def test_requests_that_share_their_fields_have_verdicts_of_their_own() -> None:
    fields = parsed(b"Content-Length: 5")
    verdicts = [parse_request_line(f"{method} / HTTP/1.1", fields, 1).verdict for method in ("GET", "POST", "GET")]
    undefined = VERDICTS["UndefinedContentLengthSemantics"]
    assert [undefined, None, undefined] == verdicts


# ---- faults


@pytest.mark.parametrize(
    ("lines", "fault", "reason"),
    [
        ([b"Content-Length: +5"], "Content-Length '+5' is not a decimal number below 2**63", "BadContentLength"),
        ([b"Content-Length: 9223372036854775808"], "Content-Length '9223372036854775808' is not", ""),
        ([b"Content-Length: 5", b"Content-Length: 6"], "Content-Length is stated with diff", "MultipleContentLength"),
        ([b"Content-Length: x", b"Transfer-Encoding: identity"], "Content-Length 'x' is not", "BadContentLength"),
        ([b"Host: a b"], "the Host 'a b' holds a space, a slash or a control character", ""),
        ([b"Host: a/b", b": no name"], "the Host 'a/b' holds", "EmptyHeader"),
    ],
)
def test_a_fault_is_kept_until_the_request_line_has_its_say(lines: list[bytes], fault: str, reason: str) -> None:
    fields = parsed(*lines)
    assert fields.fault is not None
    assert (400, fault) == (fields.fault.status, fields.fault.fault[: len(fault)])
    for _ in range(2):
        with pytest.raises(UnreadableRequestError) as caught:
            parse_request_line("POST / HTTP/1.1", fields, 1)
        assert (400, fields.fault.fault) == (caught.value.status, caught.value.fault)
        assert (VERDICTS[reason] if reason else None) == caught.value.verdict
        assert caught.value is not fields.fault


@pytest.mark.parametrize("line", ["GET / HTTP/2.0", "GET / HTTP/1.1 x", "GET /" + "a" * MAX_HEADER_LINE + " HTTP/1.1"])
def test_a_line_that_cannot_be_read_counts_before_a_fault(line: str) -> None:
    with pytest.raises(UnreadableRequestError, match=r"version|request line"):
        parse_request_line(line, parsed(b"Content-Length: x"), 1)


@pytest.mark.parametrize("lines", [[b"X" * MAX_HEADER_LINE], [b"A: " + b"b" * 1000] * 66])
def test_a_section_that_is_too_large_is_refused_at_once(lines: list[bytes]) -> None:
    with pytest.raises(ProtocolError, match="bytes") as caught:
        parsed(*lines)
    assert 400 == caught.value.status


# ---- fields


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], False),
        ([b"X-A-1: b_c"], False),
        ([b"X_A: b"], True),
        ([b"X.A: b", b"Host: x"], True),
        ([b"Host: x", b"A!: b"], True),
        ([b"no colon"], True),
        ([b"Host : x"], True),
        ([b" folded"], True),
        ([b"X\xe9: b"], True),
        ([b"A: \x01"], False),
        ([b": nameless"], False),
        ([b"A_B\0: c"], False),
    ],
)
def test_invalid_names_among_what_is_forwarded_are_noticed(lines: list[bytes], expected: bool) -> None:
    """Whoever drops such headers need not look for them where there are none."""
    assert expected is parsed(*lines).has_invalid_names


@given(SECTIONS)
def test_names_are_invalid_on_both_paths_alike(data: bytes) -> None:
    fields = parse_request_fields(data)
    if fields.fault is None:
        invalid = [name for name, _ in fields.fields if re.fullmatch("[-A-Za-z0-9]+", name) is None]
        assert bool(invalid) is fields.has_invalid_names


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


@pytest.mark.conformance("400", "a Host that no URL could hold", "load-balancer-troubleshooting", status="default")
@pytest.mark.parametrize("host", [b"a b", b"a/b", b"a\x7f", b"/"])
def test_a_host_with_spaces_slashes_or_control_characters_is_refused(host: bytes) -> None:
    fields = parsed(b"Host: " + host)
    with pytest.raises(UnreadableRequestError, match="400: the Host ") as caught:
        parse_request_line("GET / HTTP/1.1", fields, 1)
    assert (VERDICTS["NonCompliantHeader"] if b"\x7f" in host else None) == caught.value.verdict
