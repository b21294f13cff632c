"""Requests and rules in few words, for every test of the rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import pytest

from edgeproxy.model.action import Action, FixedResponseConfig
from edgeproxy.model.condition import (
    HostHeaderConfig,
    HttpHeaderConfig,
    HttpRequestMethodConfig,
    PathPatternConfig,
    QueryStringConfig,
    QueryStringKeyValue,
    RuleCondition,
    SourceIpConfig,
)
from edgeproxy.model.rule import Rule
from edgeproxy.rules.normalise import normalise_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgeproxy.model.condition import ConditionField
    from edgeproxy.rules.facts import RequestFacts


@dataclass(frozen=True, kw_only=True)
class ScriptedRequest:
    """A request as a test writes it; satisfies `RequestFacts`."""

    method: str
    host: str
    path: str
    query: str
    source_ip: str
    headers: tuple[tuple[str, str], ...]

    @property
    def query_pairs(self) -> list[tuple[str, str]]:
        parts = [part.partition("=") for part in self.query.split("&")] if self.query else []
        return [(key, value) for key, _, value in parts]

    def header_values(self, name: str, /) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name]


def make_request(
    target: str = "/",
    *,
    method: str = "GET",
    host: str = "h.net",
    source_ip: str = "192.0.2.1",
    headers: tuple[tuple[str, str], ...] = (),
) -> RequestFacts:
    raw_path, _, query = target.partition("?")
    path = normalise_path(raw_path)
    assert path is not None
    return ScriptedRequest(
        method=method, host=host.lower(), path=path, query=query, source_ip=source_ip, headers=headers
    )


def make_condition(field: str, *values: str | tuple[str, str], name: str = "") -> RuleCondition:
    texts = tuple(value for value in values if isinstance(value, str))
    if field == "path-pattern":
        return RuleCondition(field="path-pattern", path_pattern_config=PathPatternConfig(values=texts))
    if field == "host-header":
        return RuleCondition(field="host-header", host_header_config=HostHeaderConfig(values=texts))
    if field == "http-header":
        config = HttpHeaderConfig(http_header_name=name, values=texts)
        return RuleCondition(field="http-header", http_header_config=config)
    if field == "http-request-method":
        return RuleCondition(
            field="http-request-method", http_request_method_config=HttpRequestMethodConfig(values=texts)
        )
    if field == "source-ip":
        return RuleCondition(field="source-ip", source_ip_config=SourceIpConfig(values=texts))
    assert field == "query-string"
    pairs = [(None, value) if isinstance(value, str) else value for value in values]
    wanted = tuple(QueryStringKeyValue(key=key, value=value) for key, value in pairs)
    return RuleCondition(field="query-string", query_string_config=QueryStringConfig(values=wanted))


def make_regex(field: str, *patterns: str, name: str = "") -> RuleCondition:
    if field == "http-header":
        config = HttpHeaderConfig(http_header_name=name, regex_values=patterns)
        return RuleCondition(field="http-header", http_header_config=config)
    assert field in {"host-header", "path-pattern"}
    return RuleCondition(field=cast("ConditionField", field), regex_values=patterns)


def make_rule(priority: int, *conditions: RuleCondition) -> Rule:
    answer = Action(type="fixed-response", fixed_response_config=FixedResponseConfig(status_code="200"))
    return Rule(priority=priority, conditions=conditions, actions=(answer,))


@pytest.fixture(scope="session")
def request_for() -> Callable[..., RequestFacts]:
    """`request_for("/a?x=1", host=..., method=..., headers=...)`."""
    return make_request


@pytest.fixture(scope="session")
def condition() -> Callable[..., RuleCondition]:
    """`condition("path-pattern", "/img/*")`; query pairs are tuples, headers take `name`."""
    return make_condition


@pytest.fixture(scope="session")
def regex() -> Callable[..., RuleCondition]:
    """`regex("path-pattern", "^/img/")`: a condition by expressions; headers take `name`."""
    return make_regex


@pytest.fixture(scope="session")
def rule() -> Callable[..., Rule]:
    """`rule(10, condition(...), ...)`."""
    return make_rule
