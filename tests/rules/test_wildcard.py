"""Wildcards against a slow reference that follows the definition letter by letter."""

from __future__ import annotations

import functools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.rules.wildcard import Shape, compile_any, compile_wildcard, has_control, parse_wildcard

PATTERNS = st.text(alphabet="ab/*?", max_size=12)
TEXTS = st.text(alphabet="ab/\x01\x7fé", max_size=12)


def reference(pattern: str, text: str) -> bool:
    """Read the definition aloud: a star takes nothing or one more visible character, a question mark takes one."""
    visible = [character >= " " and character != "\x7f" for character in text]

    @functools.cache
    def fits(at: int, place: int) -> bool:
        if at == len(pattern):
            return place == len(text)
        if pattern[at] == "*":
            return fits(at + 1, place) or (place < len(text) and visible[place] and fits(at, place + 1))
        if place == len(text):
            return False
        if pattern[at] == "?":
            return visible[place] and fits(at + 1, place + 1)
        return pattern[at] == text[place] and fits(at + 1, place + 1)

    return fits(0, 0)


@given(PATTERNS, TEXTS)
def test_compiled_pattern_agrees_with_the_definition(pattern: str, text: str) -> None:
    assert reference(pattern, text) == compile_wildcard(pattern)(text)


@given(PATTERNS.filter(lambda pattern: "*" in pattern or "?" in pattern), st.data())
def test_compiled_pattern_accepts_what_it_describes(pattern: str, data: st.DataObject) -> None:
    """Random texts rarely match, so texts are also grown from the pattern."""
    filled = "".join(
        data.draw(st.text(alphabet="ab/", max_size=3))
        if sign == "*"
        else data.draw(st.sampled_from("ab/"))
        if sign == "?"
        else sign
        for sign in pattern
    )
    assert compile_wildcard(pattern)(filled)


@given(st.lists(PATTERNS, min_size=1, max_size=4), TEXTS)
def test_any_of_several_patterns_is_enough(patterns: list[str], text: str) -> None:
    assert any(reference(pattern, text) for pattern in patterns) == compile_any(patterns)(text)


@pytest.mark.parametrize(
    ("pattern", "shape", "texts"),
    [
        ("", Shape.LITERAL, ("",)),
        ("/img", Shape.LITERAL, ("/img",)),
        ("*", Shape.ANYTHING, ("",)),
        ("***", Shape.ANYTHING, ("",)),
        ("/img/*", Shape.PREFIX, ("/img/",)),
        ("/img/**", Shape.PREFIX, ("/img/",)),
        ("*.php", Shape.SUFFIX, (".php",)),
        ("*Chrome*", Shape.CONTAINS, ("Chrome",)),
        ("/a/*/b", Shape.BOTH_ENDS, ("/a/", "/b")),
        ("/v?/x", Shape.GENERAL, ("/v", "/x")),
        ("*a*b*", Shape.GENERAL, ("a", "b")),
    ],
)
def test_pattern_becomes_the_cheapest_exact_shape(pattern: str, shape: Shape, texts: tuple[str, ...]) -> None:
    parsed = parse_wildcard(pattern)
    assert (shape, texts) == (parsed.shape, parsed.texts)
    assert (shape is Shape.GENERAL) == bool(parsed.expression)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        (r"a\*b", "a*b", True),
        (r"a\*b", "axxb", False),
        (r"a\?b", "a?b", True),
        (r"a\?b", "axb", False),
        (r"\**", "*anything", True),
        (r"\**", "anything", False),
        (r"a\b", r"a\b", True),
        (r"a\\*b", r"a\*b", True),
        (r"?\*?x", "a*bx", True),
        (r"?\*?x", "aabx", False),
    ],
)
def test_escaped_wildcards_are_ordinary_characters(pattern: str, text: str, expected: bool) -> None:
    assert expected == compile_wildcard(pattern, escapes=True)(text)


def test_backslash_is_ordinary_without_escapes() -> None:
    assert compile_wildcard(r"a\*b")(r"a\xb")
    assert not compile_wildcard(r"a\*b")("a*b")


def test_ignoring_case_lowers_the_pattern_only() -> None:
    test = compile_wildcard("*.Example.COM", ignore_case=True)
    assert test("www.example.com")
    assert not test("WWW.EXAMPLE.COM")


@pytest.mark.parametrize("character", ["\x00", "\x1f", "\x7f", "\t", "\n"])
@pytest.mark.parametrize("pattern", ["*", "a*", "*b", "*c*", "a*b", "a?c*", "*a*b*"])
@pytest.mark.conformance("wildcards", "control characters take no part in matching", "rule-condition-types")
def test_control_characters_never_match(pattern: str, character: str) -> None:
    test = compile_wildcard(pattern)
    assert test("a-cb")
    assert not test(f"a{character}cb")


@pytest.mark.parametrize(("text", "expected"), [("", False), ("aé\xa0\x85", False), ("a\x7f", True), ("\x00", True)])
def test_control_means_below_space_and_delete(text: str, expected: bool) -> None:
    assert expected == has_control(text)


def test_hostile_text_stays_cheap() -> None:
    """Six wildcards over a text that nearly matches: going back would take longer than the time limit of a test."""
    assert not compile_wildcard("*a*a*a*a*a*b")("a" * 8000)
