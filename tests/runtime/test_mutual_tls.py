"""Mutual TLS on a whole proxy: who gets through, what targets are told, and what is said of those who are refused."""

from __future__ import annotations

import asyncio
import io
import socket
import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
import trustme
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from edgeproxy.control.certificate_locator import FileCertificateLocator
from edgeproxy.control.trust_store_locator import FileTrustStoreLocator
from edgeproxy.errors import ConfigError
from edgeproxy.runtime.access_log import AccessLog
from edgeproxy.runtime.listener import ListenerSocket
from edgeproxy.runtime.proxy import EdgeProxy
from tests.helpers.client_authority import FUTURE, PAST, ClientAuthority, ClientLeaf, of_version
from tests.helpers.conversation import Conversation, connect, request
from tests.helpers.proxies import RunningProxy, answering_itself, forwarding_to, running, topology
from tests.helpers.targets import Script, ScriptedTarget, answering
from tests.helpers.wait import until

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from edgeproxy.runtime.server_tls import Handshake
    from edgeproxy.runtime.tls_facts import TlsFacts

PAGE = "mutual-authentication"
LOG_PAGE = "load-balancer-connection-logs"
LIMITS = "load-balancer-limits"
POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"
SERVER = trustme.CA()
ROOT = ClientAuthority("root")
BELOW = ClientAuthority("below", above=ROOT)
STRANGER = ClientAuthority("stranger")
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
VERIFY = "Mode: verify, TrustStoreArn: clients"


class Room:
    """A folder with a server's certificate and a trust store, and proxies that use them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        leaf = SERVER.issue_cert("a.test")
        (path / "server.pem").write_bytes(leaf.private_key_and_cert_chain_pem.bytes())
        ROOT.write(path / "ca.pem")

    def running(
        self,
        text: str,
        mutual: str = VERIFY,
        *,
        store: str = "CaCertificatesBundle: ca.pem",
        more: str = "",
        **options: Any,
    ) -> AbstractAsyncContextManager[RunningProxy]:
        return running(
            self.configuration(text, mutual, store=store, more=more),
            certificates=FileCertificateLocator(self.path, self.path / "certs"),
            trust_stores=FileTrustStoreLocator(self.path),
            **options,
        )

    def configuration(
        self, text: str, mutual: str = VERIFY, *, store: str = "CaCertificatesBundle: ca.pem", more: str = ""
    ) -> str:
        https = text.replace(
            "Port: 80\n        Protocol: HTTP\n",
            f"Port: 443\n        Protocol: HTTPS\n        SslPolicy: {POLICY}\n"
            "        Certificates: [{CertificateArn: server.pem}]\n"
            f"        MutualAuthentication: {{{mutual}}}\n{more}",
        )
        return f"{https}TrustStores: [{{Name: clients, {store}}}]\n"

    def client(self, leaf: ClientLeaf | None, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context()
        SERVER.configure_trust(context)
        if version is not None:
            context.minimum_version = context.maximum_version = version
        if leaf is not None:
            context.load_cert_chain(leaf.write(self.path / "client.pem"))
        return context


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


@pytest.fixture
def failed(monkeypatch: pytest.MonkeyPatch) -> list[TlsFacts]:
    """What a listener is told of handshakes that came to nothing."""
    found: list[TlsFacts] = []
    tell = ListenerSocket.on_handshake_failed

    def on_handshake_failed(listener: ListenerSocket, handshake: Handshake) -> None:
        found.append(handshake.facts)
        tell(listener, handshake)

    monkeypatch.setattr(ListenerSocket, "on_handshake_failed", on_handshake_failed)
    return found


async def ask(edgeproxy: RunningProxy, context: ssl.SSLContext, *headers: str) -> int:
    """The status; 0 if the connection came to nothing before or after the client thought it was established."""
    try:
        client = await connect("127.0.0.1", edgeproxy.port(443), tls=context, server_name="a.test")
    except (ssl.SSLError, OSError):
        return 0
    try:
        return (await client.ask("GET /", *headers)).status
    except (ssl.SSLError, OSError, asyncio.IncompleteReadError, AssertionError):
        return 0
    finally:
        client.abort()


def told(head: bytes) -> dict[str, str]:
    """The headers about the client's certificate that a target got."""
    lines = [line.partition(": ") for line in head.decode().split("\r\n")]
    return {name: value for name, _, value in lines if "mtls" in name.lower()}


