from __future__ import annotations

import asyncio
import logging
import os
import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import trustme
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from edgeproxy.errors import ConfigError
from edgeproxy.model.action import Action, FixedResponseConfig
from edgeproxy.model.listener import Certificate, Listener
from edgeproxy.runtime.tls import CertificateFiles, ListenerTls, TlsFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from pathlib import Path

SNI_PAGE = "https-listener-certificates"
POLICY_PAGE = "describe-ssl-policies"
LOG_PAGE = "load-balancer-access-logs"
TLS13 = "ELBSecurityPolicy-TLS13-1-2-2021-06"
NOW = datetime(2026, 6, 1, tzinfo=UTC)

# Loaded once: making an RSA key takes a tenth of a second.
CA = trustme.CA()
RSA_LEAF = CA.issue_cert("pair.test", key_type=trustme.KeyType.RSA)


class Folder:
    """A locator over a folder: a certificate `a.pem` is called `arn:a.pem`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = datetime.now(UTC)

    def locate(self, certificate: Certificate, _hosts: Sequence[str] = ()) -> CertificateFiles:
        key = self.path / certificate.key_file if certificate.key_file else None
        name = certificate.certificate_arn
        return CertificateFiles(chain=self.path / name, key=key, arn=f"arn:{name}")

    def put(self, name: str, *identities: str) -> str:
        return self.put_leaf(name, CA.issue_cert(*identities))

    def put_leaf(self, name: str, leaf: trustme.LeafCert) -> str:
        """As a deployment does it: whole, under the final name."""
        leaf.private_key_and_cert_chain_pem.write_to_path(self.path / "aside")
        (self.path / "aside").replace(self.path / name)
        return name

    def tls(self, *names: str, policy: str | None = TLS13, before: ListenerTls | None = None) -> ListenerTls:
        return ListenerTls(listener(*names, policy=policy), self, now=lambda: self.now, before=before)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def listener(*names: str, policy: str | None = TLS13) -> Listener:
    return Listener(
        port=443,
        protocol="HTTPS",
        default_actions=(Action(type="fixed-response", fixed_response_config=FixedResponseConfig(status_code="200")),),
        ssl_policy=policy,
        certificates=tuple(Certificate(certificate_arn=name) for name in names),
    )


class Client:
    """A TLS client in memory, and the server's side of the same handshake."""

    def __init__(
        self,
        tls: ListenerTls,
        server_name: str | None = None,
        *,
        context: ssl.SSLContext | None = None,
        session: ssl.SSLSession | None = None,
    ) -> None:
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.context = context or client_context()
        self.tls = tls
        self.client = self.context.wrap_bio(to_client, to_server, server_hostname=server_name, session=session)
        self.server = tls.context.wrap_bio(to_server, to_client, server_side=True)
        waiting = [self.client, self.server]
        while waiting:
            waiting = [side for side in waiting if not has_finished(side)]
        self.server.write(b"hello")
        assert b"hello" == self.client.read(5)

    @property
    def names(self) -> list[str]:
        """The names in the certificate that was presented."""
        presented: Any = self.client.getpeercert()
        return [value for _, value in presented["subjectAltName"]]

    @property
    def facts(self) -> TlsFacts:
        return self.tls.describe(self.server)


def has_finished(side: ssl.SSLObject) -> bool:
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def client_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    CA.configure_trust(context)
    return context


def tls12_context(ciphers: str = "DEFAULT") -> ssl.SSLContext:
    context = client_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(ciphers)
    return context


# --- choosing a certificate ---------------------------------------------------------------------------------------


@pytest.mark.conformance("Certificates and SNI", "without a name the default certificate is presented", SNI_PAGE)
def test_no_name_gets_the_default(folder: Folder) -> None:
    client = Client(folder.tls(folder.put("default", "d.test"), folder.put("a", "a.test")))
    assert ["d.test"] == client.names
    assert ("-", "arn:default") == (client.facts.domain_name, client.facts.certificate_arn)


@pytest.mark.conformance("Certificates and SNI", "a name in the list gets its certificate", SNI_PAGE)
def test_a_name_in_the_list_gets_its_certificate(folder: Folder) -> None:
    client = Client(folder.tls(folder.put("default", "d.test"), folder.put("a", "a.test")), "a.test")
    assert ["a.test"] == client.names
    assert ("a.test", "arn:a") == (client.facts.domain_name, client.facts.certificate_arn)


