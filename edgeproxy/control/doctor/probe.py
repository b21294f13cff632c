"""One connection to a target: what is asked on it, what comes back, and when.

What comes back is read by the load balancer's own codec, so that what it calls malformed is what the load balancer
answers with 502. `Answer.outcome` is what the load balancer would make of the exchange.

Rules of this file: the clock is a parameter and only measures; waiting is done by the event loop. Silence counts from
the last byte in either direction, as the load balancer counts it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import ssl
import time
from typing import TYPE_CHECKING, Final, cast

import msgspec

from edgeproxy.exchange.outcome import STATUS, Outcome
from edgeproxy.protocol.h1_client import H1ClientCodec, response_head_memo
from edgeproxy.runtime.target_connector import CONNECT_TIMEOUT, UnreachableError, failing_as

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgeproxy.control.doctor.subject import Subject
    from edgeproxy.errors import ProtocolError
    from edgeproxy.protocol.message import ResponseHead


_INTERIM: Final = re.compile(rb"HTTP/1\.\d 1\d\d")


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

    @property
    def status(self) -> int:
        """What the client gets: the target's status, or the load balancer's."""
        return self.head.status if self.head is not None else STATUS.get(self.outcome, 0)

    def header(self, name: str) -> str:
        """A header's first value, by its lower-case name; "" without one."""
        return next(iter(self.head.values(name)), "") if self.head is not None else ""


