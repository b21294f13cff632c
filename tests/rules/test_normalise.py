"""The path that rules see."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.rules.normalise import normalise_path, percent_decoded

OPEN = pytest.mark.conformance(
    "path-pattern", "decoded once, dot segments resolved, slashes kept", "rule-condition-types", status="default"
)


@OPEN
@pytest.mark.parametrize(
    ("raw_path", "expected"),
    [
        ("/", "/"),
        ("/a/b", "/a/b"),
        ("/a%20b", "/a b"),
        ("/a%2Fb", "/a/b"),
        ("/a%2fb", "/a/b"),
        ("/a%252Fb", "/a%2Fb"),
        ("/a+b", "/a+b"),
        ("/a//b", "/a//b"),
        ("//a", "//a"),
        ("/A%41", "/AA"),
        ("/%C3%A9", "/\xc3\xa9"),
        ("/100%", "/100%"),
        ("/%zz%4", "/%zz%4"),
        ("/%3Fx", "/?x"),
        ("/a/./b", "/a/b"),
        ("/a/../b", "/b"),
        ("/a/b/..", "/a/"),
        ("/a/.", "/a/"),
        ("/.", "/"),
        ("/a/..", "/"),
        ("/a//../b", "/a/b"),
        ("/a/%2e%2E/b", "/b"),
        ("/a%2F..%2Fb", "/b"),
        ("/.well-known/x", "/.well-known/x"),
        ("/a/...", "/a/..."),
        ("/a/..b/.c", "/a/..b/.c"),
        ("*", "*"),
        ("", ""),
    ],
)
def test_normalised_path(raw_path: str, expected: str) -> None:
    assert expected == normalise_path(raw_path)


@OPEN
@pytest.mark.parametrize(
    "raw_path", ["/..", "/../a", "/a/../..", "/%2e%2e/a", "/a/../../b", "/..%2F", "/a%00b", "/./.."]
)
def test_climbing_above_the_root_and_nul_are_refused(raw_path: str) -> None:
    assert normalise_path(raw_path) is None


@given(st.text(alphabet="ab/.%2fFeE0", max_size=20))
def test_normalised_path_has_no_dot_segments_left(rest: str) -> None:
    path = normalise_path(f"/{rest}")
    assert path is None or not {".", ".."} & set(path.split("/"))


@given(st.text(alphabet="a%0123456789abcdefAF+", max_size=20))
def test_decoding_agrees_with_the_standard_library(text: str) -> None:
    assert unquote_to_bytes(text).decode("latin-1") == percent_decoded(text)
