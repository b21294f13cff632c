"""Mutual TLS: the listeners that ask clients for certificates, with pyOpenSSL.

* `passthrough`: a certificate is asked for and none is needed; whatever comes is passed on unverified. OpenSSL checks
  all the same that the client has the private key.
* `verify`: a certificate is needed, and verified as `client_verification` says.

Sessions are not resumed, in neither mode. Authorities are named to clients only where that is asked for.
Every connection starts with the default's context; the SNI callback puts another one in place, as in `tls`. All
contexts of a listener verify alike, because OpenSSL keeps the callback of the first and the trust store of the last.
Source: user guide, mutual-authentication.
"""

from __future__ import annotations

import contextlib
import functools
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL, crypto

from edgeproxy.errors import ConfigError
from edgeproxy.runtime.certificate_choice import CertificateLocator, ListenerCertificates
from edgeproxy.runtime.mutual_tls_transport import ClientTls, MutualTlsTransport
from edgeproxy.runtime.security_policy import (
    Configured,
    cipher_string,
    security_policy,
    shortfalls,
)
from edgeproxy.runtime.tls import ALPN_PROTOCOLS
from edgeproxy.runtime.trust_store import read_trust_store

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from edgeproxy.model.listener import Listener
    from edgeproxy.model.mutual_authentication import MutualAuthentication
    from edgeproxy.model.security_policy import SecurityPolicy
    from edgeproxy.model.trust_store import TrustStore
    from edgeproxy.runtime.client_connection import ClientConnection
    from edgeproxy.runtime.server_certificate import CertificateFiles, ServerCertificate
    from edgeproxy.runtime.server_tls import Accepts
    from edgeproxy.runtime.tls_facts import TlsFacts
    from edgeproxy.runtime.trust_store import TrustedAuthorities, TrustStoreFiles, TrustStoreLocator

_VERSIONS: Final = {
    "TLSv1": SSL.TLS1_VERSION,
    "TLSv1.1": SSL.TLS1_1_VERSION,
    "TLSv1.2": SSL.TLS1_2_VERSION,
    "TLSv1.3": SSL.TLS1_3_VERSION,
}
_OPTIONS: Final = SSL.OP_CIPHER_SERVER_PREFERENCE | SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_TICKET
_STORE_FLAGS: Final = (
    crypto.X509StoreFlags.CRL_CHECK | crypto.X509StoreFlags.CRL_CHECK_ALL | crypto.X509StoreFlags.PARTIAL_CHAIN
)


class ListenerMutualTls:
    """The TLS side of a listener that asks for client certificates; implements `ServerTls`.

    Attributes:
        policy: What clients may use.
        verifies: Clients need a certificate that can be verified.
        ignores_expiry: It may have expired.
    """

    def __init__(
        self,
        listener: Listener,
        locator: CertificateLocator,
        mutual: MutualAuthentication,
        store: TrustStore | None = None,
        trust_stores: TrustStoreLocator | None = None,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        offers_h2: bool = True,
    ) -> None:
        """Reads certificates and trust store; `offers_h2` is `routing.http2.enabled`.

        Raises:
            ConfigError: Something cannot be used; `path` is relative to the listener.
        """
        self.policy = security_policy(listener.ssl_policy)
        self.verifies: Final = store is not None
        self.ignores_expiry: Final = mutual.ignore_client_certificate_expiry
        trust = None if store is None or trust_stores is None else _Trust(store, trust_stores, mutual)
        alpn = ALPN_PROTOCOLS if offers_h2 else ALPN_PROTOCOLS[1:]
        contexts = _Contexts(self.policy, trust, self._on_client_hello, alpn)
        self._certificates = ListenerCertificates(listener, locator, contexts, now)

    def activate(self) -> None:
        """Nothing to do: every connection asks anew."""

    def shares_sockets_with(self, other: object) -> bool:
        """Never: a server knows whose connections it makes."""
        return other is self

    def server_side(self, listener: Accepts, make: Callable[[], ClientConnection]) -> Callable[[], asyncio.Protocol]:
        """See `ServerTls`."""
        return lambda: MutualTlsTransport(listener, make(), self.begin)

    def begin(self) -> ClientTls:
        """The TLS state of a new connection."""
        context = self._certificates.choices.default.context
        return ClientTls(SSL.Connection(context, None), verifies=self.verifies, ignores_expiry=self.ignores_expiry)

    def shortfalls(self) -> str:
        """See `ServerTls`."""
        context = self._certificates.choices.default.context
        configured = Configured(
            platform=f"pyOpenSSL with {' '.join(SSL.OpenSSL_version(SSL.OPENSSL_VERSION).decode().split()[:2])}",
            chooser="pyOpenSSL",
            suites=tuple(SSL.Connection(context, None).get_cipher_list()),
            accepts=functools.partial(_accepts, self.begin),
            has_ml_kem=SSL.OPENSSL_VERSION_NUMBER >= 0x30500000,
            sets_groups=False,
        )
        return shortfalls(self.policy, configured)

    def reload_if_changed(self) -> bool:
        """See `ListenerCertificates`; the files of the trust store count as well."""
        return self._certificates.reload_if_changed()

    def describe(self, ssl_object: ClientTls) -> TlsFacts:
        """See `ServerTls`."""
        return ssl_object.facts

    def _on_client_hello(self, connection: SSL.Connection) -> None:
        choices = self._certificates.choices
        name = (connection.get_servername() or b"").decode("ascii", "replace")
        found = choices.named(name) if name else None
        state: ClientTls = connection.get_app_data()
        state.domain_name = name if found is not None else "-"
        state.presented = found or choices.default
        if connection.get_context() is not state.presented.context:
            connection.set_context(state.presented.context)


