"""A `Stage` whose requests meet faults, and whose timers go off when the script moves the time."""

from __future__ import annotations

import heapq
import itertools
from typing import TYPE_CHECKING, Any

from edgeproxy.exchange.fault_draws import ActiveFault, FaultPlace
from edgeproxy.exchange.faults import FaultInjector, ListenerFaults
from tests.helpers.exchange_ports import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from edgeproxy.model.fault import Fault

EVERYWHERE = FaultPlace()
AT_GROUP = FaultPlace(group="app")


class HandTimers:
    """Implements `Timers`; `Stage.now` is the time."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._numbers = itertools.count()
        self.waiting: list[tuple[float, int, HandTimer]] = []

    def now(self) -> float:
        return self._stage.now

    def call_later(self, seconds: float, act: Callable[[], None], /) -> HandTimer:
        timer = HandTimer(act)
        heapq.heappush(self.waiting, (self._stage.now + seconds, next(self._numbers), timer))
        return timer

    def passes(self, seconds: float) -> None:
        """Time passes, and what is due happens."""
        end = self._stage.now + seconds
        while self.waiting and self.waiting[0][0] <= end:
            due, _, timer = heapq.heappop(self.waiting)
            self._stage.now = max(self._stage.now, due)
            if not timer.is_cancelled:
                timer.act()
        self._stage.now = end

    @property
    def left(self) -> int:
        """How many will still go off."""
        return sum(not timer.is_cancelled for _, _, timer in self.waiting)


class HandTimer:
    def __init__(self, act: Callable[[], None]) -> None:
        self.act = act
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class FaultStage(Stage):
    """A stage with faults.

    Attributes:
        timers: Move the time with them.
        faults: The active ones, in order.
    """

    def __init__(
        self,
        everywhere: Iterable[Fault] = (),
        *,
        at_group: Iterable[Fault] = (),
        tells_client: bool = False,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.timers = HandTimers(self)
        first = tuple(ActiveFault(each, EVERYWHERE, now=self.now) for each in everywhere)
        second = tuple(ActiveFault(each, AT_GROUP, now=self.now) for each in at_group)
        self.faults = (*first, *second)
        self.plain = self.context
        injector = FaultInjector(self.timers, tells_client=tells_client)
        self.context = injector.context(self.context, ListenerFaults(first, {}, {"app": second} if second else {}))
