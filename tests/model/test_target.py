from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from edgeproxy.errors import ConfigError
from edgeproxy.model.target import Target, TargetHealth, TargetHealthState

if TYPE_CHECKING:
    from collections.abc import Callable

Refusals = list[tuple[str, str]]


@pytest.mark.parametrize(
    "target_id",
    ["127.0.0.1", "::1", "2001:db8::1", "localhost", "app.internal", "my_service", "host.docker.internal.", "i-0abc"],
)
def test_addresses_and_names_are_ids(target_id: str) -> None:
    assert target_id == Target(id=target_id).id


@pytest.mark.parametrize(
    ("target_id", "meant"),
    [
        ("localhost:8080", "localhost"),
        ("[::1]:80", "::1"),
        ("[::1]", "::1"),
        ("http://app", None),
        ("", None),
        ("a b", None),
        ("-a", None),
        ("a..b", None),
        ("a" * 64, None),
    ],
)
def test_other_texts_are_refused_with_a_hint_where_a_port_was_meant(target_id: str, meant: str | None) -> None:
    with pytest.raises(ConfigError) as caught:
        Target(id=target_id)
    error = caught.value
    assert ("Id", "InvalidTarget", meant) == (error.path, error.code, error.suggestion)


@pytest.mark.conformance("Registering targets", "a port is within 1-65535", "API reference, TargetDescription")
@pytest.mark.parametrize("port", [0, 65536, -1])
def test_ports_have_limits(port: int, refusals: Callable[[Callable[[], Any]], Refusals]) -> None:
    expected = [("Port", f"'Port' value '{port}' must be between '1-65535' inclusive")]
    assert expected == refusals(lambda: Target(id="a", port=port))


@pytest.mark.conformance("Target health", "a healthy target has no reason", "API reference, TargetHealth")
def test_health_is_a_state_with_an_optional_reason() -> None:
    health = TargetHealth(TargetHealthState.HEALTHY)
    assert ("healthy", None, None) == (health.state, health.reason, health.description)
