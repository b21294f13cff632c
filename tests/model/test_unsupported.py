"""What is not built is refused by name. A feature that gets built takes its lines out of here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edgeproxy.model import unsupported
from edgeproxy.model.action import Action
from edgeproxy.model.target_group import TargetGroup

Refusals = list[tuple[str, str]]
Read = Callable[[Callable[[], Any]], Refusals]


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: TargetGroup(name="a", target_type="lambda"), "Target type 'lambda' is not supported yet"),
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


def test_keys_that_have_no_field_are_known_by_name() -> None:
    assert {"Action", "TargetGroup"} == set(unsupported.KEYS)
