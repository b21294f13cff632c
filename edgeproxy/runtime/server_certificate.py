"""Server certificates: PEM files read and checked, and the best of them for each name.

The load balancer takes RSA and ECDSA certificates and refuses Ed25519 (user guide, create-https-listener). Everything
that would make a handshake fail later is found here, when the file is read, and said in a sentence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from edgeproxy.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

# A PEM file may hold the chain, EC parameters and comments around the key.
_PRIVATE_KEY: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----.+?-----END \1-----", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFiles:
    """Where a listener's certificate stands on disk.

    Attributes:
        chain: A PEM file, the server's own certificate first, then its intermediates.
        key: A PEM file with the private key; None when `chain` holds it too.
        arn: What access logs and the API call this certificate.
    """

    chain: Path
    key: Path | None
    arn: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCertificate:
    """What a listener has to know about a certificate to choose it by name.

    Attributes:
        files: Where it was read from.
        names: DNS names of the subject alternative name and the common name, lower case, wildcards as `*.example.com`.
        algorithm: Of the public key.
        key_bits: Length of the public key.
        hash_bits: Strength of the hash in the signature; 0 where the signature scheme names none.
        not_before: Start of validity, aware.
        not_after: End of validity, aware.
        der: The certificate itself.
    """

    files: CertificateFiles
    names: tuple[str, ...]
    algorithm: Literal["ECDSA", "RSA"]
    key_bits: int
    hash_bits: int
    not_before: datetime
    not_after: datetime
    der: bytes = b""

    def is_valid(self, now: datetime) -> bool:
        """Whether `now` lies in its validity."""
        return self.not_before <= now <= self.not_after

    def strength(self) -> tuple[int, int, float]:
        """What decides between two of the same algorithm: hash, then key length, then validity period.

        Source: user guide, https-listener-certificates; that more is better for the period is our reading.
        """
        return self.hash_bits, self.key_bits, (self.not_after - self.not_before).total_seconds()


def read_server_certificate(files: CertificateFiles) -> ServerCertificate:
    """Reads and checks a certificate and its key.

    Raises:
        ConfigError: A file is missing or unreadable, has no certificate or no private key, the key is encrypted or
            belongs to another certificate, or its algorithm is not one that load balancers support.
    """
    leaf = _read_leaf(files.chain)
    key = _read_key(files.key or files.chain, "KeyFile" if files.key else "CertificateArn")
    public = leaf.public_key()
    if not isinstance(public, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey)):
        kind = type(public).__name__.removesuffix("PublicKey")
        raise ConfigError(
            "CertificateArn",
            str(files.chain),
            f"The certificate in '{files.chain}' has an {kind} key; load balancers support RSA and ECDSA keys only.",
            code="UnsupportedCertificate",
        )
    if key.public_key() != public:
        where = f"'{files.key}'" if files.key else "the same file"
        raise ConfigError(
            "KeyFile" if files.key else "CertificateArn",
            str(files.key or files.chain),
            f"The private key in {where} does not belong to the first certificate in '{files.chain}'.",
        )
    return ServerCertificate(
        files=files,
        names=_dns_names(leaf),
        algorithm="RSA" if isinstance(public, rsa.RSAPublicKey) else "ECDSA",
        key_bits=public.key_size,
        hash_bits=_hash_bits(leaf),
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
        der=leaf.public_bytes(Encoding.DER),
    )


def best_by_name(certificates: Iterable[ServerCertificate], now: datetime) -> dict[str, tuple[ServerCertificate, ...]]:
    """For each name, wildcards included, the best ECDSA certificate and the best RSA one, in that order.

    Expired ones count only where nothing else is left; the page names expiry as a criterion, but not its rank.
    Source: user guide, https-listener-certificates.
    """
    matching: dict[str, list[ServerCertificate]] = {}
    for certificate in certificates:
        for name in certificate.names:
            matching.setdefault(name, []).append(certificate)
    return {name: _best(candidates, now) for name, candidates in matching.items()}


def _best(candidates: list[ServerCertificate], now: datetime) -> tuple[ServerCertificate, ...]:
    usable = [certificate for certificate in candidates if certificate.is_valid(now)] or candidates
    of_each = ([each for each in usable if each.algorithm == algorithm] for algorithm in ("ECDSA", "RSA"))
    return tuple(max(group, key=ServerCertificate.strength) for group in of_each if group)


def _read_leaf(path: Path) -> x509.Certificate:
    try:
        leaf = x509.load_pem_x509_certificates(_read(path, "CertificateArn"))[0]
        # Both are read when they are first asked for.
        leaf.public_key()
        leaf.extensions  # noqa: B018
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension) as error:
        raise ConfigError(
            "CertificateArn", str(path), f"No readable PEM certificate in '{path}': {_first_line(error)}"
        ) from error
    return leaf


def _read_key(path: Path, field: str) -> Any:
    found = _PRIVATE_KEY.search(_read(path, field))
    if found is None:
        hint = "" if field == "KeyFile" else "; put it in the same file or name its file with KeyFile"
        raise ConfigError(field, str(path), f"No PEM private key in '{path}'{hint}.")
    try:
        return load_pem_private_key(found[0] + b"\n", password=None)
    except TypeError as error:
        raise ConfigError(
            field, str(path), f"The private key in '{path}' is encrypted; load balancers take unencrypted keys only."
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigError(field, str(path), f"No readable private key in '{path}': {_first_line(error)}") from error


def _read(path: Path, field: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ConfigError(
            field, str(path), f"Certificate file '{path}' does not exist.", code="CertificateNotFound"
        ) from error
    except OSError as error:
        raise ConfigError(
            field,
            str(path),
            f"Certificate file '{path}' cannot be read: {error.strerror}.",
            code="CertificateNotFound",
        ) from error


def _dns_names(leaf: x509.Certificate) -> tuple[str, ...]:
    names = [str(name.value) for name in leaf.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    try:
        alternatives = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names += alternatives.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        pass
    return tuple(dict.fromkeys(name.lower() for name in names))


def _hash_bits(leaf: x509.Certificate) -> int:
    try:
        algorithm = leaf.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return 0
    return algorithm.digest_size * 8 if algorithm else 0


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".") + "."
