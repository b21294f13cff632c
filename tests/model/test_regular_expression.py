"""Which regular expressions are taken, and why the others are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.model.regular_expression import compile_regex, regex_problems

ENGINE = pytest.mark.conformance("Regular expressions", "some constructs are refused", "listener-rules")


@ENGINE
@pytest.mark.parametrize(
    ("text", "construct"),
    [
        ("a(?=b)", "lookahead is"),
        ("a(?!b)", "lookahead is"),
        ("(?<=a)b", "lookbehind is"),
        ("(?<!a)b", "lookbehind is"),
        (r"(a)\1", "backreferences are"),
        (r"(?P<x>a)(?P=x)", "backreferences are"),
        (r"(?<x>a)\k<x>", "backreferences are"),
        (r"(a)\g{1}", "backreferences are"),
        ("(?>a)", "atomic groups are"),
        ("a*+", "possessive quantifiers are"),
        ("a++", "possessive quantifiers are"),
        ("a?+", "possessive quantifiers are"),
        ("a{2,3}+", "possessive quantifiers are"),
        ("(?R)", "recursion is"),
        ("(a)(?1)", "subroutines are"),
        ("(?P>x)", "subroutines are"),
        ("(a)?(?(1)b)", "conditionals are"),
        (r"\p{L}", r"Unicode classes such as \p{L} are"),
        (r"\PN", r"Unicode classes such as \p{L} are"),
        (r"[a\p{L}]", r"Unicode classes such as \p{L} are"),
    ],
)
def test_constructs_outside_the_engine_are_refused_by_name(text: str, construct: str) -> None:
    with pytest.raises(ValueError) as refusal:
        compile_regex(text)
    assert f"{construct} not supported" == str(refusal.value)


@pytest.mark.parametrize(
    "text",
    [
        r"\(?=a",
        r"[(?=]",
        r"[]*+]",
        r"\*+",
        r"\\p",
        r"\Q(?=a\E",
        "a}+",
        "(?i)a",
        "(?P<name>a)",
        "(?:a)",
        "[[:alpha:]*+]",
        r"^[^/\]]+$",
    ],
)
def test_what_only_looks_like_such_a_construct_is_taken(text: str) -> None:
    compile_regex(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("(a", "missing ): (a"),
        ("[a", "missing ]: [a"),
        ("*a", "no argument for repetition operator: *"),
        ("a{1001}", "invalid repetition size: {1001}"),
        ("(abcdefghijklmno){999}", "it is too large when compiled"),
    ],
)
def test_a_mistake_is_told_in_the_engines_words(text: str, reason: str) -> None:
    with pytest.raises(ValueError) as refusal:
        compile_regex(text)
    assert reason == str(refusal.value)


@pytest.mark.conformance("Regular expressions", "at most 128 characters in a condition", "API reference, RuleCondition")
def test_a_condition_has_short_ones() -> None:
    reason = "The 'path-pattern' regex value is too long; the limit is '128'"

    assert [] == list(regex_problems("RegexValues", "path-pattern", ["a" * 128]))
    (problem,) = regex_problems("RegexValues", "path-pattern", ["a", "a" * 129])
    assert ("RegexValues[1]", reason) == (problem.path, problem.reason)


def test_an_empty_one_is_no_value() -> None:
    (problem,) = regex_problems("RegexValues", "path-pattern", [""])
    assert "A condition value must be specified" == problem.reason


def test_the_sentence_quotes_the_expression() -> None:
    (problem,) = regex_problems("RegexValues", "host-header", ["a(?=b)"])
    assert "The 'host-header' regex value 'a(?=b)' is invalid: lookahead is not supported" == problem.reason


def test_case_counts_unless_told() -> None:
    assert compile_regex("a").search(b"A") is None
    assert compile_regex("a", ignore_case=True).search(b"A") is not None


@given(st.text(st.sampled_from("ab\\()[]{}*+?^$|.<=!:P123&-,kgQEp/"), max_size=30))
def test_whatever_is_written_it_compiles_or_is_refused_with_a_reason(text: str) -> None:
    try:
        compile_regex(text)
    except ValueError as error:
        reason = str(error)
    else:
        reason = "none"
    assert reason
