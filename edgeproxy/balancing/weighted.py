"""Weighted target groups: which group of a forward action gets the next request.

A group's share is its weight divided by the sum of the weights. A weight of 0 is never chosen. Nothing fails over: a
group without a usable target keeps its share and its requests fail inside it (user guide, rule-action-types). AWS does
not document how it draws; this draws at random.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edgeproxy.balancing.group import TargetGroupState


class WeightedGroups:
    """The target groups of one forward action.

    Args:
        entries: Groups with their weights, 0-999.
        random: Returns a number in [0, 1), such as `random.Random().random`.
    """

    # hot path
    __slots__ = ("_bounds", "_groups", "_only", "_random", "_total")

    def __init__(self, entries: Sequence[tuple[TargetGroupState, int]], random: Callable[[], float]) -> None:
        drawn = [(group, weight) for group, weight in entries if weight > 0]
        self._groups = [group for group, _ in drawn]
        self._bounds = list(itertools.accumulate(weight for _, weight in drawn))
        self._total = self._bounds[-1] if drawn else 0
        self._only = self._groups[0] if len(drawn) == 1 else None
        self._random = random

    def choose(self) -> TargetGroupState | None:
        """Draw a group; None if every weight is 0, which the load balancer answers with 503."""
        if self._only is not None:
            return self._only
        if not self._groups:
            return None
        return self._groups[bisect_right(self._bounds, self._random() * self._total)]
