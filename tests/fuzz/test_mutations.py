"""Small changes do what they are called, stay within bounds, and reach everything."""

from __future__ import annotations

import random

import pytest

from tests.fuzz.mutations import KINDS, MAX_SIZE, Mutation, mutate, random_mutation, seeds


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("flip", b"abCdef"),
        ("put", b"abXYef"),
        ("insert", b"abXYcdef"),
        ("delete", b"abef"),
        ("duplicate", b"abcdcdef"),
        ("splice", b"ab" + b""),
        ("repeat", b"abcdcdcdcdcdef"),
    ],
)
def test_each_kind_changes_what_it_says(kind: str, expected: bytes) -> None:
    assert expected == Mutation(kind, 2, 2, b"XY", 5).apply(b"abcdef")


def test_splice_ends_with_a_part_of_something_else() -> None:
    assert b"abcdo" == Mutation("splice", 4, 1, b"hello", 1).apply(b"abcdef")


def test_nothing_becomes_empty_or_too_large() -> None:
    chance = random.Random(7)
    known = seeds("head")
    sizes = {len(mutate(chance.choice([b"", b"a", *known]), chance, known)) for _ in range(2000)}
    assert 0 not in sizes
    assert max(sizes) <= MAX_SIZE
    assert MAX_SIZE == len(Mutation("repeat", 0, 24, b"", 9000).apply(b"a" * 24))


def test_every_kind_is_drawn() -> None:
    chance = random.Random(7)
    assert set(KINDS) == {random_mutation(chance, [b"x"]).kind for _ in range(2000)}
