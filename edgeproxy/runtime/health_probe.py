"""One health check: the load balancer's exact request, and what its answer means.

Source: user guide, target-group-health-checks; the bytes were captured on a target behind a real load balancer.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias, cast

from edgeproxy.errors import ProtocolError
from edgeproxy.health.outcome import FAILED, INTERNAL_ERROR, PASSED, TIMED_OUT, CheckResult, response_code_mismatch
from edgeproxy.protocol.h1_client import H1ClientCodec, response_head_memo

if TYPE_CHECKING:
    import ssl

    from edgeproxy.health.matcher import HttpCodeMatcher
    from edgeproxy.protocol.message import ResponseHead

_DEFAULT_PORTS: Final = {"HTTP": 80, "HTTPS": 443}
_OUR_OWN_LACK: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class ProbeFacts:
    """What the health-check log wants to know of a probe besides its result.

    Attributes:
        status: The target's status; 0 when there was none.
        node_address: The load balancer's own address on the connection, or `-`.
    """

    __slots__ = ("node_address", "status")

    def __init__(self) -> None:
        self.status = 0
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
    matcher: HttpCodeMatcher
    tls: ssl.SSLContext | None
    facts: ProbeFacts | None = None


RunProbe: TypeAlias = Callable[[Probe], Awaitable[CheckResult]]
"""Runs one probe; `run_probe` does it over the network."""


def encode_probe(probe: Probe) -> bytes:
    """The request, byte for byte; `compressed` is what the load balancer really sends."""
    host = f"[{probe.address}]" if ":" in probe.address else probe.address
    if probe.port != _DEFAULT_PORTS[probe.protocol]:
        host = f"{host}:{probe.port}"
    return (
        f"GET {probe.path} HTTP/1.1\r\n"
        f"Host: {host}\r\n"
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
                _ProbeConnection,
                probe.address,
                probe.port,
                ssl=probe.tls,
                server_hostname="" if probe.tls is not None else None,
            )
            if probe.facts is not None:
                probe.facts.node_address = transport.get_extra_info("sockname")[0]
            transport.write(encode_probe(probe))
            status = await connection.status
            if probe.facts is not None:
                probe.facts.status = status
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
    return PASSED if probe.matcher.matches(status) else response_code_mismatch(status)


class _ProbeConnection(asyncio.Protocol):
    """Waits for one response head."""

    def __init__(self) -> None:
        self._codec = H1ClientCodec(self, response_head_memo())
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        self._transport = cast("asyncio.Transport", transport)
        self._codec.start("GET")

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        self._codec.feed(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._fail(exc or ConnectionResetError("the target closed the connection before it answered"))

    def on_response(self, head: ResponseHead, data: bytes, is_complete: bool) -> None:
        """The answer."""
        if not self.status.done():
            self.status.set_result(head.status)

    def on_response_body(self, data: bytes, is_complete: bool) -> None:
        """The body does not matter."""

    def on_response_error(self, error: ProtocolError) -> None:
        """Not an HTTP response."""
        self._fail(error)

    def _fail(self, error: Exception) -> None:
        if not self.status.done():
            self.status.set_exception(error)
            # A probe that timed out in the meantime is not there to look at the exception.
            self.status.exception()
