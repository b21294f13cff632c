from __future__ import annotations

import msgspec
import pytest

from edgeproxy.errors import ConfigError
from edgeproxy.model.action import RedirectConfig
from edgeproxy.model.base import ConfigErrors, Model, choice_error, each_error, wire_name
from edgeproxy.model.listener import Listener
from edgeproxy.model.target import Target
from edgeproxy.model.target_group import TargetGroup


def test_wire_names_are_awss() -> None:
    assert "HealthCheckIntervalSeconds" == wire_name("health_check_interval_seconds")


def test_an_object_reports_every_law_that_it_breaks() -> None:
    with pytest.raises(ConfigErrors) as caught:
        TargetGroup(name="a", port=0, healthy_threshold_count=1)
    assert ["Port", "HealthyThresholdCount"] == [error.path for error in caught.value.errors]


def test_many_errors_read_like_their_first() -> None:
    first, second = ConfigError("A", 1, "one", code="X", suggestion="B"), ConfigError("B", 2, "two")
    error = ConfigErrors([first, second])
    assert ("A", 1, "one", "X", "B") == (error.path, error.value, error.reason, error.code, error.suggestion)
    assert "A: one (did you mean B?)\nB: two" == str(error)


def test_many_errors_move_outwards_together() -> None:
    error = ConfigErrors([ConfigError("A", 1, "one"), ConfigError("[0]", 2, "two")]).at("List")
    assert ["List.A", "List[0]"] == [one.path for one in each_error(error)]


def test_a_single_error_is_not_wrapped() -> None:
    with pytest.raises(ConfigError) as caught:
        Target(id="a", port=0)
    assert not isinstance(caught.value, ConfigErrors)
    assert (caught.value,) == each_error(caught.value)


def test_a_value_outside_its_list_comes_with_the_nearest_one() -> None:
    error = choice_error(TargetGroup, "protocol", "https")
    assert error is not None
    assert ("Protocol", "HTTPS") == (error.path, error.suggestion)


def test_fields_without_a_list_take_anything() -> None:
    assert choice_error(TargetGroup, "name", object()) is None


def test_optional_lists_take_none() -> None:
    assert choice_error(TargetGroup, "health_check_protocol", None) is None
    assert choice_error(TargetGroup, "protocol", None) is not None


def test_a_choice_may_have_awss_own_sentence() -> None:
    error = choice_error(Listener, "protocol", "TCP")
    assert error is not None
    assert "Listener protocol 'TCP' must be one of 'HTTP, HTTPS'" == error.reason


def test_a_list_may_hold_braces() -> None:
    error = choice_error(RedirectConfig, "protocol", "{value}")
    assert error is not None
    assert "'{value}' is no Protocol; it must be one of: HTTP, HTTPS, #{protocol}" == error.reason


def test_laws_hold_for_changed_copies_too() -> None:
    target = Target(id="a", port=80)
    with pytest.raises(ConfigError):
        msgspec.structs.replace(target, port=0)


def test_models_are_frozen() -> None:
    with pytest.raises(AttributeError):
        Target(id="a").port = 1  # type: ignore[misc]


def test_every_model_names_only_keys_that_it_has() -> None:
    """A sentence under a misspelt key would never be said."""
    for model in _all_models(Model):
        keys = {field.encode_name for field in msgspec.structs.fields(model)}
        assert set(model.missing_sentences) | set(model.choice_sentences) <= keys, model


def _all_models(model: type[Model]) -> list[type[Model]]:
    found = [model]
    for child in model.__subclasses__():
        found += _all_models(child)
    return found
