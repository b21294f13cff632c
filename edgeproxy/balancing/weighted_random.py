"""Weighted random: a draw, in which every target of the pool has the share that its weight gives it.

All weights are 1 until anomaly mitigation lowers one (`anomaly.py`). Source: user guide, load-balancer-target-groups,
section automatic target weights.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edgeproxy.balancing.target_state import TargetState


class WeightedRandom:
    """The lottery of one target group. `random` returns a number in [0, 1), such as `random.Random().random`."""

    # hot path
    __slots__ = ("_bounds", "_pool", "_random", "_total")

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._pool: tuple[TargetState, ...] = ()
        self._bounds: list[float] | None = None
        self._total = 0.0

    def use(self, pool: Sequence[TargetState]) -> None:
        """From now on choose among these, by the weights that they have now."""
        self._pool = tuple(pool)
        self._total = float(len(self._pool))
        self._bounds = None
        if any(target.weight != 1.0 for target in self._pool):
            self._bounds = list(itertools.accumulate(target.weight for target in self._pool))
            self._total = self._bounds[-1]

    def pick(self) -> TargetState | None:
        """Draw a target; None if the pool is empty."""
        pool = self._pool
        if not pool:
            return None
        drawn = self._random() * self._total
        if self._bounds is None:
            return pool[int(drawn)]
        # The product may round up to the total itself.
        return pool[min(bisect_right(self._bounds, drawn), len(pool) - 1)]
