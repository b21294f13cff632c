"""Wildcard patterns: `*` is any text, `?` is one character, everything else is itself.

The rules of the language, from the user guide, rule-condition-types:

* a pattern covers the whole text: there is no "starts with" unless it ends in `*`;
* `*` also crosses `/` and `.`, and may be empty; `?` is never empty;
* only visible characters match: neither wildcard covers a control character (0x00-0x1f, 0x7f);
* in query strings alone, a backslash before `*` or `?` makes it an ordinary character.

A pattern is compiled once to the cheapest test that is exact: most are a comparison, `startswith` or `endswith`, and
only the rest become a regular expression. That expression searches each piece between two `*` at its leftmost place and
never goes back (atomic groups), which is enough for wildcards and keeps a hostile request from making it slow.

Case is the caller's: with `ignore_case` the pattern is lower-cased here and the text must come in lower-cased.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Test: TypeAlias = Callable[[str], bool]
"""Does this text match?"""

_TOKEN: Final = re.compile(r"\*+|\?|[^*?]+")
_TOKEN_ESCAPED: Final = re.compile(r"\*+|\?|(?:\\[*?]|[^*?])+")
_ESCAPE: Final = re.compile(r"\\([*?])")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_VISIBLE: Final = r"[^\x00-\x1f\x7f]"


class Shape(enum.Enum):
    """What a pattern comes down to."""

    LITERAL = "text"
    ANYTHING = "*"
    PREFIX = "text*"
    SUFFIX = "*text"
    CONTAINS = "*text*"
    BOTH_ENDS = "text*text"
    GENERAL = "anything else"


class Wildcard(NamedTuple):
    """A parsed pattern: its shape, the literal texts in order, and an expression where the shape is GENERAL."""

    shape: Shape
    texts: tuple[str, ...]
    expression: str = ""


_SHAPES: Final[Mapping[str, Shape]] = {
    "": Shape.LITERAL,
    "t": Shape.LITERAL,
    "*": Shape.ANYTHING,
    "t*": Shape.PREFIX,
    "*t": Shape.SUFFIX,
    "*t*": Shape.CONTAINS,
    "t*t": Shape.BOTH_ENDS,
}


def has_control(text: str) -> bool:
    """Whether a text holds a control character, which no wildcard covers."""
    # isprintable is the cheap question; it also says no for some characters above 0x7f, which are fine here.
    return not text.isprintable() and _CONTROL.search(text) is not None


def parse_wildcard(pattern: str, *, ignore_case: bool = False, escapes: bool = False) -> Wildcard:
    r"""Take a pattern apart.

    Args:
        pattern: The value as it stands in a condition.
        ignore_case: Lower-case the pattern; texts must then be lower-cased by the caller.
        escapes: Read `\*` and `\?` as ordinary characters (query strings only).
    """
    if ignore_case:
        pattern = pattern.lower()
    tokens = (_TOKEN_ESCAPED if escapes else _TOKEN).findall(pattern)
    form = ""
    texts = []
    for token in tokens:
        if token[0] in "*?":
            form += token[0]
        else:
            form += "t"
            texts.append(_ESCAPE.sub(r"\1", token) if escapes else token)
    shape = _SHAPES.get(form, Shape.GENERAL)
    return Wildcard(shape, tuple(texts) or ("",), _expression(form, texts) if shape is Shape.GENERAL else "")


def compile_wildcard(pattern: str, *, ignore_case: bool = False, escapes: bool = False) -> Test:
    """Compile one pattern to a test of the whole text; see `parse_wildcard` for the arguments."""
    wildcard = parse_wildcard(pattern, ignore_case=ignore_case, escapes=escapes)
    return _TESTS[wildcard.shape](wildcard)


def compile_any(patterns: Iterable[str], *, ignore_case: bool = False, escapes: bool = False) -> Test:
    """Compile patterns to one test that holds when any of them matches."""
    wildcards = [parse_wildcard(pattern, ignore_case=ignore_case, escapes=escapes) for pattern in patterns]
    tests = [_TESTS[wildcard.shape](wildcard) for wildcard in wildcards]
    if len(tests) == 1:
        return tests[0]
    if all(wildcard.shape is Shape.LITERAL for wildcard in wildcards):
        return frozenset(wildcard.texts[0] for wildcard in wildcards).__contains__

    def any_of(text: str) -> bool:
        for test in tests:  # noqa: SIM110 - `any` with a generator costs three times as much for two patterns
            if test(text):
                return True
        return False

    return any_of


def _expression(form: str, texts: list[str]) -> str:
    """Write a pattern as a regular expression: what stands before a `*` once found stays where it is."""
    remaining = iter(texts)
    pieces = [""]
    for sign in form:
        if sign == "*":
            pieces.append("")
        else:
            pieces[-1] += _VISIBLE if sign == "?" else re.escape(next(remaining))
    if len(pieces) == 1:
        return pieces[0]
    first, *middle, last = pieces
    searches = "".join(f"(?>{_VISIBLE}*?{piece})" for piece in middle)
    return f"{first}{searches}{_VISIBLE}*{last}"


def _literal(wildcard: Wildcard) -> Test:
    return wildcard.texts[0].__eq__


def _anything(wildcard: Wildcard) -> Test:
    del wildcard
    return lambda text: text.isprintable() or not has_control(text)


def _prefix(wildcard: Wildcard) -> Test:
    (start,) = wildcard.texts
    return lambda text: text.startswith(start) and (text.isprintable() or not has_control(text))


def _suffix(wildcard: Wildcard) -> Test:
    (end,) = wildcard.texts
    return lambda text: text.endswith(end) and (text.isprintable() or not has_control(text))


def _contains(wildcard: Wildcard) -> Test:
    (middle,) = wildcard.texts
    return lambda text: middle in text and (text.isprintable() or not has_control(text))


def _both_ends(wildcard: Wildcard) -> Test:
    start, end = wildcard.texts
    least = len(start) + len(end)  # the two may not share characters: `aa*aa` needs four
    return lambda text: (
        text.startswith(start)
        and text.endswith(end)
        and len(text) >= least
        and (text.isprintable() or not has_control(text))
    )


def _general(wildcard: Wildcard) -> Test:
    fullmatch = re.compile(wildcard.expression).fullmatch
    return lambda text: fullmatch(text) is not None


_TESTS: Final[Mapping[Shape, Callable[[Wildcard], Test]]] = {
    Shape.LITERAL: _literal,
    Shape.ANYTHING: _anything,
    Shape.PREFIX: _prefix,
    Shape.SUFFIX: _suffix,
    Shape.CONTAINS: _contains,
    Shape.BOTH_ENDS: _both_ends,
    Shape.GENERAL: _general,
}
