"""Regular expressions against texts."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edgeproxy.errors import ConfigError
from edgeproxy.rules.regex import compile_regexes


@pytest.mark.conformance(
    "regular expressions", "they are searched for, not tied to the ends", "rule-condition-types", status="default"
)
@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("/regex/[a-z]+/items", "/v1/regex/abc/items/7", True),
        ("^/regex/[a-z]+/items$", "/v1/regex/abc/items/7", False),
        (".+", "x", True),
        (".+", "", False),
        (r"^example\.com:8443$", "example.com:8443", True),
    ],
)
def test_an_expression_is_searched_for(pattern: str, text: str, expected: bool) -> None:
    assert expected == compile_regexes([pattern])(text)


def test_any_of_several_will_do() -> None:
    test = compile_regexes(["^/a", "b$"])
    assert [True, True, False] == [test("/a/c"), test("/x/b"), test("/x/c")]


def test_a_dollar_is_the_end_of_the_text() -> None:
    assert not compile_regexes(["^a$"])("a\n")


def test_case_counts_unless_told() -> None:
    assert not compile_regexes(["^A$"])("a")
    assert compile_regexes(["^A$"], ignore_case=True)("a")
    assert compile_regexes(["(?i)^A$"])("a")


@pytest.mark.conformance("regular expressions", "control characters take no part in matching", "rule-condition-types")
@pytest.mark.parametrize("character", ["\x00", "\x1f", "\x7f", "\t"])
def test_control_characters_never_match(character: str) -> None:
    assert not compile_regexes(["a"])(f"a{character}")


def test_a_character_beyond_ascii_is_its_bytes() -> None:
    assert compile_regexes(["é"])("/caf\xc3\xa9")


def test_what_cannot_be_compiled_is_named() -> None:
    with pytest.raises(ConfigError) as refusal:
        compile_regexes(["a", "(?=a)"])
    assert "RegexValues[1]" == refusal.value.path


def test_hostile_text_stays_cheap() -> None:
    """An engine that goes back would take longer than the time limit of a test."""
    assert not compile_regexes(["^(a+)+$"])("a" * 16_000 + "b")


_ATOMS = st.sampled_from(["a", "b", "/", ".", "[ab]", "[^a]", "(a|b/)", r"\.", "(?:ab)"])
_PIECES = st.tuples(_ATOMS, st.sampled_from(["", "*", "+", "?", "{2}", "{1,2}"])).map("".join)
_PATTERNS = st.tuples(
    st.sampled_from(["", "^"]), st.lists(_PIECES, max_size=4).map("".join), st.sampled_from(["", "$"])
)


@given(st.lists(_PATTERNS.map("".join), min_size=1, max_size=3), st.text(st.sampled_from("ab/.c"), max_size=12))
def test_a_slow_engine_agrees(patterns: list[str], text: str) -> None:
    assume(all(patterns))
    expected = any(re.search(pattern.replace("$", r"\Z"), text) for pattern in patterns)
    assert expected == compile_regexes(patterns)(text)
