"""The slow path: where a head ends, and which of its headers pass, in which order, with which verdict.

test_tolerant_lines.py has the request lines.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.errors import ProtocolError
from edgeproxy.protocol import tolerant
from edgeproxy.protocol.head_parser import parse_request_fields
from edgeproxy.protocol.limits import MAX_HEADER_LINE, MAX_REQUEST_HEAD, MAX_REQUEST_LINE
from edgeproxy.protocol.message import CHUNKED, Field


def reason_for(section: bytes) -> str:
    """Why a request with these headers is not compliant."""
    verdict = tolerant.parse_request_line("PUT / HTTP/1.1", parse_request_fields(section), 1).verdict
    return "" if verdict is None else verdict.reason


def both(section: bytes) -> tuple[list[Field], list[Field]]:
    """All headers of a section, and those that may be forwarded."""
    headers = tolerant.split_section(section)
    return headers, tolerant.forwardable(headers)


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


@pytest.mark.parametrize("data", [b"\x16\x03\x01\x02\x00", b"get", b"\x00", b" GET / HTTP/1.1"])
def test_what_does_not_begin_with_a_method_is_refused_before_its_line_ends(data: bytes) -> None:
    """A browser that speaks TLS to an HTTP listener would wait for an answer for ever."""
    with pytest.raises(ProtocolError, match="400: the request does not begin with a method"):
        tolerant.check_unfinished_head(data)


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


@pytest.mark.parametrize(("framing", "length"), [(b"Transfer-Encoding: chunked", CHUNKED), (b"content-length: 5", 5)])
@pytest.mark.parametrize("between", [b"", b"Connection: x\r\n", b": nameless\r\n", b"A: \0\r\n"])
@pytest.mark.parametrize(("folded", "line"), [(b" , identity", " , identity:"), (b"\t0", "\t0:"), (b" x: y", " x: y")])
def test_a_header_that_frames_the_body_goes_behind_all_folded_lines(
    framing: bytes, length: int, between: bytes, folded: bytes, line: str
) -> None:
    """A target that unfolds would read `chunked , identity:`, and the body as the next request."""
    fields = parse_request_fields(framing + b"\r\n" + between + folded + b"\r\nHost: x\r\n")
    kept = ["Connection: x"] if between.startswith(b"C") else []
    assert [*kept, line, "Host: x", framing.decode()] == fields.lines
    assert length == fields.body_length
    assert [name for _, name, _ in fields.special][-1] == framing.decode().partition(":")[0].lower()


def test_several_headers_that_frame_the_body_keep_their_order_behind_folded_lines() -> None:
    section = b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n folded\r\nCONTENT-LENGTH: 5\r\n"
    lines = parse_request_fields(section).lines
    assert [" folded:", "Content-Length: 5", "Transfer-Encoding: chunked", "CONTENT-LENGTH: 5"] == lines


def test_without_folded_lines_the_order_stays() -> None:
    section = b"Content-Length: 5\r\nno colon\r\nHost: x\r\n"
    assert ["Content-Length: 5", "no colon:", "Host: x"] == parse_request_fields(section).lines


def test_a_folded_line_that_is_not_forwarded_changes_no_order() -> None:
    section = b"Content-Length: 5\r\n \0\r\n \t\r\nHost: x\r\n"
    assert ["Content-Length: 5", "Host: x"] == parse_request_fields(section).lines


@given(
    st.lists(
        st.sampled_from(
            [b"Content-Length: 5", b"Transfer-Encoding: x", b"A: b", b" c", b"\td: e", b": f", b"G: \0", b""]
        ),
        max_size=8,
    )
)
def test_no_folded_line_ever_stands_behind_framing_and_nothing_else_moves(lines: list[bytes]) -> None:
    headers, fields = both(b"".join(line + b"\r\n" for line in lines))
    names = [name.lower() for name, _ in fields]
    framing = [index for index, name in enumerate(names) if name in {"content-length", "transfer-encoding"}]
    folded = [index for index, name in enumerate(names) if name[0] in " \t"]
    assert not framing or not folded or max(folded) < min(framing)
    others = [field for index, field in enumerate(fields) if index not in framing]
    assert others == [field for field in headers if field in others]
    assert sorted(fields) == sorted(field for field in headers if field in fields)


@pytest.mark.conformance(
    "Header lines without a colon", "the load balancer adds the colon", "load-balancer-troubleshooting"
)
def test_a_line_without_a_colon_gets_one() -> None:
    assert ["no colon here:"] == parse_request_fields(b"no colon here\r\n").lines


def test_lines_may_end_with_a_lone_line_feed() -> None:
    assert [("A", "1"), ("B", "2")] == tolerant.split_section(b"A: 1\nB:2\r\n")
    assert "" == reason_for(b"A: 1\nB:2\r\n")


def test_a_section_is_split_as_it_stands() -> None:
    section = b"A:1\r\n b : \t2 \r\n\r\r\n:c\r\nno colon\r\n\0:\xff\r\n"
    expected = [("A", "1"), (" b ", "2"), ("\r", ""), ("", "c"), ("no colon", ""), ("\0", "\xff")]
    assert expected == tolerant.split_section(section)
    assert expected == parse_request_fields(section).headers


@given(st.lists(st.text(st.characters(max_codepoint=255, exclude_characters="\n"), max_size=8), max_size=6))
def test_splitting_loses_no_line(lines: list[str]) -> None:
    section = "".join(f"{line}\n" for line in lines).encode("latin-1")
    headers = tolerant.split_section(section)
    assert [line.removesuffix("\r").partition(":")[0] for line in lines] == [name for name, _ in headers]


@pytest.mark.conformance(
    "Desync mitigation",
    "a header without a name is not forwarded",
    "edit-load-balancer-attributes",
    status="default",
)
@pytest.mark.parametrize("line", [b": x", b":", b" : x", b" ", b"\t:", b"::", b""])
def test_a_header_without_a_name_is_dropped(line: bytes) -> None:
    headers, fields = both(b"A: 1\r\n" + line + b"\r\n")
    assert (2, [("A", "1")]) == (len(headers), fields)
    assert "EmptyHeader" == reason_for(b"A: 1\r\n" + line + b"\r\n")


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
    assert ([expected], [expected]) == both(line + b"\r\n")
    assert "NonCompliantHeader" == reason_for(line + b"\r\n")


def test_a_host_with_a_space_before_its_colon_is_not_the_host() -> None:
    fields = parse_request_fields(b"Host : x\r\n")
    assert ("", 0) == (fields.host, fields.host_count)


@pytest.mark.conformance(
    "Desync mitigation",
    "a header with NUL or a lone CR is not forwarded, whatever the mode",
    "edit-load-balancer-attributes",
    status="default",
)
@pytest.mark.parametrize(
    "line",
    [b"A: b\0", b"A\0: b", b"A: b\rC: d", b"\rA: b", b"A: b\r", b"\r", b"Content-Length: 5\0", b"\rHost: y", b" a\r"],
)
def test_headers_with_nul_or_a_lone_cr_are_dropped(line: bytes) -> None:
    """A target might take either for the end of the line."""
    section = b"Host: x\r\n" + line + b"\r\nB: c\r\n"
    headers, fields = both(section)
    assert (3, [("Host", "x"), ("B", "c")]) == (len(headers), fields)
    assert "BadHeader" == reason_for(section)
    parsed = parse_request_fields(section)
    assert ("x", 1, 0) == (parsed.host, parsed.host_count, parsed.body_length)


@pytest.mark.parametrize(
    "name",
    [
        b"Transfer_Encoding",
        b"Transfer-Encoding ",
        b"Transfer-Encoding\t",
        b"Transfer---Encoding",
        b" Transfer-Encoding",
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
@pytest.mark.parametrize(
    ("value", "as_coding", "as_length"),
    [
        (b"chunked", "SuspiciousHeader", "BadContentLength"),
        (b"5", "BadTransferEncoding", "SuspiciousHeader"),
        (b"", "BadTransferEncoding", "SuspiciousHeader"),
    ],
)
def test_a_name_that_resembles_a_framing_header_frames_nothing(
    name: bytes, value: bytes, as_coding: str, as_length: str
) -> None:
    """Targets map, strip or fold such names onto the real ones; the load balancer frames by the real ones only."""
    section = name + b": " + value + b"\r\n"
    fields = parse_request_fields(section)
    assert ([(name.decode("latin-1"), value.decode())], 0) == (fields.fields, fields.body_length)
    assert (as_length if b"content" in name.lower() else as_coding) == reason_for(section)


@pytest.mark.parametrize("name", [b"X-Transfer-Encoding", b"Content-Lengths", b"TransferEncoding", b"Content-Length1"])
def test_a_name_that_is_distant_from_a_framing_header_passes(name: bytes) -> None:
    assert [(name.decode(), "x")] == tolerant.split_section(name + b": x\r\n")
    assert "" == reason_for(name + b": x\r\n")


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
