"""What every connection to a target has in common: it asks, and knows when what came.

`Answer.outcome` is what the load balancer would make of an exchange. The versions of HTTP are in `probe.py` and
`h2_probe.py`.

Rules of this file: the clock is a parameter and only measures; waiting is done by the event loop. Silence counts from
the last byte in either direction, as the load balancer counts it.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, cast

import msgspec

from edgeproxy.exchange.outcome import STATUS, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgeproxy.protocol.message import ResponseHead


class Answer(msgspec.Struct, kw_only=True):
    """What came back for one request. Durations are in seconds.

    Attributes:
        outcome: What the load balancer makes of it; FORWARDED where nothing is wrong.
        fault: More about what is wrong.
        head: The response's; None if there was no good one.
        head_size: Bytes of the head; of one that is too long only if its end came with what exceeded the limit, else 0.
        body_size: Bytes of the body.
        first_byte: From the request to the first byte.
        longest_gap: The longest silence after that.
        is_complete: The response ended.
        is_closed_by_target: The target closed or reset the connection before that.
        grpc_status: What a call of gRPC ended with, if the answer says so.
    """

    outcome: Outcome = Outcome.FORWARDED
    fault: str = ""
    head: ResponseHead | None = None
    head_size: int = 0
    body_size: int = 0
    first_byte: float = 0.0
    longest_gap: float = 0.0
    is_complete: bool = False
    is_closed_by_target: bool = False
    grpc_status: int | None = None

    @property
    def status(self) -> int:
        """What the client gets: the target's status, or the load balancer's."""
        return self.head.status if self.head is not None else STATUS.get(self.outcome, 0)

    def header(self, name: str) -> str:
        """A header's first value, by its lower-case name; "" without one."""
        return next(iter(self.head.values(name)), "") if self.head is not None else ""


class Asking(asyncio.Protocol, ABC):
    """One connection to a target.

    Attributes:
        now: The clock that measures, in seconds.
        closed: When the target closed it, or said that it takes no more requests, by the clock; cancelled if this end
            closed it.
        is_going_away: The target has said so before it closed (GOAWAY).
    """

    def __init__(self, now: Callable[[], float]) -> None:
        loop = asyncio.get_running_loop()
        self.now = now
        self.closed: asyncio.Future[float] = loop.create_future()
        self.is_going_away = False
        self._transport: asyncio.Transport | None = None
        self._answer = Answer()
        self._end: asyncio.Future[None] = loop.create_future()
        self._end.set_result(None)
        self._last_activity = 0.0
        self._has_begun = False
        self._is_closing = False
        self._is_lost = False

    @abstractmethod
    async def ask(self, request: bytes, *, idle_timeout: float, at_most: float, method: str = "GET") -> Answer:
        """Send a request and wait until its response is over.

        Args:
            request: The bytes of HTTP/1.1.
            idle_timeout: Seconds of silence that end it.
            at_most: Seconds after which it is left alone, answered or not; the outcome is still FORWARDED then.
            method: The request's.
        """

    async def closed_within(self, seconds: float) -> float | None:
        """How long from now the target kept the connection; None if it is still open after that time."""
        return await self._within(self.closed, seconds)

    def close(self) -> None:
        """Close it from this end, at once."""
        self._is_closing = True
        if self._transport is not None:
            self._transport.abort()

    async def _within(self, what: asyncio.Future[float], seconds: float) -> float | None:
        start = self.now()
        await asyncio.wait({what}, timeout=seconds)
        return max(what.result() - start, 0.0) if what.done() else None

    async def _exchange(self, send: Callable[[], None], idle_timeout: float, at_most: float) -> Answer:
        self._answer = answer = Answer()
        self._has_begun = False
        self._end = asyncio.get_running_loop().create_future()
        start = self._last_activity = self.now()
        if self.closed.done():
            self._fail(
                Outcome.TARGET_CLOSED, "the target closed the connection before it was used again", is_by_close=True
            )
        else:
            send()
        while not self._end.done():
            silence, total = self.now() - self._last_activity, self.now() - start
            if silence >= idle_timeout and answer.outcome is Outcome.FORWARDED:
                self._fail(Outcome.TARGET_SILENT, f"{idle_timeout:g} s without a byte")
            elif silence >= idle_timeout or total >= at_most:
                self._finish()
            else:
                await asyncio.wait({self._end}, timeout=min(idle_timeout - silence, at_most - total))
        self._answer = Answer()  # what comes from now on is too late for the one that is returned
        return answer

    # ---- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        self._transport = cast("asyncio.Transport", transport)

    def eof_received(self) -> bool:
        """The target has closed its side."""
        self._on_closed("the target closed the connection")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._on_closed("the target reset the connection")

    def _on_closed(self, how: str) -> None:
        if self._is_lost:
            return
        self._is_lost = True
        if self._is_closing:
            self.closed.cancel()
            return
        if not self.closed.done():
            self.closed.set_result(self.now())
        self._on_lost(how)
        self._finish()

    @abstractmethod
    def _on_lost(self, how: str) -> None:
        """The target has closed the connection: what of an exchange that is under way?"""

    # ---- for those that read

    def _measure(self) -> None:
        """Something has come."""
        answer, now = self._answer, self.now()
        if self._has_begun:
            answer.longest_gap = max(answer.longest_gap, now - self._last_activity)
        else:
            answer.first_byte = now - self._last_activity
        self._has_begun = True
        self._last_activity = now

    def _fail(self, outcome: Outcome, fault: str, *, is_by_close: bool = False) -> None:
        self._answer.outcome = outcome
        self._answer.fault = fault
        self._answer.is_closed_by_target = is_by_close
        self._finish()

    def _finish(self) -> None:
        if not self._end.done():
            self._end.set_result(None)
