"""Errors say in a sentence what is wrong and where, whoever raised them."""

from __future__ import annotations

import pytest

from edgeproxy.errors import BindError, ConfigError, EdgeProxyError, ProtocolError


@pytest.mark.parametrize("kind", [ConfigError, ProtocolError, BindError])
def test_whatever_is_raised_on_purpose_has_one_base(kind: type[Exception]) -> None:
    assert issubclass(kind, EdgeProxyError)


@pytest.mark.parametrize(
    ("path", "prefix", "expected"),
    [
        ("Port", "Listeners[0]", "Listeners[0].Port"),
        ("[2]", "Values", "Values[2]"),
        ("", "Listeners[0]", "Listeners[0]"),
        ("Port", "", "Port"),
    ],
)
def test_a_path_grows_from_the_inside(path: str, prefix: str, expected: str) -> None:
    error = ConfigError(path, 0, "is wrong", code="ValidationError", suggestion="Ports").at(prefix)
    assert (expected, 0, "ValidationError", "Ports") == (error.path, error.value, error.code, error.suggestion)


def test_the_sentence_names_path_reason_and_suggestion() -> None:
    assert "A.B: is wrong (did you mean C?)" == str(ConfigError("A.B", None, "is wrong", suggestion="C"))
    assert "is wrong" == str(ConfigError("", None, "is wrong"))
    assert "400: too long" == str(ProtocolError(400, "too long"))
    assert "Port 80 on all interfaces could not be bound: it is taken" == str(BindError("", 80, "it is taken"))