@pytest.mark.conformance("Certificates and SNI", "an unknown name gets the default, the handshake succeeds", SNI_PAGE)
def test_an_unknown_name_gets_the_default(folder: Folder) -> None:
    client = Client(folder.tls(folder.put("default", "d.test"), folder.put("a", "a.test")), "other.test")
    assert ["d.test"] == client.names
    assert ("-", "arn:default") == (client.facts.domain_name, client.facts.certificate_arn)


@pytest.mark.conformance("Certificates and SNI", "the default takes no part in matching unless it is listed", SNI_PAGE)
def test_the_name_of_an_unlisted_default_is_not_logged(folder: Folder) -> None:
    default, other = folder.put("default", "d.test"), folder.put("a", "a.test")
    unlisted = Client(folder.tls(default, other), "d.test")
    listed = Client(folder.tls(default, other, default), "d.test")
    assert ["d.test"] == unlisted.names == listed.names
    assert ("-", "d.test") == (unlisted.facts.domain_name, listed.facts.domain_name)


@pytest.mark.conformance("Certificates and SNI", "an unlisted default loses against a listed wildcard", SNI_PAGE)
def test_an_unlisted_default_loses_against_a_listed_wildcard(folder: Folder) -> None:
    client = Client(folder.tls(folder.put("default", "a.w.test"), folder.put("a", "*.w.test")), "a.w.test")
    assert ["*.w.test"] == client.names


@pytest.mark.conformance("Certificates and SNI", "names are compared without case", "RFC 6066 section 3")
def test_case_does_not_matter(folder: Folder) -> None:
    tls = folder.tls(folder.put("default", "d.test"), folder.put("a", "a.test", "*.w.test"))
    assert ["arn:a", "arn:a"] == [Client(tls, name).facts.certificate_arn for name in ("A.Test", "X.W.TEST")]


@pytest.mark.conformance("Certificates and SNI", "* is exactly one leftmost label", SNI_PAGE)
@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.w.test", "arn:wild"), ("a.b.w.test", "arn:default"), ("w.test", "arn:default"), ("aw.test", "arn:default")],
)
def test_a_wildcard_stands_for_one_leftmost_label(folder: Folder, name: str, expected: str) -> None:
    tls = folder.tls(folder.put("default", "d.test"), folder.put("wild", "*.w.test"))
    assert expected == Client(tls, name).facts.certificate_arn


@pytest.mark.conformance("Certificates and SNI", "a literal name goes before a wildcard", SNI_PAGE, status="default")
def test_a_literal_name_goes_before_a_wildcard(folder: Folder) -> None:
    default, wild, literal = folder.put("default", "d.test"), folder.put("w", "*.w.test"), folder.put("l", "a.w.test")
    for names in ((wild, literal), (literal, wild)):
        assert "arn:l" == Client(folder.tls(default, *names), "a.w.test").facts.certificate_arn


@pytest.mark.parametrize("name", ["xn--bcher-kva.test", "under_score.test", "a" * 63 + ".test", "1.2.3.4.test"])
def test_no_name_breaks_the_handshake(folder: Folder, name: str) -> None:
    assert "arn:default" == Client(folder.tls(folder.put("default", "d.test")), name).facts.certificate_arn


@pytest.mark.conformance("Certificates and SNI", "ECDSA goes before RSA if the client can use it", SNI_PAGE)
@pytest.mark.parametrize(
    ("ciphers", "algorithm", "arn"),
    [
        ("ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256", "ECDSA", "arn:ecdsa"),
        ("ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256", "ECDSA", "arn:ecdsa"),
        ("ECDHE-RSA-AES128-GCM-SHA256", "RSA", "arn:rsa"),
    ],
)
def test_an_rsa_only_client_gets_the_rsa_certificate(folder: Folder, ciphers: str, algorithm: str, arn: str) -> None:
    rsa, ecdsa = folder.put_leaf("rsa", RSA_LEAF), folder.put("ecdsa", "pair.test")
    tls = folder.tls(folder.put("default", "d.test"), rsa, ecdsa)
    client = Client(tls, "pair.test", context=tls12_context(ciphers))
    assert (f"ECDHE-{algorithm}-AES128-GCM-SHA256", arn) == (client.facts.cipher, client.facts.certificate_arn)


def test_tls13_takes_the_ecdsa_certificate_of_a_pair(folder: Folder) -> None:
    """The log cannot see it, so it relies on it."""
    rsa, ecdsa = folder.put_leaf("rsa", RSA_LEAF), folder.put("ecdsa", "pair.test", "extra.test")
    client = Client(folder.tls(folder.put("default", "d.test"), rsa, ecdsa), "pair.test")
    assert ["pair.test", "extra.test"] == client.names
    assert "arn:ecdsa" == client.facts.certificate_arn


