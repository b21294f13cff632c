"""The development CA: certificates for names that no real CA would sign, on a machine where that CA is trusted.

Three nouns, trustme's: a CA (`DevelopmentCA`), what it issues (`IssuedCertificate`), and the names it is issued for.
Two files make the CA, `ca.pem` for everybody and `ca.key` for nobody else, in one folder (`certs/` by default). They
are reused as long as they hold, so that whoever trusted the CA once stays content; the same goes for the certificates.

    ca = DevelopmentCA.open(Path("certs"))
    ca.issue(["app.localhost", "127.0.0.1"]).path      # chain and private key in one PEM file, mode 0600

Rules of this file: a private key is created with mode 0600 and complete, never opened up or filled in later; who writes
holds a lock on the folder, because two processes may start at once; the time is a parameter.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import ipaddress
import logging
import os
import re
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, cast

import idna
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from edgeproxy.errors import ConfigError
from edgeproxy.runtime.server_certificate import CertificateFiles, read_server_certificate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CA_LIFETIME: Final = timedelta(days=3650)
LEAF_LIFETIME: Final = timedelta(days=397)
"""Browsers refuse server certificates that are valid for longer (CA/Browser Forum, Baseline Requirements, 6.3.2)."""
RENEW_BEFORE: Final = timedelta(days=30)
CLOCK_SKEW: Final = timedelta(days=1)
"""Certificates begin this long before now, so that a container whose clock is behind accepts them."""

_UNREADABLE: Final = (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension, x509.InvalidVersion)
"""What reading a certificate raises that is none, or that is damaged."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCertificate:
    """A certificate of the development CA.

    Attributes:
        path: One PEM file with the private key and the chain, mode 0600.
        names: What it covers, as normalised by `host_name`, in the order asked for.
        not_after: End of validity, aware.
        is_new: False when a file from earlier was still good.
    """

    path: Path
    names: tuple[str, ...]
    not_after: datetime
    is_new: bool


class DevelopmentCA:
    """A certificate authority of one's own, kept in a folder.

    Attributes:
        path: The CA's certificate, for trust stores.
        name: Its common name, `edgeproxy development CA 0a1b2c3d`.
        origin: Whether `open` found it, made it, or made it anew because the old one was expiring.
    """

    def __init__(
        self,
        directory: Path,
        certificate_pem: bytes,
        key_pem: bytes,
        *,
        origin: Literal["found", "made", "renewed"],
        now: datetime,
    ) -> None:
        self.certificate = x509.load_pem_x509_certificate(certificate_pem)
        self.path = directory / "ca.pem"
        self.name = str(self.certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value)
        self.origin = origin
        self._directory = directory
        self._now = now
        self._pem = certificate_pem, key_pem

    def __repr__(self) -> str:
        return f"<DevelopmentCA {self.name!r} in {self._directory} until {self.not_after:%Y-%m-%d}>"

    @property
    def not_after(self) -> datetime:
        """End of validity, aware."""
        return self.certificate.not_valid_after_utc

    @property
    def sha256(self) -> str:
        """The fingerprint that browsers and trust stores show, in upper-case hex with colons."""
        return self.certificate.fingerprint(hashes.SHA256()).hex(":").upper()

    @classmethod
    def open(cls, directory: Path, *, now: datetime | None = None) -> DevelopmentCA:
        """The folder's CA; made if there is none, and made anew if it expires within 30 days.

        Raises:
            ConfigError: The files of the CA are unreadable or do not fit together, or the folder cannot be written.
        """
        now = now or datetime.now(UTC)
        with _writing(directory):
            found = cls._read(directory, now)
            if found is not None and found.not_after - now > RENEW_BEFORE:
                return found
            certificate_pem, key_pem = _make_ca(now)
            _write(directory / "ca.key", key_pem, 0o600)
            _write(directory / "ca.pem", certificate_pem, 0o644)
            made = cls(directory, certificate_pem, key_pem, origin="renewed" if found else "made", now=now)
        if found is not None:
            _logger.warning(
                "The development CA in '%s' expires on %s, so a new one was made. Whoever trusted the old one has to "
                "trust the new one: run `edgeproxy certs trust` again.",
                directory,
                f"{found.not_after:%Y-%m-%d}",
            )
        return made

    @classmethod
    def find(cls, directory: Path, *, now: datetime | None = None) -> DevelopmentCA | None:
        """The folder's CA as it is, or None; nothing is made.

        Raises:
            ConfigError: The files of the CA are unreadable or do not fit together.
        """
        return cls._read(directory, now or datetime.now(UTC))

    def issue(self, names: Iterable[str]) -> IssuedCertificate:
        """A server certificate for host names, wildcards (`*.example.test`) and IP addresses.

        The file of an earlier call with the same names is reused while it is valid for 30 more days.

        Raises:
            ConfigError: A name is none, or the folder cannot be written.
        """
        wanted = tuple(dict.fromkeys(host_name(name) for name in names))
        if not wanted:
            raise ConfigError("", None, "At least one name is needed to issue a certificate.")
        path = self._directory / f"{_file_name(wanted)}.pem"
        with _writing(self._directory):
            not_after = self._still_good_until(path, wanted)
            is_new = not_after is None
            if not_after is None:
                not_after = min(self._now - CLOCK_SKEW + LEAF_LIFETIME, self.not_after)
                _write(path, self._leaf_pem(wanted, not_after), 0o600)
        return IssuedCertificate(path=path, names=wanted, not_after=not_after, is_new=is_new)

    def _leaf_pem(self, names: tuple[str, ...], not_after: datetime) -> bytes:
        import trustme  # noqa: PLC0415 - takes a while, and most starts find the certificate of an earlier one

        leaf = trustme.CA.from_pem(*self._pem).issue_cert(
            *names,
            common_name=names[0][:64],  # X.520's limit for a common name
            organization_name="edgeproxy",
            organization_unit_name="development certificate",
            not_before=self._now - CLOCK_SKEW,
            not_after=not_after,
        )
        return leaf.private_key_and_cert_chain_pem.bytes()

    def _still_good_until(self, path: Path, names: tuple[str, ...]) -> datetime | None:
        """The end of the validity of the certificate in `path`, or None if a new one is needed."""
        try:
            leaf = x509.load_pem_x509_certificate(path.read_bytes())
            leaf.verify_directly_issued_by(self.certificate)
            covered = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            found = read_server_certificate(CertificateFiles(chain=path, key=None, arn=""))
        except (OSError, TypeError, ConfigError, InvalidSignature, *_UNREADABLE):
            return None
        is_good = (
            {str(name.value) for name in covered} == set(names)
            and found.is_valid(self._now)
            and found.not_after - self._now > RENEW_BEFORE
        )
        return found.not_after if is_good else None

    @classmethod
    def _read(cls, directory: Path, now: datetime) -> DevelopmentCA | None:
        certificate_path, key_path = directory / "ca.pem", directory / "ca.key"
        present = [path for path in (certificate_path, key_path) if path.exists()]
        if not present:
            return None
        if len(present) == 1:
            (missing,) = {certificate_path, key_path} - set(present)
            raise _broken(directory, f"'{present[0]}' is there, but '{missing.name}' is missing")
        try:
            certificate_pem, key_pem = certificate_path.read_bytes(), key_path.read_bytes()
        except OSError as error:
            raise ConfigError("", str(directory), f"'{error.filename}' cannot be read: {error.strerror}.") from error
        _check_pair(directory, certificate_pem, key_pem)
        return cls(directory, certificate_pem, key_pem, origin="found", now=now)


