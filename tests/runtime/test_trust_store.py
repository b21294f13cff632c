from __future__ import annotations

import datetime as dt
import ssl
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from edgeproxy.errors import ConfigError
from edgeproxy.runtime import trust_store
from edgeproxy.runtime.trust_store import TrustStoreFiles, read_trust_store, unsupported_kind
from tests.helpers.client_authority import ClientAuthority, of_version, pem, some_key

if TYPE_CHECKING:
    from pathlib import Path

PAGE = "mutual-authentication"
LIMITS = "load-balancer-limits"
ROOT, OTHER = ClientAuthority("root"), ClientAuthority("other")


def files(*bundle: Path, revocations: tuple[Path, ...] = ()) -> TrustStoreFiles:
    return TrustStoreFiles(bundle=bundle, revocations=revocations, watched=())


def bundle(path: Path, *certificates: x509.Certificate, before: bytes = b"") -> Path:
    path.write_bytes(before + b"".join(map(pem, certificates)))
    return path


def refused(store: TrustStoreFiles, **options: Any) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        read_trust_store(store, **options)
    return caught.value


@pytest.mark.conformance("Mutual TLS", "a bundle is PEM with comments", PAGE)
def test_bundles_are_read_in_order(tmp_path: Path) -> None:
    one = bundle(tmp_path / "one.pem", ROOT.certificate, OTHER.certificate, before=b"# comment\n")
    two = bundle(tmp_path / "two.pem", ClientAuthority("below", above=ROOT).certificate)
    found = read_trust_store(files(one, two)).certificates

    assert ["CN=root", "CN=other", "CN=below"] == [each.subject.rfc4514_string() for each in found]


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_revocation_lists_are_read(tmp_path: Path, encoding: Encoding) -> None:
    leaf = ROOT.issue("joe").certificate
    listed = ROOT.revoke(tmp_path / "crl", leaf, encoding=encoding)
    (found,) = read_trust_store(files(ROOT.write(tmp_path / "ca"), revocations=(listed,))).revocation_lists

    assert found.get_revoked_certificate_by_serial_number(leaf.serial_number) is not None


def test_a_file_may_hold_several_revocation_lists(tmp_path: Path) -> None:
    """Whoever is revoked in the second one is revoked."""
    leaf, stranger = ROOT.issue("joe").certificate, OTHER.issue("jim").certificate
    listed = OTHER.revoke(tmp_path / "crl", stranger)
    listed.write_bytes(listed.read_bytes() + ROOT.revoke(tmp_path / "second", leaf).read_bytes())
    found = read_trust_store(files(ROOT.write(tmp_path / "ca"), revocations=(listed,))).revocation_lists

    assert [stranger.serial_number, leaf.serial_number] == [each.serial_number for crl in found for each in crl]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    missing = refused(files(tmp_path / "ca.pem"))
    listed = refused(files(ROOT.write(tmp_path / "ca"), revocations=(tmp_path / "crl",)))

    assert ("CaCertificatesBundle", "CaCertificatesBundleNotFound") == (missing.path, missing.code)
    assert f"'{tmp_path / 'ca.pem'}' does not exist." == missing.reason
    assert ("Revocations[0]", "RevocationContentNotFound") == (listed.path, listed.code)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert f"'{tmp_path}' cannot be read: Is a directory." == refused(files(tmp_path)).reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "holds no PEM certificate."),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be read: "),
        (ssl.DER_cert_to_PEM_cert(of_version(ROOT.certificate, 1)).encode(), "1 is not a valid X509 version."),
    ],
)
def test_a_bundle_without_certificates_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "ca.pem").write_bytes(content)
    error = refused(files(tmp_path / "ca.pem"))

    assert "InvalidCaCertificatesBundle" == error.code
    assert reason in error.reason


PEM = pem(ROOT.certificate)


@pytest.mark.conformance("Mutual TLS", "a bundle has no blank lines, no other text, no comments with a hyphen", PAGE)
@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"\n" + PEM, 1),
        (PEM + b"\n" + PEM, PEM.count(b"\n") + 1),
        (PEM + b"\n", PEM.count(b"\n") + 1),
        (b"# one\nCertificate:\n    Data:\n" + PEM, 2),
        (b"# one\n# t-wo\n" + PEM, 2),
        (PEM.replace(b"\n", b"\r\n") + b"# end", 0),
        (PEM + PEM, 0),
    ],
    ids=["before", "between", "behind", "text", "hyphen", "other line ends", "fine"],
)
def test_a_bundle_holds_certificates_and_comments_alone(tmp_path: Path, content: bytes, line: int) -> None:
    path = tmp_path / "ca.pem"
    path.write_bytes(content)
    if not line:
        assert read_trust_store(files(path)).certificates
        return
    error = refused(files(path))
    assert "InvalidCaCertificatesBundle" == error.code
    assert error.reason.startswith(f"Line {line} of '{path}' does not belong into a bundle")


def test_a_damaged_revocation_list_is_refused(tmp_path: Path) -> None:
    (tmp_path / "crl").write_bytes(b"nothing")
    error = refused(files(ROOT.write(tmp_path / "ca"), revocations=(tmp_path / "crl",)))

    assert ("Revocations[0]", "InvalidRevocationContent") == (error.path, error.code)
    assert error.reason.startswith(f"'{tmp_path / 'crl'}' holds no readable revocation list: ")


