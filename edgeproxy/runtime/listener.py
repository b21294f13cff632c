"""ListenerSocket: one listener's sockets, its connections, and the configuration they read for each request."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from typing import TYPE_CHECKING, Final, NamedTuple

from edgeproxy.errors import BindError
from edgeproxy.runtime.client_connection import ClientConnection
from edgeproxy.runtime.plain_http import refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgeproxy.exchange.context import ExchangeContext
    from edgeproxy.model.load_balancer import LoadBalancerSettings
    from edgeproxy.protocol.memo import Memo
    from edgeproxy.protocol.message import RequestFields
    from edgeproxy.runtime.connection_log import ConnectionLog
    from edgeproxy.runtime.h2_client_connection import H2ClientConnection
    from edgeproxy.runtime.metrics import LoadBalancerCounters
    from edgeproxy.runtime.server_tls import Handshake, ServerTls

_log = logging.getLogger("edgeproxy")

BACKLOG: Final = 2048
"""Connections that the kernel keeps for us until we accept them."""

HANDSHAKE_SECONDS: Final = 60.0
"""How long a TLS handshake may take; asyncio's own limit."""

ACCEPTS_IN_A_ROW: Final = 1
"""How many connections asyncio accepts before it looks at the others. Without descriptors it tries, and logs with a
traceback, that often, and again for each of them a second later; thousands of them kept it busy for seconds. It has one
number for this and for the kernel's queue, so the queue is set afterwards. uvloop has no such number."""

_REASONS: Final = {
    errno.EADDRINUSE: "it is taken by another process",
    errno.EACCES: "this user may not bind it",
    errno.EADDRNOTAVAIL: "the address does not belong to this machine",
}


class Bind(NamedTuple):
    """Where a listener is really bound. `host` None means all interfaces; port 0 any free one."""

    host: str | None
    port: int