# --- the handshake ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offered", "with_h2", "without_h2"),
    [
        (["h2"], "h2", None),
        (["h2", "http/1.1"], "h2", "http/1.1"),
        (["http/1.1", "h2"], "h2", "http/1.1"),
        (["grpc-exp", "h2"], "h2", None),
        (["http/1.1"], "http/1.1", "http/1.1"),
        (["grpc-exp"], None, None),
        ([], None, None),
    ],
)
@pytest.mark.conformance(
    "Handshake",
    "h2 wins wherever the client offers it, unless routing.http2.enabled is false",
    "load-balancer-listeners",
)
def test_alpn_outcomes(folder: Folder, offered: list[str], with_h2: str | None, without_h2: str | None) -> None:
    context = client_context()
    if offered:
        context.set_alpn_protocols(offered)
    made = listener(folder.put("default", "d.test"))
    chosen = [
        Client(ListenerTls(made, folder, offers_h2=offers), context=context).client.selected_alpn_protocol()
        for offers in (True, False)
    ]
    assert [with_h2, without_h2] == chosen


@pytest.mark.parametrize("server_name", [None, "a.test"])
def test_alpn_is_the_same_for_every_certificate(folder: Folder, server_name: str | None) -> None:
    context = client_context()
    context.set_alpn_protocols(["http/1.1"])
    tls = folder.tls(folder.put("default", "d.test"), folder.put("a", "a.test"))
    assert "http/1.1" == Client(tls, server_name, context=context).client.selected_alpn_protocol()


@pytest.mark.conformance(
    "Handshake", "the first suite of the policy that the client offers wins", "create-https-listener"
)
def test_the_policys_order_wins_over_the_clients(folder: Folder) -> None:
    context = tls12_context(
        "ECDHE-ECDSA-AES256-SHA384:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-SHA256:@SECLEVEL=0"
    )
    client = Client(folder.tls(folder.put("default", "d.test")), context=context)
    assert ("TLSv1.2", "ECDHE-ECDSA-AES128-SHA256") == (client.facts.protocol, client.facts.cipher)


@pytest.mark.conformance("Handshake", "a suite outside the policy fails the handshake", POLICY_PAGE)
def test_a_suite_outside_the_policy_is_refused(folder: Folder) -> None:
    tls = folder.tls(folder.put("default", "d.test"), policy="ELBSecurityPolicy-TLS13-1-2-Res-2021-06")
    with pytest.raises(ssl.SSLError, match="NO_SHARED_CIPHER"):
        Client(tls, context=tls12_context("ECDHE-ECDSA-AES128-SHA256"))


@pytest.mark.conformance("Handshake", "TLS 1.3 is negotiated where policy and client have it", POLICY_PAGE)
def test_tls13_where_both_have_it(folder: Folder) -> None:
    default = folder.put("default", "d.test")
    policies = (TLS13, "ELBSecurityPolicy-2016-08")
    assert ["TLSv1.3", "TLSv1.2"] == [Client(folder.tls(default, policy=each)).facts.protocol for each in policies]


@pytest.mark.conformance("Security policies", "2016-08 still accepts TLS 1.0 and 1.1", POLICY_PAGE)
@pytest.mark.parametrize(("version", "spelled"), [("TLSv1", "TLSv1"), ("TLSv1_1", "TLSv1.1")])
@pytest.mark.parametrize("server_name", [None, "a.test"])
def test_the_old_policy_accepts_old_versions(
    folder: Folder, version: str, spelled: str, server_name: str | None
) -> None:
    tls = folder.tls(folder.put("default", "d.test"), folder.put("a", "a.test"), policy=None)
    client = Client(tls, server_name, context=old_context(version))
    assert (spelled, "ECDHE-ECDSA-AES128-SHA") == (client.facts.protocol, client.facts.cipher)


@pytest.mark.conformance("Security policies", "TLS13-1-2 refuses TLS 1.1", POLICY_PAGE)
def test_a_modern_policy_refuses_old_versions(folder: Folder) -> None:
    with pytest.raises(ssl.SSLError, match="UNSUPPORTED_PROTOCOL"):
        Client(folder.tls(folder.put("default", "d.test")), context=old_context("TLSv1_1"))


def old_context(version: str) -> ssl.SSLContext:
    context = client_context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.maximum_version = ssl.TLSVersion[version]
    return context


@pytest.mark.conformance("Handshake", "clients cannot renegotiate", POLICY_PAGE)
def test_renegotiation_and_compression_are_off(folder: Folder) -> None:
    options = folder.tls(folder.put("default", "d.test")).context.options
    assert ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION == options & (
        ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    )


