"""TargetGroupState: which targets of a group may be used now, and whose turn it is.

How the pool is made, whenever targets are registered or a health flips, and never for a request:

    candidates = registered targets that are not unused; a deregistered target is none any more
    no candidates                           -> pick() returns None, the load balancer answers 503
    healthy candidates below a threshold    -> fail open: the pool is all candidates, unhealthy and initial ones too
    otherwise                               -> the pool is the healthy candidates

The thresholds are the attributes `target_group_health.unhealthy_state_routing.minimum_healthy_targets.count` (1 unless
set) and `.percentage` (off unless set); being below either is enough. The `dns_failover` thresholds are looked at in
the same way and only reported: there is no DNS to leave. A target whose health checks are switched off (`unavailable`)
receives traffic like a healthy one.

Then, for each request: a stickiness cookie that names a target of the pool is followed (`stickiness.py`), and without
one the group's algorithm picks from the pool.

Zones: this load balancer is one node that stands in every zone, so cross-zone load balancing has nothing to cross. Off
or on, all targets are the node's own, whatever AvailabilityZone they were registered with.

Slow start: a target enters it when it becomes healthy while another healthy target is not in slow start. Targets that
were registered into a group without one get their full share at once when they first become healthy. A target leaves
it after the duration, or by becoming unhealthy, or by being deregistered.

Deregistration: a target that is registered no more stays in `draining` until its delay is over; then `finish_draining`
gives it to the runtime, which ends what is still running there. Registered again in time, it is a new target that keeps
its running requests.

Source: user guide, load-balancer-target-groups, edit-target-group-attributes, target-group-health-checks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from edgeproxy.balancing import anomaly
from edgeproxy.balancing.least_outstanding import LeastOutstanding
from edgeproxy.balancing.round_robin import RoundRobin
from edgeproxy.balancing.slow_start import SlowStartRoundRobin, has_settled
from edgeproxy.balancing.target_state import REGISTERING, TargetState
from edgeproxy.balancing.weighted_random import WeightedRandom
from edgeproxy.model.target import TargetHealthState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Literal

_OUT_OF_USE: Final = frozenset({TargetHealthState.DRAINING, TargetHealthState.UNUSED})
_FIT: Final = frozenset({TargetHealthState.HEALTHY, TargetHealthState.UNAVAILABLE})


class Algorithm(Protocol):
    """Chooses a target from a pool."""

    def use(self, pool: Sequence[TargetState]) -> None:
        """From now on choose among these."""

    def pick(self) -> TargetState | None:
        """The chosen target; None if the pool is empty."""


class RegistrationChange(NamedTuple):
    """What an update changed: the states that are new and the states that are gone."""

    added: list[TargetState]
    removed: list[TargetState]


class TargetGroupState:
    """The live side of one target group. Keyed by name or ARN by whoever owns it; survives recompilation.

    Args:
        name: The target group's.
        arn: The target group's.
        minimum_healthy_count: With fewer healthy targets the group fails open; at least 1.
        minimum_healthy_percentage: The same as a percentage of the candidates; None for off.
        now: The time in seconds; slow start measures with it.
        draw: Returns a number in [0, 1), such as `random.Random().random`; the weighted_random algorithm draws with it.

    Attributes:
        targets: Registered targets by `(id, port)`, in the order of registration. Read-only for others.
        draining: Deregistered targets whose delay is not over. Read-only for others.
        pool: The targets that get requests now.
        is_failing_open: Whether too few targets are healthy, so that all candidates are used.
        is_out_of_dns: Whether a real load balancer would take its node out of DNS because of this group.
        unhealthy_routing_requests: Requests that were routed while failing open.
        protocol_version: What its targets speak; whoever routes looks at it.
        pick: `pick()` returns the next target, or None if there is no candidate (503). Bound once, not a method that
            calls another: it runs for every request.
    """

    # hot path
    __slots__ = (
        "_algorithm",
        "_dns_count",
        "_dns_percentage",
        "_draw",
        "_fit",
        "_is_mitigating",
        "_kind",
        "_least_count",
        "_least_percentage",
        "_now",
        "_slow_seconds",
        "_slow_start",
        "_usable",
        "arn",
        "draining",
        "is_failing_open",
        "is_out_of_dns",
        "name",
        "pick",
        "pool",
        "protocol_version",
        "targets",
        "unhealthy_routing_requests",
    )

    pick: Callable[[], TargetState | None]

    def __init__(
        self,
        name: str,
        arn: str,
        *,
        minimum_healthy_count: int = 1,
        minimum_healthy_percentage: int | None = None,
        now: Callable[[], float] = lambda: 0.0,
        draw: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.name: Final = name
        self.arn: Final = arn
        self.targets: dict[tuple[str, int], TargetState] = {}
        self.draining: dict[tuple[str, int], TargetState] = {}
        self.pool: Sequence[TargetState] = ()
        self._usable: frozenset[TargetState] = frozenset()
        self.is_failing_open = False
        self.is_out_of_dns = False
        self.unhealthy_routing_requests = 0
        self.protocol_version: Literal["HTTP1", "HTTP2", "GRPC"] = "HTTP1"
        self._least_count = minimum_healthy_count
        self._least_percentage = minimum_healthy_percentage or 0
        self._dns_count = 0
        self._dns_percentage = 0
        self._now = now
        self._draw = draw
        self._kind = "round_robin"
        self._algorithm: Algorithm = RoundRobin()
        self._slow_start = SlowStartRoundRobin(now, self.on_health_change)
        self._slow_seconds = 0.0
        self._is_mitigating = False
        self._fit: frozenset[TargetState] = frozenset()
        self.pick = self._algorithm.pick

    # ---- what the configuration says

    def configure(
        self,
        *,
        minimum_healthy_count: int,
        minimum_healthy_percentage: int | None,
        dns_failover_count: int | None = None,
        dns_failover_percentage: int | None = None,
        algorithm: Literal["round_robin", "least_outstanding_requests", "weighted_random"] = "round_robin",
        anomaly_mitigation: bool = False,
        slow_start_seconds: float = 0.0,
        protocol_version: Literal["HTTP1", "HTTP2", "GRPC"] = "HTTP1",
    ) -> None:
        """Apply changed attributes; None switches a threshold off, 0 slow start.

        Targets that are healthy when slow start is switched on do not enter it.
        """
        self._least_count = minimum_healthy_count
        self._least_percentage = minimum_healthy_percentage or 0
        self._dns_count = dns_failover_count or 0
        self._dns_percentage = dns_failover_percentage or 0
        self.protocol_version = protocol_version
        if algorithm != self._kind:
            self._kind = algorithm
            self._algorithm = self._new_algorithm()
        self._is_mitigating = anomaly_mitigation and algorithm == "weighted_random"
        if not self._is_mitigating:
            for target in self.targets.values():
                target.weight = 1.0
        self._slow_seconds = self._slow_start.duration = slow_start_seconds
        self.on_health_change()

    def _new_algorithm(self) -> Algorithm:
        match self._kind:
            case "least_outstanding_requests":
                return LeastOutstanding()
            case "weighted_random":
                return WeightedRandom(self._draw)
            case _:
                return RoundRobin()

    # ---- who is registered

    def update(self, registered: Iterable[tuple[str, int]], *, drain_seconds: float = 0.0) -> RegistrationChange:
        """Make `registered`, given as `(id, port)`, the targets of the group.

        A target that stays keeps its state object with its health, address and outstanding requests. One that is gone
        drains for `drain_seconds`.
        """
        before = self.targets
        now = self._now()
        has_settled_target = any(has_settled(target, now, self._slow_seconds) for target in self._fit)
        self.targets = {key: before.get(key) or self._new_target(key, has_settled_target) for key in registered}
        removed = [state for key, state in before.items() if key not in self.targets]
        for state in removed:
            state.drain_until = now + drain_seconds
            self.draining[state.key] = state
        self.on_health_change()
        return RegistrationChange(
            added=[state for key, state in self.targets.items() if key not in before], removed=removed
        )

    def _new_target(self, key: tuple[str, int], may_start_slowly: bool) -> TargetState:
        target = self.draining.pop(key, None) or TargetState(self.name, target_id=key[0], port=key[1])
        target.health = REGISTERING
        target.may_start_slowly = may_start_slowly
        target.slow_since = None
        target.is_anomalous = False
        target.weight = 1.0
        return target

    def finish_draining(self, now: float) -> list[TargetState]:
        """Forget the targets whose deregistration delay is over, and return them."""
        done = [target for target in self.draining.values() if now >= target.drain_until]
        for target in done:
            del self.draining[target.key]
        return done

    # ---- who gets requests

    def on_health_change(self) -> None:
        """Rebuild the pool; call it after assigning any target's `health`."""
        candidates = [target for target in self.targets.values() if target.health.state not in _OUT_OF_USE]
        healthy = [target for target in candidates if target.health.state in _FIT]
        count, all_of_them = len(healthy), len(candidates)
        self.is_failing_open = _is_below(self._least_count, self._least_percentage, count, all_of_them)
        self.is_out_of_dns = _is_below(self._dns_count, self._dns_percentage, count, all_of_them)
        is_slow = self._follow_slow_start(healthy)
        self.pool = tuple(candidates if self.is_failing_open else healthy)
        self._usable = frozenset(self.pool)
        algorithm = self._slow_start if is_slow else self._algorithm
        algorithm.use(self.pool)
        self.pick = self._pick_failing_open(algorithm) if self.is_failing_open else algorithm.pick

    def is_usable(self, target: TargetState | None) -> bool:
        """Whether the target gets requests now."""
        return target in self._usable

    def on_sticky_request(self) -> None:
        """A request goes to one of the targets without being picked: a cookie named it."""
        if self.is_failing_open:
            self.unhealthy_routing_requests += 1

    def _pick_failing_open(self, algorithm: Algorithm) -> Callable[[], TargetState | None]:
        def pick() -> TargetState | None:
            self.unhealthy_routing_requests += 1
            return algorithm.pick()

        return pick

    def _follow_slow_start(self, healthy: Sequence[TargetState]) -> bool:
        """Who enters and leaves slow start by what has changed; whether anybody is in it."""
        known, self._fit = self._fit, frozenset(healthy)
        for target in known - self._fit:
            target.slow_since = None
            target.may_start_slowly = True
        duration = self._slow_seconds
        if not duration or self._kind != "round_robin":
            return False
        now = self._now()
        for target in healthy:
            if target not in known and target.may_start_slowly:
                others = (other for other in healthy if other is not target)
                target.slow_since = now if any(has_settled(other, now, duration) for other in others) else None
        return any(not has_settled(target, now, duration) for target in healthy)

    # ---- who fails more than the others

    def evaluate_anomalies(self) -> None:
        """To be called every `anomaly.EVALUATION_SECONDS`."""
        targets = list(self.targets.values())
        for target in targets:
            if target.health.state is not TargetHealthState.HEALTHY:
                target.is_anomalous = False
                target.handled = target.errors = 0
        anomaly.evaluate([target for target in targets if target.health.state is TargetHealthState.HEALTHY])
        if self._is_mitigating and anomaly.mitigate(targets):
            self._algorithm.use(self.pool)

    def __repr__(self) -> str:
        states = [target.health.state for target in self.targets.values()]
        healthy = states.count(TargetHealthState.HEALTHY)
        suffix = " failing open" if self.is_failing_open else ""
        return f"<TargetGroupState {self.name} healthy={healthy}/{len(states)}{suffix}>"


def _is_below(count: int, percentage: int, healthy: int, candidates: int) -> bool:
    """Whether a group with candidates has fewer healthy ones than either threshold asks for; 0 is off."""
    return candidates > 0 and (healthy < count or healthy * 100 < percentage * candidates)
