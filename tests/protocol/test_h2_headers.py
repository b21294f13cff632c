"""Header blocks become the heads that HTTP/1.1 gives. RFC 9113 sections 8.1 to 8.3."""

from __future__ import annotations

import pytest

from edgeproxy.errors import ProtocolError
from edgeproxy.protocol.h1_client import response_head_memo
from edgeproxy.protocol.h1_server import request_fields_memo
from edgeproxy.protocol.h2_frames import ErrorCode, H2StreamError
from edgeproxy.protocol.h2_headers import request_head, response_head, response_status, trailer_lines
from edgeproxy.protocol.h2_hpack import HeaderDecoder
from edgeproxy.protocol.head_parser import parse_request_fields
from edgeproxy.protocol.limits import MAX_HEADER_LINE, MAX_REQUEST_HEAD, MAX_RESPONSE_HEAD
from edgeproxy.protocol.message import CHUNKED, UNTIL_CLOSE, RequestFields, RequestHead, ResponseHead
from tests.helpers.attributes import attribute_names
from tests.helpers.h2_wire import GET, OK, POST, Fields, block

conformance = pytest.mark.conformance


def request(fields: Fields, *, is_complete: bool = True, size: int = 0) -> RequestHead:
    """The head of these fields."""
    return request_head(
        HeaderDecoder().decode(block(fields)), request_fields_memo(), is_complete=is_complete, size=size
    )


def response(fields: Fields, *, is_complete: bool = False) -> ResponseHead:
    """The head of these fields."""
    decoded = HeaderDecoder().decode(block(fields))
    return response_head(decoded, response_head_memo(), response_status(decoded), is_complete=is_complete)


def with_path(path: str) -> Fields:
    return [(":method", "GET"), (":scheme", "https"), (":path", path), (":authority", "x")]


def test_a_request_looks_as_it_would_in_http_1_1() -> None:
    fields = [*with_path("/a/b?c=d"), ("user-agent", "curl/8"), ("x-forwarded-for", "1.2.3.4"), ("accept", "*/*")]
    head = request(fields, size=99)
    assert ("GET", "/a/b?c=d", "/a/b", "c=d", "x") == (head.method, head.target, head.path, head.query, head.host)
    assert "GET /a/b?c=d HTTP/1.1" == head.line
    assert ("HTTP/2.0", 99) == (head.version, head.size)
    assert ["host: x", "user-agent: curl/8", "x-forwarded-for: 1.2.3.4", "accept: */*"] == head.fields.lines
    assert ("curl/8", "1.2.3.4", 0) == (head.fields.user_agent, head.fields.forwarded_for, head.fields.body_length)
    assert ["curl/8"] == head.header_values("user-agent")


def test_its_fields_are_interpreted_by_the_same_code() -> None:
    """All that is known of a header section is equal to what is known of the same section in HTTP/1.1."""
    ours = request([*GET, ("x-amzn-trace-id", "Root=1"), ("x_odd", "1"), ("te", "trailers")]).fields
    theirs = parse_request_fields(b"host: x\r\nx-amzn-trace-id: Root=1\r\nx_odd: 1\r\nte: trailers\r\n")
    for name in attribute_names(RequestFields):
        assert getattr(theirs, name) == getattr(ours, name), name


def test_both_versions_share_what_is_remembered() -> None:
    memo = request_fields_memo()
    section = b"host: x\r\naccept: */*\r\n"
    for _ in range(2):
        remembered = memo.compute(section)
    head = request_head(HeaderDecoder().decode(block([*GET, ("accept", "*/*")])), memo, is_complete=True, size=0)
    assert remembered is head.fields


def test_a_block_that_repeats_is_interpreted_once() -> None:
    decoder, memo = HeaderDecoder(), request_fields_memo()
    decoded = decoder.decode(block(GET))
    heads = [request_head(decoded, memo, is_complete=done, size=0) for done in (True, True, False)]
    assert heads[0].fields is heads[1].fields
    assert [0, 0, CHUNKED] == [head.fields.body_length for head in heads]


PATH_LITERALS = (b"\x82\x87\x04%c%b\x00\x04host\x01x", b"\x83\x87\x14%c%b\x00\x04host\x01x\x00\x02te\x08trailers")


