"""What is not built is refused by name. A feature that gets built takes its lines out of here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edgeproxy.model import unsupported
from edgeproxy.model.action import Action
from edgeproxy.model.attributes import attributes_from
from edgeproxy.model.condition import HostHeaderConfig, HttpHeaderConfig, PathPatternConfig, RuleCondition
from edgeproxy.model.listener import Listener
from edgeproxy.model.target_group import Matcher, TargetGroup

Refusals = list[tuple[str, str]]
Read = Callable[[Callable[[], Any]], Refusals]


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


@pytest.mark.parametrize(
    "make",
    [
        lambda: HostHeaderConfig(regex_values=("^a$",)),
        lambda: PathPatternConfig(regex_values=("^a$",)),
        lambda: HttpHeaderConfig(http_header_name="A", regex_values=("^a$",)),
        lambda: RuleCondition(field="path-pattern", regex_values=("^a$",)),
    ],
)
def test_regular_expressions_are_refused_wherever_they_stand(make: Callable[[], Any], refusals: Read) -> None:
    expected = [("RegexValues", "Matching by regular expression (RegexValues) is not supported yet")]
    assert expected == refusals(make)


def listener(**attributes: object) -> Listener:
    keys = {key.replace("__", "."): value for key, value in attributes.items()}
    return Listener(
        port=80,
        protocol="HTTP",
        default_actions=(Action(type="forward", target_group_arn="a"),),
        listener_attributes=attributes_from(keys),
    )


def test_listener_attributes_that_change_headers_are_refused(refusals: Read) -> None:
    key = "routing.http.response.x_frame_options.header_value"
    expected = [(f"ListenerAttributes[{key}]", f"The listener attribute '{key}' is not supported yet")]
    assert expected == refusals(lambda: listener(routing__http__response__x_frame_options__header_value="DENY"))


def test_what_asks_for_the_default_is_fine() -> None:
    listener(routing__http__response__server__enabled=True)
    listener(routing__http__response__x_frame_options__header_value="")


def test_keys_that_have_no_field_are_known_by_name() -> None:
    assert {"Action", "Listener", "Rule", "TargetGroup"} == set(unsupported.KEYS)
