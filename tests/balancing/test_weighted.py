"""Weighted target groups: shares, zeros, no failover."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.balancing.group import TargetGroupState
from edgeproxy.balancing.weighted import WeightedGroups


def groups(count: int) -> list[TargetGroupState]:
    return [TargetGroupState(f"group-{number}", f"arn:{number}") for number in range(count)]


def never() -> float:
    pytest.fail("nothing has to be drawn")


@pytest.mark.conformance("weighted target groups", "a group's share is its weight of the sum", "rule-action-types")
@pytest.mark.parametrize("weights", [(1, 1), (1, 3), (999, 1), (10, 20, 30), (5, 0, 5), (1, 2, 3, 4, 5)])
def test_shares_follow_the_weights(weights: tuple[int, ...]) -> None:
    """Within five standard deviations of the expected count, from a seeded source."""
    entries = list(zip(groups(len(weights)), weights, strict=True))
    chooser = WeightedGroups(entries, random.Random(7).random)
    draws = 10_000
    counts = Counter(chooser.choose() for _ in range(draws))
    for group, weight in entries:
        share = weight / sum(weights)
        assert abs(counts[group] - draws * share) <= 5 * (draws * share * (1 - share)) ** 0.5


@given(weights=st.lists(st.integers(0, 999), min_size=1, max_size=5), number=st.floats(0, 1, exclude_max=True))
def test_every_number_draws_the_group_whose_stretch_it_falls_into(*, weights: list[int], number: float) -> None:
    entries = list(zip(groups(len(weights)), weights, strict=True))
    point = number * sum(weights)
    expected = None
    for group, weight in entries:
        if point < weight:
            expected = group
            break
        point -= weight
    assert expected is WeightedGroups(entries, lambda: number).choose()


@pytest.mark.conformance("weighted target groups", "weight 0 is never drawn", "rule-action-types")
def test_weight_zero_is_never_drawn() -> None:
    drained, used = groups(2)
    assert used is WeightedGroups([(drained, 0), (used, 1)], never).choose()


@pytest.mark.conformance("weighted target groups", "all weights 0 is a 503", "rule-action-types", status="default")
@pytest.mark.parametrize("count", [0, 1, 3])
def test_all_weights_zero_draw_nothing(count: int) -> None:
    assert WeightedGroups([(group, 0) for group in groups(count)], never).choose() is None


@pytest.mark.conformance("weighted target groups", "nothing fails over to another group", "rule-action-types")
def test_empty_group_keeps_its_share() -> None:
    empty, full = groups(2)
    full.update([("10.0.0.1", 80)])
    assert empty is WeightedGroups([(empty, 1), (full, 1)], lambda: 0.0).choose()
