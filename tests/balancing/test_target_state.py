"""TargetState: identity, address and label."""

from __future__ import annotations

import pytest

from edgeproxy.balancing.target_state import REGISTERING, TargetState


def test_new_target_is_still_registering() -> None:
    target = TargetState("api", "10.0.0.1", 80)
    assert (target.health, target.outstanding) == (REGISTERING, 0)


@pytest.mark.parametrize(
    ("target_id", "address", "label"),
    [
        ("10.0.0.1", "10.0.0.1", "10.0.0.1:8080"),
        ("2001:db8::1", "2001:db8::1", "2001:db8::1:8080"),
        ("web.internal", None, "web.internal:8080"),
    ],
)
def test_address_is_known_at_once_only_for_addresses(target_id: str, address: str | None, label: str) -> None:
    target = TargetState("api", target_id, 8080)
    assert (address, label) == (target.address, target.label)


def test_label_follows_the_resolved_address_and_the_key_does_not() -> None:
    target = TargetState("api", "web.internal", 80)
    target.address = "10.0.0.7"
    assert (target.key, target.label) == (("web.internal", 80), "10.0.0.7:80")
    target.address = None
    assert target.label == "web.internal:80"


def test_repr_tells_an_operator_the_state() -> None:
    assert repr(TargetState("api", "10.0.0.1", 80)) == "<TargetState api 10.0.0.1:80 initial outstanding=0>"
