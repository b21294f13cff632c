"""The connection log: one line a client connection, established or not, in the real load balancer's format.

    2026-09-23T07:11:27.691358Z 203.0.113.40 64326 443 TLSv1.3 TLS_AES_128_GCM_SHA256 0.337 "-" - - Success TID_9f39...
        - app/demo/98e3a879de9d6b42 198.51.100.57

Time, client address and port, listener port, TLS protocol and cipher, handshake latency in seconds; subject, validity
and serial number of the client's certificate (mutual TLS); the verification's status, the connection's trace id as in
field 30 of the access log, the key exchange group, the load balancer, its node's address. Fifteen fields; the last
three are on real lines and not in the guide's samples. A handshake that failed has no latency; how far it came is known
where clients are asked for certificates, and elsewhere protocol and cipher are `-` as well.
Source: user guide, load-balancer-connection-logs.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

from edgeproxy.runtime.access_log_line import escape

if TYPE_CHECKING:
    import ssl

    from edgeproxy.runtime.client_facts import ClientFacts
    from edgeproxy.runtime.clock import Clock
    from edgeproxy.runtime.log_outlets import LogOutlet
    from edgeproxy.runtime.server_tls import Handshake as FailedHandshake
    from edgeproxy.runtime.tls_facts import TlsFacts

NO_CERTIFICATE: Final = '"-" - -'


class Handshake(NamedTuple):
    """What TLS adds to a line."""

    protocol: str = "-"
    cipher: str = "-"
    latency: str = "-"
    certificate: str = NO_CERTIFICATE
    status: str = "-"
    key_exchange: str = "-"

    @classmethod
    def of(cls, facts: TlsFacts, latency: str = "-") -> Handshake:
        """The same facts, as the line has them."""
        certificate = NO_CERTIFICATE
        shown = facts.client_certificate
        if shown is not None:
            certificate = f'"{escape(shown.subject)}" {shown.validity} {shown.serial_number}'
        return cls(facts.protocol, facts.cipher, latency, certificate, facts.verify_status, facts.key_exchange)


PLAIN: Final = Handshake()


def render(
    *,
    moment: float,
    client: tuple[str, int],
    port: int,
    handshake: Handshake,
    trace_id: str,
    load_balancer: str,
    node_address: str,
) -> str:
    """The line, its line feed included; `moment` is in seconds since 1970."""
    second, microseconds = divmod(round(moment * 1e6), 1_000_000)
    return (
        f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(second))}.{microseconds:06d}Z {client[0]} {client[1]} {port} "
        f"{handshake.protocol} {handshake.cipher} {handshake.latency} {handshake.certificate} {handshake.status} "
        f"{trace_id} {handshake.key_exchange} {load_balancer} {node_address}\n"
    )


def key_exchange(ssl_object: ssl.SSLObject) -> str:
    """The group that the keys were agreed in, such as `x25519`.

    Python cannot name it before 3.15; until then it is `-`, also where a TLS 1.2 suite says that there was one.
    """
    group = getattr(ssl_object, "group", None)
    return (group() if group is not None else None) or "-"


class ConnectionLog:
    """Writes the lines of one listener."""

    __slots__ = ("_clock", "_load_balancer", "_outlet", "_port")

    def __init__(self, outlet: LogOutlet, *, load_balancer: str, port: int, clock: Clock) -> None:
        """`load_balancer` is the resource, `app/NAME/ID`."""
        self._outlet = outlet
        self._load_balancer = load_balancer
        self._port = port
        self._clock = clock

    @property
    def is_on(self) -> bool:
        """Whether anybody reads it."""
        return self._outlet.write is not None

    def established(self, connection: ClientFacts) -> None:
        """A connection is there, its handshake over."""
        handshake = PLAIN
        facts = connection.tls_facts
        if facts is not None:
            latency = max(self._clock.now() - connection.established, 0.0)
            handshake = Handshake.of(facts, f"{latency:.3f}")
        client = (connection.source_ip, connection.source_port)
        self._write(client, handshake, connection.trace_id, connection.node_address)

    def failed(self, failed: FailedHandshake) -> None:
        """A handshake came to nothing."""
        self._write(failed.client, Handshake.of(failed.facts), failed.trace_id, failed.node_address)

    def _write(self, client: tuple[str, int], handshake: Handshake, trace_id: str, node_address: str) -> None:
        write = self._outlet.write
        if write is not None:
            write(
                render(
                    moment=self._clock.now() + self._clock.offset,
                    client=client,
                    port=self._port,
                    handshake=handshake,
                    trace_id=trace_id,
                    load_balancer=self._load_balancer,
                    node_address=node_address,
                )
            )
