"""Which TLS a listener speaks: Python's own, or pyOpenSSL's where clients are asked for certificates.

Python's `ssl` cannot accept a certificate that it has not verified, cannot say which certificate it refused, and cannot
name authorities to clients. pyOpenSSL can, and is slower. Each is imported, and paid for, only where it is needed: a
configuration of HTTP listeners starts without either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from edgeproxy.errors import ConfigError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from edgeproxy.model.listener import Listener
    from edgeproxy.model.security_policy import SecurityPolicy
    from edgeproxy.model.topology import Topology
    from edgeproxy.runtime.certificate_choice import CertificateLocator
    from edgeproxy.runtime.client_connection import ClientConnection
    from edgeproxy.runtime.connection_log import ConnectionLog
    from edgeproxy.runtime.tls_facts import TlsFacts
    from edgeproxy.runtime.trust_store import TrustStoreLocator


class Handshake(Protocol):
    """A client's connection whose handshake goes on, or has failed."""

    client: tuple[str, int]
    """The address and port at the other end."""
    node_address: str
    """The load balancer's own address on this connection."""
    reason: str
    """Why a client was refused, in OpenSSL's words; "" where that is not known."""

    @property
    def trace_id(self) -> str:
        """What the connection would have been known by."""

    @property
    def facts(self) -> TlsFacts:
        """What is known of it."""

    def abort(self) -> None:
        """Cuts the connection."""


class Accepts(Protocol):
    """The listener, as its TLS sees it."""

    handshakes: set[Handshake]
    """Those that go on, and those that have failed whose connections are not gone yet."""
    handshake_seconds: float
    """How long one may take."""
    connection_log: ConnectionLog
    """Wants to know who connected."""

    def on_handshake_failed(self, handshake: Handshake) -> None:
        """One came to nothing."""

    def plain_http_answer(self, data: bytes) -> bytes:
        """What clients get that speak no TLS; `data` is what came first."""


class ServerTls(Protocol):
    """The TLS side of one HTTPS listener."""

    policy: SecurityPolicy
    """What clients may use."""

    def activate(self) -> None:
        """Presents its certificates from now on, also on servers that it shares."""

    def shares_sockets_with(self, other: object) -> bool:
        """The servers that were made for the other one do for this one, too."""

    def server_side(self, listener: Accepts, make: Callable[[], ClientConnection]) -> Callable[[], asyncio.Protocol]:
        """What makes the Protocol of a TCP connection.

        Args:
            listener: Is told of handshakes.
            make: Makes what gets the decrypted bytes.
        """

    def shortfalls(self) -> str:
        """What is otherwise than the policy says, in a sentence; "" if nothing."""

    def reload_if_changed(self) -> bool:
        """Looks at the files and takes new ones for new connections; whether there were any."""

    def describe(self, ssl_object: Any) -> TlsFacts:
        """The facts of a finished handshake; `ssl_object` is `transport.get_extra_info("ssl_object")`."""


def server_tls(
    listener: Listener,
    topology: Topology,
    *,
    certificates: CertificateLocator | None,
    trust_stores: TrustStoreLocator | None,
    before: object = None,
    offers_h2: bool = True,
) -> ServerTls:
    """The TLS of an HTTPS listener.

    Args:
        listener: What is asked for.
        topology: Where its trust store stands.
        certificates: Finds certificates.
        trust_stores: Finds trust stores.
        before: What the listener uses now.
        offers_h2: `routing.http2.enabled` of the load balancer: clients may choose HTTP/2 by ALPN.

    Raises:
        ConfigError: A certificate or a trust store cannot be used; `path` is relative to the listener.
    """
    if certificates is None:
        raise ConfigError("Certificates", None, "This proxy was given no way to find certificates.")
    mutual = listener.client_certificates
    if mutual is None:
        from edgeproxy.runtime.tls import ListenerTls  # noqa: PLC0415 - see the top of this file

        return ListenerTls(listener, certificates, before=before, offers_h2=offers_h2)
    from edgeproxy.runtime.mutual_tls import ListenerMutualTls  # noqa: PLC0415 - see the top of this file

    store = topology.trust_store(mutual.trust_store_arn) if mutual.trust_store_arn else None
    if store is not None and trust_stores is None:
        path = "MutualAuthentication.TrustStoreArn"
        raise ConfigError(path, mutual.trust_store_arn, "This proxy was given no way to find trust stores.")
    return ListenerMutualTls(listener, certificates, mutual, store, trust_stores, offers_h2=offers_h2)


def tls_parts(listener: Listener, topology: Topology) -> tuple[object, ...]:
    """What of a listener its TLS is made of. Certificate files of one's own do not depend on the hosts."""
    is_made_here = not all(each.is_file for each in listener.certificates)
    mutual = listener.client_certificates
    store = topology.trust_store(mutual.trust_store_arn) if mutual is not None and mutual.trust_store_arn else None
    hosts = listener.named_hosts if is_made_here else ()
    return listener.certificates, listener.effective_ssl_policy, hosts, mutual, store
