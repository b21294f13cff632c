"""H2TargetPool: the connections to a target that speaks HTTP/2, each with many streams.

A request takes a stream of the connection that was made first and has room. Where none has, it waits for one: for a
connection that is being made, and one is enough for as many requests as it may be expected to take, or for a stream
that ends, whichever comes first. So one connection serves a target until its MAX_CONCURRENT_STREAMS is reached.

An attempt that fails is the answer for everybody who waits: they would have to wait for the same target again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Any

from edgeproxy.exchange.outcome import Outcome
from edgeproxy.protocol.h2_client import ASSUMED_STREAMS
from edgeproxy.runtime.h2_target_connection import H2TargetConnection, LostError, TargetStream
from edgeproxy.runtime.target_connector import UnreachableError
from edgeproxy.runtime.target_pool import LINGER_SECONDS, TargetPool

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Coroutine

    from edgeproxy.balancing.target_state import TargetState
    from edgeproxy.exchange.exchange import Exchange
    from edgeproxy.protocol.memo import Memo
    from edgeproxy.protocol.message import ResponseHead
    from edgeproxy.runtime.clock import Clock
    from edgeproxy.runtime.metrics import LoadBalancerCounters
    from edgeproxy.runtime.target_connector import TargetConnector

_log = logging.getLogger(__name__)


class H2TargetPool(TargetPool):
    """The connections to one target."""

    __slots__ = (
        "_attempts",
        "_clock",
        "_connector",
        "_expected",
        "_is_draining",
        "_memo",
        "_open",
        "_spawn",
        "_waiting",
    )

    def __init__(
        self,
        target: TargetState,
        tls: ssl.SSLContext | None,
        *,
        idle_timeout: float,
        connector: TargetConnector,
        memo: Memo[ResponseHead],
        clock: Clock,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        counters: LoadBalancerCounters | None = None,
        linger_seconds: float = LINGER_SECONDS,
    ) -> None:
        """An empty pool.

        Args:
            target: The target.
            tls: Set where the group's protocol is HTTPS.
            idle_timeout: That of the load balancer that uses the target's group, in seconds.
            connector: Connects.
            memo: What the codecs of one proxy remember of heads.
            clock: The time.
            spawn: Begins a task that ends with the proxy.
            counters: Those of the load balancer.
            linger_seconds: How long the end of TLS may take.
        """
        super().__init__(
            target,
            tls,
            idle_timeout=idle_timeout,
            counters=counters,
            linger_seconds=linger_seconds,
            now=clock.now,
        )
        self._connector = connector
        self._memo = memo
        self._clock = clock
        self._spawn = spawn
        self._expected = ASSUMED_STREAMS
        self._open: list[H2TargetConnection] = []
        self._waiting: deque[Exchange] = deque()
        self._attempts: set[asyncio.Task[None]] = set()
        self._is_draining = False

    # ---- who needs a stream

    def take(self) -> TargetStream | None:  # hot path
        """A stream that may be opened now."""
        for connection in self._open:
            stream = connection.take()
            if stream is not None:
                return stream
        return None

    def connect(self, exchange: Exchange) -> None:
        """The exchange gets a stream later."""
        self._waiting.append(exchange)
        self._begin_attempts()

    def _begin_attempts(self) -> None:
        """As many as those who wait need, as far as is known."""
        while len(self._waiting) > len(self._attempts) * self._expected:
            task = self._spawn(self._attempt())
            self._attempts.add(task)
            task.add_done_callback(self._on_attempt_ended)

    def _on_attempt_ended(self, task: asyncio.Task[None]) -> None:
        self._attempts.discard(task)
        if task.cancelled():
            # Maybe before its first step.
            self._refuse(Outcome.SHUTTING_DOWN)

    async def _attempt(self) -> None:
        failure = Outcome.CONNECT_FAILED
        connection = None
        try:
            connection = await self._connected()
        except (UnreachableError, LostError) as error:
            failure = error.outcome
        except Exception:
            # Whatever it was, the clients get an answer: nothing else would end these exchanges.
            _log.exception("Connecting to %s failed in an unforeseen way", self.target.label)
        # At once: until the task's callbacks have their turn, somebody may come and would wait for an attempt that is
        # over.
        task = asyncio.current_task()
        assert task is not None
        self._attempts.discard(task)
        if connection is None:
            self._refuse(failure)
        else:
            self._on_connected(connection)

    async def _connected(self) -> H2TargetConnection:
        """A connection whose target has said what it allows.

        Raises:
            UnreachableError: there is none, and why.
            LostError: it ended at once.
        """
        connection = await self._connector.open(self, lambda: H2TargetConnection(self, self._memo))
        try:
            async with asyncio.timeout(self._connector.timeout):
                await connection.ready
        except BaseException as error:
            connection.abort()
            if isinstance(error, TimeoutError):
                raise UnreachableError(Outcome.CONNECT_TIMEOUT) from error
            raise
        return connection

    def _on_connected(self, connection: H2TargetConnection) -> None:
        if connection.take() is None:
            # It came with a GOAWAY, or allows no stream at all: another one would not do better.
            self._refuse(Outcome.TARGET_CLOSED)
            connection.close()
            return
        self._open.append(connection)
        self._expected = connection.allowed_streams
        self._serve()
        if self._is_draining:
            connection.close()
        self._begin_attempts()

    def on_room(self, connection: H2TargetConnection) -> None:
        """A stream has ended."""
        if self._waiting:
            self._serve()
        if not connection.streams and connection in self._open and connection.take() is None:
            # It has used up its stream numbers, or is going away.
            connection.close()

    def _serve(self) -> None:
        """Hands out streams as long as there are any."""
        waiting = self._waiting
        while waiting:
            stream = self.take()
            if stream is None:
                return
            exchange = stream.exchange = waiting.popleft()
            exchange.on_target_ready(stream, self._clock.now())

    def _refuse(self, outcome: Outcome) -> None:
        """Nobody who waits gets a stream."""
        waiting, self._waiting = self._waiting, deque()
        for exchange in waiting:
            exchange.on_target_failed(outcome)

    # ---- the connections

    def on_closed(self, connection: H2TargetConnection) -> None:  # type: ignore[override]
        """A connection exists no more."""
        super().on_closed(connection)
        if connection in self._open:
            self._open.remove(connection)

    def close_idle(self, before: float | None = None) -> None:
        """Closes the connections that nothing came on since `before`, or all; each when its last stream has ended."""
        for connection in self._open:
            if before is None:
                connection.close()
            else:
                connection.expire(before)

    def drain(self) -> None:
        """Closes each connection when its last stream has ended, and those that come later as well."""
        self._is_draining = True
        for connection in list(self._open):
            connection.close()

    def revive(self) -> None:
        """The target is registered again."""
        self._is_draining = False

    def cut(self, outcome: Outcome) -> None:
        """Ends every exchange that is still running here."""
        self._refuse(outcome)
        for task in self._attempts:
            task.cancel()
        for connection in list(self.connections):
            connection.cut(outcome)

    def __repr__(self) -> str:
        streams = sum(len(connection.streams) for connection in self._open)
        return f"<H2TargetPool {self.target.label} streams={streams} open={len(self.connections)}>"
