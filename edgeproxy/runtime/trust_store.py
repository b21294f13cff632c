"""Trust stores: bundles of certificate authorities and their revocation lists, read from files and checked.

What the load balancer does not take is refused here, when the files are read, in a sentence: it is the place where a
user can still do something about it. Files are looked at again while the proxy runs, and new ones are used for new
connections, as after ModifyTrustStore and AddTrustStoreRevocations.
Source: user guide, mutual-authentication (requirements for trust stores); load-balancer-limits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from edgeproxy.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from edgeproxy.model.trust_store import TrustStore

MAX_CERTIFICATES: Final = 25
"""CA certificates in a trust store; AWS raises it on request."""
MAX_CERTIFICATE_SIZE: Final = 16 * 1024
"""Bytes of one CA certificate as it stands in the file."""
MAX_NAMES_SIZE: Final = 10_000
"""Bytes of the subject names together, where they are advertised."""
MAX_REVOCATION_FILE_SIZE: Final = 50 * 1024 * 1024
MAX_REVOKED_ENTRIES: Final = 500_000
"""In all lists of a trust store; AWS raises it on request."""

_CERTIFICATE: Final = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_REVOCATION_LIST: Final = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", re.DOTALL)
_CURVES: Final = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_HASHES: Final = ("sha256", "sha384", "sha512")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustStoreFiles:
    """Where a trust store stands on disk.

    Attributes:
        bundle: PEM files with the certificates of the authorities.
        revocations: Files with revocation lists, PEM or DER.
        watched: What changes when any of that does: the files, and the folder where there is one.
    """

    bundle: tuple[Path, ...]
    revocations: tuple[Path, ...]
    watched: tuple[Path, ...]


class TrustStoreLocator(Protocol):
    """Knows the files of trust stores."""

    def locate_trust_store(self, store: TrustStore) -> TrustStoreFiles:
        """The files of a trust store.

        Raises:
            ConfigError: There are none; `path` is relative to the trust store.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedAuthorities:
    """What is believed.

    Attributes:
        certificates: Of the authorities, in the order of the files.
        revocation_lists: What they have taken back.
    """

    certificates: tuple[x509.Certificate, ...]
    revocation_lists: tuple[x509.CertificateRevocationList, ...]


def read_trust_store(files: TrustStoreFiles, *, advertises_names: bool = False) -> TrustedAuthorities:
    """Reads and checks a trust store.

    Args:
        files: Where it stands.
        advertises_names: Whether clients are told the names, which have to fit into one message then.

    Raises:
        ConfigError: A file is missing or unreadable, or holds what the load balancer does not take; `path` is
            `CaCertificatesBundle` or `Revocations[n]`.
    """
    certificates = [each for path in files.bundle for each in _read_bundle(path)]
    if len(certificates) > MAX_CERTIFICATES:
        raise _invalid(
            f"The bundle has {len(certificates)} CA certificates; a trust store can have {MAX_CERTIFICATES}."
        )
    size = sum(len(certificate.subject.public_bytes()) for certificate in certificates)
    if advertises_names and size > MAX_NAMES_SIZE:
        raise _invalid(
            f"The subject names of the bundle have {size} bytes; {MAX_NAMES_SIZE} can be advertised to clients."
        )
    lists = [each for index, path in enumerate(files.revocations) for each in _read_revocations(index, path)]
    entries = sum(len(each) for each in lists)
    if entries > MAX_REVOKED_ENTRIES:
        raise ConfigError(
            "Revocations",
            None,
            f"The lists revoke {entries} certificates; a trust store can hold {MAX_REVOKED_ENTRIES}.",
            code="TooManyTrustStoreRevocationEntries",
        )
    return TrustedAuthorities(certificates=tuple(certificates), revocation_lists=tuple(lists))


