"""Regular expressions of conditions and transforms: which ones a load balancer takes, and the engine that reads them.

The engine is RE2, because the load balancer's is of that class: it matches in linear time and has no lookahead,
lookbehind, backreferences, atomic groups, possessive quantifiers, subroutines, recursion or Unicode classes (user
guide, listener-rules). RE2 itself does know Unicode classes, so those are refused here; the others are named here so
that the refusal says which construct it was.

Texts are one character a byte (latin-1), as everywhere in the codecs; a character beyond ASCII in an expression stands
for its UTF-8 bytes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import re2

from edgeproxy.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_CONDITION_REGEX: Final = 128
MAX_PROGRAM: Final = 10_000
"""RE2 instructions; what compiles to more would match slowly, and in a set of several not at all."""

_MAX_MEMORY: Final = 16 << 20

# One step of reading an expression: what cannot be split stands first, so that nothing inside a class or behind a
# backslash is taken for a construct. What matches one of the named groups is refused.
_TOKEN: Final = re.compile(
    r"""
      \\Q.*?(?:\\E|\Z)
    | (?P<backreference>\\[1-9] | \\[kg][{<'0-9-] | \(\?P=)
    | (?P<unicode>\\[pPX])
    | \\.
    | \[ \^? \]? (?: (?P<unicode_in_class>\\[pP]) | \\. | \[:\^?\w+:\] | [^\]\\] )* \]
    | (?P<lookahead>\(\?[=!])
    | (?P<lookbehind>\(\?<[=!])
    | (?P<atomic>\(\?>)
    | (?P<recursion>\(\?(?:R|0)\))
    | (?P<subroutine>\(\?(?:[1-9+-]\d*|&\w+|P>\w+)\))
    | (?P<conditional>\(\?\()
    | (?P<possessive>(?:[*+?]|\{\d+(?:,\d*)?\})\+)
    """,
    re.VERBOSE | re.DOTALL,
)
_CONSTRUCTS: Final = {
    "backreference": "backreferences are",
    "unicode": r"Unicode classes such as \p{L} are",
    "unicode_in_class": r"Unicode classes such as \p{L} are",
    "lookahead": "lookahead is",
    "lookbehind": "lookbehind is",
    "atomic": "atomic groups are",
    "recursion": "recursion is",
    "subroutine": "subroutines are",
    "conditional": "conditionals are",
    "possessive": "possessive quantifiers are",
}


def options(*, ignore_case: bool = False) -> re2.Options:
    """How every expression is read."""
    found = re2.Options()
    found.encoding = re2.Options.Encoding.LATIN1
    found.case_sensitive = not ignore_case
    found.log_errors = False
    found.max_mem = _MAX_MEMORY
    return found


def compile_regex(text: str, *, ignore_case: bool = False) -> Any:
    """The compiled expression: an `re2` pattern over bytes.

    Raises:
        ValueError: It is none, or not one that a load balancer takes; the message is the end of a sentence.
    """
    construct = _refused_construct(text)
    if construct is not None:
        raise ValueError(f"{construct} not supported")
    try:
        compiled = re2.compile(text.encode(), options(ignore_case=ignore_case))
    except re2.error as error:
        raise ValueError(_sentence(error)) from error
    if compiled.programsize > MAX_PROGRAM:
        raise ValueError("it is too large when compiled")
    return compiled


def regex_problems(path: str, field: str, texts: Sequence[str]) -> Iterator[ConfigError]:
    """The expressions of a condition. Source: user guide, listener-rules; API reference, RuleCondition."""
    for index, text in enumerate(texts):
        where = f"{path}[{index}]"
        if not text:
            yield ConfigError(where, text, "A condition value must be specified")
            continue
        if len(text) > MAX_CONDITION_REGEX:
            reason = f"The '{field}' regex value is too long; the limit is '{MAX_CONDITION_REGEX}'"
            yield ConfigError(where, text, reason)
            continue
        yield from syntax_problems(where, f"'{field}' regex value", text)


def syntax_problems(where: str, noun: str, text: str) -> Iterator[ConfigError]:
    """What is wrong with one expression, whatever its length."""
    try:
        compile_regex(text)
    except ValueError as error:
        yield ConfigError(where, text, f"The {noun} '{text}' is invalid: {error}")


def _refused_construct(text: str) -> str | None:
    for token in _TOKEN.finditer(text):
        if token.lastgroup is not None:
            return _CONSTRUCTS[token.lastgroup]
    return None


def _sentence(error: re2.error) -> str:
    reason = error.args[0] if error.args else "it cannot be read"
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
