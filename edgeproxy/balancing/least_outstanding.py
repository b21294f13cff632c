"""Least outstanding requests: the target with the fewest requests in progress.

Every request that was sent to a target and not answered yet counts, whatever connection carries it. How ties are broken
is not documented; they are served in turn here (unconfirmed). Source: user guide, load-balancer-target-groups, section
routing algorithms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeproxy.balancing.round_robin import RoundRobin

if TYPE_CHECKING:
    from edgeproxy.balancing.target_state import TargetState


class LeastOutstanding(RoundRobin):
    """The choice of one target group: round robin among the least busy; looks at every target of the pool."""

    # hot path
    __slots__ = ()

    def pick(self) -> TargetState | None:
        """The least busy target, the next in turn among equals; None if the pool is empty."""
        pool = self._pool
        size = len(pool)
        if not size:
            return None
        chosen = self._cursor
        least = pool[chosen].outstanding
        if least:
            for place in (*range(chosen + 1, size), *range(chosen)):
                outstanding = pool[place].outstanding
                if outstanding < least:
                    chosen, least = place, outstanding
                    if not least:
                        break
        self._cursor = (chosen + 1) % size
        return pool[chosen]
