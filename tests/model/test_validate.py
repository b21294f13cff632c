from __future__ import annotations

import pytest

from edgeproxy.model import validate


@pytest.mark.parametrize("value", [1, 5, 10])
def test_limits_are_inclusive(value: int) -> None:
    assert [] == list(validate.between("K", value, 1, 10))


@pytest.mark.parametrize("value", [0, 11, True, "5", None, 2.0])
def test_what_is_no_number_between_the_limits_is_named_with_them(value: object) -> None:
    (error,) = validate.between("K", value, 1, 10)
    assert f"'K' value '{value}' must be between '1-10' inclusive" == error.reason


def test_long_values_are_shown_short() -> None:
    (error,) = validate.length("K", "x" * 200, 1, 128)
    assert f"'K' value '{'x' * 37}...' has 200 characters; it must have 1 to 128" == error.reason


@pytest.mark.conformance("Names", "letters, digits, hyphens, at most 32", "API reference, CreateTargetGroup")
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a" * 33, f"Target group name '{'a' * 33}' cannot be longer than '32' characters"),
        ("a_b", "Target group name 'a_b' can only contain characters that are alphanumeric characters or hyphens(-)"),
        ("é", "Target group name 'é' can only contain characters that are alphanumeric characters or hyphens(-)"),
        ("-a", "Target group name '-a' cannot begin or end with '-'"),
        ("a-", "Target group name 'a-' cannot begin or end with '-'"),
        ("", "Target group name must be specified"),
    ],
)
def test_names(name: str, reason: str) -> None:
    (error,) = validate.name("Name", name, "Target group name")
    assert ("Name", reason) == (error.path, error.reason)


def test_a_name_of_32_characters_is_fine() -> None:
    assert [] == list(validate.name("Name", "a" * 32, "Target group name"))


@pytest.mark.conformance("Attributes", "keys are letters, digits, dots, underscores", "LoadBalancerAttribute")
@pytest.mark.parametrize("key", ["", "a b", "a-b", "a" * 257])
def test_attribute_keys(key: str) -> None:
    assert 1 == len(list(validate.attribute_key("P", key)))


def test_each_repetition_is_reported_where_it_stands() -> None:
    found = validate.unique("L[{index}]", [1, 2, 1, 1], "again {key}", "Code")
    assert [("L[2]", "again 1", "Code"), ("L[3]", "again 1", "Code")] == [
        (error.path, error.reason, error.code) for error in found
    ]


def test_a_limit_may_be_reached_but_not_passed() -> None:
    assert [] == list(validate.at_most("L", 5, 5, "no"))
    (error,) = validate.at_most("L", 6, 5, "'{limit}' allowed, {count} found", code="TooMany")
    assert ("'5' allowed, 6 found", "TooMany") == (error.reason, error.code)
