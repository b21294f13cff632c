from __future__ import annotations

import pytest

from edgeproxy.model.attributes import (
    Attribute,
    Spec,
    as_text,
    attribute_problems,
    attributes_from,
    flag,
    number,
    off_or,
    one_of,
    read_settings,
    unknown_keys,
)

specs = {"a.enabled": Spec("a", flag), "b.seconds": Spec("b", number(1, 9)), "kept": Spec("", str)}


@pytest.mark.conformance("Attributes", "all values are strings", "API reference, LoadBalancerAttribute")
@pytest.mark.parametrize(("value", "text"), [(True, "true"), (False, "false"), (60, "60"), ("append", "append")])
def test_scalars_become_awss_strings(value: object, text: str) -> None:
    assert text == as_text(value)


def test_the_mapping_form_is_the_list_form() -> None:
    assert (Attribute(key="a.enabled", value="true"),) == attributes_from({"a.enabled": True})


def test_settings_hold_what_is_known_and_has_an_effect() -> None:
    attributes = attributes_from({"a.enabled": "true", "b.seconds": 3, "kept": "x", "new": "y"})
    assert {"a": True, "b": 3} == read_settings(attributes, specs)


def test_unknown_attributes_are_kept_and_named() -> None:
    """AWS adds new ones every few months; refusing them would break files that are right."""
    attributes = attributes_from({"a.enabled": "true", "new.key": "y"})
    assert [] == list(attribute_problems("P", attributes, specs, {}))
    assert ("new.key",) == unknown_keys(attributes, specs)


def test_a_broken_value_is_named_with_what_is_allowed() -> None:
    found = attribute_problems("P", attributes_from({"a.enabled": "maybe", "b.seconds": 10}), specs, {})
    assert [
        ("P[a.enabled]", "'a.enabled' value 'maybe' must be one of [true, false]"),
        ("P[b.seconds]", "'b.seconds' value '10' must be between '1-9' inclusive"),
    ] == [(error.path, error.reason) for error in found]


def test_keys_of_other_load_balancers_are_refused() -> None:
    (error,) = attribute_problems("P", attributes_from({"tcp.x": "1"}), specs, {"tcp.": "Network Load Balancers"})
    assert "The attribute 'tcp.x' is only supported for Network Load Balancers" == error.reason


def test_a_key_stands_once() -> None:
    twice = (Attribute(key="kept", value="1"), Attribute(key="kept", value="2"))
    (error,) = attribute_problems("P", twice, specs, {})
    assert "Attribute key 'kept' is specified more than once" == error.reason


@pytest.mark.parametrize("text", ["", "-1", "10", "1.0", "0x1", "1_0", " 1", "²", "9999999999999"])
def test_numbers_are_digits_within_limits(text: str) -> None:
    with pytest.raises(ValueError, match="must be between '1-9' inclusive"):
        number(1, 9)(text)


def test_a_number_may_have_exceptions() -> None:
    read = number(30, 900, 0)
    assert [0, 30, 900] == [read(text) for text in ("0", "30", "900")]
    with pytest.raises(ValueError, match="must be '0' or between '30-900' inclusive"):
        read("29")


def test_off_is_none() -> None:
    assert [None, 5] == [off_or(number(1, 9))(text) for text in ("off", "5")]


def test_one_of_returns_the_text() -> None:
    assert "a" == one_of("a", "b")("a")
