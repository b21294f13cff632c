"""Round robin: every target of the pool in turn, in the order of registration.

One cursor a target group. When the pool changes, the cursor keeps its place modulo the new pool, so that a flapping
target does not send every next request to the first one. Source: user guide, load-balancer-target-groups, section
routing algorithm; what a change of the pool does to the turn is not documented.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgeproxy.balancing.target_state import TargetState


class RoundRobin:
    """The turn of one target group."""

    # hot path
    __slots__ = ("_cursor", "_pool")

    def __init__(self) -> None:
        self._pool: tuple[TargetState, ...] = ()
        self._cursor = 0

    def use(self, pool: Sequence[TargetState]) -> None:
        """From now on choose among these."""
        self._pool = tuple(pool)
        if self._pool:
            self._cursor %= len(self._pool)

    def pick(self) -> TargetState | None:
        """The target whose turn it is; None if the pool is empty."""
        cursor = self._cursor
        if cursor >= len(self._pool):
            if not self._pool:
                return None
            cursor = 0
        self._cursor = cursor + 1
        return self._pool[cursor]
