from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import trustme
from cryptography import x509

from edgeproxy.control.certificate_locator import FileCertificateLocator
from edgeproxy.errors import ConfigError
from edgeproxy.model.listener import Certificate
from edgeproxy.runtime.server_certificate import read_server_certificate

if TYPE_CHECKING:
    from pathlib import Path

CA = trustme.CA()
LEAF = CA.issue_cert("app.test")
ACM_ARN = "arn:aws:acm:eu-west-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"


@pytest.fixture
def locator(tmp_path: Path) -> FileCertificateLocator:
    (tmp_path / "conf").mkdir()
    return FileCertificateLocator(tmp_path / "conf", tmp_path / "certs", ["extra.test"])


def named(name: str, key_file: str | None = None) -> Certificate:
    return Certificate(certificate_arn=name, key_file=key_file)


def refused(locator: FileCertificateLocator, name: str, key_file: str | None = None) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        locator.locate(named(name, key_file))
    return caught.value


def names_in(path: Path) -> list[str]:
    leaf = x509.load_pem_x509_certificate(path.read_bytes())
    return [str(name.value) for name in leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value]


def test_dev_covers_this_machine_and_the_extra_names(locator: FileCertificateLocator, tmp_path: Path) -> None:
    files = locator.locate(named("dev"))
    assert tmp_path / "certs" == files.chain.parent
    assert ["localhost", "*.localhost", "127.0.0.1", "::1", "extra.test"] == names_in(files.chain)
    assert files == locator.locate(named("dev"))


def test_dev_covers_the_hosts_that_the_listener_asks_for(locator: FileCertificateLocator) -> None:
    """TLS clients refuse `*.localhost`: what a rule names must stand in the certificate by itself."""
    files = locator.locate(named("dev"), ["app.localhost", "*.example.test"])
    assert {"app.localhost", "*.example.test"} <= set(names_in(files.chain))


def test_a_path_is_relative_to_the_configuration_file(locator: FileCertificateLocator, tmp_path: Path) -> None:
    path = tmp_path / "conf" / "app.pem"
    LEAF.private_key_and_cert_chain_pem.write_to_path(path)
    files = locator.locate(named("app.pem"))
    assert (path, None) == (files.chain, files.key)
    assert path == locator.locate(named(str(path))).chain


def test_a_path_may_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    LEAF.private_key_and_cert_chain_pem.write_to_path(tmp_path / "app.pem")
    locator = FileCertificateLocator(tmp_path / "conf", tmp_path / "certs")
    assert tmp_path / "app.pem" == locator.locate(named("~/app.pem")).chain


def test_the_key_may_stand_in_a_file_of_its_own(locator: FileCertificateLocator, tmp_path: Path) -> None:
    LEAF.cert_chain_pems[0].write_to_path(tmp_path / "conf" / "app.pem")
    LEAF.private_key_pem.write_to_path(tmp_path / "conf" / "app.key")
    assert tmp_path / "conf" / "app.key" == locator.locate(named("app.pem", "app.key")).key


def test_an_arn_is_stable_and_differs_by_name(tmp_path: Path) -> None:
    one, other = (FileCertificateLocator(tmp_path, tmp_path, region="eu-west-1", account_id="1" * 12) for _ in range(2))
    assert one.arn("a.pem") == other.arn("a.pem") != one.arn("b.pem")
    form = r"arn:aws:acm:eu-west-1:111111111111:certificate/[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}"
    assert re.fullmatch(form, one.arn("a.pem"))


def test_an_arn_from_aws_is_kept_and_gets_the_development_certificate(locator: FileCertificateLocator) -> None:
    files = locator.locate(named(ACM_ARN))
    assert (ACM_ARN, locator.locate(named("dev")).chain) == (files.arn, files.chain)


def test_an_arn_from_aws_gets_the_file_with_its_id(locator: FileCertificateLocator, tmp_path: Path) -> None:
    (tmp_path / "certs").mkdir()
    path = tmp_path / "certs" / "12345678-1234-1234-1234-123456789012.pem"
    LEAF.private_key_and_cert_chain_pem.write_to_path(path)
    assert (path, ACM_ARN) == (locator.locate(named(ACM_ARN)).chain, locator.locate(named(ACM_ARN)).arn)


@pytest.mark.parametrize("name", ["dev", ACM_ARN])
def test_a_key_file_makes_sense_for_files_only(locator: FileCertificateLocator, name: str) -> None:
    error = refused(locator, name, "app.key")
    assert ("KeyFile", f"KeyFile cannot be given for '{name}'.") == (error.path, error.reason)


def test_a_missing_file_says_what_is_near(locator: FileCertificateLocator, tmp_path: Path) -> None:
    (tmp_path / "conf" / "tls").mkdir()
    (tmp_path / "conf" / "tls" / "application.pem").touch()
    error = refused(locator, "tls/aplication.pem")
    assert ("CertificateArn", "CertificateNotFound") == (error.path, error.code)
    assert "tls/application.pem" == error.suggestion
    assert error.reason.startswith(f"Certificate file '{tmp_path / 'conf' / 'tls' / 'aplication.pem'}' does not exist")


def test_a_missing_key_file_is_named(locator: FileCertificateLocator, tmp_path: Path) -> None:
    LEAF.cert_chain_pems[0].write_to_path(tmp_path / "conf" / "app.pem")
    error = refused(locator, "app.pem", "app.key")
    assert ("KeyFile", f"Certificate file '{tmp_path / 'conf' / 'app.key'}' does not exist.") == (
        error.path,
        error.reason,
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "No readable PEM certificate in"),
        (LEAF.private_key_pem.bytes(), "No readable PEM certificate in"),
        (LEAF.cert_chain_pems[0].bytes(), "No PEM private key in"),
        (LEAF.cert_chain_pems[0].bytes() + CA.issue_cert("b.test").private_key_pem.bytes(), "does not belong to"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_here(
    locator: FileCertificateLocator, tmp_path: Path, content: bytes, reason: str
) -> None:
    """`edgeproxy check` tells, not the first handshake."""
    (tmp_path / "conf" / "app.pem").write_bytes(content)
    assert reason in refused(locator, "app.pem").reason


def test_what_is_located_can_be_read(locator: FileCertificateLocator) -> None:
    assert "extra.test" in read_server_certificate(locator.locate(named("dev"))).names
