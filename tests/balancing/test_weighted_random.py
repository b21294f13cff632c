"""Weighted random: shares follow weights."""

from __future__ import annotations

import itertools
import random
from collections import Counter

import pytest

from edgeproxy.balancing.target_state import TargetState
from edgeproxy.balancing.weighted_random import WeightedRandom

DRAWS = 20_000


def pool_of(*weights: float) -> list[TargetState]:
    pool = [TargetState("api", f"10.0.0.{number}", 80) for number in range(len(weights))]
    for target, weight in zip(pool, weights, strict=True):
        target.weight = weight
    return pool


@pytest.mark.conformance(
    "weighted_random", "without mitigation every healthy target has the same chance", "load-balancer-target-groups"
)
@pytest.mark.parametrize("weights", [(1.0,), (1.0, 1.0, 1.0), (1.0, 0.1, 1.0), (0.5, 0.25, 0.1, 1.0)])
def test_shares_follow_the_weights(weights: tuple[float, ...]) -> None:
    """Within five standard deviations of a binomial draw; the generator is seeded."""
    algorithm, pool = WeightedRandom(random.Random(7).random), pool_of(*weights)
    algorithm.use(pool)
    picks = Counter(algorithm.pick() for _ in range(DRAWS))
    for target in pool:
        share = target.weight / sum(weights)
        assert abs(picks[target] - DRAWS * share) <= 5 * (DRAWS * share * (1 - share)) ** 0.5


def test_neighbouring_picks_are_not_a_sequence() -> None:
    algorithm, pool = WeightedRandom(random.Random(7).random), pool_of(1, 1)
    algorithm.use(pool)
    picks = [algorithm.pick() for _ in range(1000)]
    repeats = sum(one is another for one, another in itertools.pairwise(picks))
    assert 400 < repeats < 600


def test_empty_pool_gives_nothing() -> None:
    assert WeightedRandom(lambda: 0.0).pick() is None


@pytest.mark.parametrize("weights", [(1.0, 1.0, 1.0), (0.1, 0.2, 0.7)])
def test_the_ends_of_the_draw_stay_inside_the_pool(weights: tuple[float, ...]) -> None:
    drawn = 0.0
    algorithm, pool = WeightedRandom(lambda: drawn), pool_of(*weights)
    algorithm.use(pool)
    assert pool[0] is algorithm.pick()
    drawn = 1.0 - 2**-53
    assert pool[-1] is algorithm.pick()
