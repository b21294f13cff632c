"""Chunked bodies: what is one, what is not, and what a reader holds meanwhile."""

from __future__ import annotations

import time

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.errors import ProtocolError
from edgeproxy.protocol import body
from edgeproxy.protocol.body import LAST_CHUNK, ChunkedReader, encode_chunk
from edgeproxy.protocol.limits import MAX_CHUNK_LINE
from tests.helpers.recording import bytewise, cut, cuts


def read(pieces: list[bytes], *, error_status: int = 400) -> tuple[bytes, bytes | None]:
    """The payload of all pieces, and what stands behind the body: None while it has not ended."""
    reader = ChunkedReader(error_status=error_status)
    payload = b""
    for number, piece in enumerate(pieces):
        part, behind = reader.feed(piece)
        payload += part
        if behind is not None:
            return payload, behind + b"".join(pieces[number + 1 :])
    return payload, None


BODIES = [
    (b"0\r\n\r\n", b""),
    (b"3\r\nabc\r\n0\r\n\r\n", b"abc"),
    (b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", b"abcde"),
    (b"A\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
    (b"a\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
    (b"003\r\nabc\r\n000\r\n\r\n", b"abc"),
    (b"0" * 16 + b"\r\n\r\n", b""),
    (b"0" * 15 + b"3\r\nabc\r\n" + b"0" * 300 + b"\r\n\r\n", b"abc"),
    (b"0" * 100 + b"3 ;x\r\nabc\r\n00;y\r\n\r\n", b"abc"),
    (b"3;name=value\r\nabc\r\n0;last\r\n\r\n", b"abc"),
    (b'3 ; a="b;c" \t\r\nabc\r\n0\r\n\r\n', b"abc"),
    (b"3  \r\nabc\r\n0 \r\n\r\n", b"abc"),
    (b"3;\xe9\r\nabc\r\n0\r\n\r\n", b"abc"),
    (b"4\r\n\r\n0\r\r\n0\r\n\r\n", b"\r\n0\r"),
    (b"1\r\na\r\n0\r\nTrailer: x\r\nOther: y\r\n\r\n", b"a"),
]


@pytest.mark.parametrize(("data", "payload"), BODIES)
@pytest.mark.parametrize("behind", [b"", b"GET / HTTP/1.1\r\n\r\n", b"\r\n", b"0"])
def test_whole_and_byte_by_byte_give_the_same(data: bytes, payload: bytes, behind: bytes) -> None:
    assert (payload, behind) == read([data + behind])
    assert (payload, behind) == read(bytewise(data + behind))


@given(st.sampled_from(BODIES), cuts())
def test_every_way_of_cutting_gives_the_same(example: tuple[bytes, bytes], places: list[int]) -> None:
    data, payload = example
    assert (payload, b"xyz") == read(cut(data + b"xyz", places))
    assert (payload, None) == read([*cut(data[:-1], places)])


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=5), cuts())
def test_what_is_encoded_reads_back(chunks: list[bytes], places: list[int]) -> None:
    data = b"".join(map(encode_chunk, chunks)) + LAST_CHUNK
    assert (b"".join(chunks), b"") == read(cut(data, places))


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=5))
def test_another_implementation_reads_what_is_encoded(chunks: list[bytes]) -> None:
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    connection.receive_data(b"".join(map(encode_chunk, chunks)) + LAST_CHUNK)
    received = b""
    while not isinstance(event := connection.next_event(), h11.EndOfMessage):
        if isinstance(event, h11.Data):
            received += event.data
    assert b"".join(chunks) == received


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\r\n", "no size"),
        (b"g\r\n", "no hex digit"),
        (b"+3\r\n", "a sign, which strtol takes"),
        (b"-3\r\n", "a negative size"),
        (b"0x3\r\n", "a prefix, which strtol takes: 0 or 3"),
        (b" 3\r\n", "white space in front"),
        (b"3 4\r\n", "two numbers"),
        (b"3_0\r\n", "a number in Python"),
        (b"3\x0b\r\n", "white space that is not HTTP's"),
        (b"3\x00\r\n", "NUL"),
        (b"1" * 16 + b"\r\n", "could overflow 64 bits"),
        (b"10000000000000003\r\n", "overflows to 3 in C"),
        (b"0" * 50 + b"1" * 16 + b"\r\n", "the same behind zeros"),
        (b"00x3\r\n", "a prefix behind a zero"),
        (b"0+3\r\n", "a sign behind a zero"),
        (b"0 3\r\n", "a space behind a zero: 0 or 3"),
        (b"+\r\n", "a sign alone"),
        (b" \r\n", "white space alone"),
        (b";a\r\n", "an extension alone"),
        (b" ;a\r\n", "white space and an extension"),
        (b"\t0\r\n", "TAB in front"),
        (b"3,a\r\n", "not an extension"),
        (b"3 a\r\n", "the same behind a space"),
        (b"3;a\x00\r\n", "NUL in the extension"),
        (b"3;a\x1f\r\n", "the last control character in the extension"),
        (b"3;a\x7f\r\n", "DEL in the extension"),
        (b"3\r\r\n", "CR CR LF"),
        (b"\n", "a lone LF for a size"),
        (b"0\n", "a lone LF behind the last size"),
        (b"3;a\x01\r\n", "a control character in the extension"),
        (b"3;a\rb\r\n", "a lone CR in the extension: one parser ends the line there"),
        (b"3\n", "a lone LF: one parser takes it for the line's end, another for part of the extension"),
        (b"3;a\nabc", "the same behind an extension"),
        (b"3\r\nabcd\r\n", "longer than its size"),
        (b"3\r\nabc\n", "a lone LF behind the data"),
        (b"3\r\nabcX\r\n", "something between the data and the line end"),
        (b"0\r\n\n", "a lone LF at the end"),
        (b"0\r\nA: b\n", "a lone LF in the trailers"),
    ],
)
@pytest.mark.parametrize("status", [400, 502])
def test_other_bodies_are_refused(data: bytes, reason: str, status: int) -> None:
    for pieces in ([data], bytewise(data)):
        with pytest.raises(ProtocolError) as caught:
            read(pieces, error_status=status)
        assert caught.value.status == status, reason