# ---- passthrough


@pytest.mark.conformance("Mutual TLS", "passthrough sends the whole chain as URL-encoded PEM, unverified", PAGE)
@pytest.mark.both_loops
@pytest.mark.parametrize("version", VERSIONS)
async def test_passthrough_tells_the_target_the_chain_whoever_signed_it(room: Room, version: ssl.TLSVersion) -> None:
    leaf = ClientAuthority("below nobody", above=STRANGER).issue("joe", not_after=PAST)
    async with (
        ScriptedTarget(answering()) as target,
        room.running(forwarding_to(target.port), "Mode: passthrough") as edgeproxy,
    ):
        assert 200 == await ask(edgeproxy, room.client(leaf, version))

    found = told(target.heads[0])
    assert ["X-Amzn-Mtls-Clientcert"] == list(found)
    assert leaf.chain_pem.decode() == unquote(found["X-Amzn-Mtls-Clientcert"])


@pytest.mark.conformance("Mutual TLS", "passthrough goes on without a certificate", PAGE)
@pytest.mark.both_loops
async def test_passthrough_asks_and_does_not_insist(room: Room) -> None:
    async with (
        ScriptedTarget(answering()) as target,
        room.running(forwarding_to(target.port), "Mode: passthrough") as edgeproxy,
    ):
        assert 200 == await ask(edgeproxy, room.client(None), "X-Amzn-Mtls-Clientcert: forged")

    assert {} == told(target.heads[0])


# ---- verify


@pytest.mark.conformance("Mutual TLS", "verify sends leaf, serial number, issuer, subject and validity", PAGE)
@pytest.mark.both_loops
@pytest.mark.parametrize("version", VERSIONS)
async def test_verify_tells_the_target_about_the_leaf(
    room: Room, failed: list[TlsFacts], version: ssl.TLSVersion
) -> None:
    leaf = BELOW.issue("joe", serial=0x03A5B1)
    async with ScriptedTarget(answering()) as target, room.running(forwarding_to(target.port)) as edgeproxy:
        assert 200 == await ask(edgeproxy, room.client(leaf, version), "X-Amzn-Mtls-Clientcert-Subject: CN=forged")

    found = told(target.heads[0])
    begin, end = leaf.certificate.not_valid_before_utc, leaf.certificate.not_valid_after_utc
    pem = leaf.certificate.public_bytes(Encoding.PEM).decode()
    assert pem == unquote(found.pop("X-Amzn-Mtls-Clientcert-Leaf"))
    assert {
        "X-Amzn-Mtls-Clientcert-Serial-Number": "03A5B1",
        "X-Amzn-Mtls-Clientcert-Issuer": "CN=below",
        "X-Amzn-Mtls-Clientcert-Subject": "CN=joe",
        "X-Amzn-Mtls-Clientcert-Validity": f"NotBefore={begin:%Y-%m-%dT%H:%M:%SZ};NotAfter={end:%Y-%m-%dT%H:%M:%SZ}",
    } == found
    assert [] == failed


