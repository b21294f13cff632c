from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.control.config.interpolate import InterpolationError, interpolate

environ = {"NAME": "app", "EMPTY": "", "NESTED": "${NAME}", "_A1": "x"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("${NAME}", "app"),
        ("a-${NAME}-${_A1}", "a-app-x"),
        ("${EMPTY}", ""),
        ("${EMPTY:-default}", "default"),
        ("${MISSING:-default}", "default"),
        ("${MISSING:-}", ""),
        ("${MISSING:-a:b-c$d}", "a:b-c$d"),
        ("${NAME:-default}", "app"),
        ("$${NAME}", "${NAME}"),
        ("$$${NAME}", "$${NAME}"),
        ("$NAME $ $1 $$", "$NAME $ $1 $$"),
        ("/#{path}", "/#{path}"),
        ("^(/api)$", "^(/api)$"),
    ],
)
def test_variables_defaults_and_escapes(text: str, expected: str) -> None:
    assert expected == interpolate(text, environ)


def test_values_are_not_looked_at_again() -> None:
    assert "${NAME}" == interpolate("${NESTED}", environ)


def test_a_variable_without_a_value_is_an_error() -> None:
    with pytest.raises(InterpolationError) as caught:
        interpolate("${MISSING}", environ)
    expected = "the environment variable 'MISSING' is not set; ${MISSING:-default} gives it a default"
    assert expected == str(caught.value)


@pytest.mark.parametrize("text", ["${", "${}", "${NAME", "${1A}", "${NAME-x}", "${NAME:?x}", "${A B}", "${:-x}"])
def test_what_is_no_variable_is_an_error(text: str) -> None:
    with pytest.raises(InterpolationError, match=r"is not a variable; allowed are \$\{NAME\}"):
        interpolate(text, environ)


@given(st.text())
def test_escaped_text_comes_out_as_it_was(text: str) -> None:
    escaped = text.replace("${", "$${")
    if "$$${" not in escaped:  # a dollar before `${` belongs to the escape
        assert text == interpolate(escaped, {})


@given(st.text(alphabet="${}:-AB ", max_size=12), st.dictionaries(st.sampled_from("AB"), st.text(max_size=3)))
def test_any_text_is_replaced_or_refused(text: str, values: dict[str, str]) -> None:
    with contextlib.suppress(InterpolationError):
        interpolate(text, values)


@given(st.text(), st.text(alphabet=st.characters(exclude_characters="$"), max_size=5))
def test_any_value_is_inserted_untouched(value: str, around: str) -> None:
    assert f"{around}{value}{around}" == interpolate(f"{around}${{V}}{around}", {"V": value})
