"""How long a body is, and which statements of its length are not believed."""

from __future__ import annotations

import pytest

from edgeproxy.errors import ProtocolError
from edgeproxy.protocol.framing import content_length, request_body_length, response_body_length, transfer_codings
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
        (["0" * 20], "longer than any length, even with leading zeros"),
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
    ("values", "expected"),
    [
        (["chunked"], ["chunked"]),
        (["Chunked "], ["chunked"]),
        (["gzip,\tchunked"], ["gzip", "chunked"]),
        (["gzip", "chunked"], ["gzip", "chunked"]),
        (["chunked;q=1"], ["chunked"]),
        (["identity"], ["identity"]),
    ],
)
def test_codings_are_listed_in_order_without_parameters(values: list[str], expected: list[str]) -> None:
    assert expected == transfer_codings(values, status=400)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([""], "an empty item; also what is left of a folded value"),
        (["chunked,"], "an empty item behind"),
        ([", chunked"], "an empty item in front"),
        (["xchunked"], "resembles chunked"),
        (["chunked\x0b"], "a vertical tab that some parsers strip"),
        (["chunked\x00"], "ends at the NUL in C"),
        (["\x0bchunked"], "the same in front"),
        (["chunked foo"], "one parser reads the first word"),
        (['"chunked"'], "quoted"),
        (["trailers"], "belongs to TE"),
        (["chunked, chunked"], "chunked applied twice"),
        (["chunked", "chunked"], "chunked applied twice, in two headers"),
        (["chunked", "identity", "chunked"], "chunked applied twice, with another in between"),
    ],
)
def test_unknown_and_repeated_codings_are_refused(values: list[str], reason: str) -> None:
    with pytest.raises(ProtocolError, match="Transfer-Encoding") as caught:
        transfer_codings(values, status=400)
    assert caught.value.status == 400, reason


@pytest.mark.parametrize(
    ("lengths", "encodings", "expected"),
    [
        ([], [], (0, False, False)),
        (["5"], [], (5, False, False)),
        (["5", "5"], [], (5, True, False)),
        ([], ["chunked"], (CHUNKED, False, False)),
        ([], ["identity, chunked"], (CHUNKED, False, False)),
        (["5"], ["chunked"], (CHUNKED, True, False)),
        ([], ["identity"], (0, False, False)),
        (["5"], ["identity"], (5, True, False)),
        ([], ["gzip"], (0, False, True)),
        ([], ["gzip, chunked"], (CHUNKED, False, True)),
        (["5"], ["deflate"], (5, True, True)),
    ],
)
def test_a_requests_length_is_read_the_safe_way(
    lengths: list[str], encodings: list[str], expected: tuple[int, bool, bool]
) -> None:
    """Chunked wins over Content-Length; whatever is stated twice is ambiguous (RFC 9112 section 6.3)."""
    assert expected == request_body_length(lengths, encodings)


@pytest.mark.conformance(
    "Transfer-Encoding", "codings other than chunked and identity are a 501", "load-balancer-troubleshooting"
)
@pytest.mark.parametrize("coding", ["gzip", "deflate", "compress"])
def test_known_codings_that_are_not_served_are_marked(coding: str) -> None:
    assert (0, False, True) == request_body_length([], [coding])


@pytest.mark.parametrize(
    ("lengths", "encodings", "reason"),
    [
        ([], ["chunked, gzip"], "the end of the body cannot be found"),
        ([], ["chunked, identity"], "chunked is not last"),
        (["x"], ["chunked"], "the length that is not used is still malformed"),
        (["5", "6"], ["chunked"], "the lengths that are not used still differ"),
    ],
)
def test_a_request_whose_length_cannot_be_known_is_refused(
    lengths: list[str], encodings: list[str], reason: str
) -> None:
    with pytest.raises(ProtocolError) as caught:
        request_body_length(lengths, encodings)
    assert caught.value.status == 400, reason


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
