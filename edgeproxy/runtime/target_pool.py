"""Connections to targets: made when needed, kept while idle, never retried.

A pool belongs to one target of one group. The connection used last is handed out first, so that under light load the
others age and are closed after the idle timeout (user guide, edit-load-balancer-attributes). The load balancer does
not connect ahead (user guide, how-elastic-load-balancing-works).
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import socket
import time
from typing import TYPE_CHECKING, Final

from edgeproxy.exchange.outcome import Outcome
from edgeproxy.protocol.h1_client import response_head_memo
from edgeproxy.runtime.metrics import LoadBalancerCounters
from edgeproxy.runtime.target_connection import TargetConnection

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    from edgeproxy.balancing.target_state import TargetState
    from edgeproxy.exchange.exchange import Exchange
    from edgeproxy.protocol.memo import Memo
    from edgeproxy.protocol.message import ResponseHead
    from edgeproxy.runtime.clock import Clock

_log = logging.getLogger(__name__)

CONNECT_TIMEOUT: Final = 10.0
"""Seconds for TCP, and again for TLS; fixed. Source: user guide, load-balancer-troubleshooting, HTTP 504."""


LINGER_SECONDS: Final = 30.0
"""How long a connection that we have closed may take to deliver the rest of a tunnel, or to answer the end of TLS."""


class TargetPool:
    """The connections to one target."""

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
        self.connections: set[TargetConnection] = set()
        self.connecting: dict[Exchange, asyncio.Task[None]] = {}

    def take(self) -> TargetConnection | None:  # hot path
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

    def on_opened(self, connection: TargetConnection) -> None:
        """A connection exists."""
        self.connections.add(connection)
        self.counters.active_target_connections += 1

    def on_closed(self, connection: TargetConnection) -> None:
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


class TargetPools:
    """All pools of one proxy; the dialer of its exchanges."""

    def __init__(self, clock: Clock, *, time_scale: float = 1.0) -> None:
        self._clock = clock
        self._connect_timeout = CONNECT_TIMEOUT * time_scale
        self._linger_seconds = LINGER_SECONDS * time_scale
        self._memo: Memo[ResponseHead] = response_head_memo()
        self._pools: dict[TargetState, TargetPool] = {}
        self._connecting: set[asyncio.Task[None]] = set()

    def register(
        self,
        target: TargetState,
        tls: ssl.SSLContext | None,
        *,
        idle_timeout: float,
        counters: LoadBalancerCounters | None = None,
    ) -> None:
        """Makes room for a target, or follows its group's protocol, and its load balancer and that one's idle timeout.

        Args:
            target: A target; one of another group is another target, so no two load balancers share a pool.
            tls: Set where the group's protocol is HTTPS.
            idle_timeout: Seconds after which a connection that serves nobody is closed.
            counters: Those of the load balancer that uses the group.
        """
        pool = self._pools.get(target)
        if pool is not None and pool.tls is not tls:
            self.deregister(target)
            pool = None
        if pool is None:
            self._pools[target] = TargetPool(
                target,
                tls,
                idle_timeout=idle_timeout,
                counters=counters,
                linger_seconds=self._linger_seconds,
                now=self._clock.now,
            )
            return
        pool.idle_timeout = idle_timeout
        if counters is not None and counters is not pool.counters:
            pool.count_for(counters)
        if isinstance(pool.idle, _Refusing):
            pool.idle = []  # registered again while draining

    def drain(self, target: TargetState) -> None:
        """A target's deregistration delay begins: idle connections close, busy ones finish and are not kept."""
        pool = self._pools.get(target)
        if pool is not None:
            pool.drain()

    def end(self, target: TargetState) -> None:
        """A target's deregistration delay is over: what is still running ends with a 502.

        Source: user guide, load-balancer-troubleshooting, HTTP 502.
        """
        pool = self._pools.get(target)
        if pool is not None:
            self.deregister(target)
            pool.cut(Outcome.DEREGISTERED)

    def deregister(self, target: TargetState) -> None:
        """Closes a target's idle connections; busy ones finish and are not kept, however long that takes."""
        pool = self._pools.pop(target, None)
        if pool is not None:
            # put() must not keep anything: the pool is out of the sweep's sight.
            pool.drain()

    def dial(self, target: TargetState, exchange: Exchange) -> TargetConnection | None:  # hot path
        """An idle connection now, or None and a call of the exchange later."""
        pool = self._pools.get(target)
        if pool is None:
            # Deregistered between being picked and now.
            exchange.on_target_failed(Outcome.NO_TARGET)
            return None
        connection = pool.take()
        if connection is not None:
            connection.exchange = exchange
            return connection
        task = asyncio.get_running_loop().create_task(self._connect(pool, exchange))
        self._connecting.add(task)
        pool.connecting[exchange] = task
        task.add_done_callback(self._connecting.discard)
        # Also for a task that is cancelled before its first step.
        task.add_done_callback(functools.partial(pool.on_connect_ended, exchange))
        return None

    async def _connect(self, pool: TargetPool, exchange: Exchange) -> None:
        try:
            connection = await self._open(pool)
        except _UnreachableError as error:
            exchange.on_target_failed(error.outcome)
        except asyncio.CancelledError:
            exchange.on_target_failed(Outcome.SHUTTING_DOWN)
            raise
        except Exception:
            # Whatever it was, the client gets an answer: nothing else would end this exchange.
            _log.exception("Connecting to %s failed in an unforeseen way", pool.target.label)
            exchange.on_target_failed(Outcome.CONNECT_FAILED)
        else:
            if not connection.is_open:
                # A target that closes at once may be gone before this task has its turn.
                exchange.on_target_failed(Outcome.TARGET_CLOSED)
                return
            # At once: until the task's callbacks have their turn, a response may come and the target's delay may end.
            pool.on_connect_ended(exchange)
            connection.exchange = exchange
            exchange.on_target_ready(connection, self._clock.now())

    async def _open(self, pool: TargetPool) -> TargetConnection:
        """A new connection, TLS done. Names are resolved by the health checks: no request waits for one.

        Raises:
            _UnreachableError: there is none, and why.
        """
        with _failing_as(refused=Outcome.CONNECT_FAILED, late=Outcome.CONNECT_TIMEOUT):
            sock = await self._connected_socket(pool.target)
        pool.counters.new_target_connections += 1
        # From here on the socket is the loop's: whoever closes it before its transport does frees a descriptor that the
        # loop still watches, and the next connection gets it.
        with _failing_as(refused=Outcome.TARGET_TLS_FAILED, late=Outcome.TARGET_TLS_TIMEOUT):
            async with asyncio.timeout(self._connect_timeout):
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: TargetConnection(pool, self._memo),
                    sock=sock,
                    ssl=pool.tls,
                    # Empty: no server name is sent and none is checked (user guide, load-balancer-target-groups).
                    server_hostname="" if pool.tls is not None else None,
                    ssl_shutdown_timeout=self._linger_seconds if pool.tls is not None else None,
                )
        return connection

    async def _connected_socket(self, target: TargetState) -> socket.socket:
        address = target.address
        if address is None:
            raise OSError(f"the name {target.id} does not resolve")
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.timeout(self._connect_timeout):
                await asyncio.get_running_loop().sock_connect(sock, (address, target.port))
        except BaseException:
            sock.close()
            raise
        return sock

    def check(self, now: float) -> None:
        """The deadline sweep's visit: closes what has been idle for longer than its load balancer allows."""
        for pool in self._pools.values():
            for connection in pool.connections:
                connection.note_progress(now)
            if pool.idle:
                pool.close_idle(now - pool.idle_timeout)

    def close_idle_of(self, target: TargetState) -> None:
        """Closes the idle connections of one target."""
        pool = self._pools.get(target)
        if pool is not None:
            pool.close_idle()

    async def close(self) -> None:
        """Closes everything."""
        for task in list(self._connecting):
            task.cancel()
        if self._connecting:
            await asyncio.wait(self._connecting)
        for target in list(self._pools):
            self._pools[target].abort_all()
            self.deregister(target)

    def __repr__(self) -> str:
        return f"<TargetPools {list(self._pools.values())}>"


class _UnreachableError(Exception):
    """There is no connection to a target; the outcome says why."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.value)
        self.outcome = outcome


@contextlib.contextmanager
def _failing_as(*, refused: Outcome, late: Outcome) -> Iterator[None]:
    """What an error of the loop means. A handshake that the target ends by closing is no `ssl.SSLError`."""
    try:
        yield
    except TimeoutError as error:
        raise _UnreachableError(late) from error
    except OSError as error:
        raise _UnreachableError(refused) from error


class _Refusing(list[TargetConnection]):
    """The idle list of a target that is gone: what comes back is closed."""

    def append(self, connection: TargetConnection) -> None:
        connection.close()