@pytest.mark.conformance("Mutual TLS", "each header can have another name", "API reference, ListenerAttribute")
async def test_headers_go_by_the_names_that_the_listener_gives_them(room: Room) -> None:
    more = (
        "        ListenerAttributes: "
        "{routing.http.request.x_amzn_mtls_clientcert_subject.header_name: X-Who, "
        "routing.http.request.x_amzn_mtls_clientcert.header_name: X-Chain}\n"
    )
    forged = ("X-Who: CN=forged", "x-chain: forged", "X-Amzn-Mtls-Clientcert-Subject: CN=forged")
    async with ScriptedTarget(answering()) as target, room.running(forwarding_to(target.port), more=more) as edgeproxy:
        assert 200 == await ask(edgeproxy, room.client(ROOT.issue("joe")), *forged)

    assert b"\r\nX-Who: CN=joe\r\n" in target.heads[0]
    assert b"forged" not in target.heads[0]
    assert "X-Amzn-Mtls-Clientcert-Subject" not in told(target.heads[0])


@pytest.mark.conformance("Mutual TLS", "in mode off the headers pass", PAGE, status="default")
async def test_a_listener_that_does_not_ask_passes_the_headers_on(room: Room) -> None:
    async with (
        ScriptedTarget(answering()) as target,
        room.running(forwarding_to(target.port), "Mode: off") as edgeproxy,
    ):
        assert 200 == await ask(edgeproxy, room.client(None), "X-Amzn-Mtls-Clientcert-Subject: mine")

    assert {"X-Amzn-Mtls-Clientcert-Subject": "mine"} == told(target.heads[0])


LONG = ClientAuthority("4", above=ClientAuthority("3", above=ClientAuthority("2", above=BELOW)))
REFUSED = {
    "of an unknown authority": (STRANGER.issue("joe"), "ClientCertUntrusted"),
    "of an unknown authority below another": (
        ClientAuthority("below nobody", above=STRANGER).issue("joe"),
        "ClientCertUntrusted",
    ),
    "expired": (ROOT.issue("joe", not_after=PAST), "ClientCertExpired"),
    "of an authority that has expired": (
        ClientAuthority("old", above=ROOT, not_after=PAST).issue("joe"),
        "ClientCertExpired",
    ),
    "not yet valid": (ROOT.issue("joe", not_before=FUTURE), "ClientCertNotYetValid"),
    "for servers only": (ROOT.issue("joe", purposes=["server"]), "ClientCertPurposeInvalid"),
    "of a kind that is not supported": (
        ROOT.issue("joe", key=ed25519.Ed25519PrivateKey.generate()),
        "ClientCertTypeUnsupported",
    ),
    "signed with SHA-224": (ROOT.issue("joe", algorithm=hashes.SHA224()), "ClientCertTypeUnsupported"),
    "in a chain of five": (LONG.issue("joe"), "ClientCertMaxChainDepthExceeded"),
    "of more than 64 KB": (ROOT.issue("joe", padding=1 << 16), "ClientCertMaxSizeExceeded"),
}


@pytest.mark.conformance("Mutual TLS", "what verify refuses, and the codes of the connection log", LOG_PAGE)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("case", REFUSED)
async def test_a_certificate_that_is_not_fine_ends_the_handshake(
    room: Room, failed: list[TlsFacts], caplog: pytest.LogCaptureFixture, case: str, version: ssl.TLSVersion
) -> None:
    leaf, code = REFUSED[case]
    with caplog.at_level("INFO", "edgeproxy"):
        async with room.running(answering_itself()) as edgeproxy:
            assert 0 == await ask(edgeproxy, room.client(leaf, version))
            await until(lambda: failed)

    (facts,) = failed
    assert facts.client_certificate is not None
    assert ("CN=joe", f"Failed:{code}") == (facts.client_certificate.subject, facts.verify_status)
    assert {ssl.TLSVersion.TLSv1_2: "TLSv1.2", ssl.TLSVersion.TLSv1_3: "TLSv1.3"}[version] == facts.protocol
    assert facts.cipher != "-"
    assert facts.key_exchange != "-"
    assert [code] == [
        message.rpartition("(CN=joe): ")[2].partition(",")[0] for message in caplog.messages if "refused" in message
    ]


