"""TLS towards clients with Python's own `ssl`: every listener that does not ask for client certificates.

How it is done: the server socket holds one `SSLContext` for its whole life, because asyncio cannot swap it. OpenSSL
asks its SNI callback at every handshake, also when the client sent no name, and the callback puts the right context in
place (see `certificate_choice`). So new certificate files need no new socket.

Sessions: OpenSSL seals tickets with keys of the context that the socket holds, and keeps session ids there. So sessions
outlive a reload of the files and, because a `ListenerTls` can take over its predecessor's context, a change of the
configured certificates. They end with the process and with a change of the policy: Python can neither read nor set the
keys.

A known wart: TLS 1.3 hides from Python which of an ECDSA and RSA pair was used; logs then name the ECDSA one, which
OpenSSL takes whenever the client can.
"""

from __future__ import annotations

import functools
import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from edgeproxy.errors import ConfigError
from edgeproxy.runtime.certificate_choice import CertificateLocator, ListenerCertificates, Presented
from edgeproxy.runtime.connection_log import key_exchange
from edgeproxy.runtime.security_policy import configure, python_ssl, security_policy, shortfalls
from edgeproxy.runtime.server_certificate import CertificateFiles, ServerCertificate
from edgeproxy.runtime.tls_accept import TlsAccept
from edgeproxy.runtime.tls_facts import SESSION_REUSED, TlsFacts

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from edgeproxy.model.listener import Listener
    from edgeproxy.model.security_policy import SecurityPolicy
    from edgeproxy.runtime.client_connection import ClientConnection
    from edgeproxy.runtime.server_tls import Accepts

__all__ = ["CertificateFiles", "CertificateLocator", "ListenerTls", "TlsFacts"]

ALPN_PROTOCOLS: Final = ["h2", "http/1.1"]


class _ServerSide(ssl.SSLObject):
    """An SSL object that remembers what the SNI callback decided."""

    server_name: str | None = None
    presented: Presented[ssl.SSLContext] | None = None


class _ServerContext(ssl.SSLContext):
    sslobject_class = _ServerSide


class ListenerTls:
    """The TLS side of one HTTPS listener.

    Attributes:
        context: For `loop.create_server(ssl=...)`. It stays the same object when certificates are replaced.
        policy: What clients may use.
        offers_h2: They may choose HTTP/2.
    """

    def __init__(
        self,
        listener: Listener,
        locator: CertificateLocator,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        before: object = None,
        offers_h2: bool = True,
    ) -> None:
        """Reads the listener's certificates; nothing of `before` changes until `activate`.

        Args:
            listener: What is asked for.
            locator: Finds the files.
            now: The time.
            before: What the listener uses now. With the same policy its context, and the sessions with it, are kept.
            offers_h2: `routing.http2.enabled` of the load balancer: clients may choose HTTP/2 by ALPN.

        Raises:
            ConfigError: The policy is unknown or a certificate cannot be used; `path` is relative to the listener.
        """
        self.policy = security_policy(listener.ssl_policy)
        self.offers_h2 = offers_h2
        contexts = _Contexts(self.policy, ALPN_PROTOCOLS if offers_h2 else ALPN_PROTOCOLS[1:])
        self._certificates = ListenerCertificates(listener, locator, contexts, now)
        if isinstance(before, ListenerTls) and (before.policy, before.offers_h2) == (self.policy, offers_h2):
            self.context: ssl.SSLContext = before.context
        else:
            self.context = self._certificates.choices.default.context
            self.activate()

    def activate(self) -> None:
        """Decides from now on what the handshakes of `context` present."""
        self.context.sni_callback = self._on_client_hello

    def shares_sockets_with(self, other: object) -> bool:
        """The servers that were made for the other one present what this one decides, once it is activated."""
        return isinstance(other, ListenerTls) and other.context is self.context

    def server_side(self, listener: Accepts, make: Callable[[], ClientConnection]) -> Callable[[], asyncio.Protocol]:
        """See `ServerTls`."""
        return lambda: TlsAccept(listener, make(), self.context)

    def shortfalls(self) -> str:
        """What Python and OpenSSL make otherwise than the policy says, in a sentence; "" if nothing."""
        return shortfalls(self.policy, python_ssl(self._certificates.choices.default.context))

    def reload_if_changed(self) -> bool:
        """See `ListenerCertificates`."""
        return self._certificates.reload_if_changed()

    def describe(self, ssl_object: Any) -> TlsFacts:
        """The facts of a finished handshake; `ssl_object` is `transport.get_extra_info("ssl_object")`."""
        assert isinstance(ssl_object, _ServerSide)
        cipher = (ssl_object.cipher() or ("-",))[0]
        presented = ssl_object.presented or self._certificates.choices.default
        return TlsFacts(
            protocol=ssl_object.version() or "-",
            cipher=cipher,
            domain_name=ssl_object.server_name or "-",
            certificate_arn=SESSION_REUSED if ssl_object.session_reused else presented.arn(cipher),
            key_exchange=key_exchange(ssl_object),
        )

    def _on_client_hello(self, ssl_object: ssl.SSLObject, server_name: str | None, _: ssl.SSLContext) -> None:
        # hot path: once a handshake
        choices = self._certificates.choices
        presented = choices.named(server_name) if server_name else None
        if isinstance(ssl_object, _ServerSide):
            ssl_object.server_name = server_name if presented else None
            ssl_object.presented = presented or choices.default
        context = (presented or choices.default).context
        if ssl_object.context is not context:
            ssl_object.context = context


class _Contexts:
    """Makes contexts; implements `ContextMaker`."""

    def __init__(self, policy: SecurityPolicy, alpn: Sequence[str]) -> None:
        self._policy = policy
        self._alpn = alpn

    def files(self) -> Iterable[Path]:
        return ()

    def maker(self) -> Callable[[tuple[ServerCertificate, ...]], ssl.SSLContext]:
        return functools.partial(_server_context, self._policy, self._alpn)


def _server_context(
    policy: SecurityPolicy, alpn: Sequence[str], certificates: tuple[ServerCertificate, ...]
) -> ssl.SSLContext:
    context = _ServerContext(ssl.PROTOCOL_TLS_SERVER)
    configure(context, policy)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(list(alpn))
    for certificate in certificates:
        _load(context, certificate.files)
    return context


def _load(context: ssl.SSLContext, files: CertificateFiles) -> None:
    try:
        # A password would be asked for on the terminal; encrypted keys were refused when the file was read.
        context.load_cert_chain(files.chain, files.key, password="")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise ConfigError(
            "CertificateArn", str(files.chain), f"OpenSSL cannot use the certificate in '{files.chain}': {reason}."
        ) from error
