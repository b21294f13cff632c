"""One health check: the load balancer's exact request, and what its answer means. `h2_health_probe.py` speaks HTTP/2.

Source: user guide, target-group-health-checks; the bytes were captured on a target behind a real load balancer.
"""

from __future__ import annotations

import asyncio
import errno
import functools
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias, cast

from edgeproxy.errors import ProtocolError
from edgeproxy.health.outcome import (
    FAILED,
    GRPC_STATUS_MISSING,
    INTERNAL_ERROR,
    PASSED,
    TIMED_OUT,
    CheckResult,
    grpc_status_mismatch,
    response_code_mismatch,
)
from edgeproxy.protocol.h1_client import H1ClientCodec, response_head_memo
from edgeproxy.runtime.h2_health_probe import H2ProbeConnection, H2Question, ProbeAnswer

if TYPE_CHECKING:
    import ssl

    from edgeproxy.health.matcher import CodeMatcher
    from edgeproxy.protocol.message import ResponseHead

_DEFAULT_PORTS: Final = {"HTTP": 80, "HTTPS": 443}
_OUR_OWN_LACK: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class ProbeFacts:
    """What the health-check log wants to know of a probe besides its result.

    Attributes:
        status: The target's status, of a call the grpc-status; None when there was none.
        node_address: The load balancer's own address on the connection, or `-`.
    """

    __slots__ = ("node_address", "status")

    def __init__(self) -> None:
        self.status: int | None = None
        self.node_address = "-"


class Probe(NamedTuple):
    """What to send where. `timeout` is in seconds and covers everything up to the response head.

    `facts` is filled in while the probe runs, if it is there.
    """

    address: str
    port: int
    protocol: str
    path: str
    timeout: float
    matcher: CodeMatcher
    tls: ssl.SSLContext | None
    facts: ProbeFacts | None = None
    version: Literal["HTTP1", "HTTP2", "GRPC"] = "HTTP1"

    @property
    def host(self) -> str:
        """Who is asked: the address, and the port where it is not the protocol's own."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return host if self.port == _DEFAULT_PORTS[self.protocol] else f"{host}:{self.port}"


RunProbe: TypeAlias = Callable[[Probe], Awaitable[CheckResult]]
"""Runs one probe; `run_probe` does it over the network."""


def encode_probe(probe: Probe) -> bytes:
    """The request, byte for byte; `compressed` is what the load balancer really sends."""
    return (
        f"GET {probe.path} HTTP/1.1\r\n"
        f"Host: {probe.host}\r\n"
        "Connection: close\r\n"
        "User-Agent: ELB-HealthChecker/2.0\r\n"
        "Accept-Encoding: gzip, compressed\r\n"
        "\r\n"
    ).encode("latin-1")


async def run_probe(probe: Probe) -> CheckResult:
    """Connects anew, asks once, and closes as soon as the response head is there."""
    transport: asyncio.Transport | None = None
    try:
        async with asyncio.timeout(probe.timeout):
            loop = asyncio.get_running_loop()
            transport, connection = await loop.create_connection(
                _connection_for(probe),
                probe.address,
                probe.port,
                ssl=probe.tls,
                server_hostname="" if probe.tls is not None else None,
            )
            if probe.facts is not None:
                probe.facts.node_address = transport.get_extra_info("sockname")[0]
            answer = await connection.answer
    except TimeoutError:
        return TIMED_OUT
    except ProtocolError:
        return FAILED
    except OSError as error:
        return INTERNAL_ERROR if error.errno in _OUR_OWN_LACK else FAILED
    except Exception:
        return INTERNAL_ERROR
    finally:
        if transport is not None:
            transport.abort()
    return _judge(probe, answer)


def _judge(probe: Probe, answer: ProbeAnswer) -> CheckResult:
    code = answer.grpc_status if probe.version == "GRPC" else answer.status
    if probe.facts is not None:
        probe.facts.status = code
    if code is None:
        return GRPC_STATUS_MISSING
    if probe.matcher.matches(code):
        return PASSED
    return (grpc_status_mismatch if probe.version == "GRPC" else response_code_mismatch)(code)


def _connection_for(probe: Probe) -> Callable[[], _ProbeConnection | H2ProbeConnection]:
    """What asks in the group's protocol version."""
    if probe.version == "HTTP1":
        return functools.partial(_ProbeConnection, encode_probe(probe))
    question = H2Question(probe.protocol.lower(), probe.host, probe.path, probe.version == "GRPC")
    return functools.partial(H2ProbeConnection, question)


class _ProbeConnection(asyncio.Protocol):
    """Waits for one response head."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._codec = H1ClientCodec(self, response_head_memo())
        self.answer: asyncio.Future[ProbeAnswer] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        self._transport = cast("asyncio.Transport", transport)
        self._codec.start("GET")
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        self._codec.feed(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._fail(exc or ConnectionResetError("the target closed the connection before it answered"))

    def on_response(self, head: ResponseHead, data: bytes, is_complete: bool) -> None:
        """The answer."""
        if not self.answer.done():
            self.answer.set_result(ProbeAnswer(head.status))

    def on_response_body(self, data: bytes, is_complete: bool) -> None:
        """The body does not matter."""

    def on_response_error(self, error: ProtocolError) -> None:
        """Not an HTTP response."""
        self._fail(error)

    def _fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)
            # A probe that timed out in the meantime is not there to look at the exception.
            self.answer.exception()
