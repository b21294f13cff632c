"""Faults: the failures on purpose of one proxy, those of its configuration and those that were added while it runs.

    proxy.faults.add(Fault(status=503, where=FaultWhere(target_group="app"), count=3))

A change is built aside and swapped in: every listener whose requests may meet a fault gets a context with faults, the
others their own, and nothing awaits in between. Requests that have begun keep the context they began with. A fault that
was added outlives a reload of the configuration; one that stands in the file keeps its counts when a reload finds it
unchanged. When a fault is over, the next sweep takes it out, and its listener looks at nothing again.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from edgeproxy.errors import ConfigError
from edgeproxy.exchange.fault_draws import ActiveFault, FaultPlace
from edgeproxy.exchange.faults import FaultInjector, ListenerFaults
from edgeproxy.model.target import TargetHealth, TargetHealthState
from edgeproxy.runtime.fault_places import configured_faults, exists, place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from edgeproxy.balancing.target_state import TargetState
    from edgeproxy.exchange.ports import Timer
    from edgeproxy.model.fault import Fault
    from edgeproxy.runtime.clock import Clock
    from edgeproxy.runtime.compiled import Compiled, ListenerKey
    from edgeproxy.runtime.health_checker import GroupHealthChecker
    from edgeproxy.runtime.listener import ListenerSocket
    from edgeproxy.runtime.target_pools import TargetPools

MAX_ADDED: Final = 1000
"""Faults that may be there at a time beside those of the configuration; those that are over make room."""

_MARKS: Final = {
    "unhealthy": (TargetHealthState.UNHEALTHY, "Target.FailedHealthChecks"),
    "draining": (TargetHealthState.DRAINING, "Target.DeregistrationInProgress"),
}


class FaultStatus(NamedTuple):
    """A fault as it can be asked for.

    Attributes:
        id: Names it for `remove`; those of the configuration are `file-1` and so on.
        source: `file` or `added`.
        fault: As it was given.
        place: Whose requests it draws from.
        state: `active`, `over`, or `nowhere` when the configuration has no such place any more.
        seen: Requests that came by.
        hits: Requests that it took.
    """

    id: str
    source: Literal["file", "added"]
    fault: Fault
    place: FaultPlace
    state: Literal["active", "over", "nowhere"]
    seen: int
    hits: int


class LoopTimers:
    """Implements `Timers` with the running loop."""

    __slots__ = ("now",)

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now

    def call_later(self, seconds: float, act: Callable[[], None], /) -> Timer:
        """Does something in so many seconds."""
        return asyncio.get_running_loop().call_later(seconds, act)


class Faults:
    """See the top of this file."""

    def __init__(
        self,
        clock: Clock,
        *,
        pools: TargetPools,
        checkers: Mapping[str, GroupHealthChecker],
        time_scale: float = 1.0,
        tells_client: bool = False,
    ) -> None:
        """No faults yet.

        Args:
            clock: The time.
            pools: The connections to targets: those to one that is marked draining are not kept.
            checkers: The health checkers by target group, as the proxy keeps them.
            time_scale: Every duration of a fault times this.
            tells_client: Responses to requests that a fault took have the header `X-Edgeproxy-Fault`.
        """
        self._clock = clock
        self._pools = pools
        self._checkers = checkers
        self._time_scale = time_scale
        self._injector = FaultInjector(LoopTimers(clock.now), tells_client=tells_client)
        self._compiled: Compiled | None = None
        self._listeners: Mapping[ListenerKey, ListenerSocket] = {}
        self._configured: list[ActiveFault] = []
        self._added: dict[str, ActiveFault] = {}
        self._serving: list[ActiveFault] = []
        self._number = 0
        self._drained: set[TargetState] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: asyncio.TimerHandle | None = None

    # ---- what people do

    def add(self, fault: Fault) -> str:
        """Begins a fault; its id.

        Raises:
            ConfigError: There is no such place, or too many faults; nothing has changed.
        """
        if len(self._added) >= MAX_ADDED:
            now = self._clock.now()
            self._added = {name: each for name, each in self._added.items() if not each.is_over(now)}
        if len(self._added) >= MAX_ADDED:
            raise ConfigError("", None, f"There can be {MAX_ADDED} faults at a time; remove some first")
        place = place_of(fault, self._compiled.topology if self._compiled is not None else None)
        self._number += 1
        name = f"fault-{self._number}"
        self._added[name] = self._active(fault, place)
        self._serve()
        return name

    def remove(self, fault_id: str) -> bool:
        """Ends a fault that was added; False if there is none of this id."""
        found = self._added.pop(fault_id, None) is not None
        if found:
            self._serve()
        return found

    def clear(self) -> int:
        """Ends all faults that were added, not those of the configuration; how many there were."""
        count = len(self._added)
        self._added.clear()
        self._serve()
        return count

    def list(self) -> list[FaultStatus]:
        """All faults, those of the configuration first."""
        return [
            *(self._status(f"file-{number}", "file", each) for number, each in enumerate(self._configured, start=1)),
            *(self._status(name, "added", each) for name, each in self._added.items()),
        ]

    def _status(self, name: str, source: Literal["file", "added"], each: ActiveFault) -> FaultStatus:
        state: Literal["active", "over", "nowhere"] = "active"
        if each.is_over(self._clock.now()):
            state = "over"
        elif self._compiled is None or not exists(each.place, self._compiled.topology):
            state = "nowhere"
        return FaultStatus(name, source, each.fault, each.place, state, each.seen, each.hits)

    def _active(self, fault: Fault, place: FaultPlace) -> ActiveFault:
        return ActiveFault(fault, place, now=self._clock.now(), time_scale=self._time_scale)

    # ---- what the proxy does

    def follow(self, compiled: Compiled, listeners: Mapping[ListenerKey, ListenerSocket]) -> None:
        """Another configuration serves on these listeners: gives them their contexts."""
        before: defaultdict[tuple[FaultPlace, Fault], list[ActiveFault]] = defaultdict(list)
        for each in self._configured:
            before[each.place, each.fault].append(each)
        self._configured = [
            before[place, fault].pop(0) if before[place, fault] else self._active(fault, place)
            for place, fault in configured_faults(compiled.topology)
        ]
        self._compiled = compiled
        self._listeners = listeners
        self._loop = asyncio.get_running_loop()
        self._serve()

    def check(self, now: float) -> None:
        """The deadline sweep's visit: faults that are over are in nobody's way."""
        if self._serving and any(each.is_over(now) for each in self._serving):
            self._serve()

    def stop(self) -> None:
        """The proxy has stopped."""
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None

    def mark_of(self, target: TargetState) -> TargetHealth | None:
        """The health that a fault says a target has; None for what its checks say."""
        for each in self._serving:
            place = each.place
            if (
                each.fault.target is not None
                and place.group == target.group_name
                and place.has_target(target.id, target.port)
            ):
                state, reason = _MARKS[each.fault.target]
                words = f"Marked {state} by the fault '{each.name}', whatever its health checks say"
                return TargetHealth(state, reason, words)
        return None

    # ---- the swap

    def _serve(self) -> None:
        now = self._clock.now()
        self._serving = [each for each in (*self._configured, *self._added.values()) if not each.is_over(now)]
        if self._compiled is None:
            return
        at_requests = [each for each in self._serving if each.fault.target is None]
        by_group: defaultdict[str, list[ActiveFault]] = defaultdict(list)
        for each in at_requests:
            if each.place.is_at_targets:
                by_group[each.place.group].append(each)
        groups = {name: tuple(found) for name, found in by_group.items()}
        for key, listener in self._listeners.items():
            context = self._compiled.listeners[key].context
            listener.context = self._injector.context(context, _of_listener(key, at_requests, groups))
        self._mark_targets()
        self._wake_at_the_end(now)

    def _mark_targets(self) -> None:
        for checker in self._checkers.values():
            checker.refresh()
        assert self._compiled is not None
        registered = {target for group in self._compiled.groups.values() for target in group.targets.values()}
        marks = {target: self.mark_of(target) for target in registered}
        wanted = {target for target, mark in marks.items() if mark is not None and mark.state == "draining"}
        for target in wanted:
            # Also those that were before: a reload of the configuration has taken it back.
            self._pools.drain(target)
        for target in (self._drained & registered) - wanted:
            self._pools.revive(target)
        self._drained = wanted

    def _wake_at_the_end(self, now: float) -> None:
        """Marks end at their second, not at the next sweep."""
        self.stop()
        ends = [each.until for each in self._serving if each.until is not None]
        if ends and self._loop is not None:
            # A little later: the loop's clock may be coarser.
            self._wake = self._loop.call_later(max(min(ends) - now, 0.0) + 0.001, self._serve)

    def __repr__(self) -> str:
        return f"<Faults {self._serving}>"


def _of_listener(
    key: ListenerKey, faults: Iterable[ActiveFault], groups: Mapping[str, tuple[ActiveFault, ...]]
) -> ListenerFaults:
    """The faults that requests on one listener can meet."""
    everywhere: list[ActiveFault] = []
    by_rule: defaultdict[str, list[ActiveFault]] = defaultdict(list)
    for each in faults:
        place = each.place
        if place.is_at_targets or (place.port and (place.load_balancer, place.port) != key):
            continue
        (by_rule[place.priority] if place.priority else everywhere).append(each)
    return ListenerFaults(tuple(everywhere), {priority: tuple(found) for priority, found in by_rule.items()}, groups)