class Connection(asyncio.Protocol):
    """One connection to a target.

    Attributes:
        closed: When the target closed it, by the clock; cancelled if this end did.
        heard: When the first byte came on a WebSocket, by the clock.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        loop = asyncio.get_running_loop()
        self.now = now
        self.closed: asyncio.Future[float] = loop.create_future()
        self.heard: asyncio.Future[float] = loop.create_future()
        self._codec = H1ClientCodec(self, response_head_memo())
        self._transport: asyncio.Transport | None = None
        self._answer = Answer()
        self._end: asyncio.Future[None] = loop.create_future()
        self._end.set_result(None)
        self._last_activity = 0.0
        self._received = b""
        self._has_begun = False
        self._is_closing = False

    async def ask(self, request: bytes, *, idle_timeout: float, at_most: float, method: str = "GET") -> Answer:
        """Send a request and wait until its response is over.

        Args:
            request: The bytes.
            idle_timeout: Seconds of silence that end it.
            at_most: Seconds after which it is left alone, answered or not; the outcome is still FORWARDED then.
            method: The request's.
        """
        self._codec.start(method)
        return await self._exchange(request, idle_timeout, at_most)

    async def upgrade(self, request: bytes, *, idle_timeout: float) -> Answer:
        """The same for a request that asks for a WebSocket."""
        self._codec.start_upgrade(self)
        return await self._exchange(request, idle_timeout, idle_timeout)

    async def closed_within(self, seconds: float) -> float | None:
        """How long from now the target kept the connection; None if it is still open after that time."""
        return await self._within(self.closed, seconds)

    async def heard_within(self, seconds: float) -> float | None:
        """How long from now until the first byte on a WebSocket, or its close; None if there was neither."""
        return await self._within(self.heard, seconds)

    def close(self) -> None:
        """Close it from this end, at once."""
        self._is_closing = True
        if self._transport is not None:
            self._transport.abort()

    async def _within(self, what: asyncio.Future[float], seconds: float) -> float | None:
        start = self.now()
        await asyncio.wait({what}, timeout=seconds)
        return max(what.result() - start, 0.0) if what.done() else None

    async def _exchange(self, request: bytes, idle_timeout: float, at_most: float) -> Answer:
        assert self._transport is not None
        self._answer = answer = Answer()
        self._received = b""
        self._has_begun = False
        self._end = asyncio.get_running_loop().create_future()
        start = self._last_activity = self.now()
        if self.closed.done():
            self._fail(
                Outcome.TARGET_CLOSED, "the target closed the connection before it was used again", is_by_close=True
            )
        else:
            self._transport.write(request)
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

    def data_received(self, data: bytes) -> None:
        """Bytes have come; those after the end of an exchange are kept nowhere."""
        if not self._end.done():
            self._measure(data)
        self._codec.feed(data)

    def _measure(self, data: bytes) -> None:
        answer, now = self._answer, self.now()
        if self._has_begun:
            answer.longest_gap = max(answer.longest_gap, now - self._last_activity)
        else:
            answer.first_byte = now - self._last_activity
        self._has_begun = True
        self._last_activity = now
        if not answer.head_size:
            # The codec ends the exchange at the limit, so this is no more than the limit and one read.
            self._received += data
            end = self._end_of_head()
            answer.head_size = end + 4 if end >= 0 else 0

    def _end_of_head(self) -> int:
        """Where the empty line begins behind the final head, or -1; interim heads (1xx) in front of it are forgotten."""
        while (end := self._received.find(b"\r\n\r\n")) >= 0 and _INTERIM.match(self._received):
            self._received = self._received[end + 4 :]
        return end

    def eof_received(self) -> bool:
        """The target has closed its side."""
        self._on_closed("the target closed the connection")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._on_closed("the target reset the connection")

    def _on_closed(self, how: str) -> None:
        if self.closed.done():
            return
        if self._is_closing:
            self.closed.cancel()
            return
        self.closed.set_result(self.now())
        if self._codec.is_waiting:
            self._answer.fault = self._answer.fault or how
            self._codec.feed_eof()
        self._finish()
        if not self.heard.done():
            self.heard.set_result(self.now())

    # ---- ResponseSink

    def on_response(self, head: ResponseHead, data: bytes, is_complete: bool) -> None:
        """The head, and what came with it."""
        self._answer.head = head
        self._answer.head_size = head.size
        self.on_response_body(data, is_complete)

    def on_response_body(self, data: bytes, is_complete: bool) -> None:
        """More of the body."""
        self._answer.body_size += len(data)
        if is_complete:
            self._answer.is_complete = True
            self._finish()

    def on_response_error(self, error: ProtocolError) -> None:
        """Not an HTTP response, or not all of one."""
        if self.closed.done():
            self._fail(Outcome.TARGET_CLOSED, self._answer.fault, is_by_close=True)
        else:
            self._fail(Outcome.TARGET_MALFORMED, error.fault)

    # ---- TunnelSink

    def on_switch(self, head: ResponseHead, data: bytes) -> None:
        """A WebSocket is open."""
        self._answer.head = head
        self._finish()
        if data:
            self.on_tunnel_bytes(data)

    def on_tunnel_bytes(self, data: bytes) -> None:
        """Something was said on it."""
        if not self.heard.done():
            self.heard.set_result(self.now())

    def on_tunnel_end(self) -> None:
        """It was closed; `closed` knows."""

    def _fail(self, outcome: Outcome, fault: str, *, is_by_close: bool = False) -> None:
        self._answer.outcome = outcome
        self._answer.fault = fault
        self._answer.is_closed_by_target = is_by_close
        self._finish()

    def _finish(self) -> None:
        if not self._end.done():
            self._end.set_result(None)


class Dialer:
    """Connects to targets, in the load balancer's time.

    Attributes:
        now: The clock that measures, in seconds.
    """

    def __init__(self, *, now: Callable[[], float] = time.monotonic, connect_timeout: float = CONNECT_TIMEOUT) -> None:
        self.now = now
        self._connect_timeout = connect_timeout

    async def connect(self, subject: Subject, source: str = "") -> Connection:
        """A new connection to the subject, TLS done; from another address of this machine, if it has that.

        Raises:
            UnreachableError: There is none.
        """
        return await self.dial(subject.address, subject.port, subject.tls, source)

    async def dial(self, address: str, port: int, tls: ssl.SSLContext | None, source: str = "") -> Connection:
        """The same for an IP address."""
        loop = asyncio.get_running_loop()
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        sock.setblocking(False)
        if source:
            with contextlib.suppress(OSError):  # macOS has but one address on the loopback
                sock.bind((source, 0))
        try:
            with failing_as(refused=Outcome.CONNECT_FAILED, late=Outcome.CONNECT_TIMEOUT):
                async with asyncio.timeout(self._connect_timeout):
                    await loop.sock_connect(sock, (address, port))
        except BaseException:
            sock.close()
            raise
        with failing_as(refused=Outcome.TARGET_TLS_FAILED, late=Outcome.TARGET_TLS_TIMEOUT):
            async with asyncio.timeout(self._connect_timeout):
                _, connection = await loop.create_connection(
                    lambda: Connection(self.now), sock=sock, ssl=tls, server_hostname="" if tls is not None else None
                )
        return connection


def why(error: UnreachableError) -> str:
    """The system's words for it: `Connection refused`; of TLS OpenSSL's: `WRONG_VERSION_NUMBER`."""
    cause = error.__cause__
    if isinstance(cause, ssl.SSLError):  # its errno is a number of OpenSSL's
        return getattr(cause, "reason", None) or str(cause)
    number = cause.errno if isinstance(cause, OSError) else None
    return os.strerror(number) if number else str(error)
