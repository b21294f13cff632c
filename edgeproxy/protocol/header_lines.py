"""Header lines: validated one by one, and remembered one by one.

Most lines of most heads were seen before: a browser changes its Cookie and Referer, never its User-Agent. `KnownLines`
maps a line's text to what a codec must know about it, so that a known line costs one dict lookup and only new ones meet
the regular expression. The mapping is a pure function's results; it is bounded in number and in size.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

MAX_KNOWN_LINES: Final = 4096
MAX_KNOWN_LINE_SIZE: Final = 512

_TCHARS: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
"""RFC 9110 section 5.6.2."""

# Possessive: white space may be read as either of two parts, and trying all splits would be quadratic (a header of
# 16,000 spaces and one control character took 0.7 s).
_LINE: Final = re.compile(rf"({_TCHARS}):[ \t]*+([\t\x20-\x7e\x80-\xff]*+)").fullmatch


class UnusualLineError(Exception):
    """A line that only the tolerant parser may judge."""


class SpecialField(NamedTuple):
    """A field that means something to a codec or a proxy."""

    position: int
    """Which line it is, counted from 0."""
    name: str
    """In lower case."""
    value: str
    """Without surrounding white space."""


class KnownLines(dict[str, "tuple[str, str] | None"]):  # hot path
    """A line's text to (lower-case name, value) where the name is special, and to None where it is not.

    Looking up an unknown line validates it, and remembers it. Raises UnusualLineError for what is not `name: value` in
    plain characters, and for names that `is_suspicious`.
    """

    def __init__(self, special: Collection[str], is_suspicious: Callable[[str], bool] = lambda _name: False) -> None:
        super().__init__()
        self._special = special
        self._is_suspicious = is_suspicious

    def __missing__(self, line: str) -> tuple[str, str] | None:
        match = _LINE(line)
        if match is None:
            raise UnusualLineError
        name, value = match.groups()
        lower = name.lower()
        known = (lower, value.rstrip(" \t")) if lower in self._special else None
        if known is None and self._is_suspicious(lower):
            raise UnusualLineError
        if len(line) <= MAX_KNOWN_LINE_SIZE:
            if len(self) >= MAX_KNOWN_LINES:
                self.clear()
            self[line] = known
        return known


def read_lines(section: str, known: KnownLines, *, max_size: int | None = None) -> tuple[list[str], list[SpecialField]]:
    """The lines of a header section and the special fields among them.

    Raises:
        UnusualLineError: for a section that the tolerant parser has to look at; one of `max_size` bytes or more is.
    """
    lines = section.split("\r\n")
    if lines.pop() or (max_size is not None and len(section) >= max_size):
        raise UnusualLineError
    special: list[SpecialField] = []
    index = 0
    # map() looks all lines up without returning to the interpreter for the known ones.
    for field in map(known.__getitem__, lines):
        if field is not None:
            special.append(SpecialField(index, *field))
        index += 1  # noqa: SIM113 - enumerate would build a tuple for every line
    return lines, special
