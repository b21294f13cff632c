from __future__ import annotations

import datetime as dt
import logging
import os
import ssl
import stat
import threading
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.control.certificate_locator import DEV_NAMES
from edgeproxy.control.certs import DevelopmentCA, host_name
from edgeproxy.errors import ConfigError

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def leaf_of(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def open_at(directory: Path, now: dt.datetime = NOW) -> DevelopmentCA:
    return DevelopmentCA.open(directory, now=now)


# --- the CA -------------------------------------------------------------------------------------------------------


def test_the_ca_is_a_ca_and_nothing_else(tmp_path: Path) -> None:
    extensions = open_at(tmp_path).certificate.extensions
    constraints = extensions.get_extension_for_class(x509.BasicConstraints).value
    usage = extensions.get_extension_for_class(x509.KeyUsage).value
    assert (True, 0) == (constraints.ca, constraints.path_length)
    assert (True, False) == (usage.key_cert_sign, usage.digital_signature)


def test_the_name_of_the_ca_tells_it_from_others_but_not_the_machine(tmp_path: Path) -> None:
    """The eight digits are the start of the key's identifier."""
    ca = open_at(tmp_path)
    digest = ca.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    assert f"edgeproxy development CA {digest.hex()[:8]}" == ca.name
    assert f"CN={ca.name},O=edgeproxy" == ca.certificate.subject.rfc4514_string()


def test_the_folder_is_made_and_only_the_owner_can_read_the_key(tmp_path: Path) -> None:
    directory = tmp_path / "a" / "certs"
    ca = open_at(directory)
    assert directory / "ca.pem" == ca.path
    assert (0o600, 0o644) == (mode(directory / "ca.key"), mode(ca.path))
    assert ["ca.key", "ca.pem"] == sorted(path.name for path in directory.iterdir())


def test_a_key_is_never_readable_for_others_not_even_while_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the umask says: every file is looked at as it is put in place, and as it was created."""
    modes: dict[str, int] = {}
    replace = Path.replace

    def observed(self: Path, target: Any) -> Path:
        modes[Path(target).name] = mode(self)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", observed)
    before = os.umask(0)
    try:
        open_at(tmp_path).issue(["app.test"])
    finally:
        os.umask(before)
    assert {"ca.key": 0o600, "ca.pem": 0o644, "app.test.pem": 0o600} == modes


def test_the_ca_is_used_again(tmp_path: Path) -> None:
    first, second = open_at(tmp_path), open_at(tmp_path, NOW + 365 * DAY)
    assert first.certificate == second.certificate
    assert ("made", "found") == (first.origin, second.origin)


@pytest.mark.parametrize("left", [dt.timedelta(days=30), dt.timedelta(days=-5)])
def test_an_expiring_ca_is_made_anew_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, left: dt.timedelta
) -> None:
    old = open_at(tmp_path)
    with caplog.at_level(logging.WARNING):
        new = open_at(tmp_path, old.not_after - left)
    assert ("renewed", True) == (new.origin, new.name != old.name)
    (message,) = caplog.messages
    assert f"The development CA in '{tmp_path}' expires on {old.not_after:%Y-%m-%d}" in message
    assert "run `edgeproxy certs trust` again" in message


def test_a_ca_with_more_than_thirty_days_left_is_kept(tmp_path: Path) -> None:
    old = open_at(tmp_path)
    assert "found" == open_at(tmp_path, old.not_after - 30 * DAY - dt.timedelta(seconds=1)).origin


def test_find_makes_nothing(tmp_path: Path) -> None:
    assert DevelopmentCA.find(tmp_path / "certs") is None
    assert [] == list(tmp_path.iterdir())


def test_find_returns_what_open_made(tmp_path: Path) -> None:
    made, found = open_at(tmp_path), DevelopmentCA.find(tmp_path, now=NOW)
    assert found is not None
    assert made.sha256 == found.sha256


def test_two_that_start_at_once_get_the_same_ca(tmp_path: Path) -> None:
    names: list[str] = []
    threads = [threading.Thread(target=lambda: names.append(open_at(tmp_path).name)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (4, 1) == (len(names), len(set(names)))


@pytest.mark.parametrize(
    ("file", "content", "why"),
    [
        ("ca.pem", b"nonsense", "'ca.pem' is not a PEM certificate of a CA"),
        ("ca.key", b"nonsense", "'ca.key' is not an unencrypted PEM private key"),
        ("ca.key", trustme.CA().private_key_pem.bytes(), "'ca.key' does not belong to 'ca.pem'"),
        (
            "ca.pem",
            trustme.CA().issue_cert("a.test").cert_chain_pems[0].bytes(),
            "'ca.pem' is not the certificate of a CA",
        ),
    ],
)
def test_a_damaged_ca_is_never_replaced_silently(tmp_path: Path, file: str, content: bytes, why: str) -> None:
    open_at(tmp_path)
    (tmp_path / file).write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        open_at(tmp_path)
    assert str(caught.value).startswith(f"The development CA in '{tmp_path}' cannot be used: {why}")
    assert str(caught.value).endswith("Remove both 'ca.pem' and 'ca.key' to have a new one made.")


@pytest.mark.parametrize(("gone", "left"), [("ca.pem", "ca.key"), ("ca.key", "ca.pem")])
def test_half_a_ca_is_never_completed(tmp_path: Path, gone: str, left: str) -> None:
    open_at(tmp_path)
    (tmp_path / gone).unlink()
    with pytest.raises(ConfigError, match=f"{left}' is there, but '{gone}' is missing"):
        open_at(tmp_path)


def test_a_folder_that_is_a_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "certs").touch()
    with pytest.raises(ConfigError, match="cannot be used: File exists"):
        open_at(tmp_path / "certs")


# --- what it issues -----------------------------------------------------------------------------------------------


def test_a_certificate_covers_host_names_wildcards_and_addresses(tmp_path: Path) -> None:
    issued = open_at(tmp_path).issue(["App.test", "*.w.test", "127.0.0.1", "0:0:0:0:0:0:0:1", "bücher.test"])
    expected = ("app.test", "*.w.test", "127.0.0.1", "::1", "xn--bcher-kva.test")
    names = leaf_of(issued.path).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert expected == issued.names == tuple(str(name.value) for name in names)


def test_a_client_that_trusts_the_ca_accepts_the_certificate(tmp_path: Path) -> None:
    ca = DevelopmentCA.open(tmp_path)
    server_context, client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    server_context.load_cert_chain(ca.issue(DEV_NAMES).path)
    client_context.load_verify_locations(ca.path)
    for name in ("localhost", "127.0.0.1", "::1"):
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = client_context.wrap_bio(to_client, to_server, server_hostname=name)
        server = server_context.wrap_bio(to_server, to_client, server_side=True)
        for side in (client, server, client):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
        assert client.version() == "TLSv1.3"


def test_a_certificate_is_valid_for_at_most_397_days(tmp_path: Path) -> None:
    """Browsers refuse more."""
    leaf = leaf_of(open_at(tmp_path).issue(["app.test"]).path)
    assert 397 * DAY == leaf.not_valid_after_utc - leaf.not_valid_before_utc
    assert leaf.not_valid_before_utc < NOW


def test_a_certificate_does_not_outlive_its_ca(tmp_path: Path) -> None:
    ca = open_at(tmp_path)
    late = open_at(tmp_path, ca.not_after - 40 * DAY)
    assert ca.not_after == late.issue(["app.test"]).not_after


def test_the_key_of_a_certificate_is_for_the_owner_only(tmp_path: Path) -> None:
    issued = open_at(tmp_path).issue(["app.test"])
    assert 0o600 == mode(issued.path)
    assert b"PRIVATE KEY" in issued.path.read_bytes()


def test_the_same_names_get_the_same_file_again(tmp_path: Path) -> None:
    ca = open_at(tmp_path)
    first, second = ca.issue(["a.test", "b.test"]), ca.issue(["a.test", "A.test", "b.test"])
    assert (True, False) == (first.is_new, second.is_new)
    assert (first.path, first.not_after) == (second.path, second.not_after)


def test_the_order_of_the_names_only_changes_the_file_name(tmp_path: Path) -> None:
    ca = open_at(tmp_path)
    assert ca.issue(["a.test", "b.test"]).path != ca.issue(["b.test", "a.test"]).path


def test_a_certificate_with_thirty_days_left_is_issued_again(tmp_path: Path) -> None:
    first = open_at(tmp_path).issue(["app.test"])
    kept = open_at(tmp_path, first.not_after - 31 * DAY).issue(["app.test"])
    renewed = open_at(tmp_path, first.not_after - 30 * DAY).issue(["app.test"])
    assert (False, True) == (kept.is_new, renewed.is_new)
    assert renewed.not_after > first.not_after


def test_a_certificate_of_an_earlier_ca_is_issued_again(tmp_path: Path) -> None:
    open_at(tmp_path).issue(["app.test"])
    (tmp_path / "ca.pem").unlink()
    (tmp_path / "ca.key").unlink()
    assert open_at(tmp_path).issue(["app.test"]).is_new


@pytest.mark.parametrize("content", [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\nMIIB"])
def test_a_damaged_certificate_is_issued_again(tmp_path: Path, content: bytes) -> None:
    ca = open_at(tmp_path)
    ca.issue(["app.test"]).path.write_bytes(content)
    assert ca.issue(["app.test"]).is_new


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["app.test"], "app.test.pem"),
        (["*.app.test"], "_.app.test-????????.pem"),
        (["a.test", "b.test"], "a.test-????????.pem"),
        (["::1"], "__1-????????.pem"),
    ],
)
def test_a_file_is_named_after_the_first_name(tmp_path: Path, names: list[str], expected: str) -> None:
    assert open_at(tmp_path).issue(names).path.match(expected)


def test_no_name_overwrites_the_ca(tmp_path: Path) -> None:
    ca = open_at(tmp_path)
    before = ca.path.read_bytes()
    assert ca.issue(["ca"]).path != ca.path
    assert before == ca.path.read_bytes()


def test_no_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="At least one name"):
        open_at(tmp_path).issue([])


@pytest.mark.parametrize("name", ["", "*", "a b", "a.*.test", "**.test", "a@b.test", "10.0.0.0/8", "../a", "a..b"])
def test_what_no_certificate_can_carry_is_refused(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        host_name(name)
    assert f"'{name}' is not a name that a certificate can carry" in str(caught.value)


@given(st.text())
def test_a_name_is_refused_or_normalised_for_good(name: str) -> None:
    try:
        normalised = host_name(name)
    except ConfigError:
        return
    assert normalised == host_name(normalised)
    assert normalised.isascii()
    assert "/" not in normalised
