from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import trustme

from edgeproxy.control.certificate_locator import FileCertificateLocator
from edgeproxy.control.config.loader import load_text
from edgeproxy.control.trust_store_locator import FileTrustStoreLocator
from edgeproxy.errors import ConfigError
from edgeproxy.runtime.mutual_tls import ListenerMutualTls
from edgeproxy.runtime.server_tls import server_tls, tls_parts
from edgeproxy.runtime.tls import ListenerTls
from tests.helpers.client_authority import ClientAuthority

if TYPE_CHECKING:
    from pathlib import Path

    from edgeproxy.model.topology import Topology
    from edgeproxy.runtime.server_tls import ServerTls


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    leaf = trustme.CA().issue_cert("a.test")
    (tmp_path / "a.pem").write_bytes(leaf.private_key_and_cert_chain_pem.bytes())
    ClientAuthority("root").write(tmp_path / "ca.pem")
    return tmp_path


def topology(mutual: str, *, certificate: str = "a.pem", revocations: str = "[]", more: str = "") -> Topology:
    text = f"""
LoadBalancers:
  - Name: dev
    Listeners:
      - Port: 443
        Protocol: HTTPS
        Certificates: [{{CertificateArn: {certificate}}}]
        MutualAuthentication: {mutual}
        DefaultActions: [{{Type: fixed-response, FixedResponseConfig: {{StatusCode: "200"}}}}]
        {more}
TrustStores: [{{Name: clients, CaCertificatesBundle: ca.pem, Revocations: {revocations}}}]
"""
    return load_text(text, "edgeproxy.yaml", None).topology


def made(folder: Path, wanted: Topology, before: object = None) -> ServerTls:
    return server_tls(
        wanted.load_balancers[0].listeners[0],
        wanted,
        certificates=FileCertificateLocator(folder, folder / "certs"),
        trust_stores=FileTrustStoreLocator(folder),
        before=before,
    )


VERIFY = "{Mode: verify, TrustStoreArn: clients}"


@pytest.mark.parametrize(
    ("mutual", "kind"),
    [
        ("", ListenerTls),
        ("{Mode: off}", ListenerTls),
        ("{Mode: passthrough}", ListenerMutualTls),
        (VERIFY, ListenerMutualTls),
        ("{Mode: verify, TrustStoreArn: ca.pem}", ListenerMutualTls),
    ],
)
def test_the_mode_chooses_the_library(folder: Path, mutual: str, kind: type) -> None:
    assert isinstance(made(folder, topology(mutual)), kind)


def test_servers_are_shared_only_within_one_library(folder: Path) -> None:
    plain = made(folder, topology(""))
    mutual = made(folder, topology(VERIFY), before=plain)
    again = made(folder, topology(VERIFY), before=mutual)
    back = made(folder, topology(""), before=again)

    assert made(folder, topology(""), before=plain).shares_sockets_with(plain)
    assert not any([mutual.shares_sockets_with(plain), again.shares_sockets_with(mutual)])
    assert not back.shares_sockets_with(again)


def test_a_certificate_needs_somebody_who_finds_it() -> None:
    wanted = topology("")
    with pytest.raises(ConfigError, match="no way to find certificates"):
        server_tls(wanted.load_balancers[0].listeners[0], wanted, certificates=None, trust_stores=None)


@pytest.mark.parametrize(
    ("change", "is_another"),
    [
        ({}, False),
        ({"more": "Rules: []"}, False),
        ({"mutual": "{Mode: off}"}, True),
        ({"mutual": "{Mode: verify, TrustStoreArn: clients, IgnoreClientCertificateExpiry: true}"}, True),
        ({"revocations": "[crl.pem]"}, True),
        ({"certificate": "b.pem"}, True),
        ({"more": "SslPolicy: ELBSecurityPolicy-FS-2018-06"}, True),
    ],
)
def test_what_makes_another_tls_of_a_listener(change: dict[str, str], is_another: bool) -> None:
    before, after = topology(VERIFY), topology(**{"mutual": VERIFY, **change})
    parts = [tls_parts(each.load_balancers[0].listeners[0], each) for each in (before, after)]

    assert is_another == (parts[0] != parts[1])


def test_what_a_policy_cannot_be_in_pyopenssl_is_said(folder: Path) -> None:
    """Its OpenSSL is its own, and it can choose the suites of TLS 1.3."""

    def said(policy: str) -> str:
        return made(folder, topology("{Mode: passthrough}", more=f"SslPolicy: ELBSecurityPolicy-{policy}")).shortfalls()

    assert "" == said("TLS13-1-3-FIPS-2023-04")
    assert "" == said("TLS-1-2-2017-01")
    assert said("TLS13-1-2-RFC9151-INTEROP1-FIPS-2023-07").endswith(
        "): the curves are OpenSSL's, because pyOpenSSL cannot set a list of groups."
    )


def test_a_start_pays_only_for_the_tls_that_its_listeners_speak() -> None:
    code = (
        "import sys, edgeproxy.control.run_command, edgeproxy.control.serving\n"
        "print({'OpenSSL', 'cryptography', 'trustme'} & set(sys.modules))\n"
        "import edgeproxy.runtime.tls, edgeproxy.control.certs\n"
        "print({'OpenSSL', 'trustme'} & set(sys.modules))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert "set()\nset()\n" == printed
