"""ActiveFault: one fault at its place while it is active. It decides which requests it takes, and nothing else.

Each request that comes by is one draw, until `Count` requests were taken or `For` is over:

    percentage 100  every request is taken, nothing is drawn
    less            a number from the fault's own generator decides

The generator is seeded, with `Seed` or with the fault's name and place, never with the time: the same requests in the
same order meet the same faults in every run.
"""

from __future__ import annotations

import random
import zlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from edgeproxy.model.fault import Fault


class FaultPlace(NamedTuple):
    """Whose requests a fault draws from. All parts empty: everybody's.

    Attributes:
        load_balancer: With `port`, a listener.
        port: The listener's declared port; 0 for none.
        priority: A rule of that listener as records have it, "0" for the default rule; "" for all of them.
        group: A target group's name.
        target_id: A target of that group; "" for all of them.
        target_port: Its port; 0 for any.
    """

    load_balancer: str = ""
    port: int = 0
    priority: str = ""
    group: str = ""
    target_id: str = ""
    target_port: int = 0

    @property
    def is_at_targets(self) -> bool:
        """A target group's or a target's; otherwise requests meet it before their action is carried out."""
        return self.group != ""

    def has_target(self, target_id: str, port: int) -> bool:
        """Whether the place holds this target of its group."""
        return self.target_id in ("", target_id) and self.target_port in (0, port)

    def __str__(self) -> str:
        if self.group:
            port = f":{self.target_port}" if self.target_port else ""
            target = f" target {self.target_id}{port}" if self.target_id else ""
            return f"target group {self.group}{target}"
        if not self.port:
            return "all listeners"
        rule = "default" if self.priority == "0" else self.priority
        return f"listener {self.load_balancer}:{self.port}" + (f" rule {rule}" if rule else "")


class ActiveFault:
    """One fault at its place.

    Attributes:
        fault: What was asked for.
        name: For logs.
        place: Whose requests it draws from.
        seen: How many requests came by while it was active.
        hits: How many it took.
        until: When it is over, on the clock of whoever asks; None for never.
    """

    __slots__ = ("_chance", "_draw", "_scale", "fault", "hits", "name", "place", "seen", "until")

    def __init__(self, fault: Fault, place: FaultPlace, *, now: float, time_scale: float = 1.0) -> None:
        """A fault that becomes active `now`; every duration of it times `time_scale`."""
        self.fault = fault
        self.name = fault.label
        self.place = place
        self.seen = 0
        self.hits = 0
        self.until = None if fault.lasting is None else now + fault.lasting * time_scale
        seed = zlib.crc32(f"{place}/{self.name}".encode()) if fault.seed is None else fault.seed
        self._draw = random.Random(seed).random  # noqa: S311 - failures that repeat, not secrets
        self._chance = fault.percentage / 100
        self._scale = time_scale

    def is_over(self, now: float) -> bool:
        """It takes no request any more."""
        fault = self.fault
        return (fault.count is not None and self.hits >= fault.count) or (self.until is not None and now >= self.until)

    def takes(self, now: float) -> bool:
        """A request comes by: is it taken?"""
        if self.is_over(now):
            return False
        self.seen += 1
        if self._chance < 1 and self._draw() >= self._chance:
            return False
        self.hits += 1
        return True

    def delay(self) -> float:
        """Seconds that a request which was taken is delayed."""
        fault = self.fault
        if fault.delay is None:
            return 0.0
        jitter = 0.0 if fault.jitter is None else (self._draw() * 2 - 1) * fault.jitter
        return (fault.delay + jitter) * self._scale

    def scaled(self, seconds: float) -> float:
        """A duration of the fault in the load balancer's time."""
        return seconds * self._scale

    @property
    def rate(self) -> float:
        """Bytes in a second of the load balancer's time; 0 for no limit."""
        return 0.0 if self.fault.bandwidth is None else self.fault.bandwidth / self._scale

    def __repr__(self) -> str:
        return f"<ActiveFault {self.name} at {self.place} hits={self.hits}/{self.seen}>"
