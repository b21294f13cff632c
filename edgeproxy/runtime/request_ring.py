"""RequestRing: the requests of the last moments, kept for whoever watches, and only while somebody does.

    nobody listens    `keep` is None, and all that a request costs is looking at that
    somebody listens  a follower is there, or somebody asked less than LISTENING_SECONDS ago:
                      `keep` puts a reference to each ended exchange into a ring of CAPACITY places

Nothing is rendered here and nobody is waited for. A follower has a position in the ring; one that is so slow that the
ring has turned past its position is told how many requests it has missed.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgeproxy.exchange.record import ExchangeRecord
    from edgeproxy.runtime.clock import Clock

CAPACITY: Final = 1000
"""Requests. Each keeps its head and its connection's facts alive: a few kilobytes."""

LISTENING_SECONDS: Final = 300.0
"""How long requests are kept after somebody has asked once; not scaled, because it is people's time."""


class ListenerPlace(NamedTuple):
    """Where a request came in: the load balancer's name, `http` or `https`, and the declared port."""

    load_balancer: str
    scheme: str
    port: int


class Entry(NamedTuple):
    """One ended exchange, where it came in, and when it ended on the record's clock."""

    record: ExchangeRecord
    place: ListenerPlace
    ended: float


class Batch(NamedTuple):
    """What a follower reads at once: how many requests it has missed, and those that came after them."""

    missed: int
    entries: list[Entry]


class RequestRing:
    """The recent requests of one proxy.

    Attributes:
        clock: The one that the records' times are on.
        keep: Told of each ended exchange, by the ledgers; None while nobody listens.
        is_closed: Followers shall leave.
    """

    __slots__ = ("_entries", "_followers", "_heard", "_total", "clock", "is_closed", "keep")

    def __init__(self, clock: Clock, *, capacity: int = CAPACITY) -> None:
        self.clock = clock
        self._entries: deque[Entry] = deque(maxlen=capacity)
        self._total = 0
        self._heard = 0.0
        self._followers: set[Follower] = set()
        self.keep: Callable[[ExchangeRecord, ListenerPlace, float], None] | None = None
        self.is_closed = False

    def _keep(self, record: ExchangeRecord, place: ListenerPlace, ended: float) -> None:
        self._entries.append(Entry(record, place, ended))
        self._total += 1
        for follower in self._followers:
            follower.arrived.set()

    def recent(self) -> list[Entry] | None:
        """What is kept, oldest first; None when it begins with this call. Either way it goes on for a while."""
        was_kept = self.keep is not None
        self._heard = self.clock.now()
        self.keep = self._keep
        return list(self._entries) if was_kept else None

    def follow(self) -> Follower:
        """Begins to follow; whoever does so calls `leave` in the end."""
        self.keep = self._keep
        follower = Follower(self, self._total)
        self._followers.add(follower)
        return follower

    def leave(self, follower: Follower) -> None:
        """One follower less."""
        self._followers.discard(follower)
        self.rest(self.clock.now())

    def rest(self, now: float) -> None:
        """Stops keeping, and forgets, if nobody listens any more; called by the deadline sweep as well."""
        if self.keep is not None and not self._followers and now - self._heard >= LISTENING_SECONDS:
            self.keep = None
            self._entries.clear()

    def close(self) -> None:
        """Sends all followers away once they have read what is there."""
        self.is_closed = True
        for follower in self._followers:
            follower.arrived.set()

    def after(self, position: int, limit: int) -> Batch:
        """At most so many entries from a position on, counted from the ring's beginning."""
        oldest = self._total - len(self._entries)
        missed = max(0, oldest - position)
        start = max(0, position - oldest)
        return Batch(missed, list(itertools.islice(self._entries, start, start + limit)))

    def __repr__(self) -> str:
        state = "off" if self.keep is None else f"kept={len(self._entries)} followers={len(self._followers)}"
        return f"<RequestRing {state}>"


class Follower:
    """Reads every request from its beginning on, as fast as it can.

    Attributes:
        arrived: There may be something to read.
    """

    __slots__ = ("_position", "_ring", "arrived")

    def __init__(self, ring: RequestRing, position: int) -> None:
        self._ring = ring
        self._position = position
        self.arrived = asyncio.Event()

    @property
    def is_dismissed(self) -> bool:
        """Nothing will come any more."""
        return self._ring.is_closed

    def read(self, limit: int) -> Batch:
        """What has come since the last time, at most `limit` of it."""
        batch = self._ring.after(self._position, limit)
        self._position += batch.missed + len(batch.entries)
        if not batch.entries:
            self.arrived.clear()
        return batch

    async def wait(self, seconds: float) -> None:
        """Waits until there may be something to read, but not for longer than that."""
        try:
            async with asyncio.timeout(seconds):
                await self.arrived.wait()
        except TimeoutError:
            pass

    def leave(self) -> None:
        """Follows no more."""
        self._ring.leave(self)
