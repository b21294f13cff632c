"""Which status codes pass a health check."""

from __future__ import annotations

import pytest

from edgeproxy.errors import ConfigError
from edgeproxy.health.matcher import GrpcCodeMatcher, HttpCodeMatcher


@pytest.mark.conformance("matcher", "codes and inclusive ranges, separated by commas", "target-group-health-checks")
@pytest.mark.parametrize(
    ("text", "passing", "failing"),
    [
        ("200", [200], [199, 201, 500]),
        ("200,202", [200, 202], [201]),
        ("200-299,404", [200, 204, 299, 404], [301, 403, 500]),
        ("200-499", [200, 301, 499], [100, 199, 500, 503]),
    ],
)
def test_matcher_passes_exactly_its_codes(text: str, passing: list[int], failing: list[int]) -> None:
    matcher = HttpCodeMatcher.parse(text)
    judged = [[matcher.matches(code) for code in codes] for codes in (passing, failing)]
    assert [[True] * len(passing), [False] * len(failing)] == judged


@pytest.mark.parametrize("text", ["", "199", "500", "200-", "200-500", "abc"])
def test_what_the_grammar_refuses_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="matcher"):
        HttpCodeMatcher.parse(text)


def test_repr_shows_the_text() -> None:
    assert repr(HttpCodeMatcher.parse("200-299")) == "<HttpCodeMatcher 200-299>"


@pytest.mark.conformance("health check matcher", "GrpcCode: 0-99, codes and ranges", "target-group-health-checks")
def test_grpc_codes() -> None:
    matcher = GrpcCodeMatcher.parse("0,5-7,99")
    assert [0, 5, 6, 7, 99] == [code for code in range(120) if matcher.matches(code)]
    assert "<GrpcCodeMatcher 0,5-7,99>" == repr(matcher)


@pytest.mark.parametrize("text", ["100", "200", "", "OK", "7-5"])
def test_what_is_no_grpc_code_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        GrpcCodeMatcher.parse(text)
