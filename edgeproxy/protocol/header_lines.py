"""Header lines: validated one by one, and remembered one by one.

Most lines of most heads were seen before: a browser changes its Cookie and Referer, never its User-Agent. `KnownLines`
maps a line's text to what a codec must know about it, so that a known line costs one dict lookup. A new line with a
known name and a printable value needs no more than that; only others meet the regular expression. Both mappings are a
pure function's results; they are bounded in number and in size.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

MAX_KNOWN_LINES: Final = 4096
MAX_KNOWN_LINE_SIZE: Final = 512
MAX_KNOWN_NAMES: Final = 512
MAX_KNOWN_NAME_SIZE: Final = 64

# A name is made of tchars (RFC 9110 section 5.6.2); from the first one on that is not a letter, digit or hyphen, the
# second group shows it: the load balancer calls such names invalid.
_NAME: Final = r"(?=[^:])([-0-9A-Za-z]*+([!#$%&'*+.^_`|~][-!#$%&'*+.^_`|~0-9A-Za-z]*+)?)"

# Possessive: white space may be read as either of two parts, and trying all splits would be quadratic (a header of
# 16,000 spaces and one control character took 0.7 s).
_LINE: Final = re.compile(rf"{_NAME}:[ \t]*+([\t\x20-\x7e\x80-\xff]*+)").fullmatch


class UnusualLineError(Exception):
    """A line that only the tolerant parser may judge."""


KnownLine = tuple[str, str, bool]
"""A line's name in lower case, its value without surrounding white space, and whether it is special."""

SpecialField = tuple[int, str, str]
"""A field that means something to a codec or a proxy: which line it is, its name in lower case, its value."""


class KnownLines(dict[str, KnownLine]):  # hot path
    """A line's text to what is known about it.

    Looking up an unknown line validates it, and remembers it. Raises UnusualLineError for what is not `name: value` in
    plain characters, and for names that `is_suspicious`. Plain tuples, because a named one takes three times as long
    to make.
    """

    def __init__(
        self,
        special: Collection[str],
        *,
        is_suspicious: Callable[[str], bool] = lambda _name: False,
        marks_invalid_names: bool = False,
    ) -> None:
        """What the codec wants to know.

        Args:
            special: Names in lower case.
            is_suspicious: Whether only the tolerant parser may judge a name, given as received.
            marks_invalid_names: Names with other characters than letters, digits and hyphens are special too (user
                guide, application-load-balancers, `routing.http.drop_invalid_header_fields.enabled`).
        """
        super().__init__()
        self._names: dict[str, tuple[str, bool]] = {}
        self._special = special
        self._is_suspicious = is_suspicious
        self._marks_invalid_names = marks_invalid_names

    def __missing__(self, line: str) -> KnownLine:
        name, colon, value = line.partition(":")
        known_name = self._names.get(name)
        if known_name is not None and colon and value.isprintable():
            # No control character, so the only white space is spaces. The expression would look at every character by
            # itself (1,000 instructions more for a Cookie of 50 bytes).
            lower, is_special = known_name
            known = (lower, value.strip(" "), is_special)
        else:
            known = self._examine(line)
        if len(line) <= MAX_KNOWN_LINE_SIZE:
            if len(self) >= MAX_KNOWN_LINES:
                self.clear()
            self[line] = known
        return known

    def _examine(self, line: str) -> KnownLine:
        match = _LINE(line)
        if match is None:
            raise UnusualLineError
        name, invalid_part, value = match.groups()
        lower = name.lower()
        is_special = lower in self._special or (self._marks_invalid_names and invalid_part is not None)
        if self._is_suspicious(name):
            raise UnusualLineError
        if len(name) <= MAX_KNOWN_NAME_SIZE:
            if len(self._names) >= MAX_KNOWN_NAMES:
                self._names.clear()
            self._names[name] = (lower, is_special)
        return lower, value.rstrip(" \t"), is_special


def read_lines(section: str, known: KnownLines, *, max_size: int | None = None) -> tuple[list[str], list[KnownLine]]:
    """The lines of a header section, and what is known about each.

    Raises:
        UnusualLineError: for a section that the tolerant parser has to look at; one of `max_size` bytes or more is.
    """
    lines = section.split("\r\n")
    if lines.pop() or (max_size is not None and len(section) >= max_size):
        raise UnusualLineError
    # map() looks all lines up without returning to the interpreter for the known ones.
    return lines, list(map(known.__getitem__, lines))


def special_fields(lines: list[KnownLine]) -> list[SpecialField]:
    """The special ones among the lines, in order."""
    return [(position, name, value) for position, (name, value, is_special) in enumerate(lines) if is_special]