@pytest.mark.conformance("connection log", "both a refused and an accepted client have a line", LOG_PAGE)
async def test_the_connection_log_tells_of_both(room: Room) -> None:
    stream = io.StringIO()
    log = AccessLog(stream)
    async with room.running(answering_itself(), connection_log=log) as edgeproxy:
        assert 0 == await ask(edgeproxy, room.client(STRANGER.issue("eve")))
        await until(lambda: edgeproxy.proxy.metrics.load_balancers["dev"].client_tls_negotiation_errors)
        assert 200 == await ask(edgeproxy, room.client(ROOT.issue("joe")))
    log.close()
    refused, accepted = (line.split(" ") for line in stream.getvalue().splitlines())

    assert ["-", '"CN=eve"', "Failed:ClientCertUntrusted"] == [refused[6], refused[7], refused[10]]
    assert ['"CN=joe"', "Success"] == [accepted[7], accepted[10]]
    assert all(fields[8].startswith("NotBefore=") and fields[11].startswith("TID_") for fields in (refused, accepted))
    assert "-" not in (refused[4], refused[5], accepted[4], accepted[6], accepted[12])


@pytest.mark.conformance("Mutual TLS", "verify needs a certificate", LOG_PAGE)
@pytest.mark.parametrize("version", VERSIONS)
async def test_no_certificate_is_not_enough(room: Room, failed: list[TlsFacts], version: ssl.TLSVersion) -> None:
    async with room.running(answering_itself()) as edgeproxy:
        assert 0 == await ask(edgeproxy, room.client(None, version))
        await until(lambda: failed)

    (facts,) = failed
    assert (None, "Failed:UnmappedConnectionError") == (facts.client_certificate, facts.verify_status)


@pytest.mark.parametrize(
    ("leaf", "alert"),
    [
        (None, "CERTIFICATE_REQUIRED"),
        (STRANGER.issue("joe"), "UNKNOWN_CA"),
        (ROOT.issue("joe", not_after=PAST), "CERTIFICATE_EXPIRED"),
    ],
)
@pytest.mark.both_loops
async def test_the_client_learns_why_by_an_alert(room: Room, leaf: ClientLeaf | None, alert: str) -> None:
    async with room.running(answering_itself()) as edgeproxy:
        client = await edgeproxy.connect(443, tls=room.client(leaf, ssl.TLSVersion.TLSv1_3), server_name="a.test")
        with pytest.raises(ssl.SSLError, match=alert):
            await client.ask("GET /")


@pytest.mark.conformance("Mutual TLS", "IgnoreClientCertificateExpiry accepts expired certificates", PAGE)
async def test_expiry_can_be_ignored(room: Room) -> None:
    async with room.running(answering_itself(), f"{VERIFY}, IgnoreClientCertificateExpiry: true") as edgeproxy:
        expired = await ask(edgeproxy, room.client(ROOT.issue("joe", not_after=PAST)))
        early = await ask(edgeproxy, room.client(ROOT.issue("joe", not_before=FUTURE)))
        stranger = await ask(edgeproxy, room.client(STRANGER.issue("joe", not_after=PAST)))

    assert (200, 0, 0) == (expired, early, stranger)


@pytest.mark.conformance("Mutual TLS", "an intermediate alone may be trusted", PAGE, status="default")
async def test_the_trust_store_may_hold_an_intermediate_alone(room: Room) -> None:
    BELOW.write(room.path / "ca.pem")
    async with room.running(answering_itself()) as edgeproxy:
        assert [200, 0] == [await ask(edgeproxy, room.client(each.issue("joe"))) for each in (BELOW, ROOT)]


@pytest.mark.conformance("Mutual TLS", "four certificates may be presented", LIMITS, status="default")
async def test_a_chain_of_four_is_fine(room: Room) -> None:
    three = ClientAuthority("3", above=ClientAuthority("2", above=BELOW))
    async with room.running(answering_itself()) as edgeproxy:
        assert 200 == await ask(edgeproxy, room.client(three.issue("joe")))


async def test_a_certificate_without_purposes_may_be_used_for_anything(room: Room) -> None:
    async with room.running(answering_itself()) as edgeproxy:
        assert 200 == await ask(edgeproxy, room.client(ROOT.issue("joe", purposes=[])))


