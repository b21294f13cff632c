from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.errors import ConfigError
from edgeproxy.model.matcher_grammar import parse_code_ranges

page = "target-group-health-checks"


@pytest.mark.conformance("Matcher grammar", "codes, ranges and both mixed", page)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("200", ((200, 200),)),
        ("200,302", ((200, 200), (302, 302))),
        ("200-299", ((200, 299),)),
        ("200-299,404", ((200, 299), (404, 404))),
        ("499", ((499, 499),)),
    ],
)
def test_codes_and_inclusive_ranges(text: str, expected: tuple[tuple[int, int], ...]) -> None:
    assert expected == parse_code_ranges(text, 200, 499, "HTTP")


@pytest.mark.conformance("Matcher grammar", "HTTP codes are within 200-499", page)
@pytest.mark.parametrize("code", ["199", "500", "0", "999999999"])
def test_codes_outside_the_range_are_named(code: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_code_ranges(f"200,{code}", 200, 499, "HTTP")
    assert f"Health check matcher HTTP code '{code}' must be within '200-499' inclusive" == caught.value.reason


@pytest.mark.conformance("Matcher grammar", "gRPC codes are within 0-99", "API reference, Matcher")
def test_grpc_codes_have_their_own_range_and_sentence() -> None:
    assert ((0, 99),) == parse_code_ranges("0-99", 0, 99, "GRPC")
    with pytest.raises(ConfigError) as caught:
        parse_code_ranges("200", 0, 99, "GRPC")
    assert "Health check matcher GRPC code '200' must be within '0-99' inclusive" == caught.value.reason


@pytest.mark.conformance("Matcher grammar", "an empty matcher is refused", "API reference, Matcher")
def test_nothing_is_refused_in_the_words_of_each_kind() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_code_ranges("", 200, 499, "HTTP")
    assert "Health check matcher HTTP code cannot be empty" == caught.value.reason
    with pytest.raises(ConfigError) as caught:
        parse_code_ranges("", 0, 99, "GRPC")
    assert "Health check matcher GRPC code can not be empty" == caught.value.reason


@pytest.mark.conformance("Matcher grammar", "spaces and descending ranges are refused", page, status="default")
@pytest.mark.parametrize("text", ["200, 404", " 200", "200 ", "200-", "-200", "200--299", "2xx", "200,", ",", "٢٠٠"])
def test_what_is_not_in_the_grammar_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a code or a range of codes"):
        parse_code_ranges(text, 200, 499, "HTTP")


def test_a_descending_range_suggests_the_ascending_one() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_code_ranges("299-200", 200, 499, "HTTP")
    assert "200-299" == caught.value.suggestion


@given(st.text(alphabet="0123456789-, x", max_size=12))
def test_any_text_is_ranges_in_bounds_or_a_config_error(text: str) -> None:
    try:
        found = parse_code_ranges(text, 200, 499, "HTTP")
    except ConfigError:
        return
    assert all(200 <= low <= high <= 499 for low, high in found)


@given(st.lists(st.tuples(st.integers(200, 499), st.integers(200, 499)).map(sorted).map(tuple), min_size=1, max_size=5))
def test_ranges_survive_being_written_and_read(ranges: list[tuple[int, int]]) -> None:
    text = ",".join(f"{low}-{high}" for low, high in ranges)
    assert tuple(ranges) == parse_code_ranges(text, 200, 499, "HTTP")
