"""HPACK's string code, against the hpack library's encoder."""

from __future__ import annotations

import pytest
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.protocol.h2_huffman import HuffmanError, decode_huffman, huffman_codes

ENCODER = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)


def test_the_code_is_appendix_b() -> None:
    expected = [(symbol, REQUEST_CODES[symbol], REQUEST_CODES_LENGTH[symbol]) for symbol in range(257)]
    assert expected == sorted(huffman_codes())


@given(st.binary(max_size=300))
def test_what_another_implementation_encodes_is_read(text: bytes) -> None:
    assert text.decode("latin-1") == decode_huffman(ENCODER.encode(text))


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        text = decode_huffman(data)
    except HuffmanError:
        return
    assert data == ENCODER.encode(text.encode("latin-1"))


@pytest.mark.parametrize(
    "data",
    [b"\x07\xff", b"\xff", b"\x06", b"\xff\xff\xff\xff", b"\xff\xff\xff\xfc"],
    ids=["eleven bits of padding", "eight bits of padding", "a zero in the padding", "all ones", "end of string"],
)
def test_wrong_endings_are_refused(data: bytes) -> None:
    with pytest.raises(HuffmanError):
        decode_huffman(data)