def host_name(name: str) -> str:
    """A name as certificates carry it: lower case, A-labels, IP addresses in their shortest form.

    Raises:
        ConfigError: It is neither a host name, nor a wildcard for one leftmost label, nor an IP address.
    """
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        pass
    prefix, bare = ("*.", name[2:]) if name.startswith("*.") else ("", name)
    try:
        return prefix + idna.encode(bare, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError) as error:
        raise ConfigError(
            "",
            name,
            f"'{name}' is not a name that a certificate can carry; it must be a host name, "
            "a wildcard such as '*.example.test', or an IP address.",
        ) from error


def _file_name(names: tuple[str, ...]) -> str:
    """`app.localhost` for that one name; otherwise a hash tells apart what would fall together."""
    first = re.sub(r"[^a-z0-9.-]", "_", names[0])
    if names == (first,) and first != "ca":
        return first
    return f"{first}-{hashlib.sha256(' '.join(sorted(names)).encode()).hexdigest()[:8]}"


def _make_ca(now: datetime) -> tuple[bytes, bytes]:
    """Certificate and key, PEM. trustme's own CA neither takes a name nor ends before 2038, so it is made here."""
    key = ec.generate_private_key(ec.SECP256R1())
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    name = x509.Name(
        [
            x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "edgeproxy"),
            x509.NameAttribute(x509.NameOID.COMMON_NAME, f"edgeproxy development CA {identifier.digest.hex()[:8]}"),
        ]
    )
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM), key_pem


def _check_pair(directory: Path, certificate_pem: bytes, key_pem: bytes) -> None:
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem)
        is_ca = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        has_name = bool(certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME))
    except _UNREADABLE as error:
        raise _broken(directory, "'ca.pem' is not a PEM certificate of a CA") from error
    if not is_ca or not has_name:
        raise _broken(directory, "'ca.pem' is not the certificate of a CA with a common name")
    try:
        key = cast("ec.EllipticCurvePrivateKey", load_pem_private_key(key_pem, password=None))
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _broken(directory, "'ca.key' is not an unencrypted PEM private key") from error
    if key.public_key() != certificate.public_key():
        raise _broken(directory, "'ca.key' does not belong to 'ca.pem'")


def _broken(directory: Path, why: str) -> ConfigError:
    return ConfigError(
        "",
        str(directory),
        f"The development CA in '{directory}' cannot be used: {why}. "
        "Remove both 'ca.pem' and 'ca.key' to have a new one made.",
    )


@contextlib.contextmanager
def _writing(directory: Path) -> Iterator[None]:
    """Makes the folder and keeps other processes from writing to it."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(directory, os.O_RDONLY)
    except OSError as error:
        raise ConfigError("", str(directory), f"The folder '{directory}' cannot be used: {error.strerror}.") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write(path: Path, content: bytes, mode: int) -> None:
    """Replaces a file whole. It never has a wider mode, and nobody ever sees half of it."""
    try:
        descriptor, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600, O_EXCL
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                os.fchmod(descriptor, mode)
            Path(aside).replace(path)
        except BaseException:
            Path(aside).unlink()
            raise
    except OSError as error:
        raise ConfigError("", str(path), f"'{path}' cannot be written: {error.strerror}.") from error