@given(st.binary(max_size=60), cuts())
def test_any_bytes_end_alike_however_they_are_cut(data: bytes, places: list[int]) -> None:
    """A body, the wish for more, or a ProtocolError; never anything else."""

    def outcome(pieces: list[bytes]) -> object:
        try:
            return read(pieces)
        except ProtocolError as error:
            return error.status

    assert outcome([data]) == outcome(cut(data, places))


# ---- sizes


SIZES = st.integers(0, 16**15 - 1)


@given(
    SIZES,
    st.integers(0, 60),
    st.sampled_from(["%x", "%X"]),
    st.sampled_from([b"", b" ", b" \t "]),
    st.sampled_from([b"", b";", b";a=b;c", b'; a="\xff\t"']),
    cuts(),
)
def test_a_size_is_read_whatever_surrounds_it_and_wherever_its_line_is_cut(
    size: int, zeros: int, digits: str, white: bytes, more: bytes, places: list[int]
) -> None:
    line = b"0" * zeros + (digits % size).encode() + white + more + b"\r\n"
    for pieces in ([line], bytewise(line), cut(line, places)):
        reader = ChunkedReader(error_status=400)
        assert all((b"", None) == reader.feed(piece) for piece in pieces)
        assert size == reader._remaining


@given(st.integers(16**15, 16**20), st.integers(0, 10), cuts())
def test_a_size_of_more_than_fifteen_digits_is_refused_wherever_its_line_is_cut(
    size: int, zeros: int, places: list[int]
) -> None:
    line = b"%b%x\r\n" % (b"0" * zeros, size)
    for pieces in ([line], cut(line, places)):
        with pytest.raises(ProtocolError, match="is not a hex number"):
            read(pieces)


@pytest.mark.parametrize(
    "line", [b"0" * 4000, b"0" * 4000 + b"x", b"0" * 2000 + b" " * 2000 + b"x", b"1" + b" \t" * 2000 + b"\x01"]
)
def test_a_size_line_takes_linear_time(line: bytes) -> None:
    started = time.thread_time()
    for _ in range(20):
        body._CHUNK_LINE(line)
    assert time.thread_time() - started < 0.1


def test_zeros_have_no_limit_but_that_of_the_line() -> None:
    zeros = MAX_CHUNK_LINE - 2
    assert (b"a", b"") == read([b"0" * zeros + b"1\r\na\r\n" + LAST_CHUNK])
    with pytest.raises(ProtocolError, match="size line is longer than 4096 bytes"):
        read([b"0" * (zeros + 1) + b"1\r\na\r\n" + LAST_CHUNK])


# ---- limits


def extension(size: int) -> bytes:
    """A size line of this many bytes, without its LF."""
    return b"1;" + b"a" * (size - 3) + b"\r"


@pytest.mark.parametrize("step", [1000, MAX_CHUNK_LINE * 2])
@pytest.mark.parametrize(("size", "is_refused"), [(MAX_CHUNK_LINE, False), (MAX_CHUNK_LINE + 1, True)])
def test_a_size_line_has_a_limit(size: int, is_refused: bool, step: int) -> None:
    data = extension(size) + b"\na\r\n" + LAST_CHUNK
    pieces = [data[start : start + step] for start in range(0, len(data), step)]
    if is_refused:
        with pytest.raises(ProtocolError, match="size line is longer than 4096 bytes"):
            read(pieces)
    else:
        assert (b"a", b"") == read(pieces)


def test_a_size_line_that_never_ends_is_refused() -> None:
    reader = ChunkedReader(error_status=400)
    for _ in range(MAX_CHUNK_LINE):
        reader.feed(b"1")
    assert len(reader._line) == MAX_CHUNK_LINE
    with pytest.raises(ProtocolError, match="size line is longer"):
        reader.feed(b"1")


@pytest.mark.conformance(
    "request bodies", "trailers of HTTP/1.1 go no further", "load-balancer-target-groups", status="default"
)
def test_trailers_are_read_and_dropped() -> None:
    """Neither payload nor the next message; the same reader serves responses."""
    assert (b"a", b"next") == read([b"1\r\na\r\n0\r\nX-Sum: x\r\nContent-Length: 9\r\n\r\nnext"])


def test_the_trailers_together_have_a_limit() -> None:
    with pytest.raises(ProtocolError, match="trailer section is longer than 4096 bytes"):
        read([b"0\r\n" + b"A: bcd\r\n" * MAX_CHUNK_LINE])


def test_nothing_of_the_body_stays_in_the_reader() -> None:
    reader = ChunkedReader(error_status=400)
    for _ in range(1000):
        assert (b"abc", None) == reader.feed(b"3;x\r\nabc\r\n")
        assert reader._line == b""


def test_many_tiny_chunks_in_one_piece_are_joined() -> None:
    count = 20_000
    assert (b"a" * count, b"") == read([b"1\r\na\r\n" * count + LAST_CHUNK])


def test_a_large_chunk_passes_through_as_it_arrives() -> None:
    reader = ChunkedReader(error_status=400)
    reader.feed(b"fffffffffffffff\r\n")
    piece = b"x" * 1000
    assert all((piece, None) == reader.feed(piece) for _ in range(10))
