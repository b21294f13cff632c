"""Header blocks, against the hpack library and the examples of RFC 7541."""

from __future__ import annotations

import functools
import operator

import hpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.protocol.h2_frames import H2ConnectionError
from edgeproxy.protocol.h2_hpack import (
    MAX_KNOWN_BLOCKS,
    MAX_KNOWN_LINES,
    MAX_KNOWN_SIZE,
    NO_DYNAMIC_TABLE,
    STATIC_TABLE,
    HeaderDecoder,
    HeaderEncoder,
)
from tests.helpers.h2_wire import Fields, fields_of

names = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=20)
values = st.text(st.characters(max_codepoint=255), max_size=200)
repeating = st.sampled_from([("accept", "*/*"), ("x-a", "1"), ("cookie", "a=b"), (":method", "GET"), ("x-a", "2")])
lists = st.lists(st.tuples(names, values) | repeating, max_size=12)


def decoded(decoder: HeaderDecoder, block: bytes) -> Fields:
    """Names and values."""
    return [(name, value) for _, _, name, value in decoder.decode(block).fields]


def test_the_static_table_is_appendix_a() -> None:
    expected = [(name.decode(), value.decode()) for name, value in hpack.table.HeaderTable.STATIC_TABLE]
    assert expected == [(name, value) for _, _, name, value in STATIC_TABLE[1:]]


# RFC 7541 appendix C.4 and C.6: requests with Huffman coding, and responses that evict from a table of 256 bytes.
REQUESTS = [
    "828684418cf1e3c2e5f23a6ba0ab90f4ff",
    "828684be5886a8eb10649cbf",
    "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
]
RESPONSES = [
    "3fe101488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
    "4883640effc1c0bf",
    (
        "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f"
        "3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007"
    ),
]
DATE = ("date", "Mon, 21 Oct 2013 20:13:21 GMT")
LOCATION = ("location", "https://www.example.com")


def test_the_requests_of_appendix_c_are_read() -> None:
    decoder = HeaderDecoder()
    pseudo = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "www.example.com")]
    assert pseudo == decoded(decoder, bytes.fromhex(REQUESTS[0]))
    assert [*pseudo, ("cache-control", "no-cache")] == decoded(decoder, bytes.fromhex(REQUESTS[1]))
    last = [(":method", "GET"), (":scheme", "https"), (":path", "/index.html"), (":authority", "www.example.com")]
    assert [*last, ("custom-key", "custom-value")] == decoded(decoder, bytes.fromhex(REQUESTS[2]))
    assert "<HeaderDecoder 3 entries, 164 of 4096 bytes>" == repr(decoder)


def test_the_responses_of_appendix_c_are_read() -> None:
    """A size update to 256 stands in front of the first, so the others evict."""
    decoder = HeaderDecoder()
    common = [("cache-control", "private"), DATE, LOCATION]
    assert [(":status", "302"), *common] == decoded(decoder, bytes.fromhex(RESPONSES[0]))
    assert [(":status", "307"), *common] == decoded(decoder, bytes.fromhex(RESPONSES[1]))
    cookie = "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"
    assert [
        (":status", "200"),
        ("cache-control", "private"),
        ("date", "Mon, 21 Oct 2013 20:13:22 GMT"),
        LOCATION,
        ("content-encoding", "gzip"),
        ("set-cookie", cookie),
    ] == decoded(decoder, bytes.fromhex(RESPONSES[2]))
    assert "<HeaderDecoder 3 entries, 215 of 256 bytes>" == repr(decoder)


@given(st.lists(lists, max_size=8), st.booleans(), st.sampled_from([0, 64, 300, 4096]))
def test_what_another_implementation_encodes_is_read(blocks: list[Fields], huffman: bool, size: int) -> None:
    """With a table that changes its size once and evicts, and blocks that repeat."""
    encoder, decoder = hpack.Encoder(), HeaderDecoder()
    for number, fields in enumerate([*blocks, *blocks]):
        if number == len(blocks):
            encoder.header_table_size = size
        block = encoder.encode([(name.encode(), value.encode("latin-1")) for name, value in fields], huffman=huffman)
        assert fields == decoded(decoder, block)


@given(st.binary(max_size=60))
def test_any_block_is_read_as_by_another_implementation_or_refused(block: bytes) -> None:
    try:
        ours: Fields | None = decoded(HeaderDecoder(), block)
    except H2ConnectionError:
        ours = None
    try:
        theirs: Fields | None = fields_of(block)
    except hpack.HPACKError:
        theirs = None
    if ours is not None:
        assert theirs == ours


def test_a_block_that_repeats_is_decoded_once() -> None:
    decoder = HeaderDecoder()
    block = b"\x82\x84\x87\x01\x01x"
    assert decoder.decode(block) is decoder.decode(block)


@given(st.lists(st.tuples(st.sampled_from("abc"), values, st.booleans()), max_size=30), st.booleans())
def test_blocks_that_differ_in_their_path_are_read_as_another_implementation_wrote_them(
    asked: list[tuple[str, str, bool]], is_behind: bool
) -> None:
    """Literal paths between fields from the tables, which change whenever a field is indexed that was not there."""
    ours, encoder = HeaderDecoder(), hpack.Encoder()
    for value, path, is_coded in asked:
        front, back = (("cookie", value), (":method", "GET")) if is_behind else ((":method", "GET"), ("cookie", value))
        literal = hpack.Encoder().encode([hpack.NeverIndexedHeaderTuple(":path", path.encode("latin-1"))], is_coded)
        block = encoder.encode([front]) + literal + encoder.encode([back])
        read = ours.decode(block)
        assert [front, (":path", path), back] == [field[2:] for field in read.fields]
        assert functools.reduce(operator.or_, [field[1] for field in read.fields]) == read.kinds
    assert len(ours._shapes) <= MAX_KNOWN_BLOCKS


