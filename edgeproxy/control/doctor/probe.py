"""One connection to a target: what is asked on it, what comes back, and when.

What comes back is read by the load balancer's own codec, so that what it calls malformed is what the load balancer
answers with 502. `asking.py` has the rules of time; `h2_probe.py` is the same in HTTP/2.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import ssl
import time
from typing import TYPE_CHECKING, Final, TypeVar

from edgeproxy.control.doctor.asking import Answer, Asking
from edgeproxy.control.doctor.h2_probe import H2Connection
from edgeproxy.control.doctor.subject import tls_for
from edgeproxy.exchange.outcome import Outcome
from edgeproxy.protocol.h1_client import H1ClientCodec, response_head_memo
from edgeproxy.runtime.target_connector import CONNECT_TIMEOUT, UnreachableError, failing_as

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgeproxy.control.doctor.subject import Subject
    from edgeproxy.errors import ProtocolError
    from edgeproxy.protocol.message import ResponseHead


_INTERIM: Final = re.compile(rb"HTTP/1\.\d 1\d\d")

C = TypeVar("C", bound=Asking)


class Connection(Asking):
    """One connection to a target in HTTP/1.1.

    Attributes:
        heard: When the first byte came on a WebSocket, by the clock.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__(now)
        self.heard: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._codec = H1ClientCodec(self, response_head_memo())
        self._received = b""

    async def ask(self, request: bytes, *, idle_timeout: float, at_most: float, method: str = "GET") -> Answer:
        """See `Asking.ask`."""
        self._codec.start(method)
        return await self._exchange(lambda: self._send(request), idle_timeout, at_most)

    async def upgrade(self, request: bytes, *, idle_timeout: float) -> Answer:
        """The same for a request that asks for a WebSocket."""
        self._codec.start_upgrade(self)
        return await self._exchange(lambda: self._send(request), idle_timeout, idle_timeout)

    def _send(self, request: bytes) -> None:
        assert self._transport is not None
        self._received = b""
        self._transport.write(request)

    async def heard_within(self, seconds: float) -> float | None:
        """How long from now until the first byte on a WebSocket, or its close; None if there was neither."""
        return await self._within(self.heard, seconds)

    # ---- asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        """Bytes have come; those after the end of an exchange are kept nowhere."""
        if not self._end.done():
            self._measure()
            self._count_head(data)
        self._codec.feed(data)

    def _count_head(self, data: bytes) -> None:
        answer = self._answer
        if not answer.head_size:
            # The codec ends the exchange at the limit, so this is no more than the limit and one read.
            self._received += data
            end = self._end_of_head()
            answer.head_size = end + 4 if end >= 0 else 0

    def _end_of_head(self) -> int:
        """Where the empty line behind the final head begins, or -1; interim heads (1xx) before it are forgotten."""
        while (end := self._received.find(b"\r\n\r\n")) >= 0 and _INTERIM.match(self._received):
            self._received = self._received[end + 4 :]
        return end

    def _on_lost(self, how: str) -> None:
        if self._codec.is_waiting:
            self._answer.fault = self._answer.fault or how
            self._codec.feed_eof()
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


class Dialer:
    """Connects to targets, in the load balancer's time.

    Attributes:
        now: The clock that measures, in seconds.
    """

    def __init__(self, *, now: Callable[[], float] = time.monotonic, connect_timeout: float = CONNECT_TIMEOUT) -> None:
        self.now = now
        self._connect_timeout = connect_timeout

    async def connect(self, subject: Subject, source: str = "") -> Asking:
        """A new connection to the subject, TLS done; from another address of this machine, if it has that.

        Raises:
            UnreachableError: There is none.
        """
        make = self._h1 if subject.version == "HTTP1" else self._h2(subject)
        return await self._dial(subject.address, subject.port, subject.tls, make, source)

    async def connect_h1(self, subject: Subject) -> Connection:
        """The same for what only HTTP/1.1 has."""
        return await self._dial(subject.address, subject.port, subject.tls, self._h1)

    async def connect_for_health(self, subject: Subject) -> Asking:
        """The same for the health check's port and protocol."""
        health = subject.health
        make = self._h1 if subject.version == "HTTP1" else self._h2(subject, health.protocol)
        return await self._dial(subject.address, health.port, tls_for(health.protocol, subject.version), make)

    def _h1(self) -> Connection:
        return Connection(self.now)

    def _h2(self, subject: Subject, protocol: str = "") -> Callable[[], H2Connection]:
        scheme = (protocol or subject.protocol).lower()
        return lambda: H2Connection(self.now, scheme, is_grpc=subject.version == "GRPC")

    async def _dial(
        self, address: str, port: int, tls: ssl.SSLContext | None, make: Callable[[], C], source: str = ""
    ) -> C:
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
                    make, sock=sock, ssl=tls, server_hostname="" if tls is not None else None
                )
        return connection


def why(error: UnreachableError) -> str:
    """The system's words for it: `Connection refused`; of TLS OpenSSL's: `WRONG_VERSION_NUMBER`."""
    cause = error.__cause__
    if isinstance(cause, ssl.SSLError):  # its errno is a number of OpenSSL's
        return getattr(cause, "reason", None) or str(cause)
    number = cause.errno if isinstance(cause, OSError) else None
    return os.strerror(number) if number else str(error)