@pytest.mark.parametrize("literal", PATH_LITERALS)
def test_a_request_that_differs_in_its_path_is_the_same_but_for_the_path(literal: bytes) -> None:
    decoder, memo = HeaderDecoder(), request_fields_memo()
    for path in ("/a", "/b?c=d", "/a"):
        for is_complete in (True, False):
            known = decoder.decode(literal % (len(path), path.encode()))
            new = HeaderDecoder().decode(literal % (len(path), path.encode()))
            ours = request_head(known, memo, is_complete=is_complete, size=1)
            theirs = request_head(new, request_fields_memo(), is_complete=is_complete, size=1)
            assert (theirs.line, theirs.path, theirs.query) == (ours.line, ours.path, ours.query)
            assert theirs.fields.lines == ours.fields.lines
            assert theirs.fields.body_length == ours.fields.body_length


@pytest.mark.parametrize(("path", "error"), [(b"", H2StreamError), (b"/\n", H2StreamError), (b"a", ProtocolError)])
def test_a_path_that_is_none_is_refused_behind_good_ones(path: bytes, error: type[Exception]) -> None:
    decoder, memo = HeaderDecoder(), request_fields_memo()
    for good in (b"/a", b"/b"):
        request_head(decoder.decode(PATH_LITERALS[0] % (len(good), good)), memo, is_complete=True, size=1)
    with pytest.raises(error):
        request_head(decoder.decode(PATH_LITERALS[0] % (len(path), path)), memo, is_complete=True, size=1)


@pytest.mark.parametrize(
    ("fields", "is_complete", "length"),
    [
        ([], True, 0),
        ([], False, CHUNKED),
        ([("content-length", "5")], False, 5),
        ([("content-length", "0")], False, 0),
        ([("content-length", "0")], True, 0),
    ],
)
def test_the_body_is_as_long_as_the_frames_and_the_fields_say(fields: Fields, is_complete: bool, length: int) -> None:
    assert length == request([*POST, *fields], is_complete=is_complete).fields.body_length


@conformance(
    "Bodies and framing",
    "an HTTP/2 request without a length is chunked for the target",
    "load-balancer-listeners",
    status="default",
)
def test_a_body_of_unknown_length_is_chunked() -> None:
    assert ["host: x", "transfer-encoding: chunked"] == request(POST, is_complete=False).fields.lines


@conformance("HTTP/2 to clients", "cookie crumbs are joined", "load-balancer-listeners", status="default")
def test_cookie_crumbs_are_joined_where_the_first_one_stands() -> None:
    fields = [("cookie", "a=1"), ("accept", "*/*"), ("cookie", "b=2"), ("x", "y"), ("cookie", "c=3")]
    assert ["host: x", "cookie: a=1; b=2; c=3", "accept: */*", "x: y"] == request([*GET, *fields]).fields.lines


def test_one_cookie_stays_as_it_is() -> None:
    assert ["host: x", "cookie: a=1; b=2"] == request([*GET, ("cookie", "a=1; b=2")]).fields.lines


@conformance(
    "Special headers", "over HTTP/2, Expect is neither answered nor forwarded", "how-elastic-load-balancing-works"
)
def test_expect_is_dropped() -> None:
    fields = request([*POST, ("expect", "100-continue"), ("content-length", "5")], is_complete=False).fields
    assert not fields.expects_continue
    assert ["host: x", "content-length: 5"] == fields.lines


@pytest.mark.parametrize(
    ("fields", "lines"),
    [
        (GET, ["host: x"]),
        ([*GET, ("host", "X")], ["host: x"]),
        ([*GET[:3], ("host", "y:8443")], ["host: y:8443"]),
        (GET[:3], []),
        ([*GET[:3], (":authority", "")], ["host: "]),
    ],
    ids=["authority", "both", "host", "neither", "empty authority"],
)
def test_the_host_is_the_authority(fields: Fields, lines: list[str]) -> None:
    """Without either the host is empty; then the load balancer answers 400, as over HTTP/1.1."""
    assert lines == request(fields).fields.lines


def test_a_connect_is_handed_on_to_be_refused() -> None:
    head = request([(":method", "CONNECT"), (":authority", "x:443")])
    assert ("CONNECT", "x:443") == (head.method, head.authority)


def size_of(fields: Fields) -> int:
    """Bytes of the header section that HTTP/1.1 would have."""
    return sum(len(name) + len(value) + 4 for name, value in fields)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (with_path("*"), 400),
        (with_path("http://y/"), 400),
        (with_path("/a b"), 400),
        (with_path("/" + "a" * 16_384), 414),
        ([(":method", "get"), *GET[1:]], 400),
        ([*GET[:3], (":authority", "a/b")], 400),
        ([*GET[:3], (":authority", "a b")], 400),
        ([*GET, ("content_length", "5")], 400),
        ([*POST, ("content-length", "x")], 400),
        ([*POST, ("content-length", "1"), ("content-length", "2")], 400),
        ([*GET, ("x", "a" * MAX_HEADER_LINE)], 400),
        ([*GET, *[("x", "a" * 1000)] * 66], 400),
    ],
    ids=[
        "asterisk", "absolute path", "space", "path too long", "lower-case method", "slash in the host",
        "space in the host", "resembles framing", "length is no number", "two lengths", "line too long", "too many",
    ],
)  # fmt: skip
def test_what_is_refused_is_refused_with_a_status(fields: Fields, status: int) -> None:
    with pytest.raises(ProtocolError) as caught:
        request(fields, is_complete=False)
    assert status == caught.value.status


