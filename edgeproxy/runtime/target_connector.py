"""Connecting to a target: TCP, then TLS where the group's protocol is HTTPS."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Final, TypeVar

from edgeproxy.exchange.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edgeproxy.balancing.target_state import TargetState
    from edgeproxy.runtime.target_pool import TargetPool

CONNECT_TIMEOUT: Final = 10.0
"""Seconds for TCP, and again for TLS; fixed. Source: user guide, load-balancer-troubleshooting, HTTP 504."""

_ProtocolT = TypeVar("_ProtocolT", bound=asyncio.Protocol)


class UnreachableError(Exception):
    """There is no connection to a target; the outcome says why."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.value)
        self.outcome = outcome


class TargetConnector:
    """Connects. Names are resolved by the health checks: no request waits for one."""

    def __init__(self, *, timeout: float, linger_seconds: float) -> None:
        """In seconds: `timeout` is for TCP and again for TLS, `linger_seconds` for the end of TLS."""
        self.timeout = timeout
        self._linger_seconds = linger_seconds

    async def open(self, pool: TargetPool, make: Callable[[], _ProtocolT]) -> _ProtocolT:
        """A new connection, TLS done.

        Raises:
            UnreachableError: there is none, and why.
        """
        with failing_as(refused=Outcome.CONNECT_FAILED, late=Outcome.CONNECT_TIMEOUT):
            sock = await self._connected_socket(pool.target)
        pool.counters.new_target_connections += 1
        # From here on the socket is the loop's: whoever closes it before its transport does frees a descriptor that the
        # loop still watches, and the next connection gets it.
        with failing_as(refused=Outcome.TARGET_TLS_FAILED, late=Outcome.TARGET_TLS_TIMEOUT):
            async with asyncio.timeout(self.timeout):
                _, connection = await asyncio.get_running_loop().create_connection(
                    make,
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
            async with asyncio.timeout(self.timeout):
                await asyncio.get_running_loop().sock_connect(sock, (address, target.port))
        except BaseException:
            sock.close()
            raise
        return sock


@contextlib.contextmanager
def failing_as(*, refused: Outcome, late: Outcome) -> Iterator[None]:
    """What an error of the loop means. A handshake that the target ends by closing is no `ssl.SSLError`."""
    try:
        yield
    except TimeoutError as error:
        raise UnreachableError(late) from error
    except OSError as error:
        raise UnreachableError(refused) from error
