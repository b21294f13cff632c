"""TargetPool: the connections to one target that speaks HTTP/1.1, one exchange on each.

A pool belongs to one target of one group. The connection used last is handed out first, so that under light load the
others age and are closed after the idle timeout (user guide, edit-load-balancer-attributes).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Protocol

from edgeproxy.runtime.metrics import LoadBalancerCounters
from edgeproxy.runtime.target_connection import TargetConnection

if TYPE_CHECKING:
    import asyncio
    import ssl
    from collections.abc import Callable

    from edgeproxy.balancing.target_state import TargetState
    from edgeproxy.exchange.exchange import Exchange
    from edgeproxy.exchange.outcome import Outcome
    from edgeproxy.runtime.h2_target_connection import TargetStream

LINGER_SECONDS: Final = 30.0
"""How long a connection that we have closed may take to deliver the rest of a tunnel, or to answer the end of TLS."""


class PooledConnection(Protocol):
    """A connection to a target, whichever version of HTTP it speaks, as its pool and the sweep see it."""

    def note_progress(self, now: float) -> None:
        """Looks whether the target has taken bytes."""

    def abort(self) -> None:
        """Closes at once, whatever is under way."""

    def cut(self, outcome: Outcome) -> None:
        """Ends whatever is under way."""


class TargetPool:
    """The connections to one target that speaks HTTP/1.1, one exchange on each."""

    __slots__ = (
        "connecting",
        "connections",
        "counters",
        "idle",
        "idle_timeout",
        "linger_seconds",
        "now",
        "target",
        "tls",
    )

    def __init__(
        self,
        target: TargetState,
        tls: ssl.SSLContext | None,
        *,
        idle_timeout: float,
        counters: LoadBalancerCounters | None = None,
        linger_seconds: float = LINGER_SECONDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`idle_timeout` is that of the load balancer that uses the target's group, in seconds."""
        self.target = target
        self.now = now
        self.idle_timeout = idle_timeout
        self.counters = counters or LoadBalancerCounters()
        self.linger_seconds = linger_seconds
        self.tls = tls
        self.idle: list[TargetConnection] = []
        self.connections: set[PooledConnection] = set()
        self.connecting: dict[Exchange, asyncio.Task[None]] = {}

    def take(self) -> TargetConnection | TargetStream | None:  # hot path
        """The idle connection that was used last, if it is still open."""
        idle = self.idle
        while idle:
            connection = idle.pop()
            if connection.is_open:
                return connection
        return None

    def put(self, connection: TargetConnection) -> None:  # hot path
        """A clean connection is idle again."""
        self.idle.append(connection)

    def forget_idle(self, connection: TargetConnection) -> None:
        """A connection is gone; it may have been idle."""
        if connection in self.idle:
            self.idle.remove(connection)

    def on_connect_ended(self, exchange: Exchange, _: object = None) -> None:
        """An attempt to connect is over."""
        self.connecting.pop(exchange, None)

    def count_for(self, counters: LoadBalancerCounters) -> None:
        """From now on the connections, those that are open as well, are another load balancer's."""
        self.counters.active_target_connections -= len(self.connections)
        self.counters = counters
        counters.active_target_connections += len(self.connections)

    def on_opened(self, connection: PooledConnection) -> None:
        """A connection exists."""
        self.connections.add(connection)
        self.counters.active_target_connections += 1

    def on_closed(self, connection: PooledConnection) -> None:
        """A connection exists no more."""
        if connection in self.connections:
            self.connections.discard(connection)
            self.counters.active_target_connections -= 1

    def close_idle(self, before: float | None = None) -> None:
        """Closes the connections that nothing came on since `before`, or all idle ones."""
        stale = [each for each in self.idle if before is None or each.last_activity < before]
        for connection in stale:
            self.idle.remove(connection)
            connection.close()

    def drain(self) -> None:
        """Closes what is idle, and from now on what would become idle."""
        self.close_idle()
        self.idle = _Refusing()

    def revive(self) -> None:
        """The target is registered again while draining."""
        if isinstance(self.idle, _Refusing):
            self.idle = []

    def cut(self, outcome: Outcome) -> None:
        """Ends every exchange that is still running here."""
        for exchange, task in list(self.connecting.items()):
            exchange.on_target_failed(outcome)
            task.cancel()
        for connection in list(self.connections):
            connection.cut(outcome)

    def abort_all(self) -> None:
        """Closes every connection at once."""
        for connection in list(self.connections):
            connection.abort()

    def __repr__(self) -> str:
        return f"<TargetPool {self.target.label} idle={len(self.idle)} open={len(self.connections)}>"


class _Refusing(list[TargetConnection]):
    """The idle list of a target that is gone: what comes back is closed."""

    def append(self, connection: TargetConnection) -> None:
        connection.close()