@pytest.mark.conformance("Mutual TLS", "a bundle holds authorities", PAGE, status="default")
def test_a_leaf_is_no_authority(tmp_path: Path) -> None:
    path = bundle(tmp_path / "ca.pem", ROOT.certificate, ROOT.issue("joe").certificate)
    expected = (
        f"Certificate 2 in '{path}' (CN=joe) is not the certificate of an authority: its basic constraints deny it."
    )
    assert expected == refused(files(path)).reason


def certificate(key: Any, algorithm: Any = None, *, signer: Any = None) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + dt.timedelta(days=1))
    return builder.sign(signer or key, algorithm)


@pytest.mark.conformance("Mutual TLS", "which keys and signatures are supported", PAGE)
@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: certificate(some_key(), hashes.SHA256()), None),
        (lambda: certificate(ec.generate_private_key(ec.SECP384R1()), hashes.SHA384()), None),
        (lambda: certificate(ec.generate_private_key(ec.SECP521R1()), hashes.SHA512()), None),
        (lambda: certificate(rsa.generate_private_key(65537, 2048), hashes.SHA256()), None),
        (
            lambda: certificate(rsa.generate_private_key(65537, 1024), hashes.SHA256()),
            "has an RSA key of 1024 bits; it must have 2048 to 8192",
        ),
        (
            lambda: certificate(ec.generate_private_key(ec.SECP256K1()), hashes.SHA256()),
            "has a key on the curve secp256k1; it must be P-256, P-384 or P-521",
        ),
        (
            lambda: certificate(ed25519.Ed25519PrivateKey.generate()),
            "has a key of the kind Ed25519; it must be RSA or EC",
        ),
        (
            lambda: certificate(some_key(), hashes.SHA224()),
            "is signed with sha224; it must be SHA-256, SHA-384 or SHA-512",
        ),
        (
            lambda: certificate(some_key(), signer=ed25519.Ed25519PrivateKey.generate()),
            "is signed with no hash; it must be SHA-256, SHA-384 or SHA-512",
        ),
    ],
)
def test_kinds_of_certificates(make: Any, expected: str | None) -> None:
    assert expected == unsupported_kind(make())


class FirstVersion:
    """No library makes such certificates any more."""

    version = x509.Version.v1


@pytest.mark.conformance("Mutual TLS", "X.509 version 3 only", PAGE)
def test_the_first_version_is_not_taken() -> None:
    assert "is X.509 v1; it must be v3" == unsupported_kind(FirstVersion())  # type: ignore[arg-type]


@pytest.mark.conformance("Mutual TLS", "25 CA certificates in a trust store", LIMITS)
def test_there_are_at_most_twenty_five_authorities(tmp_path: Path) -> None:
    path = bundle(tmp_path / "ca.pem", *[ROOT.certificate] * 25)
    assert 25 == len(read_trust_store(files(path)).certificates)
    expected = "The bundle has 26 CA certificates; a trust store can have 25."
    assert expected == refused(files(path, ROOT.write(tmp_path / "more"))).reason


@pytest.mark.conformance("Mutual TLS", "16 KB for a CA certificate", LIMITS)
def test_a_large_certificate_is_refused(tmp_path: Path) -> None:
    large = ClientAuthority("large", padding=16 * 1024)
    reason = refused(files(large.write(tmp_path / "ca"))).reason
    assert reason.endswith("bytes; a CA certificate can have 16384.")


@pytest.mark.conformance("Mutual TLS", "10,000 bytes of names can be advertised", LIMITS)
def test_long_names_can_be_used_and_not_advertised(tmp_path: Path) -> None:
    parts = [x509.NameAttribute(x509.NameOID.ORGANIZATIONAL_UNIT_NAME, "x" * 64) for _ in range(60)]
    many = ClientAuthority(x509.Name(parts))
    store = files(bundle(tmp_path / "ca", *[many.certificate] * 3))

    assert 3 == len(read_trust_store(store).certificates)
    reason = refused(store, advertises_names=True).reason
    assert reason.endswith("bytes; 10000 can be advertised to clients.")


@pytest.mark.conformance("Mutual TLS", "limits of revocation lists", LIMITS)
def test_revocation_lists_have_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leaf = ROOT.issue("joe").certificate
    store = files(ROOT.write(tmp_path / "ca"), revocations=(ROOT.revoke(tmp_path / "crl", leaf),))
    assert (50 * 1024 * 1024, 500_000) == (trust_store.MAX_REVOCATION_FILE_SIZE, trust_store.MAX_REVOKED_ENTRIES)

    monkeypatch.setattr(trust_store, "MAX_REVOKED_ENTRIES", 0)
    entries = refused(store)
    monkeypatch.setattr(trust_store, "MAX_REVOCATION_FILE_SIZE", 10)
    size = refused(store)

    assert ("Revocations", "TooManyTrustStoreRevocationEntries") == (entries.path, entries.code)
    assert "The lists revoke 1 certificates; a trust store can hold 0." == entries.reason
    assert ("Revocations[0]", "InvalidRevocationContent") == (size.path, size.code)