# ---- revocation


@pytest.mark.conformance("Mutual TLS", "revoked certificates are refused", LOG_PAGE)
@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
async def test_a_revoked_certificate_is_refused(room: Room, failed: list[TlsFacts], encoding: Encoding) -> None:
    good, bad = BELOW.issue("good"), BELOW.issue("bad")
    BELOW.revoke(room.path / "crl", bad.certificate, encoding=encoding)
    store = "CaCertificatesBundle: ca.pem, Revocations: [crl]"
    async with room.running(answering_itself(), store=store) as edgeproxy:
        assert [200, 0] == [await ask(edgeproxy, room.client(each)) for each in (good, bad)]

    assert ["Failed:ClientCertCrlHit"] == [facts.verify_status for facts in failed]


@pytest.mark.conformance("Mutual TLS", "a revoked authority counts as well", PAGE, status="default")
async def test_what_a_revoked_authority_has_signed_is_refused(room: Room, failed: list[TlsFacts]) -> None:
    ROOT.revoke(room.path / "crl", BELOW.certificate)
    store = "CaCertificatesBundle: ca.pem, Revocations: [crl]"
    async with room.running(answering_itself(), store=store) as edgeproxy:
        assert [200, 0] == [await ask(edgeproxy, room.client(each.issue("joe"))) for each in (ROOT, BELOW)]

    assert ["Failed:ClientCertCrlHit"] == [facts.verify_status for facts in failed]


@pytest.mark.conformance("Mutual TLS", "a revocation list that is too old still counts", PAGE, status="default")
async def test_an_old_revocation_list_still_counts(room: Room, failed: list[TlsFacts]) -> None:
    good, bad = ROOT.issue("good"), ROOT.issue("bad")
    ROOT.revoke(room.path / "crl", bad.certificate, next_update=PAST)
    store = "CaCertificatesBundle: ca.pem, Revocations: [crl]"
    async with room.running(answering_itself(), store=store) as edgeproxy:
        assert [200, 0] == [await ask(edgeproxy, room.client(each)) for each in (good, bad)]

    assert ["Failed:ClientCertCrlHit"] == [facts.verify_status for facts in failed]


async def test_a_revocation_list_that_somebody_else_signed_is_an_error(room: Room, failed: list[TlsFacts]) -> None:
    impostor = ClientAuthority("root")
    impostor.revoke(room.path / "crl", STRANGER.certificate)
    store = "CaCertificatesBundle: ca.pem, Revocations: [crl]"
    async with room.running(answering_itself(), store=store) as edgeproxy:
        assert 0 == await ask(edgeproxy, room.client(ROOT.issue("joe")))

    assert ["Failed:ClientCertCrlProcessingError"] == [facts.verify_status for facts in failed]


# ---- the handshake


