"""Every security policy again, in the library that mutual TLS uses: handshakes in memory, with itself as the client."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
import trustme
from OpenSSL import SSL

from edgeproxy.model.action import Action, FixedResponseConfig
from edgeproxy.model.listener import Certificate, Listener
from edgeproxy.model.mutual_authentication import MutualAuthentication
from edgeproxy.model.security_policy import POLICIES, TLS13
from edgeproxy.runtime.mutual_tls import ListenerMutualTls
from edgeproxy.runtime.server_certificate import CertificateFiles

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

PAGE = "describe-ssl-policies"
VERSIONS = {
    "TLSv1": SSL.TLS1_VERSION,
    "TLSv1.1": SSL.TLS1_1_VERSION,
    "TLSv1.2": SSL.TLS1_2_VERSION,
    "TLSv1.3": SSL.TLS1_3_VERSION,
}
WIDEST = POLICIES["ELBSecurityPolicy-2016-08"].ciphers


class Folder:
    """A pair of certificates for one name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        authority = trustme.CA()
        for kind in trustme.KeyType:
            leaf = authority.issue_cert("pair.test", key_type=kind)
            leaf.private_key_and_cert_chain_pem.write_to_path(str(path / kind.name))

    def locate(self, certificate: Certificate, _hosts: Sequence[str] = ()) -> CertificateFiles:
        name = certificate.certificate_arn
        return CertificateFiles(chain=self.path / name, key=None, arn=name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return Folder(tmp_path_factory.mktemp("certificates"))


def tls(folder: Folder, policy: str) -> ListenerMutualTls:
    kinds = ("ECDSA", "RSA", "ECDSA")
    mutual = MutualAuthentication(mode="passthrough")
    listener = Listener(
        port=443,
        protocol="HTTPS",
        ssl_policy=policy,
        certificates=tuple(Certificate(certificate_arn=kind) for kind in kinds),
        mutual_authentication=mutual,
        default_actions=(Action(type="fixed-response", fixed_response_config=FixedResponseConfig(status_code="200")),),
    )
    return ListenerMutualTls(listener, folder, mutual)


def chosen(server: ListenerMutualTls, version: str, suites: Sequence[str]) -> str | None:
    """The suite of a handshake with a client that has this version and these suites; None if there is none."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(VERSIONS[version])
    context.set_max_proto_version(VERSIONS[version])
    if version == "TLSv1.3":
        context.set_tls13_ciphersuites(":".join(suites).encode())
    else:
        context.set_cipher_list(f"{':'.join(suites)}:@SECLEVEL=0".encode())
    client = SSL.Connection(context, None)
    client.set_tlsext_host_name(b"pair.test")
    client.set_connect_state()
    ends = [client, server.begin().connection]
    for _ in range(3):
        for end, other in (ends, reversed(ends)):
            try:
                end.do_handshake()
            except SSL.WantReadError:
                pass
            except SSL.Error:
                return None
            with contextlib.suppress(SSL.WantReadError):
                other.bio_write(end.bio_read(1 << 16))
    return client.get_cipher_name()


def chosen_in_turn(server: ListenerMutualTls, version: str, suites: Sequence[str]) -> Iterator[str]:
    """What the server chooses when whatever it chose is offered no more; the client's favourite is the last."""
    left = list(suites)[::-1]
    while left and (suite := chosen(server, version, left)) is not None:
        left.remove(suite)
        yield suite


@pytest.mark.conformance("Security policies", "mutual TLS: each policy's suites, in its order", PAGE)
@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_takes_its_suites_in_its_order_and_no_others(folder: Folder, name: str) -> None:
    """Also those of TLS 1.3, which this library can choose."""
    policy, server = POLICIES[name], tls(folder, name)
    known = [suite for suite in policy.tls12_ciphers if suite in WIDEST]  # few builds have 3DES

    if "TLSv1.2" in policy.protocols:
        assert known == list(chosen_in_turn(server, "TLSv1.2", WIDEST))
    if "TLSv1.3" in policy.protocols:
        assert list(policy.tls13_ciphers) == list(chosen_in_turn(server, "TLSv1.3", TLS13))


@pytest.mark.conformance("Security policies", "mutual TLS: each policy's versions", PAGE)
@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_takes_its_versions_and_no_others(folder: Folder, name: str) -> None:
    server = tls(folder, name)
    offers = {version: TLS13 if version == "TLSv1.3" else WIDEST for version in VERSIONS}
    accepted = [version for version, suites in offers.items() if chosen(server, version, suites) is not None]

    assert sorted(POLICIES[name].protocols) == accepted
