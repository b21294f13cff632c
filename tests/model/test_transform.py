"""Transforms as they are written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edgeproxy.model.action import Action
from edgeproxy.model.condition import RuleCondition
from edgeproxy.model.rule import Rule
from edgeproxy.model.transform import (
    HostHeaderRewriteConfig,
    RewriteConfig,
    RuleTransform,
    UrlRewriteConfig,
)

Read = Callable[[Callable[[], Any]], list[tuple[str, str]]]

REWRITE = RewriteConfig(regex="^/a", replace="/b")


def url(*rewrites: RewriteConfig) -> RuleTransform:
    return RuleTransform(type="url-rewrite", url_rewrite_config=UrlRewriteConfig(rewrites=rewrites or (REWRITE,)))


def host() -> RuleTransform:
    config = HostHeaderRewriteConfig(rewrites=(RewriteConfig(regex=".*", replace="b.test"),))
    return RuleTransform(type="host-header-rewrite", host_header_rewrite_config=config)


def rule(*transforms: RuleTransform) -> Rule:
    return Rule(
        priority=1,
        conditions=(RuleCondition(field="path-pattern", values=("/a*",)),),
        transforms=transforms,
        actions=(Action(type="forward", target_group_arn="a"),),
    )


def test_the_rewrite_is_found_under_either_type() -> None:
    assert REWRITE == url().rewrite
    assert "b.test" == host().rewrite.replace


@pytest.mark.conformance("Transforms", "at most one of each type in a rule", "API reference, CreateRule")
def test_one_transform_of_each_type(refusals: Read) -> None:
    assert [] == refusals(lambda: rule(url(), host()))
    expected = [("Transforms[2].Type", "A rule can only have one transform of type 'url-rewrite'")]
    assert expected == refusals(lambda: rule(url(), host(), url()))


@pytest.mark.conformance("Transforms", "a transform has exactly one rewrite", "API reference, RewriteConfig")
def test_one_rewrite(refusals: Read) -> None:
    assert [("Rewrites", "A transform must have exactly one rewrite; this one has 2")] == refusals(
        lambda: UrlRewriteConfig(rewrites=(REWRITE, REWRITE))
    )
    assert [("Rewrites", "A transform must have exactly one rewrite; this one has 0")] == refusals(
        lambda: HostHeaderRewriteConfig(rewrites=())
    )


@pytest.mark.conformance("Transforms", "Regex and Replace have at most 1024 characters", "API reference, RewriteConfig")
@pytest.mark.parametrize(
    ("regex", "replace", "keys"),
    [
        ("a" * 1024, "b" * 1024, []),
        ("a" * 1025, "", ["Regex"]),
        ("a", "b" * 1025, ["Replace"]),
        ("", "b", ["Regex"]),
    ],
)
def test_lengths(regex: str, replace: str, keys: list[str], refusals: Read) -> None:
    assert keys == [path for path, _ in refusals(lambda: RewriteConfig(regex=regex, replace=replace))]


def test_an_expression_that_cannot_be_read_is_refused(refusals: Read) -> None:
    expected = [("Regex", "The Regex '(?<=a)' is invalid: lookbehind is not supported")]
    assert expected == refusals(lambda: RewriteConfig(regex="(?<=a)", replace=""))


def test_a_type_needs_its_config(refusals: Read) -> None:
    reason = "For transforms of type 'url-rewrite', you must specify the following fields: 'UrlRewriteConfig'"
    assert [("", reason)] == refusals(lambda: RuleTransform(type="url-rewrite"))


def test_the_config_of_another_type_is_refused(refusals: Read) -> None:
    expected = [
        (
            "HostHeaderRewriteConfig",
            "'HostHeaderRewriteConfig' cannot be specified for transforms of type 'url-rewrite'",
        )
    ]
    assert expected == refusals(
        lambda: RuleTransform(
            type="url-rewrite",
            url_rewrite_config=url().url_rewrite_config,
            host_header_rewrite_config=host().host_header_rewrite_config,
        )
    )


def test_other_types_are_refused(refusals: Read) -> None:
    expected = [("Type", "Transform type 'path-rewrite' must be one of '[host-header-rewrite,url-rewrite]'")]
    assert expected == refusals(lambda: RuleTransform(type="path-rewrite"))  # type: ignore[arg-type]
