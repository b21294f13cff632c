from __future__ import annotations

import datetime as dt
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from edgeproxy.errors import ConfigError
from edgeproxy.runtime.server_certificate import (
    CertificateFiles,
    ServerCertificate,
    best_by_name,
    read_server_certificate,
)
from tests.helpers.client_authority import ClientAuthority, named, of_version, some_key

CA = trustme.CA()
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def self_signed(key: Any, *, algorithm: Any, name: str = "app.test") -> bytes:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    return (
        builder.not_valid_before(NOW)
        .not_valid_after(NOW + dt.timedelta(days=1))
        .sign(key, algorithm)
        .public_bytes(Encoding.PEM)
    )


def private_pem(key: Any, encryption: Any = None, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    pem: bytes = key.private_bytes(Encoding.PEM, form, encryption or NoEncryption())
    return pem


def read(path: Path, key: Path | None = None) -> ServerCertificate:
    return read_server_certificate(CertificateFiles(chain=path, key=key, arn="arn"))


def refused(path: Path, key: Path | None = None) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        read(path, key)
    return caught.value


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_one_file_may_hold_key_and_chain_in_any_order(tmp_path: Path) -> None:
    leaf = CA.issue_cert("app.test")
    key, chain = leaf.private_key_pem.bytes(), leaf.cert_chain_pems[0].bytes()
    first = read(written(tmp_path / "key-first.pem", key + chain))
    second = read(written(tmp_path / "chain-first.pem", b"a comment\n" + chain + key))
    assert ("app.test",) == first.names == second.names


def test_elliptic_curve_parameters_before_the_key_do_not_matter(tmp_path: Path) -> None:
    """`openssl ecparam -genkey` writes them."""
    leaf = CA.issue_cert("app.test")
    parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    assert "ECDSA" == read(written(tmp_path / "a", parameters + leaf.private_key_and_cert_chain_pem.bytes())).algorithm


def test_the_key_may_have_a_file_of_its_own(tmp_path: Path) -> None:
    leaf = CA.issue_cert("app.test")
    chain = written(tmp_path / "chain.pem", leaf.cert_chain_pems[0].bytes())
    key = written(tmp_path / "key.pem", leaf.private_key_pem.bytes())
    assert ("app.test",) == read(chain, key).names


@pytest.mark.conformance(
    "Certificates and SNI", "common name and alternative names both count", "https-listener-certificates"
)
def test_names_are_those_of_the_common_name_and_the_alternatives_in_lower_case(tmp_path: Path) -> None:
    leaf = CA.issue_cert("a.test", "*.b.test", "127.0.0.1", common_name="Common.test")
    path = written(tmp_path / "a", leaf.private_key_and_cert_chain_pem.bytes())
    assert ("common.test", "a.test", "*.b.test") == read(path).names


def test_a_certificate_without_alternative_names_goes_by_its_common_name(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    certificate = read(written(tmp_path / "a", self_signed(key, algorithm=hashes.SHA384()) + private_pem(key)))
    assert (("app.test",), "ECDSA", 384, 384) == (
        certificate.names,
        certificate.algorithm,
        certificate.key_bits,
        certificate.hash_bits,
    )


def test_validity_includes_both_ends(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = read(written(tmp_path / "a", self_signed(key, algorithm=hashes.SHA256()) + private_pem(key)))
    second, day = dt.timedelta(seconds=1), dt.timedelta(days=1)
    moments = (NOW - second, NOW, NOW + day, NOW + day + second)
    assert [False, True, True, False] == [certificate.is_valid(moment) for moment in moments]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    error = refused(tmp_path / "none.pem")
    assert ("CertificateArn", "CertificateNotFound") == (error.path, error.code)
    assert f"Certificate file '{tmp_path / 'none.pem'}' does not exist." == error.reason


def test_a_folder_is_no_certificate(tmp_path: Path) -> None:
    assert f"Certificate file '{tmp_path}' cannot be read: Is a directory." == refused(tmp_path).reason


def test_a_file_without_a_certificate_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a", CA.issue_cert("app.test").private_key_pem.bytes())
    assert refused(path).reason.startswith(f"No readable PEM certificate in '{path}': ")


def test_a_certificate_of_a_version_that_there_is_not_is_refused(tmp_path: Path) -> None:
    leaf = of_version(ClientAuthority("root").certificate, 1)
    path = written(tmp_path / "a.pem", ssl.DER_cert_to_PEM_cert(leaf).encode())
    assert f"No readable PEM certificate in '{path}': 1 is not a valid X509 version." == refused(path).reason


def test_a_certificate_that_says_things_twice_is_refused(tmp_path: Path) -> None:
    """OpenSSL takes it; which of its names count nobody could say."""
    leaf = ClientAuthority("root").sign(named("a"), some_key(), padding=4).public_bytes(Encoding.DER)
    # Its own extension becomes a second one of the other kind.
    twice = leaf.replace(bytes.fromhex("06032a0304"), bytes.fromhex("0603551d13"))
    path = written(tmp_path / "a.pem", ssl.DER_cert_to_PEM_cert(twice).encode())
    assert "Duplicate" in refused(path).reason


def test_a_file_without_a_private_key_says_where_else_it_may_be(tmp_path: Path) -> None:
    path = written(tmp_path / "a", CA.issue_cert("app.test").cert_chain_pems[0].bytes())
    expected = f"No PEM private key in '{path}'; put it in the same file or name its file with KeyFile."
    assert expected == refused(path).reason


def test_a_key_file_without_a_key_is_the_key_files_fault(tmp_path: Path) -> None:
    leaf = CA.issue_cert("app.test").private_key_and_cert_chain_pem.bytes()
    path, key = written(tmp_path / "a", leaf), written(tmp_path / "key", b"nothing")
    error = refused(path, key)
    assert ("KeyFile", f"No PEM private key in '{key}'.") == (error.path, error.reason)


def test_a_damaged_key_is_refused(tmp_path: Path) -> None:
    pem = CA.issue_cert("app.test").cert_chain_pems[0].bytes()
    path = written(tmp_path / "a", pem + b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    assert refused(path).reason.startswith(f"No readable private key in '{path}': ")


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    chain = CA.issue_cert("app.test").cert_chain_pems[0].bytes()
    other = CA.issue_cert("app.test").private_key_pem.bytes()
    path, key = written(tmp_path / "a", chain), written(tmp_path / "key", other)
    expected = f"The private key in '{key}' does not belong to the first certificate in '{path}'."
    assert expected == refused(path, key).reason


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_an_encrypted_key_is_refused_without_asking_for_its_password(tmp_path: Path, form: PrivateFormat) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    encrypted = private_pem(key, BestAvailableEncryption(b"secret"), form)
    path = written(tmp_path / "a", self_signed(key, algorithm=hashes.SHA256()) + encrypted)
    expected = f"The private key in '{path}' is encrypted; load balancers take unencrypted keys only."
    assert expected == refused(path).reason


@pytest.mark.conformance("Certificates and SNI", "Ed25519 keys are not supported", "create-https-listener")
def test_an_ed25519_certificate_is_refused(tmp_path: Path) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    path = written(tmp_path / "a", self_signed(key, algorithm=None) + private_pem(key))
    expected = f"The certificate in '{path}' has an Ed25519 key; load balancers support RSA and ECDSA keys only."
    assert expected == refused(path).reason


def rated(
    name: str, *, key_bits: int = 256, hash_bits: int = 256, begin: int = -10, end: int = 10
) -> ServerCertificate:
    return ServerCertificate(
        files=CertificateFiles(chain=Path(name), key=None, arn=name),
        names=("a.test",),
        algorithm="ECDSA",
        key_bits=key_bits,
        hash_bits=hash_bits,
        not_before=NOW + dt.timedelta(days=begin),
        not_after=NOW + dt.timedelta(days=end),
    )


@pytest.mark.conformance(
    "Certificates and SNI", "hash, then key length, then validity period decide", "https-listener-certificates"
)
@pytest.mark.parametrize(
    "candidates",
    [
        [rated("best", hash_bits=384), rated("other", key_bits=521)],
        [rated("best", key_bits=384), rated("other", end=300)],
        [rated("best", end=20), rated("other")],
    ],
)
def test_the_stronger_of_two_is_presented(candidates: list[ServerCertificate]) -> None:
    for order in (candidates, candidates[::-1]):
        assert ["best"] == [each.files.arn for each in best_by_name(order, NOW)["a.test"]]


@pytest.mark.conformance(
    "Certificates and SNI", "unexpired goes before expired", "https-listener-certificates", status="default"
)
def test_an_expired_certificate_is_presented_only_if_nothing_else_matches() -> None:
    expired = rated("expired", key_bits=521, hash_bits=512, end=-1)
    assert ["fresh"] == [each.files.arn for each in best_by_name([expired, rated("fresh")], NOW)["a.test"]]
    assert ["expired"] == [each.files.arn for each in best_by_name([expired], NOW)["a.test"]]
