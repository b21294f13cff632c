"""LiveGroups: the target groups of a running proxy: their live states, their health checks, the ways to their targets.

A `Mapping` of states by name, as the compiler makes and finds them again; `update` follows a new topology.
Configuration is desired, states are observed: no target that stays forgets its health, its counters or its connections.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from edgeproxy.balancing.anomaly import EVALUATION_SECONDS
from edgeproxy.balancing.group import TargetGroupState
from edgeproxy.model import ids
from edgeproxy.runtime.health_checker import GroupHealthChecker
from edgeproxy.runtime.target_tls import TargetTls

if TYPE_CHECKING:
    from edgeproxy.balancing.target_state import TargetState
    from edgeproxy.model.load_balancer import LoadBalancer
    from edgeproxy.model.target import TargetHealth
    from edgeproxy.model.target_group import TargetGroup
    from edgeproxy.runtime.clock import Clock
    from edgeproxy.runtime.compiled import Compiled
    from edgeproxy.runtime.health_probe import RunProbe
    from edgeproxy.runtime.log_outlets import LogOutlets
    from edgeproxy.runtime.metrics import Metrics
    from edgeproxy.runtime.resolver import Resolve
    from edgeproxy.runtime.target_pools import TargetPools


class LiveGroups(Mapping[str, TargetGroupState]):
    """See the top of this file.

    Attributes:
        checkers: The health checks of each group, by its name.
        mark_of: The health that a target has whatever its checks say; None where they decide.
        pools: The connections to the targets.
    """

    def __init__(
        self,
        pools: TargetPools,
        *,
        metrics: Metrics,
        logs: LogOutlets,
        clock: Clock,
        time_scale: float,
        resolve_name: Resolve,
        probe: RunProbe,
    ) -> None:
        self.pools = pools
        self.mark_of: Callable[[TargetState], TargetHealth | None] = lambda _target: None
        self.checkers: dict[str, GroupHealthChecker] = {}
        self._states: Mapping[str, TargetGroupState] = {}
        self._metrics = metrics
        self._logs = logs
        self._clock = clock
        self._time_scale = time_scale
        self._resolve = resolve_name
        self._probe = probe
        self._tls = TargetTls()
        self._evaluated = 0.0

    def __getitem__(self, name: str) -> TargetGroupState:
        return self._states[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._states)

    def __len__(self) -> int:
        return len(self._states)

    def update(self, compiled: Compiled) -> None:
        """Follows what was compiled around these states. Nothing in here can fail."""
        self._tls.update(compiled.topology)
        for name in [name for name in self._states if name not in compiled.groups]:
            self._forget(name)
        for group in compiled.topology.target_groups:
            state = compiled.groups[group.name]
            balancer = compiled.topology.load_balancer_of(group)
            self._update_targets(group, state, balancer)
            self._configure(group, state)
            self._checker(state).apply(
                group,
                is_in_use=group.name in compiled.in_use,
                load_balancer="-" if balancer is None else ids.load_balancer_resource(balancer.name),
            )
        self._states = compiled.groups
        self._finish_draining(self._clock.now())

    def _forget(self, name: str) -> None:
        gone = self._states[name]
        for target in (*gone.targets.values(), *gone.draining.values()):
            self.pools.deregister(target)
        self.checkers.pop(name).stop()

    def _update_targets(self, group: TargetGroup, state: TargetGroupState, balancer: LoadBalancer | None) -> None:
        """Who is registered, and the pools of those that are."""
        change = state.update(
            ((target.id, group.port_of(target)) for target in group.targets),
            drain_seconds=group.settings.deregistration_delay_seconds * self._time_scale,
        )
        for target in change.removed:
            self.pools.drain(target)
        tls = self._tls.context(group) if group.protocol == "HTTPS" else None
        # Where no load balancer uses the group any more, nobody will ask for its idle connections.
        idle_timeout = 0 if balancer is None else balancer.settings.idle_timeout_seconds * self._time_scale
        counters = None if balancer is None else self._metrics.load_balancers[balancer.name]
        is_h2 = group.protocol_version != "HTTP1"
        for target in state.targets.values():
            self.pools.register(target, tls, idle_timeout=idle_timeout, counters=counters, is_h2=is_h2)

    def _configure(self, group: TargetGroup, state: TargetGroupState) -> None:
        settings = group.settings
        state.configure(
            minimum_healthy_count=settings.minimum_healthy_count,
            minimum_healthy_percentage=settings.minimum_healthy_percentage,
            dns_failover_count=settings.dns_failover_count,
            dns_failover_percentage=settings.dns_failover_percentage,
            algorithm=settings.algorithm,
            anomaly_mitigation=settings.anomaly_mitigation,
            slow_start_seconds=settings.slow_start_seconds * self._time_scale,
            protocol_version=group.protocol_version,
        )

    def _checker(self, state: TargetGroupState) -> GroupHealthChecker:
        checker = self.checkers.get(state.name)
        if checker is None:
            checker = self.checkers[state.name] = GroupHealthChecker(
                state,
                time_scale=self._time_scale,
                target_context=self._tls.context,
                on_moved=self.on_moved,
                run=self._probe,
                resolve_name=self._resolve,
                on_checked=self._logs.on_checked,
                epoch=self._logs.epoch,
                mark_of=self.mark_of,
            )
        return checker

    def on_moved(self, target: TargetState) -> None:
        """A target's name means another address: idle connections lead to the old one."""
        self.pools.close_idle_of(target)

    # ---- time

    def check(self, now: float) -> None:
        """The deadline sweep's visit."""
        self._finish_draining(now)
        if now - self._evaluated >= EVALUATION_SECONDS * self._time_scale:
            self._evaluated = now
            for state in self._states.values():
                state.evaluate_anomalies()

    def _finish_draining(self, now: float) -> None:
        """Ends what is still running on targets whose deregistration delay is over."""
        for state in self._states.values():
            if state.draining:
                for target in state.finish_draining(now):
                    self.pools.end(target)

    async def close(self) -> None:
        """Ends the health checks, and closes every connection."""
        for checker in self.checkers.values():
            await checker.close()
        self.checkers.clear()
        await self.pools.close()

    def __repr__(self) -> str:
        return f"<LiveGroups {list(self._states)}>"