async def names_of_authorities(edgeproxy: RunningProxy) -> bytes:
    """What `openssl s_client` says about them."""
    process = await asyncio.create_subprocess_exec(
        *("openssl", "s_client", "-connect", f"127.0.0.1:{edgeproxy.port(443)}"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    output, _ = await process.communicate()
    return output[output.index(b"client certificate CA names") - 3 :].partition(b"\n---")[0]


@pytest.mark.conformance("Mutual TLS", "AdvertiseTrustStoreCaNames names the authorities to clients", PAGE)
async def test_authorities_are_named_only_where_that_is_wanted(room: Room) -> None:
    async with room.running(answering_itself()) as edgeproxy:
        silent = await names_of_authorities(edgeproxy)
    async with room.running(answering_itself(), f"{VERIFY}, AdvertiseTrustStoreCaNames: on") as edgeproxy:
        telling = await names_of_authorities(edgeproxy)

    assert silent.startswith(b"No client certificate CA names sent")
    assert telling.endswith(b"CN = root") or b"CN = root\n" in telling


@pytest.mark.conformance("Mutual TLS", "sessions are not resumed", PAGE)
@pytest.mark.parametrize("mutual", [VERIFY, "Mode: passthrough"])
@pytest.mark.parametrize("version", VERSIONS)
async def test_sessions_are_not_resumed(room: Room, mutual: str, version: ssl.TLSVersion) -> None:
    context = room.client(ROOT.issue("joe"), version)

    def ask_twice(port: int) -> list[bool | None]:
        session, seen = None, []
        for _ in range(2):
            with (
                socket.create_connection(("127.0.0.1", port)) as raw,
                context.wrap_socket(raw, server_hostname="a.test", session=session) as client,
            ):
                client.sendall(request("GET /"))
                assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
                session = client.session
                seen.append(client.session_reused)
        return seen

    async with room.running(answering_itself(), mutual) as edgeproxy:
        assert [False, False] == await asyncio.to_thread(ask_twice, edgeproxy.port(443))


async def test_the_certificate_is_chosen_by_name_here_too(room: Room) -> None:
    """And RSA stands beside ECDSA, whose choice this library can tell."""
    for name, kind in (("b-rsa", trustme.KeyType.RSA), ("b-ecdsa", trustme.KeyType.ECDSA)):
        leaf = SERVER.issue_cert("b.test", key_type=kind)
        (room.path / f"{name}.pem").write_bytes(leaf.private_key_and_cert_chain_pem.bytes())
    text = room.configuration(answering_itself(), "Mode: passthrough").replace(
        "{CertificateArn: server.pem}",
        "{CertificateArn: server.pem}, {CertificateArn: b-rsa.pem}, {CertificateArn: b-ecdsa.pem}",
    )
    locator = FileCertificateLocator(room.path, room.path / "certs")
    arns = {locator.arn(f"{name}.pem"): name for name in ("server", "b-rsa", "b-ecdsa")}
    seen = []
    async with running(text, certificates=locator) as edgeproxy:
        for options in (["a.test"], ["b.test"], ["b.test", "-sigalgs", "RSA-PSS+SHA256"], ["c.test"]):
            process = await asyncio.create_subprocess_exec(
                *("openssl", "s_client", "-connect", f"127.0.0.1:{edgeproxy.port(443)}", "-servername", *options),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
            await until(lambda: edgeproxy.connections)
            (connection,) = edgeproxy.connections
            facts = connection.tls_facts
            assert facts is not None
            seen.append((facts.domain_name, arns[facts.certificate_arn]))
            await process.communicate()
            await until(lambda: not edgeproxy.connections)

    assert [("-", "server"), ("b.test", "b-ecdsa"), ("b.test", "b-rsa"), ("-", "server")] == seen


@pytest.mark.conformance("Security policies", "mutual TLS has the same policies", "describe-ssl-policies")
async def test_suites_and_order_of_tls_13_are_exact_here(room: Room) -> None:
    async with room.running(answering_itself()) as edgeproxy:
        client = await edgeproxy.connect(443, tls=room.client(ROOT.issue("joe")), server_name="a.test")
        await client.ask("GET /")
        (connection,) = edgeproxy.connections
        facts = connection.tls_facts

    assert facts is not None
    assert ("TLSv1.3", "TLS_AES_128_GCM_SHA256", "Success") == (facts.protocol, facts.cipher, facts.verify_status)


@pytest.mark.both_loops
async def test_large_bodies_pass_both_ways(room: Room) -> None:
    """Larger than all buffers on the way, so that everybody has to wait for everybody."""
    large = b"0123456789abcdef" * (1 << 18)
    async with (
        ScriptedTarget(echoing(len(large))) as target,
        room.running(forwarding_to(target.port)) as edgeproxy,
    ):
        client = await edgeproxy.connect(443, tls=room.client(ROOT.issue("joe")), server_name="a.test")
        answer = await client.ask("POST /", body=large)

    assert large == answer.body


def echoing(size: int) -> Script:
    async def script(conversation: Conversation, head: bytes) -> None:
        body = await conversation.read_exactly(size)
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + body)

    return script


# ---- files


async def test_a_changed_trust_store_holds_for_new_connections(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgeproxy.runtime.proxy.CERTIFICATE_CHECK_SECONDS", 0.01)
    root, stranger = (room.client(each.issue("joe")) for each in (ROOT, STRANGER))
    (room.path / "cas").mkdir()
    ROOT.write(room.path / "cas" / "root.pem")
    async with room.running(answering_itself(), store="CaCertificatesBundle: cas") as edgeproxy:
        old = await edgeproxy.connect(443, tls=root, server_name="a.test")
        before = [await ask(edgeproxy, each) for each in (root, stranger)]
        STRANGER.write(room.path / "cas" / "stranger.crt")
        while not await ask(edgeproxy, stranger):
            await edgeproxy.sweeps(1)
        (room.path / "cas" / "root.pem").unlink()
        while await ask(edgeproxy, root):
            await edgeproxy.sweeps(1)
        still = await old.ask("GET /")

    assert ([200, 0], 200) == (before, still.status)


async def test_another_mode_holds_for_new_connections_and_drops_no_old_ones(room: Room) -> None:
    context = room.client(STRANGER.issue("joe"))
    async with room.running(answering_itself(), "Mode: passthrough") as edgeproxy:
        old = await edgeproxy.connect(443, tls=context, server_name="a.test")
        seen = [(await old.ask("GET /")).status]
        for mutual in (VERIFY, "Mode: off", "Mode: passthrough"):
            await edgeproxy.apply(room.configuration(answering_itself(), mutual))
            seen.append(await ask(edgeproxy, context))
        seen.append((await old.ask("GET /")).status)

    assert [200, 0, 200, 200, 200] == seen


async def test_a_trust_store_that_cannot_be_used_is_refused(room: Room) -> None:
    (room.path / "ca.pem").write_bytes(b"")
    expected = r"^MutualAuthentication.TrustStoreArn: '.*ca.pem' holds no PEM certificate\.$"
    with pytest.raises(ConfigError, match=expected):
        async with room.running(answering_itself()):
            pass


async def test_without_a_way_to_trust_stores_such_a_listener_is_refused(room: Room) -> None:
    proxy = EdgeProxy(certificates=FileCertificateLocator(room.path, room.path / "certs"))
    with pytest.raises(ConfigError, match="no way to find trust stores"):
        await proxy.start(topology(room.configuration(answering_itself())))


async def test_a_certificate_of_an_odd_version_passes_through_and_is_logged(room: Room) -> None:
    """OpenSSL takes version 2; what reads certificates for the log does not."""
    leaf = ROOT.issue("joe")
    odd = ssl.DER_cert_to_PEM_cert(of_version(leaf.certificate, 1)).encode()
    context = room.client(None)
    path = leaf.write(room.path / "odd.pem")
    path.write_bytes(path.read_bytes().partition(b"-----BEGIN CERT")[0] + odd)
    context.load_cert_chain(path)
    stream = io.StringIO()
    log = AccessLog(stream)
    async with (
        ScriptedTarget(answering()) as target,
        room.running(forwarding_to(target.port), "Mode: passthrough", connection_log=log) as edgeproxy,
    ):
        assert 200 == await ask(edgeproxy, context)
    log.close()

    assert unquote(told(target.heads[0])["X-Amzn-Mtls-Clientcert"]).encode() == odd
    assert ' "-" - - Success TID_' in stream.getvalue()


async def test_a_certificate_that_openssl_finds_too_large_is_said_to_be(room: Room, failed: list[TlsFacts]) -> None:
    async with room.running(answering_itself()) as edgeproxy:
        assert 0 == await ask(edgeproxy, room.client(ROOT.issue("joe", padding=1 << 17)))
        await until(lambda: failed)
    assert ["Failed:ClientCertMaxSizeExceeded"] == [facts.verify_status for facts in failed]
