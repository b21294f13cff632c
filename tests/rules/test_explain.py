"""Verdicts in sentences, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edgeproxy.rules.explain import explain_condition, explain_rules

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgeproxy.model.condition import RuleCondition
    from edgeproxy.model.rule import Rule
    from edgeproxy.rules.facts import RequestFacts


def test_first_match_answers_and_later_ones_are_shown_as_shadowed(
    condition: Callable[..., RuleCondition], rule: Callable[..., Rule], request_for: Callable[..., RequestFacts]
) -> None:
    rules = [
        rule(1, condition("path-pattern", "/no")),
        rule(2, condition("path-pattern", "/a*")),
        rule(3, condition("path-pattern", "/ab")),
    ]
    verdicts = explain_rules(rules, request_for("/ab"))
    expected = [(1, False, False), (2, True, True), (3, True, False), (None, True, False)]
    seen = [(verdict.rule and verdict.rule.priority, verdict.matched, verdict.answers) for verdict in verdicts]
    assert expected == seen


def test_default_answers_when_no_rule_does(request_for: Callable[..., RequestFacts]) -> None:
    (verdict,) = explain_rules([], request_for("/"))
    assert (verdict.rule, verdict.matched, verdict.answers) == (None, True, True)


@pytest.mark.parametrize(
    ("field", "values", "asked", "saw", "reason"),
    [
        ("path-pattern", ["/a*"], {"target": "/ab"}, "/ab", "The path '/ab' matches '/a*'."),
        (
            "path-pattern",
            ["/img/*"],
            {"target": "/img"},
            "/img",
            "The path '/img' does not match '/img/*'. It would with a slash at its end.",
        ),
        (
            "path-pattern",
            ["/img/*", "/x"],
            {"target": "/IMG/a"},
            "/IMG/a",
            "The path '/IMG/a' does not match any of '/img/*', '/x'. Paths are case-sensitive.",
        ),
        (
            "path-pattern",
            ["/api"],
            {"target": "/api/"},
            "/api/",
            "The path '/api/' does not match '/api'. It would without the slash at its end.",
        ),
        (
            "path-pattern",
            ["/api"],
            {"target": "/api/x"},
            "/api/x",
            (
                "The path '/api/x' does not match '/api'."
                " A pattern covers the whole path; a '*' at its end would allow more."
            ),
        ),
        (
            "path-pattern",
            ["/a/*"],
            {"target": "/a/%01"},
            "/a/\x01",
            "The path '/a/\x01' does not match '/a/*'. Control characters never match.",
        ),
        ("path-pattern", ["/a"], {"target": "/b"}, "/b", "The path '/b' does not match '/a'."),
        (
            "host-header",
            ["example.com"],
            {"host": "example.com:8080"},
            "example.com:8080",
            "The host 'example.com:8080' does not match 'example.com'. The port is part of the compared host.",
        ),
        ("host-header", ["example.com"], {"host": ""}, "", "The request has no host, so 'example.com' cannot match."),
        (
            "http-header",
            ["prod"],
            {"headers": (("X-Env", "a"), ("x-env", "b"))},
            "a' and 'b",
            "The header X-Env 'a' and 'b' does not match 'prod'.",
        ),
        ("http-header", ["prod"], {}, "", "The request has no header X-Env, so 'prod' cannot match."),
        (
            "http-request-method",
            ["GET"],
            {"method": "get"},
            "get",
            "The method 'get' does not match 'GET'. Methods are case-sensitive.",
        ),
        (
            "query-string",
            [("v", "1"), "2"],
            {"target": "/?v=3"},
            "v=3",
            "The query 'v=3' does not match any of 'v=1', '2'.",
        ),
        ("query-string", [("v", "1")], {}, "", "The request has no query, so 'v=1' cannot match."),
        (
            "source-ip",
            ["10.0.0.0/8"],
            {"source_ip": "192.0.2.1"},
            "192.0.2.1",
            "The source address '192.0.2.1' does not match '10.0.0.0/8'.",
        ),
    ],
)
def test_reason_quotes_both_sides_and_hints_at_what_is_often_wrong(
    *,
    condition: Callable[..., RuleCondition],
    request_for: Callable[..., RequestFacts],
    field: str,
    values: list[str],
    asked: dict[str, str],
    saw: str,
    reason: str,
) -> None:
    verdict = explain_condition(condition(field, *values, name="X-Env"), request_for(**asked))
    assert (saw, reason) == (verdict.saw, verdict.reason)


@pytest.mark.parametrize(
    ("field", "patterns", "asked", "reason"),
    [
        ("path-pattern", ["^/a"], {"target": "/ab"}, "The path '/ab' matches the expression '^/a'."),
        (
            "path-pattern",
            ["^/a", "^/b"],
            {"target": "/A"},
            "The path '/A' does not match any of the expressions '^/a', '^/b'. Paths are case-sensitive.",
        ),
        ("path-pattern", ["^/a$"], {"target": "/a/"}, "The path '/a/' does not match the expression '^/a$'."),
        (
            "host-header",
            [r"\.test$"],
            {"host": "a.test:81"},
            (
                r"The host 'a.test:81' does not match the expression '\.test$'."
                " The port is part of the compared host."
            ),
        ),
        (
            "http-header",
            ["^prod$"],
            {"headers": (("X-Env", "PROD"),)},
            "The header X-Env 'PROD' does not match the expression '^prod$'. Expressions are case-sensitive.",
        ),
    ],
)
def test_expressions_are_called_expressions(
    *,
    regex: Callable[..., RuleCondition],
    request_for: Callable[..., RequestFacts],
    field: str,
    patterns: list[str],
    asked: dict[str, str],
    reason: str,
) -> None:
    verdict = explain_condition(regex(field, *patterns, name="X-Env"), request_for(**asked))
    assert reason == verdict.reason
