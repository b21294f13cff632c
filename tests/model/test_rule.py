from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edgeproxy.model.action import Action
from edgeproxy.model.condition import (
    HttpHeaderConfig,
    QueryStringConfig,
    QueryStringKeyValue,
    RuleCondition,
)
from edgeproxy.model.rule import Rule

Read = Callable[[Callable[[], Any]], list[tuple[str, str]]]

forward = Action(type="forward", target_group_arn="a")


def path(*values: str) -> RuleCondition:
    return RuleCondition(field="path-pattern", values=values)


def header(*values: str) -> RuleCondition:
    config = HttpHeaderConfig(http_header_name="X-A", values=values)
    return RuleCondition(field="http-header", http_header_config=config)


def query(*values: str) -> RuleCondition:
    pairs = tuple(QueryStringKeyValue(key="k", value=value) for value in values)
    return RuleCondition(field="query-string", query_string_config=QueryStringConfig(values=pairs))


def rule(*conditions: RuleCondition, priority: int = 1) -> Rule:
    return Rule(priority=priority, conditions=conditions, actions=(forward,))


@pytest.mark.conformance("Rules", "a priority is within 1-50000", "listener-rules")
@pytest.mark.parametrize("priority", [0, 50001, -1])
def test_priorities_have_limits(priority: int, refusals: Read) -> None:
    assert [] == refusals(lambda: (rule(path("/a"), priority=1), rule(path("/a"), priority=50000)))
    expected = [("Priority", f"'Priority' value '{priority}' must be between '1-50000' inclusive")]
    assert expected == refusals(lambda: rule(path("/a"), priority=priority))


@pytest.mark.conformance("Rules", "at least one condition", "API reference, CreateRule")
def test_a_rule_has_a_condition(refusals: Read) -> None:
    assert [("Conditions", "A rule needs at least one condition")] == refusals(rule)


@pytest.mark.conformance("Rules", "five condition values in total", "load-balancer-limits")
def test_five_values_in_all_conditions_together(refusals: Read) -> None:
    assert [] == refusals(lambda: rule(path("/a", "/b", "/c", "/d", "/e")))
    expected = [("Conditions", "A rule can only have '5' condition values")]
    assert expected == refusals(lambda: rule(path("/a", "/b", "/c"), header("1", "2", "3")))


@pytest.mark.conformance("Rules", "host, path, header and two queries fit in one rule", "observed")
def test_header_names_and_query_keys_are_free(refusals: Read) -> None:
    host = RuleCondition(field="host-header", values=("a.test",))
    assert [] == refusals(lambda: rule(host, path("/a"), header("1"), query("1"), query("2")))


@pytest.mark.conformance("Rules", "six wildcards in total", "load-balancer-limits")
def test_six_wildcards_in_all_conditions_together(refusals: Read) -> None:
    assert [] == refusals(lambda: rule(path("/*/*/*"), header("*?*")))
    expected = [("Conditions", "A rule can only have '6' condition wildcards; this one has 7")]
    assert expected == refusals(lambda: rule(path("/*/*/*"), header("*?**")))


@pytest.mark.conformance("Rules", "one host, path, method and source-ip condition", "API reference, RuleCondition")
def test_some_fields_stand_once(refusals: Read) -> None:
    expected = [("Conditions[1].Field", "A rule can only have one 'path-pattern' condition")]
    assert expected == refusals(lambda: rule(path("/a"), path("/b")))


@pytest.mark.conformance("Rules", "any number of header and query conditions", "API reference, RuleCondition")
def test_other_fields_stand_as_often_as_wanted(refusals: Read) -> None:
    assert [] == refusals(lambda: rule(header("1"), header("2"), query("1"), query("2")))


def test_the_actions_are_checked_too(refusals: Read) -> None:
    found = refusals(lambda: Rule(priority=1, conditions=(path("/a"),), actions=()))
    assert ["Actions"] == [where for where, _ in found]


def test_the_routing_action_answers() -> None:
    assert forward == rule(path("/a")).routing_action
