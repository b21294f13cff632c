from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edgeproxy.control.certs import DevelopmentCA
from edgeproxy.control.certs_cli import certs
from edgeproxy.runtime.server_certificate import CertificateFiles, read_server_certificate

# Remembers certificates as files beside the database, named after the nickname; writes down how it was called.
FAKE_CERTUTIL = f"""#!{sys.executable}
import pathlib, shutil, sys
arguments = sys.argv[1:]
value = lambda option: arguments[arguments.index(option) + 1]
database = pathlib.Path(value("-d").removeprefix("sql:"))
if "-N" in arguments:
    (database / "cert9.db").touch()
elif "-A" in arguments:
    shutil.copy(value("-i"), database / value("-n"))
elif "-L" in arguments:
    sys.exit(0 if (database / value("-n")).exists() else 255)
elif "-D" in arguments:
    (database / value("-n")).unlink()
"""


@pytest.fixture(autouse=True)
def somewhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home and a PATH of the test's own, so that no real trust store is in reach."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "mkdir").symlink_to("/bin/mkdir")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    for name in [name for name in os.environ if name.startswith("EDGEPROXY_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def certutil(tmp_path: Path) -> None:
    command = tmp_path / "bin" / "certutil"
    command.write_text(FAKE_CERTUTIL)
    command.chmod(0o755)


def invoke(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(certs, arguments, env=environment)


def test_ca_prints_the_path_and_nothing_else_for_scripts() -> None:
    result = invoke("ca")
    authority = DevelopmentCA.find(Path("certs"))
    assert authority is not None
    assert (0, "certs/ca.pem\n") == (result.exit_code, result.stdout)
    assert f"{authority.name}, valid until {authority.not_after:%Y-%m-%d}" in result.stderr
    assert authority.sha256 in result.stderr


def test_ca_is_only_new_once() -> None:
    assert "It is new: run `edgeproxy certs trust`" in invoke("ca").stderr
    assert "It is new" not in invoke("ca").stderr


def test_the_folder_comes_from_the_option_or_the_environment() -> None:
    assert "here/ca.pem\n" == invoke("ca", "--certs-dir", "here").stdout
    assert "there/ca.pem\n" == invoke("ca", EDGEPROXY_CERTS_DIR="there").stdout


def test_issue_prints_the_file() -> None:
    result = invoke("issue", "app.test", "127.0.0.1")
    path = Path(result.stdout.rstrip("\n"))
    assert 0 == result.exit_code
    assert ("app.test",) == read_server_certificate(CertificateFiles(chain=path, key=None, arn="")).names
    assert "Issued: app.test, 127.0.0.1, valid until " in result.stderr
    assert "Still good: app.test, 127.0.0.1" in invoke("issue", "app.test", "127.0.0.1").stderr


def test_issue_warns_of_wildcards_that_clients_refuse() -> None:
    assert "do not accept '*.localhost'" in invoke("issue", "*.localhost").stderr
    assert "do not accept" not in invoke("issue", "*.app.localhost").stderr


def test_issue_needs_a_name() -> None:
    assert 2 == invoke("issue").exit_code


def test_a_name_that_is_none_is_a_sentence_and_exit_code_1() -> None:
    result = invoke("issue", "a b")
    assert (1, "") == (result.exit_code, result.stdout)
    assert result.stderr.startswith("Error: 'a b' is not a name that a certificate can carry")


def test_a_damaged_ca_is_a_sentence_and_exit_code_1() -> None:
    invoke("ca")
    Path("certs/ca.key").write_text("nonsense")
    result = invoke("ca")
    assert 1 == result.exit_code
    assert result.stderr.startswith("Error: The development CA in 'certs' cannot be used")


@pytest.mark.usefixtures("certutil")
def test_trust_and_untrust_reach_the_browsers_and_leave_nothing() -> None:
    trusted = invoke("trust", "--no-system")
    authority = DevelopmentCA.find(Path("certs"))
    assert authority is not None
    stored = Path.home() / ".pki/nssdb" / authority.name
    assert (0, True) == (trusted.exit_code, stored.exists())
    assert f"done  the browser store {stored.parent}: Added" in trusted.stderr
    assert "`edgeproxy certs untrust` undoes this." in trusted.stderr

    untrusted = invoke("untrust", "--no-system")
    assert (0, False) == (untrusted.exit_code, stored.exists())
    assert f"done  the browser store {stored.parent}: Removed" in untrusted.stderr
    assert Path("certs/ca.pem").exists()


@pytest.mark.usefixtures("certutil")
def test_trust_can_be_repeated() -> None:
    assert [0, 0] == [invoke("trust", "--no-system").exit_code for _ in range(2)]


@pytest.mark.usefixtures("certutil")
def test_stores_are_left_out_by_the_environment() -> None:
    result = invoke("trust", EDGEPROXY_NO_SYSTEM="1")
    assert (False, True) == ("the system's" in result.stderr, "the browser store" in result.stderr)


def test_trust_prints_what_a_shell_can_take() -> None:
    path = Path("certs/ca.pem").absolute()
    expected = [f"export {name}={path}" for name in ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")]
    assert expected == invoke("trust").stdout.splitlines()


def test_trust_fails_where_nothing_was_possible_and_says_why() -> None:
    result = invoke("trust")
    assert 1 == result.exit_code
    assert "not done  the system's trust store: Not possible: neither update-ca-certificates" in result.stderr
    assert "not done  the browsers' trust stores: Not possible: certutil is not installed" in result.stderr


def test_untrust_makes_no_ca() -> None:
    result = invoke("untrust")
    assert (1, "Error: There is no development CA in 'certs'.\n") == (result.exit_code, result.stderr)
    assert not Path("certs").exists()