@pytest.mark.conformance("Handshake", "sessions are resumed and logged as session-reused", LOG_PAGE)
@pytest.mark.parametrize("make_context", [client_context, tls12_context])
@pytest.mark.parametrize("server_name", [None, "a.test"])
def test_a_resumed_session_is_told(
    folder: Folder, make_context: Callable[[], ssl.SSLContext], server_name: str | None
) -> None:
    tls, context = folder.tls(folder.put("default", "d.test"), folder.put("a", "a.test")), make_context()
    first = Client(tls, server_name, context=context)
    second = Client(tls, server_name, context=context, session=first.client.session)
    assert ("session-reused", server_name or "-") == (second.facts.certificate_arn, second.facts.domain_name)


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_a_real_connection_is_described_on_both_event_loops(
    folder: Folder, run: Callable[[Coroutine[Any, Any, Any]], Any]
) -> None:
    tls = folder.tls(folder.put("default", "d.test"), folder.put("a", "a.test"))
    expected = [("-", "arn:default"), ("a.test", "arn:a"), ("-", "arn:default")]
    facts: Sequence[TlsFacts] = run(facts_over_loopback(tls, ["", "a.test", "other.test"]))
    assert expected == [(each.domain_name, each.certificate_arn) for each in facts]
    assert {("TLSv1.3", "TLS_AES")} == {(each.protocol, each.cipher[:7]) for each in facts}


async def facts_over_loopback(tls: ListenerTls, server_names: list[str]) -> list[TlsFacts]:
    """The facts of one connection for each name; an empty one sends none."""
    facts = []

    async def on_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        facts.append(tls.describe(writer.get_extra_info("ssl_object")))
        writer.write(await reader.readexactly(2))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(on_client, "127.0.0.1", 0, ssl=tls.context)
    port = server.sockets[0].getsockname()[1]
    async with server:
        for name in server_names:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=client_context(), server_hostname=name
            )
            writer.write(b"hi")
            assert b"hi" == await reader.read()
            writer.close()
            await writer.wait_closed()
    return facts


# --- replacing certificates ---------------------------------------------------------------------------------------


def test_unchanged_files_are_not_reloaded(folder: Folder) -> None:
    assert not folder.tls(folder.put("default", "d.test")).reload_if_changed()


@pytest.mark.conformance("Certificates and SNI", "a renewed certificate serves new connections", SNI_PAGE)
@pytest.mark.parametrize("replaced", ["default", "a"])
def test_new_files_are_presented_to_new_connections(folder: Folder, replaced: str) -> None:
    """Both with a name and without, and through the same context object, which the server socket holds."""
    tls = folder.tls(folder.put("default", "d.test"), folder.put("a", "a.test"))
    context, before = tls.context, Client(tls)
    folder.put(replaced, "a.test", "new.test")
    assert tls.reload_if_changed()
    assert tls.context is context
    expected = {"default": (["a.test", "new.test"], ["a.test"]), "a": (["d.test"], ["a.test", "new.test"])}[replaced]
    assert expected == (Client(tls).names, Client(tls, "a.test").names)
    assert "arn:default" == before.facts.certificate_arn
    assert not tls.reload_if_changed()


def test_new_names_are_found(folder: Folder) -> None:
    tls = folder.tls(folder.put("default", "d.test"), folder.put("a", "a.test"))
    folder.put("a", "b.test")
    assert tls.reload_if_changed()
    assert ["-", "b.test"] == [Client(tls, name).facts.domain_name for name in ("a.test", "b.test")]


def test_sessions_outlive_a_reload(folder: Folder) -> None:
    tls, context = folder.tls(folder.put("default", "d.test")), client_context()
    first = Client(tls, context=context)
    folder.put("default", "new.test")
    assert tls.reload_if_changed()
    assert "session-reused" == Client(tls, context=context, session=first.client.session).facts.certificate_arn


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERTIFICATE-----\nMIIB"])
def test_a_broken_file_keeps_the_old_certificate_and_warns_once(
    folder: Folder, caplog: pytest.LogCaptureFixture, content: bytes | None
) -> None:
    tls = folder.tls(folder.put("default", "d.test"))
    (folder.path / "default").unlink()
    if content is not None:
        (folder.path / "default").write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert [False, False] == [tls.reload_if_changed(), tls.reload_if_changed()]
    assert ["d.test"] == Client(tls).names
    (message,) = caplog.messages
    assert message.startswith("Listener 443 keeps its certificates: Certificates[0].CertificateArn: ")


