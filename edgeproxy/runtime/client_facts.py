"""ClientFacts: what is known of a client's connection, whichever version of HTTP it speaks, and how it ends."""

from __future__ import annotations

import contextlib
import secrets
import socket
import struct
from typing import TYPE_CHECKING, ClassVar, Final, cast

from edgeproxy.model import ids
from edgeproxy.runtime.target_connection import HIGH_WATER
from edgeproxy.runtime.tls_accept import address_of

if TYPE_CHECKING:
    import asyncio
    import ssl

    from edgeproxy.exchange.forwarding import RequestForwarding
    from edgeproxy.runtime.access_log_line import ConnectionPart
    from edgeproxy.runtime.listener import ListenerSocket
    from edgeproxy.runtime.tls import TlsFacts


LINGER_SECONDS: Final = 30.0
"""How long a client that should stop sending is listened to, at most, before its connection closes; nginx's value."""

LINGER_SILENCE_SECONDS: Final = 5.0
"""How long it may be silent meanwhile; nginx's value."""


def speaks_h2(transport: asyncio.BaseTransport) -> bool:
    """Whether TLS has agreed on HTTP/2."""
    ssl_object = cast("ssl.SSLObject | None", transport.get_extra_info("ssl_object"))
    return ssl_object is not None and ssl_object.selected_alpn_protocol() == "h2"


class ClientFacts:  # hot path
    """The facts of one connection; most are found out when they are first asked for.

    Attributes:
        established: When TCP was there.
        grows_old: Responses to requests that come later end the connection. Fixed when it is made, and no traffic moves
            it (user guide, edit-load-balancer-attributes, client keep-alive duration).
        label: Address and port, as logs write them.
        log_part: What all lines of the access log about this connection share; made by the first one.
        is_h2: Requests come over HTTP/2.
        source_ip: The client's address.
        source_port: Its TCP port.
    """

    __slots__ = (
        "_listener",
        "_now",
        "_prefix",
        "_prefix_owner",
        "_tls_facts",
        "_trace_id",
        "_transport",
        "established",
        "grows_old",
        "label",
        "log_part",
        "source_ip",
        "source_port",
    )

    is_h2: ClassVar = False

    def __init__(self, listener: ListenerSocket) -> None:
        self._listener = listener
        self._now = listener.now
        self._transport: asyncio.Transport | None = None
        self._trace_id = ""
        self._tls_facts: TlsFacts | None = None
        self.log_part: ConnectionPart | None = None
        self._prefix = ""
        self._prefix_owner: RequestForwarding | None = None
        self.source_ip = ""
        self.source_port = 0
        self.label = "-"
        self.established = self._now()
        self.grows_old = self.established + listener.client_keep_alive

    def _meet(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=HIGH_WATER)
        self.source_ip, self.source_port = address_of(transport, "peername")
        self.label = ids.endpoint(self.source_ip, self.source_port)

    @property
    def unsent(self) -> int:
        """How many bytes wait for the client to take them."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    def _arm_reset(self) -> None:
        """However the connection is closed next, TCP says RST, and what is unsent is lost."""
        sock = None if self._transport is None else self._transport.get_extra_info("socket")
        if sock is not None:
            # A client that has gone in the meantime needs no reset.
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _close(self) -> None:
        # Once: a second time makes asyncio's TLS transport forget its connection, and then nothing can end it.
        if self._transport is not None and not self._transport.is_closing():
            self._transport.close()

    def forwarded_prefix(self, forwarding: RequestForwarding) -> str:
        """The X-Forwarded lines of this client, made once per configuration."""
        if self._prefix_owner is not forwarding:
            self._prefix_owner = forwarding
            tls = self.tls_facts if forwarding.tells_tls else None
            self._prefix = forwarding.prefix(self.source_ip, self.source_port, tls)
        return self._prefix

    @property
    def trace_id(self) -> str:
        """The same on every log line of this connection: `TID_` and 32 hex digits."""
        if not self._trace_id:
            self._trace_id = f"TID_{secrets.token_hex(16)}"
        return self._trace_id

    @property
    def tls_facts(self) -> TlsFacts | None:
        """What was negotiated; None without TLS."""
        if self._tls_facts is None and self._listener.tls is not None and self._transport is not None:
            ssl_object = cast("ssl.SSLObject | None", self._transport.get_extra_info("ssl_object"))
            if ssl_object is not None:
                self._tls_facts = self._listener.tls.describe(ssl_object)
        return self._tls_facts

    @property
    def node_address(self) -> str:
        """The load balancer's own address on this connection."""
        return address_of(self._transport, "sockname")[0]

    @property
    def has_begun(self) -> bool:
        """Whether there is, or was, a connection: a TLS handshake may still be under way, or have failed."""
        return self.label != "-"