def unsupported_kind(certificate: x509.Certificate) -> str | None:
    """Why the load balancer does not take a certificate for mutual TLS, of an authority or a client; None if it does.

    X.509 version 3, RSA keys of 2048 to 8192 bits or P-256, P-384 and P-521, SHA-256, SHA-384 or SHA-512.
    """
    if certificate.version is not x509.Version.v3:
        return f"is X.509 {certificate.version.name}; it must be v3"
    try:
        key, hashed = certificate.public_key(), certificate.signature_hash_algorithm
    except (UnsupportedAlgorithm, ValueError):
        return "has a key or a signature of an unknown kind"
    if isinstance(key, rsa.RSAPublicKey):
        if not 2048 <= key.key_size <= 8192:
            return f"has an RSA key of {key.key_size} bits; it must have 2048 to 8192"
    elif not isinstance(key, ec.EllipticCurvePublicKey):
        return f"has a key of the kind {type(key).__name__.removesuffix('PublicKey')}; it must be RSA or EC"
    elif not isinstance(key.curve, _CURVES):
        return f"has a key on the curve {key.curve.name}; it must be P-256, P-384 or P-521"
    if hashed is None or hashed.name not in _HASHES:
        return f"is signed with {'no hash' if hashed is None else hashed.name}; it must be SHA-256, SHA-384 or SHA-512"
    return None


def _read_bundle(path: Path) -> Iterator[x509.Certificate]:
    content = _read(path, "CaCertificatesBundle", "CaCertificatesBundleNotFound")
    blocks = _CERTIFICATE.findall(content)
    if not blocks:
        raise _invalid(f"'{path}' holds no PEM certificate.", path)
    stray = _stray_line(content)
    if stray:
        raise _invalid(
            f"Line {stray} of '{path}' does not belong into a bundle, which holds PEM certificates and comments: lines "
            "that begin with # and have no hyphen.",
            path,
        )
    for number, block in enumerate(blocks, 1):
        which = f"Certificate {number} in '{path}'"
        if len(block) > MAX_CERTIFICATE_SIZE:
            raise _invalid(f"{which} has {len(block)} bytes; a CA certificate can have {MAX_CERTIFICATE_SIZE}.", path)
        try:
            certificate = x509.load_pem_x509_certificate(block)
        except (ValueError, x509.InvalidVersion) as error:
            raise _invalid(f"{which} cannot be read: {_first_line(error)}", path) from error
        problem = unsupported_kind(certificate) or _not_an_authority(certificate)
        if problem is not None:
            raise _invalid(f"{which} ({certificate.subject.rfc4514_string()}) {problem}.", path)
        yield certificate


def _stray_line(content: bytes) -> int:
    """The number of the first line that is neither part of a certificate nor a comment; 0 if there is none."""
    outside = _CERTIFICATE.sub(lambda block: b"#" + b"\n#" * block[0].count(b"\n"), content)
    for number, line in enumerate(outside.splitlines(), 1):
        if not line.startswith(b"#") or b"-" in line:
            return number
    return 0


def _not_an_authority(certificate: x509.Certificate) -> str | None:
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return "is not the certificate of an authority: it has no basic constraints"
    except (ValueError, x509.DuplicateExtension) as error:
        return f"has extensions that cannot be read: {_first_line(error).removesuffix('.')}"
    return None if constraints.ca else "is not the certificate of an authority: its basic constraints deny it"


def _read_revocations(index: int, path: Path) -> list[x509.CertificateRevocationList]:
    field = f"Revocations[{index}]"
    content = _read(path, field, "RevocationContentNotFound")
    if len(content) > MAX_REVOCATION_FILE_SIZE:
        reason = f"'{path}' has {len(content)} bytes; a revocation list can have {MAX_REVOCATION_FILE_SIZE}."
        raise ConfigError(field, str(path), reason, code="InvalidRevocationContent")
    blocks = _REVOCATION_LIST.findall(content)
    try:
        # All of them: whoever is revoked in a list that is passed over would be let in.
        return [x509.load_pem_x509_crl(block) for block in blocks] or [x509.load_der_x509_crl(content)]
    except ValueError as error:
        reason = f"'{path}' holds no readable revocation list: {_first_line(error)}"
        raise ConfigError(field, str(path), reason, code="InvalidRevocationContent") from error


def _read(path: Path, field: str, code: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ConfigError(field, str(path), f"'{path}' does not exist.", code=code) from error
    except OSError as error:
        raise ConfigError(field, str(path), f"'{path}' cannot be read: {error.strerror}.", code=code) from error


def _invalid(reason: str, path: Path | None = None) -> ConfigError:
    value = None if path is None else str(path)
    return ConfigError("CaCertificatesBundle", value, reason, code="InvalidCaCertificatesBundle")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".") + "."
