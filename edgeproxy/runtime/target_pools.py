"""TargetPools: all pools of one proxy, and the dialer of its exchanges.

Connections to targets are made when needed, kept while idle, and nothing is retried. The load balancer does not connect
ahead (user guide, how-elastic-load-balancing-works).
"""

from __future__ import annotations

import asyncio
import functools
import logging
from typing import TYPE_CHECKING, Any

from edgeproxy.exchange.outcome import Outcome
from edgeproxy.protocol.h1_client import response_head_memo
from edgeproxy.runtime.h2_target_pool import H2TargetPool
from edgeproxy.runtime.target_connection import TargetConnection
from edgeproxy.runtime.target_connector import CONNECT_TIMEOUT, TargetConnector, UnreachableError
from edgeproxy.runtime.target_pool import LINGER_SECONDS, TargetPool

if TYPE_CHECKING:
    import ssl
    from collections.abc import Coroutine

    from edgeproxy.balancing.target_state import TargetState
    from edgeproxy.exchange.exchange import Exchange
    from edgeproxy.protocol.memo import Memo
    from edgeproxy.protocol.message import ResponseHead
    from edgeproxy.runtime.clock import Clock
    from edgeproxy.runtime.h2_target_connection import TargetStream
    from edgeproxy.runtime.metrics import LoadBalancerCounters

_log = logging.getLogger(__name__)


class TargetPools:
    """All pools of one proxy; the dialer of its exchanges."""

    def __init__(self, clock: Clock, *, time_scale: float = 1.0) -> None:
        self._clock = clock
        self._linger_seconds = LINGER_SECONDS * time_scale
        self._connector = TargetConnector(timeout=CONNECT_TIMEOUT * time_scale, linger_seconds=self._linger_seconds)
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
        is_h2: bool = False,
    ) -> None:
        """Makes room for a target, or follows its group's protocol, and its load balancer and that one's idle timeout.

        Args:
            target: A target; one of another group is another target, so no two load balancers share a pool.
            tls: Set where the group's protocol is HTTPS.
            idle_timeout: Seconds after which a connection that serves nobody is closed.
            counters: Those of the load balancer that uses the group.
            is_h2: The group's protocol version is HTTP2 or GRPC.
        """
        pool = self._pools.get(target)
        if pool is not None and (pool.tls is not tls or isinstance(pool, H2TargetPool) is not is_h2):
            self.deregister(target)
            pool = None
        if pool is None:
            self._pools[target] = (self._h2_pool if is_h2 else self._h1_pool)(target, tls, idle_timeout, counters)
            return
        pool.idle_timeout = idle_timeout
        if counters is not None and counters is not pool.counters:
            pool.count_for(counters)
        pool.revive()

    def _h1_pool(
        self,
        target: TargetState,
        tls: ssl.SSLContext | None,
        idle_timeout: float,
        counters: LoadBalancerCounters | None,
    ) -> TargetPool:
        return TargetPool(
            target,
            tls,
            idle_timeout=idle_timeout,
            counters=counters,
            linger_seconds=self._linger_seconds,
            now=self._clock.now,
        )

    def _h2_pool(
        self,
        target: TargetState,
        tls: ssl.SSLContext | None,
        idle_timeout: float,
        counters: LoadBalancerCounters | None,
    ) -> H2TargetPool:
        return H2TargetPool(
            target,
            tls,
            idle_timeout=idle_timeout,
            counters=counters,
            connector=self._connector,
            memo=self._memo,
            clock=self._clock,
            spawn=self._spawn,
        )

    def drain(self, target: TargetState) -> None:
        """A target's deregistration delay begins: idle connections close, busy ones finish and are not kept."""
        pool = self._pools.get(target)
        if pool is not None:
            pool.drain()

    def revive(self, target: TargetState) -> None:
        """Takes a `drain` back: connections are kept again."""
        pool = self._pools.get(target)
        if pool is not None:
            pool.revive()

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

    def dial(self, target: TargetState, exchange: Exchange) -> TargetConnection | TargetStream | None:  # hot path
        """An idle connection, or a stream, now, or None and a call of the exchange later."""
        pool = self._pools.get(target)
        if pool is None:
            # Deregistered between being picked and now.
            exchange.on_target_failed(Outcome.NO_TARGET)
            return None
        connection = pool.take()
        if connection is not None:
            connection.exchange = exchange
            return connection
        if isinstance(pool, H2TargetPool):
            pool.connect(exchange)
            return None
        task = self._spawn(self._connect(pool, exchange))
        pool.connecting[exchange] = task
        # Also for a task that is cancelled before its first step.
        task.add_done_callback(functools.partial(pool.on_connect_ended, exchange))
        return None

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)
        return task

    async def _connect(self, pool: TargetPool, exchange: Exchange) -> None:
        try:
            connection = await self._open(pool)
        except UnreachableError as error:
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
        return await self._connector.open(pool, lambda: TargetConnection(pool, self._memo))

    def check(self, now: float) -> None:
        """The deadline sweep's visit: closes what has been idle for longer than its load balancer allows."""
        for pool in self._pools.values():
            for connection in pool.connections:
                connection.note_progress(now)
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