@conformance("Size limits", "a Cookie line over HTTP/2 may be 16 K or longer", "load-balancer-limits", status="default")
def test_a_long_cookie_passes() -> None:
    assert 2 == len(request([*GET, ("cookie", "a" * MAX_HEADER_LINE)]).fields.lines)


@pytest.mark.parametrize("surplus", [0, 1])
def test_all_headers_together_may_be_64_k(surplus: int) -> None:
    fields = [("x", "a" * 1018)] * 63
    rest = MAX_REQUEST_HEAD - size_of([("host", "x"), *fields]) - size_of([("y", "")])
    fields.append(("y", "a" * (rest + surplus)))
    if surplus:
        with pytest.raises(ProtocolError, match="longer than 65536 bytes"):
            request([*GET, *fields])
    else:
        assert MAX_REQUEST_HEAD == request([*GET, *fields]).fields.size


@pytest.mark.parametrize(
    ("fields", "is_complete", "length"),
    [
        ([], False, CHUNKED),
        ([], True, UNTIL_CLOSE),
        ([("content-length", "5")], False, 5),
        ([("content-length", "0")], True, 0),
    ],
)
def test_a_response_states_its_length(fields: Fields, is_complete: bool, length: int) -> None:
    assert length == response([*OK, *fields], is_complete=is_complete).body_length


def test_a_response_looks_as_it_would_in_http_1_1() -> None:
    head = response([(":status", "404"), ("content-type", "text/x"), ("x", "y")], is_complete=True)
    assert (404, "404 Not Found") == (head.status, head.status_line)
    assert ["content-type: text/x", "x: y"] == head.lines
    assert [(0, "content-type", "text/x")] == head.special


def test_a_status_without_a_name_is_bare() -> None:
    assert "599" == response([(":status", "599")]).status_line


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [(":status", "20")],
        [(":status", "2000")],
        [(":status", "abc")],
        [(":status", "999")],
        [(":status", "101")],
        [(":status", "\xb2\xb9\xb3")],
        [*OK, *OK],
        [*OK, (":path", "/")],
        [(":path", "/")],
        [*OK, ("X", "y")],
        [*OK, ("connection", "close")],
    ],
)
def test_malformed_responses_are_stream_errors(fields: Fields) -> None:
    with pytest.raises(H2StreamError) as caught:
        response(fields)
    assert ErrorCode.PROTOCOL_ERROR == caught.value.code


def test_a_pseudo_header_behind_a_response_s_fields_is_malformed() -> None:
    with pytest.raises(H2StreamError, match="stands behind a field"):
        response([(":status", "200"), ("x", "y"), (":status", "200")])


@pytest.mark.parametrize(
    "fields",
    [
        [*OK, ("content-length", "1"), ("content-length", "1")],
        [*OK, ("content-length", "x")],
        [*OK, *[("x", "a" * 1000)] * 33],
    ],
    ids=["two lengths", "length is no number", "too many"],
)
def test_what_the_load_balancer_calls_malformed_is_a_502(fields: Fields) -> None:
    with pytest.raises(ProtocolError) as caught:
        response(fields)
    assert 502 == caught.value.status


def test_trailers_are_lines() -> None:
    decoded = HeaderDecoder().decode(block([("grpc-status", "0"), ("grpc-message", "")]))
    assert ["grpc-status: 0", "grpc-message:"] == trailer_lines(decoded, MAX_RESPONSE_HEAD)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ([(":status", "200")], ErrorCode.PROTOCOL_ERROR),
        ([("X", "y")], ErrorCode.PROTOCOL_ERROR),
        ([("x", "y" * 9000)] * 4, ErrorCode.ENHANCE_YOUR_CALM),
    ],
)
def test_wrong_trailers_are_stream_errors(fields: Fields, code: ErrorCode) -> None:
    with pytest.raises(H2StreamError) as caught:
        trailer_lines(HeaderDecoder().decode(block(fields)), MAX_RESPONSE_HEAD)
    assert code == caught.value.code