def test_a_repaired_file_is_taken(folder: Folder) -> None:
    tls = folder.tls(folder.put("default", "d.test"))
    (folder.path / "default").write_bytes(b"")
    assert not tls.reload_if_changed()
    folder.put("default", "new.test")
    assert tls.reload_if_changed()
    assert ["new.test"] == Client(tls).names


def test_one_broken_file_keeps_all_certificates(folder: Folder) -> None:
    tls = folder.tls(folder.put("default", "d.test"), folder.put("a", "a.test"))
    folder.put("default", "new.test")
    (folder.path / "a").write_bytes(b"")
    assert not tls.reload_if_changed()
    assert (["d.test"], ["a.test"]) == (Client(tls).names, Client(tls, "a.test").names)


def test_a_change_within_the_same_size_is_seen_by_its_time(folder: Folder) -> None:
    tls = folder.tls(folder.put("default", "d.test"))
    path = folder.path / "default"
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    assert tls.reload_if_changed()


@pytest.mark.conformance("Certificates and SNI", "unexpired goes before expired", SNI_PAGE, status="default")
def test_a_certificate_that_expires_gives_way_to_another_of_its_name(folder: Folder) -> None:
    """Without any change of files; one that has no other to give way to stays."""
    soon = folder.now + timedelta(hours=1)
    better = CA.issue_cert("a.test", not_before=datetime(1980, 1, 1, tzinfo=UTC), not_after=soon)
    tls = folder.tls(
        folder.put("default", "d.test"),
        folder.put_leaf("better", better),
        folder.put_leaf("other", CA.issue_cert("a.test", not_before=folder.now, not_after=soon + timedelta(days=9))),
        folder.put_leaf("alone", CA.issue_cert("*.b.test", not_after=soon)),
    )
    before = Client(tls, "a.test").facts.certificate_arn, tls.reload_if_changed()
    folder.now = soon + timedelta(seconds=1)
    after = tls.reload_if_changed(), Client(tls, "a.test").facts.certificate_arn, tls.reload_if_changed()

    assert ("arn:better", False) == before
    assert (True, "arn:other", False) == after
    assert "arn:alone" == Client(tls, "x.b.test").facts.certificate_arn


# --- a changed configuration --------------------------------------------------------------------------------------


def test_new_certificates_take_over_a_context_when_they_are_activated(folder: Folder) -> None:
    before = folder.tls(folder.put("a", "a.test"))
    after = folder.tls(folder.put("b", "b.test"), before=before)
    waiting = Client(before).names
    after.activate()

    assert after.context is before.context
    assert (["a.test"], ["b.test"]) == (waiting, Client(after).names)


def test_another_policy_takes_another_context(folder: Folder) -> None:
    before = folder.tls(folder.put("a", "a.test"))
    after = folder.tls("a", policy=None, before=before)

    assert after.context is not before.context
    assert ["TLSv1.3", "TLSv1.2"] == [Client(each).facts.protocol for each in (before, after)]


def test_what_the_policy_cannot_be_here_is_told(folder: Folder) -> None:
    default = folder.put("default", "d.test")
    oldest = folder.tls(default, policy="ELBSecurityPolicy-TLS-1-0-2015-04").shortfalls()

    assert "" == folder.tls(default, policy=None).shortfalls()
    assert oldest == "" or "OpenSSL has no DES-CBC3-SHA" in oldest


# --- what is refused ----------------------------------------------------------------------------------------------


@pytest.mark.conformance(
    "Certificates and SNI", "an HTTPS listener needs a certificate", "API reference, CreateListener"
)
def test_a_listener_without_a_certificate_is_refused(folder: Folder) -> None:
    with pytest.raises(ConfigError, match="A certificate must be specified for HTTPS listeners"):
        folder.tls()


def test_an_unknown_policy_is_refused(folder: Folder) -> None:
    with pytest.raises(ConfigError, match="SSL policy 'x' not found"):
        folder.tls(folder.put("default", "d.test"), policy="x")


def test_a_broken_certificate_is_named_by_its_place(folder: Folder) -> None:
    with pytest.raises(ConfigError) as caught:
        folder.tls(folder.put("default", "d.test"), "none")
    assert "Certificates[1].CertificateArn" == caught.value.path


def test_what_openssl_refuses_is_a_sentence_too(folder: Folder) -> None:
    """Security level 2 of the modern policies does not take RSA keys of 1024 bits."""
    key = rsa.generate_private_key(65537, 1024)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "weak.test")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW, NOW + timedelta(days=1))
    pem = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    pem += key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder.path / "weak").write_bytes(pem)
    with pytest.raises(ConfigError, match=r"OpenSSL cannot use the certificate in '.*weak': EE_KEY_TOO_SMALL"):
        folder.tls("weak")