class ListenerSocket:
    """One listener while it is open.

    Attributes:
        context: What exchanges that begin now use; replaced as a whole by a reload.
        idle_timeout: Seconds.
        client_keep_alive: Seconds that a client connection may last.
        is_draining: Every response closes its connection.
        connection_log: Gets a line per connection.
        connections: The open client connections.
        handshakes: Those whose TLS handshake is not over.
        handshake_seconds: How long one may take.
        now: The time that its connections' deadlines are on.
    """

    def __init__(
        self,
        *,
        load_balancer: str,
        port: int,
        connection_log: ConnectionLog,
        tls: ServerTls | None,
        context: ExchangeContext,
        counters: LoadBalancerCounters,
        memo: Memo[RequestFields],
        settings: LoadBalancerSettings,
        time_scale: float,
        now: Callable[[], float],
    ) -> None:
        self.now = now
        self.load_balancer = load_balancer
        self.port = port
        self.tls = tls
        self.context = context
        self.counters = counters
        self.time_scale = time_scale
        self.configure(settings)
        self.is_draining = False
        self.handshake_seconds = max(HANDSHAKE_SECONDS * time_scale, 1.0)
        self.connections: set[ClientConnection | H2ClientConnection] = set()
        self.handshakes: set[Handshake] = set()
        self.connection_log = connection_log
        self._memo = memo
        self._sockets: list[socket.socket] = []
        self._servers: list[asyncio.Server] = []
        self._prepared: list[asyncio.Server] = []
        self._next_tls = tls
        self.addresses: list[tuple[str, int]] = []

    def configure(self, settings: LoadBalancerSettings) -> None:
        """Follows the load balancer's attributes."""
        self.idle_timeout = settings.idle_timeout_seconds * self.time_scale
        self.client_keep_alive = settings.client_keep_alive_seconds * self.time_scale

    @property
    def protocol(self) -> str:
        """HTTP or HTTPS."""
        return "HTTP" if self.tls is None else "HTTPS"

    def bind(self, bind: Bind) -> None:
        """Takes the port; clients queue up until `serve`.

        Raises:
            BindError: the port is taken or forbidden.
        """
        self._sockets = _bind(bind)
        for sock in self._sockets:
            host, port = sock.getsockname()[:2]
            self.addresses.append((host, port))

    async def prepare(self, tls: ServerTls | None) -> None:
        """Gets ready to accept with this TLS; everything that may fail happens here, and nothing is visible yet.

        Each set of servers has its own copies of the sockets, so the kernel's queue outlives a change and no client is
        turned away.

        Raises:
            BindError: the process has no file descriptor left for the copies.
        """
        self.discard()
        if self._servers and tls is self.tls:
            return
        self._next_tls = tls
        if self._servers and tls is not None and tls.shares_sockets_with(self.tls):
            return
        make: Callable[[], asyncio.Protocol] = (
            self._connection if tls is None else tls.server_side(self, self._connection)
        )
        try:
            for sock in self._sockets:
                server = await asyncio.get_running_loop().create_server(
                    make,
                    sock=sock.dup(),
                    backlog=ACCEPTS_IN_A_ROW,
                    start_serving=False,
                )
                self._prepared.append(server)
        except OSError as error:
            self.discard()
            raise BindError(*self.addresses[0], error.strerror or str(error)) from error

    def discard(self) -> None:
        """Forgets what `prepare` made."""
        for server in self._prepared:
            server.close()
        self._prepared.clear()
        self._next_tls = self.tls

    async def serve(self) -> None:
        """Accepts as prepared from now on."""
        self.tls = self._next_tls
        if self.tls is not None:
            self.tls.activate()
        if not self._prepared:
            return
        before, self._servers, self._prepared = self._servers, self._prepared, []
        for server in self._servers:
            await server.start_serving()
        for sock in self._sockets:
            sock.listen(BACKLOG)
        for server in before:
            server.close()

    def _connection(self) -> ClientConnection:
        return ClientConnection(self, self._memo)

    def stop_accepting(self) -> None:
        """Closes the listening sockets; connections go on."""
        self.discard()
        for server in self._servers:
            server.close()
        self._servers.clear()
        for sock in self._sockets:
            sock.close()
        self._sockets.clear()

    def drain(self) -> None:
        """Stops accepting, closes idle connections, and lets the others close with their response."""
        self.is_draining = True
        self.stop_accepting()
        for connection in list(self.connections):
            connection.drain()

    def cut(self) -> None:
        """Closes every connection now."""
        for handshake in list(self.handshakes):
            handshake.abort()
        for connection in list(self.connections):
            connection.cut()

    def check(self, now: float) -> None:
        """The deadline sweep's visit."""
        for connection in list(self.connections):
            try:
                connection.check(now, self.idle_timeout)
            except Exception:
                # One connection's mistake must not keep the others from their deadlines.
                _log.exception("The deadlines of %r could not be checked", connection)

    def on_opened(self, connection: ClientConnection | H2ClientConnection) -> None:
        """A client has connected."""
        self.connections.add(connection)
        self.counters.active_connections += 1
        self.counters.new_connections += 1
        if self.connection_log.is_on:
            self.connection_log.established(connection)
        if self.is_draining:
            connection.drain()

    def on_handshake_failed(self, handshake: Handshake) -> None:
        """A client was refused for its certificate, or could not agree on TLS with us, left, or fell silent."""
        self.counters.new_connections += 1
        self.counters.client_tls_negotiation_errors += 1
        if self.connection_log.is_on:
            self.connection_log.failed(handshake)
        if handshake.reason:
            _log_refusal(f"{self.protocol}:{self.port}", handshake)

    def plain_http_answer(self, data: bytes) -> bytes:
        """What clients get that speak plain HTTP where TLS is expected."""
        return refusal(self.context, data)

    def on_closed(self, connection: ClientConnection | H2ClientConnection) -> None:
        """A client connection is gone."""
        if connection in self.connections:
            self.connections.discard(connection)
            self.counters.active_connections -= 1

    def __repr__(self) -> str:
        return f"<ListenerSocket {self.protocol}:{self.port} at {self.addresses} connections={len(self.connections)}>"


def _log_refusal(listener: str, handshake: Handshake) -> None:
    facts = handshake.facts
    subject = f" ({facts.client_certificate.subject})" if facts.client_certificate is not None else ""
    status, reason = facts.verify_status.partition(":")[2], handshake.reason
    _log.info(
        "Listener %s refused the client %s:%d%s: %s",
        *(listener, *handshake.client, subject),
        ", ".join(dict.fromkeys(filter(None, (status, reason)))),
        extra={"event": "tls_refused"},
    )


def _bind(bind: Bind) -> list[socket.socket]:
    """The bound sockets of a listener: one, or an IPv4 and an IPv6 one for all interfaces."""
    if bind.host is not None:
        return [_bind_one(bind.host, bind.port)]
    first = _bind_one("0.0.0.0", bind.port)
    if not socket.has_ipv6:
        return [first]
    try:
        return [first, _bind_one("::", first.getsockname()[1])]
    except BindError as error:
        # Machines without IPv6, such as many containers, do without; a port that is taken there is an error all the
        # same.
        if bind.port and error.reason == _REASONS[errno.EADDRINUSE]:
            first.close()
            raise
        return [first]


def _bind_one(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise BindError(host, port, error.strerror or str(error)) from error
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setblocking(False)
        sock.bind((host, port))
        # Listening here as well: two processes that share an address by SO_REUSEADDR only find out now.
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        reason = _REASONS.get(error.errno or 0) or error.strerror or str(error)
        raise BindError(host, port, reason) from error
    return sock
