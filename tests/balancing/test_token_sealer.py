"""Tokens: only who has the key reads or makes them."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.balancing.sticky_token import APPLICATION, TARGET, TARGET_GROUP, TokenShape
from edgeproxy.balancing.token_sealer import TokenSealer

PAGE = "edit-target-group-attributes (observed values)"
SHAPES = [TARGET, TARGET_GROUP, APPLICATION]


def sealer(key: bytes = bytes(32)) -> TokenSealer:
    count = 0

    def nonces(size: int) -> bytes:
        nonlocal count
        count += 1
        return count.to_bytes(size, "big")

    return TokenSealer(key, nonces)


@pytest.mark.conformance("stickiness cookies", "lengths: 124, 172 and 144 characters of base64", PAGE)
@pytest.mark.parametrize(("shape", "length"), [(TARGET, 124), (TARGET_GROUP, 172), (APPLICATION, 144)])
def test_values_have_the_observed_length(shape: TokenShape, length: int) -> None:
    assert length == len(sealer().seal(shape, b"content"))


@pytest.mark.conformance("stickiness cookies", "AWSALBAPP values begin with AAAAAAAAAA", PAGE)
def test_application_values_begin_with_zeros() -> None:
    assert sealer().seal(APPLICATION, b"content").startswith("AAAAAAAAAA")


def test_only_the_application_shape_grows() -> None:
    assert 144 + 96 == len(sealer().seal(APPLICATION, bytes(73)))
    with pytest.raises(AssertionError):
        sealer().seal(TARGET, bytes(66))


@given(content=st.binary(max_size=60), shape=st.sampled_from(SHAPES))
def test_what_was_sealed_is_opened(content: bytes, shape: TokenShape) -> None:
    opened = sealer().open(shape, sealer().seal(shape, content))
    assert opened is not None
    assert (content, b"") == (opened[: len(content)], opened[len(content) :].strip(b"\0"))


def test_two_tokens_with_the_same_content_differ() -> None:
    once = sealer()
    assert once.seal(TARGET, b"a") != once.seal(TARGET, b"a")


@pytest.mark.parametrize("shape", SHAPES)
def test_another_key_or_kind_reads_nothing(shape: TokenShape) -> None:
    token = sealer().seal(shape, b"content")
    assert sealer(b"k" * 32).open(shape, token) is None
    assert [] == [other for other in SHAPES if other is not shape and sealer().open(other, token)]


@given(shape=st.sampled_from(SHAPES), bit=st.integers(0, 93 * 8 - 1))
def test_any_changed_bit_is_noticed(shape: TokenShape, bit: int) -> None:
    data = bytearray(base64.b64decode(sealer().seal(shape, b"content")))
    data[bit // 8] ^= 1 << bit % 8
    assert sealer().open(shape, base64.b64encode(data).decode()) is None


@given(value=st.text(max_size=200), shape=st.sampled_from(SHAPES))
def test_garbage_is_no_token(value: str, shape: TokenShape) -> None:
    assert sealer().open(shape, value) is None


@pytest.mark.conformance("stickiness cookies", "URL-encoded values are not supported", "edit-target-group-attributes")
@pytest.mark.parametrize("shape", SHAPES)
def test_percent_encoded_values_are_no_tokens(shape: TokenShape) -> None:
    once = sealer()
    token = next(each for each in (once.seal(shape, b"x") for _ in range(99)) if "/" in each)
    assert once.open(shape, token) is not None
    assert once.open(shape, quote(token, safe="")) is None
