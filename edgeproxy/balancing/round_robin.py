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
        try:
            target = self._pool[cursor]
        except IndexError:
            return self._wrap()
        self._cursor = cursor + 1
        return target

    def _wrap(self) -> TargetState | None:
        """Start over: an exception once a round costs less than a comparison at every pick."""
        if not self._pool:
            return None
        self._cursor = 1
        return self._pool[0]
