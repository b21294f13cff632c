"""Slow start: a target that has just become healthy gets its share little by little.

While a target is in slow start its weight is the fraction of the duration that has passed, at least `LEAST_WEIGHT`; all
others weigh 1. Turns are dealt by smooth weighted round robin: each target's credit grows by its weight, the richest
target is chosen and pays the sum of all weights. AWS says that the share grows linearly and publishes no formula
(unconfirmed). Source: user guide, edit-target-group-attributes, section slow start mode.

Who enters slow start is decided in `group.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edgeproxy.balancing.target_state import TargetState

LEAST_WEIGHT: Final = 0.01


def has_settled(target: TargetState, now: float, duration: float) -> bool:
    """Whether the target is not, or no longer, in slow start."""
    return target.slow_since is None or now - target.slow_since >= duration


class SlowStartRoundRobin:
    """The turn of a target group while one of its targets is in slow start.

    Args:
        now: The time in seconds, on the clock that `slow_since` is on.
        on_settled: Called once the last target has left slow start; plain round robin is cheaper from then on.
    """

    # hot path
    __slots__ = ("_credits", "_now", "_on_settled", "_pool", "duration")

    def __init__(self, now: Callable[[], float], on_settled: Callable[[], None]) -> None:
        self.duration = 0.0
        self._now = now
        self._on_settled = on_settled
        self._pool: tuple[TargetState, ...] = ()
        self._credits: list[float] = []

    def use(self, pool: Sequence[TargetState]) -> None:
        """From now on choose among these; who stays keeps its credit."""
        known = dict(zip(self._pool, self._credits, strict=True))
        self._pool = tuple(pool)
        self._credits = [known.get(target, 0.0) for target in self._pool]

    def pick(self) -> TargetState | None:
        """The target whose turn it is; None if the pool is empty."""
        pool, credit, now, duration = self._pool, self._credits, self._now(), self.duration
        if not pool:
            return None
        total = 0.0
        chosen = 0
        is_settled = True
        for place, target in enumerate(pool):
            weight = 1.0
            if target.slow_since is not None:
                elapsed = now - target.slow_since
                if elapsed < duration:
                    is_settled = False
                    weight = max(LEAST_WEIGHT, elapsed / duration)
            total += weight
            credit[place] += weight
            if credit[place] > credit[chosen]:
                chosen = place
        credit[chosen] -= total
        if is_settled:
            self._on_settled()
        return pool[chosen]