class _Trust(NamedTuple):
    """A trust store, where its files are found, and what the listener makes of it."""

    store: TrustStore
    locator: TrustStoreLocator
    mutual: MutualAuthentication

    @property
    def advertises_names(self) -> bool:
        return self.mutual.advertise_trust_store_ca_names == "on"

    def files(self) -> TrustStoreFiles:
        try:
            return self.locator.locate_trust_store(self.store)
        except ConfigError as error:
            raise _in_listener(error) from error

    def read(self) -> TrustedAuthorities:
        files = self.files()
        try:
            return read_trust_store(files, advertises_names=self.advertises_names)
        except ConfigError as error:
            raise _in_listener(error) from error


def _in_listener(error: ConfigError) -> ConfigError:
    """The listener names the trust store and holds no fields of it."""
    return ConfigError("MutualAuthentication.TrustStoreArn", error.value, error.reason, code=error.code)


class _Contexts:
    """Makes contexts; implements `ContextMaker`."""

    def __init__(
        self,
        policy: SecurityPolicy,
        trust: _Trust | None,
        on_client_hello: Callable[[SSL.Connection], None],
        alpn: Sequence[str],
    ) -> None:
        self._alpn = alpn
        self._policy = policy
        self._trust = trust
        self._on_client_hello = on_client_hello

    def files(self) -> Iterable[Path]:
        return () if self._trust is None else self._trust.files().watched

    def maker(self) -> Callable[[tuple[ServerCertificate, ...]], SSL.Context]:
        return functools.partial(self._make, None if self._trust is None else self._trust.read())

    def _make(self, authorities: TrustedAuthorities | None, certificates: tuple[ServerCertificate, ...]) -> SSL.Context:
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        _configure(context, self._policy)
        context.set_options(_OPTIONS)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_session_id(b"edgeproxy")  # without one, a client that offers a session fails
        context.set_alpn_select_callback(functools.partial(_select_protocol, self._alpn))
        context.set_tlsext_servername_callback(self._on_client_hello)
        for certificate in certificates:
            _load(context, certificate.files)
        if self._trust is None or authorities is None:
            context.set_verify(SSL.VERIFY_PEER, _on_certificate)
            return context
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, _on_certificate)
        _trust(context, authorities, advertises_names=self._trust.advertises_names)
        return context


def _configure(context: SSL.Context, policy: SecurityPolicy) -> None:
    """As `security_policy.configure` does with Python's contexts."""
    context.set_min_proto_version(_VERSIONS[policy.protocols[-1]])
    context.set_max_proto_version(_VERSIONS[policy.protocols[0]])
    try:
        context.set_cipher_list(cipher_string(policy).encode())
    except SSL.Error as error:
        raise ConfigError("SslPolicy", policy.name, f"pyOpenSSL has no cipher suite of '{policy.name}'.") from error
    if policy.tls13_ciphers:
        context.set_tls13_ciphersuites(":".join(policy.tls13_ciphers).encode())
    if policy.groups == ("secp384r1",):
        context.set_tmp_ecdh(ec.SECP384R1())


def _trust(context: SSL.Context, authorities: TrustedAuthorities, *, advertises_names: bool) -> None:
    store = context.get_cert_store()
    assert store is not None  # a new context has one
    for certificate in authorities.certificates:
        authority = crypto.X509.from_cryptography(certificate)
        store.add_cert(authority)
        if advertises_names:
            context.add_client_ca(certificate)
    for each in authorities.revocation_lists:
        store.add_crl(each)
    store.set_flags(_STORE_FLAGS)


def _load(context: SSL.Context, files: CertificateFiles) -> None:
    try:
        context.use_certificate_chain_file(str(files.chain))
        context.use_privatekey_file(str(files.key or files.chain))
        context.check_privatekey()
    except SSL.Error as error:
        raise ConfigError(
            "CertificateArn", str(files.chain), f"OpenSSL cannot use the certificate in '{files.chain}': {error}."
        ) from error


def _select_protocol(alpn: Sequence[str], _: SSL.Connection, offered: list[bytes]) -> Any:
    for protocol in alpn:
        if protocol.encode() in offered:
            return protocol.encode()
    return SSL.NO_OVERLAPPING_PROTOCOLS


def _on_certificate(connection: SSL.Connection, certificate: crypto.X509, problem: int, depth: int, _: int) -> bool:
    state: ClientTls = connection.get_app_data()
    return state.verification is None or state.verification.on_certificate(certificate, problem, depth)


def _accepts(begin: Callable[[], ClientTls], version: str) -> bool:
    """Whether a client that speaks nothing newer is answered, signature and all."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_cipher_list(b"ALL:@SECLEVEL=0")
    context.set_min_proto_version(_VERSIONS[version])
    context.set_max_proto_version(_VERSIONS[version])
    client, server = SSL.Connection(context, None), begin().connection
    client.set_connect_state()
    with contextlib.suppress(SSL.WantReadError):
        client.do_handshake()
    server.bio_write(client.bio_read(1 << 16))
    try:
        server.do_handshake()
    except SSL.WantReadError:
        return True
    except SSL.Error:
        return False
    return True
