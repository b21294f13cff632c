"""How long a body is, and which statements of its length are not believed."""

from __future__ import annotations

import pytest

from edgeproxy.errors import ProtocolError
from edgeproxy.protocol.framing import content_length, request_body_length, response_body_length
from edgeproxy.protocol.limits import MAX_CONTENT_LENGTH
from edgeproxy.protocol.message import CHUNKED, UNTIL_CLOSE


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["0"], 0),
        (["5"], 5),
        (["05"], 5),
        ([" \t5\t "], 5),
        ([""], 0),
        ([" "], 0),
        (["5", "5"], 5),
        (["5", "05", " 5"], 5),
        (["9223372036854775807"], 2**63 - 1),
        (["0" * 100 + "5"], 5),
        (["", "0", " 00"], 0),
    ],
)
def test_plain_decimal_numbers_are_lengths(values: list[str], expected: int) -> None:
    assert expected == content_length(values, status=400)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (["+5"], "a sign is dropped by some parsers and refused by others"),
        (["-5"], "a sign"),
        (["0x5"], "5 or 0, depending on the parser"),
        (["5,5"], "a list: one parser reads 5, another 55"),
        (["5, 5"], "a list with a space"),
        (["5 5"], "a space inside: 5 or 55"),
        (["5\x0b"], "white space that only some parsers strip"),
        (["\xa05"], "white space outside ASCII"),
        (["5.0"], "a fraction"),
        (["5e1"], "an exponent"),
        (["1_000"], "a number in Python, not in HTTP"),
        (["\xb2"], "a digit in Unicode, not in HTTP"),
        (["five"], "no number"),
        (["18446744073709551616"], "2**64 overflows to 0 in C"),
        (["9223372036854775808"], "2**63 overflows to a negative number in C"),
        (["9" * 10_000], "very long numbers are slow to read"),
        (["18446744073709551615"], "the largest number that the classifier takes is still too large for a body"),
        (["5", "6"], "two different lengths: which one is true?"),
        (["5", ""], "an empty value is 0, which differs"),
        (["5", "x"], "the second is no number"),
    ],
)
@pytest.mark.parametrize("status", [400, 502])
def test_other_lengths_are_refused(values: list[str], reason: str, status: int) -> None:
    with pytest.raises(ProtocolError, match="Content-Length") as caught:
        content_length(values, status=status)
    assert caught.value.status == status, reason


@pytest.mark.parametrize(
    ("lengths", "encodings", "expected"),
    [
        ([], [], 0),
        (["5"], [], 5),
        (["5", "05"], [], 5),
        ([], ["chunked"], CHUNKED),
        ([], [" Chunked\t"], CHUNKED),
        ([], ["chunked;q=1"], CHUNKED),
        ([], ["identity, chunked"], CHUNKED),
        ([], ["identity", "chunked"], CHUNKED),
        (["5"], ["chunked"], CHUNKED),
        ([], ["identity"], 0),
        (["5"], ["identity"], 5),
        (["5", "5"], ["identity,IDENTITY"], 5),
    ],
)
def test_a_requests_length_is_read_the_safe_way(lengths: list[str], encodings: list[str], expected: int) -> None:
    """Chunked wins over Content-Length, equal lengths count once (RFC 9112 section 6.3)."""
    assert (expected, False) == request_body_length(lengths, encodings)


@pytest.mark.parametrize("lengths", [["x"], ["5", "6"], ["5", "5"], ["+5"], ["18446744073709551616"], [""]])
@pytest.mark.parametrize("encodings", [["chunked"], ["identity, chunked"]])
def test_what_chunks_make_superfluous_is_not_read(lengths: list[str], encodings: list[str]) -> None:
    """The classifier has its own word on such a request."""
    assert (CHUNKED, False) == request_body_length(lengths, encodings)


@pytest.mark.conformance(
    "Transfer-Encoding", "codings other than chunked and identity are a 501", "load-balancer-troubleshooting"
)
@pytest.mark.parametrize(
    ("encodings", "reason"),
    [
        (["gzip"], "not undone"),
        (["deflate"], "not undone"),
        (["compress"], "not undone"),
        (["gzip, chunked"], "the chunks could be read, but not what is in them"),
        (["chunked, gzip"], "where the body ends cannot be found"),
        (["chunked, identity"], "chunked is not last"),
        (["chunked", "identity"], "the same in two headers"),
        (["chunked, chunked"], "chunked applied twice"),
        (["chunked", "chunked"], "the same in two headers"),
        (["chunked", "identity", "chunked"], "chunked applied twice, with another in between"),
        ([""], "no coding at all"),
        (["chunked,"], "an empty item"),
        (["xchunked"], "unknown"),
        (["chunked\x0b"], "white space that is not HTTP's"),
        (["chunked\x00"], "ends at the NUL in C"),
        (["\x0bchunked"], "the same in front"),
        (["chunked foo"], "one parser reads the first word"),
        (['"chunked"'], "quoted"),
        (["trailers"], "belongs to TE"),
    ],
)
@pytest.mark.parametrize("lengths", [[], ["5"], ["x"], ["5", "6"]])
def test_behind_a_coding_that_cannot_be_undone_everything_is_body(
    lengths: list[str], encodings: list[str], reason: str
) -> None:
    """Nothing behind such a request can be told from its body, so nothing may be read as the next request."""
    assert (MAX_CONTENT_LENGTH, True) == request_body_length(lengths, encodings), reason


@pytest.mark.parametrize("lengths", [["x"], ["5", "6"], ["5", ""], ["18446744073709551616"], ["9223372036854775808"]])
@pytest.mark.parametrize("encodings", [[], ["identity"]])
def test_a_request_whose_length_cannot_be_known_is_refused(lengths: list[str], encodings: list[str]) -> None:
    with pytest.raises(ProtocolError, match="Content-Length") as caught:
        request_body_length(lengths, encodings)
    assert 400 == caught.value.status


@pytest.mark.parametrize(
    ("lengths", "encodings", "expected"),
    [
        ([], [], UNTIL_CLOSE),
        (["5"], [], 5),
        ([], ["chunked"], CHUNKED),
        ([], ["identity"], UNTIL_CLOSE),
        ([], ["identity", "chunked"], CHUNKED),
    ],
)
def test_a_response_has_a_length_or_chunks_or_ends_with_the_connection(
    lengths: list[str], encodings: list[str], expected: int
) -> None:
    assert expected == response_body_length(lengths, encodings)


@pytest.mark.conformance(
    "502 from a target",
    "two statements of the body's length, or a coding that cannot be passed on, make a response malformed",
    "load-balancer-troubleshooting",
    status="default",
)
@pytest.mark.parametrize(
    ("lengths", "encodings", "reason"),
    [
        (["5", "5"], [], "stated twice"),
        (["5", "6"], [], "stated differently"),
        (["x"], [], "no number"),
        (["5"], ["chunked"], "two kinds of length"),
        ([], ["gzip"], "the client would get compressed bytes that nothing calls so"),
        ([], ["gzip, chunked"], "the same, in chunks"),
        ([], ["chunked, identity"], "chunked is not last"),
        ([], ["chunked, chunked"], "chunked applied twice"),
        ([], [""], "no coding"),
    ],
)
def test_other_responses_are_malformed(lengths: list[str], encodings: list[str], reason: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        response_body_length(lengths, encodings)
    assert caught.value.status == 502, reason
