"""Seeds, and small changes to bytes: what hypothesis, atheris and the plain mutator all draw from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml
from hypothesis import strategies as st

if TYPE_CHECKING:
    import random

MAX_SIZE = 1 << 17
"""No input grows beyond this many bytes: twice the largest limit, and some."""

KINDS = ("flip", "put", "insert", "delete", "duplicate", "splice", "repeat")
_FILES = {"head": "requests", "classifier": "requests", "forwarding": "requests", "response": "responses"}
_TEXTS: dict[str, list[str]] = yaml.safe_load(Path(__file__).with_name("seeds.yaml").read_text(encoding="utf-8"))
TOKENS = [text.encode("latin-1") for text in _TEXTS["tokens"]]


def seeds(check: str) -> list[bytes]:
    """What a check begins with."""
    return [text.encode("latin-1") for text in _TEXTS[_FILES.get(check, check)]]


class Mutation(NamedTuple):
    """One change.

    Attributes:
        kind: One of `KINDS`.
        start: Where, as any number: it is taken modulo the size of what is changed.
        size: How many bytes it concerns, likewise.
        token: What is put in, or what the rest is taken from.
        times: How often, for `repeat`; which bits, for `flip`.
    """

    kind: str
    start: int
    size: int
    token: bytes
    times: int

    def apply(self, data: bytes) -> bytes:
        """The changed bytes."""
        start = self.start % (len(data) + 1)
        end = min(len(data), start + self.size)
        front, part, rest = data[:start], data[start:end], data[end:]
        match self.kind:
            case "flip":
                changed = front + bytes(byte ^ (1 << self.times % 8) for byte in part[:1]) + data[start + 1 :]
            case "put":
                changed = front + self.token + data[start + len(self.token) :]
            case "insert":
                changed = front + self.token + data[start:]
            case "delete":
                changed = front + rest
            case "duplicate":
                changed = front + part + part + rest
            case "splice":
                changed = front + self.token[self.start % (len(self.token) + 1) :]
            case _:
                changed = front + part * self.times + rest
        return changed[:MAX_SIZE]


def random_mutation(chance: random.Random, others: list[bytes]) -> Mutation:
    """Any change; `others` are what `splice` takes the rest from."""
    # Long repetitions are for the limits; each costs as much as a hundred short inputs.
    kind = chance.choice(KINDS[:-1]) if chance.random() < 0.99 else "repeat"
    token = chance.choice(others if kind == "splice" else TOKENS)
    return Mutation(kind, chance.randrange(1 << 16), chance.randrange(1, 24), token, chance.randrange(1, 9000))


def mutate(data: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    """A few changes, one after the other; never empty."""
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 5))):
        data = random_mutation(chance, others).apply(data)
    return data or b"\r\n"


def mutated(check: str) -> st.SearchStrategy[bytes]:
    """Seeds of a check with up to six changes."""
    known = seeds(check)
    mutation = st.builds(
        Mutation,
        st.sampled_from(KINDS),
        st.integers(0, 400),
        st.integers(1, 24),
        st.sampled_from(TOKENS + known),
        st.sampled_from([1, 2, 3, 60, 700, 3000]),
    )

    def change(data: bytes, mutations: list[Mutation]) -> bytes:
        for each in mutations:
            data = each.apply(data)
        return data

    changes: Any = st.lists(mutation, max_size=6)
    return st.builds(change, st.sampled_from(known), changes)
