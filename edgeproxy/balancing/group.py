"""TargetGroupState: which targets of a group may be used now, and whose turn it is.

How the pool is made, whenever targets are registered or a health flips, and never for a request:

    candidates = registered targets that are neither draining nor unused
    no candidates                           -> pick() returns None, the load balancer answers 503
    healthy candidates below a threshold    -> fail open: the pool is all candidates, unhealthy and initial ones too
    otherwise                               -> the pool is the healthy candidates

The thresholds are the attributes `target_group_health.unhealthy_state_routing.minimum_healthy_targets.count` (1 unless
set) and `.percentage` (off unless set); being below either is enough. A target whose health checks are switched off
(`unavailable`) receives traffic like a healthy one.

Source: user guide, load-balancer-target-groups, section target group health; target-group-health-checks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from edgeproxy.balancing.round_robin import RoundRobin
from edgeproxy.balancing.target_state import TargetState
from edgeproxy.model.target import TargetHealthState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_OUT_OF_USE: Final = frozenset({TargetHealthState.DRAINING, TargetHealthState.UNUSED})
_FIT: Final = frozenset({TargetHealthState.HEALTHY, TargetHealthState.UNAVAILABLE})


class RegistrationChange(NamedTuple):
    """What an update changed: the states that are new and the states that are gone."""

    added: list[TargetState]
    removed: list[TargetState]


class TargetGroupState:
    """The live side of one target group. Keyed by name or ARN by whoever owns it; survives recompilation.

    Attributes:
        targets: Registered targets by `(id, port)`, in the order of registration. Read-only for others.
        is_failing_open: Whether too few targets are healthy, so that all candidates are used.
        pick: `pick()` returns the next target, or None if there is no candidate (503). Bound once, not a method that
            calls another: it runs for every request.
    """

    # hot path
    __slots__ = ("_algorithm", "_least_count", "_least_percentage", "arn", "is_failing_open", "name", "pick", "targets")

    pick: Callable[[], TargetState | None]

    def __init__(
        self, name: str, arn: str, *, minimum_healthy_count: int = 1, minimum_healthy_percentage: int | None = None
    ) -> None:
        self.name: Final = name
        self.arn: Final = arn
        self.targets: dict[tuple[str, int], TargetState] = {}
        self.is_failing_open = False
        self._least_count = minimum_healthy_count
        self._least_percentage = minimum_healthy_percentage or 0
        self._algorithm = RoundRobin()
        self.pick = self._algorithm.pick

    def configure(self, *, minimum_healthy_count: int, minimum_healthy_percentage: int | None) -> None:
        """Apply changed attributes: a count of targets, at least 1, and a percentage, None for off."""
        self._least_count = minimum_healthy_count
        self._least_percentage = minimum_healthy_percentage or 0
        self.on_health_change()

    def update(self, registered: Iterable[tuple[str, int]]) -> RegistrationChange:
        """Make `registered`, given as `(id, port)`, the targets of the group.

        A target that stays keeps its state object with its health, address and outstanding requests.
        """
        before = self.targets
        self.targets = {
            key: before.get(key) or TargetState(self.name, target_id=key[0], port=key[1]) for key in registered
        }
        self.on_health_change()
        return RegistrationChange(
            added=[state for key, state in self.targets.items() if key not in before],
            removed=[state for key, state in before.items() if key not in self.targets],
        )

    def on_health_change(self) -> None:
        """Rebuild the pool; call it after assigning any target's `health`."""
        candidates = [target for target in self.targets.values() if target.health.state not in _OUT_OF_USE]
        healthy = [target for target in candidates if target.health.state in _FIT]
        self.is_failing_open = bool(candidates) and self._is_below(len(healthy), len(candidates))
        self._algorithm.use(candidates if self.is_failing_open else healthy)

    def _is_below(self, healthy: int, candidates: int) -> bool:
        return healthy < self._least_count or healthy * 100 < self._least_percentage * candidates

    def __repr__(self) -> str:
        states = [target.health.state for target in self.targets.values()]
        healthy = states.count(TargetHealthState.HEALTHY)
        suffix = " failing open" if self.is_failing_open else ""
        return f"<TargetGroupState {self.name} healthy={healthy}/{len(states)}{suffix}>"
