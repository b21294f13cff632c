"""Certificates for clients: authorities, chains below them, and revocation lists, as a test wants them.

ca = ClientAuthority("root")
leaf = ca.issue("joe", not_after=PAST)
leaf.write(path)                       # key, certificate and what is between it and the root
"""

from __future__ import annotations

import datetime as dt
import functools
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
PAST, FUTURE = NOW - dt.timedelta(days=1), NOW + dt.timedelta(days=1)
PURPOSES = {
    "client": ExtendedKeyUsageOID.CLIENT_AUTH,
    "server": ExtendedKeyUsageOID.SERVER_AUTH,
}


@functools.cache
def some_key() -> ec.EllipticCurvePrivateKey:
    """One for all: it is the names and dates that matter."""
    return ec.generate_private_key(ec.SECP256R1())


class ClientLeaf:
    """A certificate, its key, and the authorities between it and a root, nearest first."""

    def __init__(self, certificate: x509.Certificate, key: Any, between: Sequence[x509.Certificate]) -> None:
        self.certificate = certificate
        self.key = key
        self.between = list(between)

    @property
    def chain_pem(self) -> bytes:
        """The certificates, leaf first."""
        return b"".join(pem(each) for each in (self.certificate, *self.between))

    def write(self, path: Path) -> Path:
        """One file for `ssl.SSLContext.load_cert_chain` and for curl."""
        key = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(key + self.chain_pem)
        return path


class ClientAuthority:
    """A root, or an authority below another one.

    Attributes:
        certificate: The authority's own.
    """

    def __init__(self, name: str | x509.Name, *, above: ClientAuthority | None = None, **options: Any) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.above = above
        self.name = named(name)
        issuer = above or self
        self.certificate = issuer.sign(self.name, self.key, is_authority=True, **options)

    @property
    def between(self) -> list[x509.Certificate]:
        """This authority and those above it, but for the root."""
        return [] if self.above is None else [self.certificate, *self.above.between]

    def issue(self, name: str | x509.Name, *, key: Any = None, **options: Any) -> ClientLeaf:
        """A certificate for a client; see `sign` for the options."""
        key = key or some_key()
        return ClientLeaf(self.sign(named(name), key, **options), key, self.between)

    def sign(
        self,
        name: x509.Name,
        key: Any,
        *,
        is_authority: bool = False,
        not_before: dt.datetime = NOW - dt.timedelta(days=30),
        not_after: dt.datetime = NOW + dt.timedelta(days=30),
        purposes: Iterable[str] = ("client",),
        serial: int | None = None,
        algorithm: hashes.SHA224 | hashes.SHA384 | hashes.SHA512 | None = None,
        padding: int = 0,
    ) -> x509.Certificate:
        """A certificate.

        Args:
            name: Its subject.
            key: The private key whose public half it is for.
            is_authority: It may sign others.
            not_before: When it begins to be valid.
            not_after: When it ends.
            purposes: What a leaf may be used for; none leaves the extension out.
            serial: Its number; random where omitted.
            algorithm: The hash; SHA-256 where omitted.
            padding: Bytes that it carries for nothing.
        """
        builder = x509.CertificateBuilder(
            self.name, name, key.public_key(), serial or x509.random_serial_number(), not_before, not_after
        )
        builder = builder.add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        oids = [PURPOSES[purpose] for purpose in purposes]
        if oids and not is_authority:
            builder = builder.add_extension(x509.ExtendedKeyUsage(oids), critical=False)
        if padding:
            filling = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"x" * padding)
            builder = builder.add_extension(filling, critical=False)
        return builder.sign(self.key, algorithm or hashes.SHA256())

    def write(self, path: Path) -> Path:
        """The authority's certificate, for a trust store."""
        path.write_bytes(pem(self.certificate))
        return path

    def revoke(
        self,
        path: Path,
        *certificates: x509.Certificate,
        next_update: dt.datetime = FUTURE,
        encoding: Encoding = Encoding.PEM,
    ) -> Path:
        """A list with these certificates."""
        builder = x509.CertificateRevocationListBuilder(self.name, PAST - dt.timedelta(days=9), next_update)
        for each in certificates:
            entry = x509.RevokedCertificateBuilder(each.serial_number, PAST).build()
            builder = builder.add_revoked_certificate(entry)
        path.write_bytes(builder.sign(self.key, hashes.SHA256()).public_bytes(encoding))
        return path


def named(name: str | x509.Name) -> x509.Name:
    """A name of a common name only, or one that is there already."""
    if isinstance(name, x509.Name):
        return name
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def of_version(certificate: x509.Certificate, version: int) -> bytes:
    """The same with another version's number, 0 for version 1, in DER; the signature does not fit any more."""
    return certificate.public_bytes(Encoding.DER).replace(b"\xa0\x03\x02\x01\x02", bytes([0xA0, 3, 2, 1, version]), 1)


def pem(certificate: x509.Certificate) -> bytes:
    """One certificate."""
    return certificate.public_bytes(Encoding.PEM)
