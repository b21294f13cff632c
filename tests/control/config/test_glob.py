from __future__ import annotations

import fnmatch
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.control.config.glob import covers


@pytest.mark.parametrize(
    ("broad", "narrow"),
    [
        ("*", "/api/*"),
        ("*", ""),
        ("/*", "/api/*"),
        ("/api/*", "/api/*"),
        ("/api/*", "/api/v?/x"),
        ("/a?c", "/abc"),
        ("/a?c", "/a?c"),
        ("*.example.com", "a.b.example.com"),
        ("**", "*"),
        ("a*b*c", "axxb*yc"),
        ("/a", "/a"),
    ],
)
def test_what_is_covered(broad: str, narrow: str) -> None:
    assert covers(broad, narrow)


@pytest.mark.parametrize(
    ("broad", "narrow"),
    [
        ("/api/*", "/*"),
        ("/api/*", "/api"),
        ("/a?c", "/a*c"),
        ("/a", "/b"),
        ("?", ""),
        ("?", "*"),
        ("*.example.com", "example.com"),
        ("a*b", "a*"),
        ("", "a"),
    ],
)
def test_what_is_not_covered(broad: str, narrow: str) -> None:
    assert not covers(broad, narrow)


patterns = st.text(alphabet="ab*?", max_size=6)


@given(patterns, patterns, st.text(alphabet="ab", max_size=6))
def test_a_yes_is_always_right(broad: str, narrow: str, text: str) -> None:
    """Where one pattern covers another, no text tells them apart in the wrong direction."""
    if covers(broad, narrow) and _matches(narrow, text):
        assert _matches(broad, text)


@given(patterns)
def test_every_pattern_covers_itself(pattern: str) -> None:
    assert covers(pattern, pattern)


@given(patterns, st.text(alphabet="ab", max_size=6))
def test_a_text_is_covered_exactly_when_it_matches(pattern: str, text: str) -> None:
    assert _matches(pattern, text) == covers(pattern, text)


def _matches(pattern: str, text: str) -> bool:
    return re.fullmatch(fnmatch.translate(pattern), text) is not None
