"""What is not built is refused by name. A feature that gets built takes its lines out of here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edgeproxy.model import unsupported
from edgeproxy.model.action import Action, TargetGroupStickinessConfig
from edgeproxy.model.attributes import attributes_from
from edgeproxy.model.target_group import Matcher, TargetGroup

Refusals = list[tuple[str, str]]
Read = Callable[[Callable[[], Any]], Refusals]


def group(**attributes: object) -> TargetGroup:
    keys = {key.replace("__", "."): value for key, value in attributes.items()}
    return TargetGroup(name="a", port=80, target_group_attributes=attributes_from(keys))


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: TargetGroup(name="a", target_type="lambda"), "Target type 'lambda' is not supported yet"),
        (
            lambda: TargetGroup(name="a", port=1, protocol_version="HTTP2"),
            "Protocol version 'HTTP2' is not supported yet",
        ),
        (
            lambda: TargetGroup(name="a", port=1, protocol_version="GRPC", matcher=Matcher(grpc_code="12")),
            "Protocol version 'GRPC' is not supported yet",
        ),
        (lambda: group(stickiness__enabled=True), "'stickiness.enabled' value 'true' is not supported yet"),
        (
            lambda: group(slow_start__duration_seconds=30),
            "'slow_start.duration_seconds' value '30' is not supported yet",
        ),
        (
            lambda: group(load_balancing__algorithm__type="least_outstanding_requests"),
            "'load_balancing.algorithm.type' value 'least_outstanding_requests' is not supported yet",
        ),
        (
            lambda: TargetGroupStickinessConfig(enabled=True, duration_seconds=1),
            "Target group stickiness (TargetGroupStickinessConfig) is not supported yet",
        ),
        (
            lambda: Action(type="authenticate-oidc"),  # type: ignore[arg-type]
            "Logging users in with OIDC (authenticate-oidc) is not supported yet",
        ),
        (
            lambda: Action(type="authenticate-cognito"),  # type: ignore[arg-type]
            "Logging users in with Cognito (authenticate-cognito) is not supported yet",
        ),
        (
            lambda: Action(type="jwt-validation"),  # type: ignore[arg-type]
            "Checking tokens (jwt-validation) is not supported yet",
        ),
    ],
)
def test_features_that_are_not_built_are_refused_by_name(
    make: Callable[[], Any], expected: str, refusals: Read
) -> None:
    assert [expected] == [reason for _, reason in refusals(make)]


def test_what_asks_for_the_default_is_fine() -> None:
    group(stickiness__enabled=False, slow_start__duration_seconds=0)
    TargetGroupStickinessConfig(enabled=False)


def test_keys_that_have_no_field_are_known_by_name() -> None:
    assert {"Action", "Listener", "TargetGroup"} == set(unsupported.KEYS)
