"""TLS on a whole proxy: what is said at the start, what a reload keeps, what clients of either kind are shown."""

from __future__ import annotations

import asyncio
import re
import ssl
from typing import TYPE_CHECKING

import pytest
import trustme

from edgeproxy.control.certificate_locator import FileCertificateLocator
from tests.helpers.proxies import RunningProxy, answering_itself, running

if TYPE_CHECKING:
    from pathlib import Path

CA = trustme.CA()
PAGE = "https-listener-certificates"
TLS13 = "ELBSecurityPolicy-TLS13-1-2-2021-06"


def put(folder: Path, name: str, *hosts: str, kind: trustme.KeyType = trustme.KeyType.ECDSA) -> None:
    leaf = CA.issue_cert(*hosts, key_type=kind)
    (folder / name).write_bytes(leaf.private_key_and_cert_chain_pem.bytes())


def https(*certificates: str, policy: str = TLS13, ports: tuple[int, ...] = (443,)) -> str:
    listed = ", ".join(f"{{CertificateArn: {each}}}" for each in certificates)
    return answering_itself(listeners=ports).replace(
        "Protocol: HTTP\n", f"Protocol: HTTPS\n        SslPolicy: {policy}\n        Certificates: [{listed}]\n"
    )


@pytest.fixture
def locator(tmp_path: Path) -> FileCertificateLocator:
    return FileCertificateLocator(tmp_path, tmp_path / "certs")


def trusting(version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.maximum_version = version
    CA.configure_trust(context)
    return context


async def ask(
    edgeproxy: RunningProxy, context: ssl.SSLContext, session: ssl.SSLSession | None = None
) -> tuple[bool, ssl.SSLSession]:
    """Whether the session was resumed, and the session to resume the next time; in a thread, as asyncio hides it."""

    def blocking() -> tuple[bool, ssl.SSLSession]:
        import socket  # noqa: PLC0415

        with (
            socket.create_connection(("127.0.0.1", edgeproxy.port(443))) as raw,
            context.wrap_socket(raw, server_hostname="a.test", session=session) as client,
        ):
            client.sendall(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
            assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
            assert client.session is not None
            return bool(client.session_reused), client.session

    return await asyncio.to_thread(blocking)


async def test_what_a_policy_cannot_be_here_is_said_once(
    tmp_path: Path, locator: FileCertificateLocator, caplog: pytest.LogCaptureFixture
) -> None:
    """At the start, for two listeners with one policy, and not again after a reload."""
    put(tmp_path, "a.pem", "a.test")
    put(tmp_path, "b.pem", "b.test")
    text = https("a.pem", policy="ELBSecurityPolicy-TLS13-1-2-RFC9151-FIPS-2023-07", ports=(443, 8443))
    with caplog.at_level("INFO", "edgeproxy"):
        async with running(text, certificates=locator) as edgeproxy:
            await edgeproxy.apply(text.replace("a.pem", "b.pem"))

    said = [message for message in caplog.messages if "is not exact here" in message]
    expected = [] if hasattr(ssl.SSLContext, "set_ciphersuites") else ["TLS13-1-2-RFC9151-FIPS-2023-07"]
    assert expected == [re.match(r"ELBSecurityPolicy-(\S+)", message)[1] for message in said]  # type: ignore[index]


@pytest.mark.conformance("Handshake", "sessions are resumed", "describe-ssl-policies")
@pytest.mark.both_loops
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_sessions_outlive_reloads_and_changed_certificates_but_not_another_policy(
    tmp_path: Path, locator: FileCertificateLocator, version: ssl.TLSVersion
) -> None:
    put(tmp_path, "a.pem", "a.test")
    put(tmp_path, "b.pem", "a.test", "b.test")
    context = trusting(version)
    async with running(https("a.pem"), certificates=locator) as edgeproxy:
        resumed, session = await ask(edgeproxy, context)
        seen = [resumed]
        for text in (
            https("a.pem").replace("ok", "another answer"),
            https("b.pem"),
            https("a.pem", "b.pem"),
            https("b.pem", policy="ELBSecurityPolicy-TLS13-1-2-Res-2021-06"),
        ):
            await edgeproxy.apply(text)
            resumed, session = await ask(edgeproxy, context, session)
            seen.append(resumed)

    assert [False, True, True, True, False] == seen


async def test_a_refused_change_leaves_the_certificates_as_they_were(
    tmp_path: Path, locator: FileCertificateLocator
) -> None:
    """The new listener's port is taken: the certificates that were prepared beside it are not presented."""
    put(tmp_path, "a.pem", "a.test")
    put(tmp_path, "b.pem", "b.test")
    async with running(https("a.pem"), certificates=locator) as edgeproxy:
        before = await presented(edgeproxy)
        taken = edgeproxy.port(443)
        text = https("b.pem") + answering_itself(listeners=(taken,)).partition("Listeners:")[2]
        with pytest.raises(Exception, match="could not be bound"):
            await edgeproxy.apply(text)
        after = await presented(edgeproxy)
        await edgeproxy.apply(https("b.pem"))
        changed = await presented(edgeproxy)

    assert ["a.test", "a.test", "b.test"] == [before, after, changed]


async def presented(edgeproxy: RunningProxy, *options: str) -> str:
    """The name in the certificate that `openssl s_client` is shown, and the kind of its key."""
    process = await asyncio.create_subprocess_exec(
        *("openssl", "s_client", "-connect", f"127.0.0.1:{edgeproxy.port(443)}", *options),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    output, _ = await process.communicate()
    pem = re.search(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", output, re.DOTALL)
    assert pem is not None
    from cryptography import x509  # noqa: PLC0415

    leaf = x509.load_pem_x509_certificate(pem[0])
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return names.get_values_for_type(x509.DNSName)[-1]


@pytest.mark.conformance("Certificates and SNI", "a client that cannot use ECDSA gets the RSA certificate", PAGE)
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("-tls1_3",), "ecdsa.test"),
        (("-tls1_3", "-sigalgs", "RSA-PSS+SHA256:RSA-PSS+SHA384"), "rsa.test"),
        (("-tls1_3", "-sigalgs", "RSA-PSS+SHA256:ECDSA+SHA256"), "ecdsa.test"),
        (("-tls1_2",), "ecdsa.test"),
        (("-tls1_2", "-sigalgs", "RSA+SHA256"), "rsa.test"),
        (("-tls1_2", "-sigalgs", "ECDSA+SHA256"), "ecdsa.test"),
        (("-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384"), "rsa.test"),
        (("-tls1_2", "-cipher", "ECDHE-RSA-AES256-GCM-SHA384"), "rsa.test"),
    ],
)
async def test_ecdsa_and_rsa_stand_side_by_side(
    tmp_path: Path, locator: FileCertificateLocator, options: tuple[str, ...], expected: str
) -> None:
    """Both carry pair.test. Up to TLS 1.2 the policy's first suite that the client has goes before the kind of key."""
    put(tmp_path, "default.pem", "default.test")
    put(tmp_path, "rsa.pem", "pair.test", "rsa.test", kind=trustme.KeyType.RSA)
    put(tmp_path, "ecdsa.pem", "pair.test", "ecdsa.test")
    async with running(https("default.pem", "rsa.pem", "ecdsa.pem"), certificates=locator) as edgeproxy:
        assert expected == await presented(edgeproxy, "-servername", "pair.test", *options)
