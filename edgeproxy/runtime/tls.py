"""TLS: what a listener presents to clients, and how targets are spoken to.

How a certificate is chosen (user guide, https-listener-certificates):

* The first certificate of a listener is its default; the others are its list. Only the list is searched by the name
  that the client sent (SNI); the default takes part when it was added to the list as well.
* No name, or nothing in the list matches: the default is presented. A handshake never fails for its name.
* A literal name goes before a wildcard (the page does not say); `*` stands for exactly one leftmost label.
* Several match: ECDSA goes before RSA if the client can use it, then `ServerCertificate.strength`. Python cannot see
  what the client can use, so the best ECDSA and the best RSA certificate share one context and OpenSSL chooses.

How it is done: the server socket holds one `SSLContext` for its whole life, because asyncio cannot swap it. OpenSSL
asks its SNI callback at every handshake, also when the client sent no name, and the callback puts the right context in
place. So new certificate files need no new socket: `reload_if_changed` builds all contexts aside and swaps one
reference.

A known wart: TLS 1.3 hides from Python which of an ECDSA and RSA pair was used; logs then name the ECDSA one, which
OpenSSL takes whenever the client can.
"""

from __future__ import annotations

import logging
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Protocol

from edgeproxy.errors import ConfigError
from edgeproxy.runtime.connection_log import key_exchange
from edgeproxy.runtime.security_policy import EVERY_TLS12_SUITE, TLS13, limit_versions, security_policy, set_suites
from edgeproxy.runtime.server_certificate import (
    CertificateFiles,
    ServerCertificate,
    best_by_name,
    read_server_certificate,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from edgeproxy.model.listener import Certificate, Listener
    from edgeproxy.runtime.security_policy import SecurityPolicy

__all__ = ["CertificateFiles", "CertificateLocator", "ListenerTls", "TlsFacts", "target_context"]

ALPN_PROTOCOLS: Final = ["h2", "http/1.1"]
SESSION_REUSED: Final = "session-reused"
"""The access log's word in place of a certificate on resumption (user guide, load-balancer-access-logs)."""

_logger = logging.getLogger(__name__)


class CertificateLocator(Protocol):
    """Knows the files behind the name of a certificate."""

    def locate(self, certificate: Certificate, hosts: Sequence[str] = ()) -> CertificateFiles:
        """The files of a certificate.

        Args:
            certificate: What the configuration says.
            hosts: Names that clients will ask this listener for; a certificate made on the spot covers them.

        Raises:
            ConfigError: Nothing usable is known under that name; `path` is relative to the certificate.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFacts:
    """What the access log says about a TLS connection (user guide, load-balancer-access-logs).

    Attributes:
        protocol: `TLSv1.2`, `TLSv1.3`, ...
        cipher: OpenSSL's name of the suite.
        domain_name: The name the client sent; `-` if it sent none, or if no certificate of the list matched.
        certificate_arn: The certificate presented, or `session-reused`.
        key_exchange: The group that the keys were agreed in; `-` where Python cannot tell.
    """

    protocol: str
    cipher: str
    domain_name: str
    certificate_arn: str
    key_exchange: str = "-"


class _Presented:
    """A context and the one or two certificates (ECDSA first) that it presents."""

    __slots__ = ("certificates", "context")

    def __init__(self, certificates: tuple[ServerCertificate, ...], context: ssl.SSLContext) -> None:
        self.certificates = certificates
        self.context = context

    def arn(self, cipher: str) -> str:
        """The certificate that a suite implies; TLS 1.3 suites imply none, see the top of this file."""
        is_rsa = cipher not in TLS13 and "ECDSA" not in cipher
        return self.certificates[-1 if is_rsa else 0].files.arn


class _ServerSide(ssl.SSLObject):
    """An SSL object that remembers what the SNI callback decided."""

    server_name: str | None = None
    presented: _Presented | None = None


class _ServerContext(ssl.SSLContext):
    sslobject_class = _ServerSide


class _Choices:
    """Everything a listener can present, by name. Built whole, never changed."""

    __slots__ = ("_by_name", "_by_parent", "default")

    def __init__(self, default: _Presented, by_name: dict[str, _Presented], by_parent: dict[str, _Presented]) -> None:
        self.default = default
        self._by_name = by_name
        self._by_parent = by_parent

    def named(self, server_name: str) -> _Presented | None:
        """What the list has for a name, or None."""
        name = server_name.lower()
        found = self._by_name.get(name)
        if found is None and self._by_parent:
            found = self._by_parent.get(name.partition(".")[2])
        return found


class ListenerTls:
    """The TLS side of one HTTPS listener.

    Attributes:
        context: For `loop.create_server(ssl=...)`. It stays the same object when certificates are replaced.
    """

    def __init__(
        self,
        listener: Listener,
        locator: CertificateLocator,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Reads the listener's certificates.

        Raises:
            ConfigError: The policy is unknown or a certificate cannot be used; `path` is relative to the listener.
        """
        self._port = listener.port
        self._hosts = listener.named_hosts
        self._certificates = listener.certificates
        self._locator = locator
        self._now = now
        self._policy = security_policy(listener.ssl_policy)
        located = self._locate()
        self._seen = _stamps(located)
        self._choices = self._build(located)
        self.context = self._choices.default.context
        self.context.sni_callback = self._on_client_hello

    def reload_if_changed(self) -> bool:
        """Looks at the certificate files and takes new ones for new connections.

        A file that cannot be used, such as one half written, leaves everything as it was and is warned about once.

        Returns:
            Whether other certificates are presented from now on.
        """
        seen = {path: _stamp(path) for path in self._seen}
        if seen == self._seen:
            return False
        self._seen = seen
        try:
            located = self._locate()
            stamps = _stamps(located)  # before reading: what is written meanwhile is seen as a change next time
            self._choices = self._build(located)
        except ConfigError as error:
            _logger.warning("Listener %d keeps its certificates: %s", self._port, error)
            return False
        self._seen = stamps
        return True

    def describe(self, ssl_object: ssl.SSLObject) -> TlsFacts:
        """The facts of a finished handshake; `ssl_object` is `transport.get_extra_info("ssl_object")`."""
        assert isinstance(ssl_object, _ServerSide)
        cipher = (ssl_object.cipher() or ("-",))[0]
        presented = ssl_object.presented or self._choices.default
        return TlsFacts(
            protocol=ssl_object.version() or "-",
            cipher=cipher,
            domain_name=ssl_object.server_name or "-",
            certificate_arn=SESSION_REUSED if ssl_object.session_reused else presented.arn(cipher),
            key_exchange=key_exchange(ssl_object),
        )

    def _on_client_hello(self, ssl_object: ssl.SSLObject, server_name: str | None, _: ssl.SSLContext) -> None:
        # hot path: once a handshake
        choices = self._choices
        presented = choices.named(server_name) if server_name else None
        if isinstance(ssl_object, _ServerSide):
            ssl_object.server_name = server_name if presented else None
            ssl_object.presented = presented or choices.default
        context = (presented or choices.default).context
        if ssl_object.context is not context:
            ssl_object.context = context

    def _locate(self) -> list[CertificateFiles]:
        if not self._certificates:
            raise ConfigError("Certificates", None, "A certificate must be specified for HTTPS listeners")
        located = []
        for index, certificate in enumerate(self._certificates):
            try:
                located.append(self._locator.locate(certificate, self._hosts))
            except ConfigError as error:
                raise error.at(f"Certificates[{index}]") from error
        return located

    def _build(self, located: list[CertificateFiles]) -> _Choices:
        certificates = []
        for index, files in enumerate(located):
            try:
                certificates.append(read_server_certificate(files))
            except ConfigError as error:
                raise error.at(f"Certificates[{index}]") from error
        contexts: dict[tuple[CertificateFiles, ...], _Presented] = {}

        def presenting(chosen: tuple[ServerCertificate, ...]) -> _Presented:
            key = tuple(certificate.files for certificate in chosen)
            if key not in contexts:
                contexts[key] = _Presented(chosen, _server_context(self._policy, chosen))
            return contexts[key]

        default = presenting((certificates[0],))
        chosen = best_by_name(certificates[1:], self._now())
        return _Choices(
            default,
            {name: presenting(best) for name, best in chosen.items() if not name.startswith("*.")},
            {name[2:]: presenting(best) for name, best in chosen.items() if name.startswith("*.")},
        )


def target_context(*, is_h2: bool = False) -> ssl.SSLContext:
    """The context for connections to HTTPS targets and HTTPS health checks; with `is_h2`, to those that speak HTTP/2.

    The load balancer does not validate a target's certificate: self-signed, expired and wrong names are all accepted
    (user guide, load-balancer-target-groups). The versions and suites are those of ELBSecurityPolicy-TLS13-1-0-2021-06,
    which a TLS 1.3 listener policy implies for targets (user guide, describe-ssl-policies); the page has older listener
    policies leave out TLS 1.3. No client certificate is presented, and whoever connects passes `server_hostname=""` so
    that no name is sent.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    limit_versions(context, ("TLSv1.3", "TLSv1.2", "TLSv1.1", "TLSv1"))
    set_suites(context, TLS13 + EVERY_TLS12_SUITE, is_legacy=True)
    if is_h2:
        context.set_alpn_protocols(["h2"])
    return context


def _server_context(policy: SecurityPolicy, certificates: tuple[ServerCertificate, ...]) -> ssl.SSLContext:
    context = _ServerContext(ssl.PROTOCOL_TLS_SERVER)
    policy.configure(context)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(ALPN_PROTOCOLS)
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


def _stamps(located: list[CertificateFiles]) -> dict[Path, tuple[int, int, int] | None]:
    paths = (path for files in located for path in (files.chain, files.key) if path is not None)
    return {path: _stamp(path) for path in paths}


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file is written or replaced; None while it is missing."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
