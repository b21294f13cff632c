from __future__ import annotations

from typing import Any

import pytest

from edgeproxy.model.action import Action
from edgeproxy.model.condition import RuleCondition
from edgeproxy.testing.configuration import decoded
from edgeproxy.testing.rule_making import conditions_of, fixed_response, forward_to, redirect


@pytest.mark.parametrize(
    ("simple", "fields"),
    [
        ({"path": "/a"}, ["path-pattern"]),
        ({"path": ["/a", "/b"], "host": "app.test"}, ["path-pattern", "host-header"]),
        ({"method": "GET", "source_ip": "10.0.0.0/8"}, ["http-request-method", "source-ip"]),
        ({"header": {"X-A": "1", "X-B": ["2", "3"]}}, ["http-header", "http-header"]),
        ({"query": {"a": "1", "b": "2"}}, ["query-string"]),
        ({}, []),
    ],
)
def test_conditions_are_aws_s(simple: dict[str, Any], fields: list[str]) -> None:
    assert fields == [decoded(each, RuleCondition).field for each in conditions_of(**simple)]


@pytest.mark.parametrize(
    "action",
    [
        forward_to("app"),
        forward_to({"a": 1, "b": 2}),
        forward_to({"a": 1, "b": 2}, sticky_seconds=60),
        fixed_response(200),
        fixed_response((404, "no")),
        fixed_response((200, "{}", "application/json")),
        redirect({"Path": "/new"}),
    ],
)
def test_actions_are_aws_s(action: dict[str, Any]) -> None:
    assert action["Type"] == decoded(action, Action).type