@pytest.mark.parametrize("change", [b"\x40\x01a\x011", b"\x20\x82"], ids=["an entry", "a size update"])
def test_nothing_is_remembered_over_a_change_of_the_table(change: bytes) -> None:
    decoder = HeaderDecoder()
    decoder.decode(b"\x40\x01b\x012")
    assert [("b", "2")] == decoded(decoder, b"\xbe")
    decoder.decode(change)
    try:
        after = decoded(decoder, b"\xbe")
    except H2ConnectionError:
        after = []
    assert after != [("b", "2")]


def test_blocks_that_differ_in_their_path_only_share_their_shape() -> None:
    decoder = HeaderDecoder()
    first, second, other = (
        decoder.decode(block) for block in (b"\x82\x04\x02/a\x87", b"\x82\x04\x02/b\x87", b"\x82\x04\x02/b")
    )
    assert first.shape is second.shape
    assert first.shape is not other.shape
    assert [":method", ":path", ":scheme"] == [field[2] for field in second.fields]
    assert "/b" == second.fields[1][3]


def test_memories_are_bounded() -> None:
    decoder, encoder = HeaderDecoder(), HeaderEncoder()
    for number in range(300):
        decoder.decode(b"\x00\x01n\x03%03d" % number)
        decoder.decode(b"\x82\x04\x02/a\x00\x01n\x03%03d" % number)
    for number in range(MAX_KNOWN_LINES + 1):
        encoder.encode_lines([f"n: {number}"])
    encoder.encode_lines(["long: " + "x" * MAX_KNOWN_SIZE])
    assert len(decoder._blocks) <= MAX_KNOWN_BLOCKS
    assert len(decoder._shapes) <= MAX_KNOWN_BLOCKS
    assert len(decoder._known) <= 256
    assert 1 == len(encoder)


def test_an_entry_larger_than_the_table_empties_it() -> None:
    decoder = HeaderDecoder()
    decoder.decode(b"\x40\x01a\x011")
    long = b"x" * 5000
    decoder.decode(b"\x40\x01b\x7f" + bytes([0x89, 0x26]) + long)
    assert "<HeaderDecoder 0 entries, 0 of 4096 bytes>" == repr(decoder)


RESPONSE = ["Content-Type: text/html", "Server: awselb/2.0", "Content-Length:  5 ", "X-Empty:", "set-cookie: a=b"]


def test_a_response_is_read_by_another_implementation() -> None:
    block = HeaderEncoder().encode_response(200, RESPONSE)
    assert [
        (":status", "200"),
        ("content-type", "text/html"),
        ("server", "awselb/2.0"),
        ("content-length", "5"),
        ("x-empty", ""),
        ("set-cookie", "a=b"),
    ] == fields_of(block)


@pytest.mark.parametrize("status", [200, 204, 404, 464, 503])
def test_every_status_is_written(status: int) -> None:
    assert [(":status", str(status))] == fields_of(HeaderEncoder().encode_response(status, []))


def test_a_request_is_read_by_another_implementation() -> None:
    block = HeaderEncoder().encode_request("PATCH", "https", "a.example:8443", "/x?y", ["Accept: */*"])
    assert [
        (":method", "PATCH"),
        (":scheme", "https"),
        (":authority", "a.example:8443"),
        (":path", "/x?y"),
        ("accept", "*/*"),
    ] == fields_of(block)


@given(st.lists(st.tuples(names, values.map(lambda value: value.strip(" \t\r\n\0"))), max_size=10))
def test_lines_survive_the_way_to_another_implementation(fields: Fields) -> None:
    carried = [
        (name, value)
        for name, value in fields
        if not set(value) & set("\0\r\n")
        and name not in {"connection", "upgrade", "keep-alive", "proxy-connection", "transfer-encoding"}
    ]
    block = HeaderEncoder().encode_lines(f"{name}: {value}" for name, value in fields)
    assert carried == fields_of(block)


@pytest.mark.parametrize(
    "line",
    [
        "Connection: keep-alive",
        "Keep-Alive: 5",
        "Transfer-Encoding: chunked",
        "Upgrade: h2c",
        "Proxy-Connection: x",
        "b ad: 1",
        ":status: 200",
        "x: a\rb",
    ],
)
def test_lines_that_would_break_the_message_are_left_out(line: str) -> None:
    assert b"" == HeaderEncoder().encode_lines([line])


def test_literals_are_never_indexed() -> None:
    """So that a proxy behind us treats what we got as never indexed the same way (RFC 7541 section 6.2.3)."""
    fields = hpack.Decoder().decode(HeaderEncoder().encode_response(200, ["Authorization: x", "n: v"]))
    assert [True, False, False] == [field.indexable for field in fields]


def test_the_unused_table_is_given_up() -> None:
    decoder = hpack.Decoder()
    decoder.max_allowed_table_size = 0
    assert [(":status", "200")] == fields_of(NO_DYNAMIC_TABLE + HeaderEncoder().encode_response(200, []), decoder)
