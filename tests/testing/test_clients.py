"""Clients trust the load balancer, and find it under any name."""

from __future__ import annotations

import asyncio
import ssl
import sys
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
from cryptography import x509

from edgeproxy.testing import Alb, targets, throw_away_ca

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def alb() -> Iterator[Alb]:
    """Says which name it was asked for."""
    with Alb(names=["app.example.com"], targets=[targets.handler(lambda request: request.headers["host"])]) as made:
        yield made


def test_plain_sockets(alb: Alb) -> None:
    secure, plain = alb.clients.connect(host="app.example.com"), alb.clients.connect(port=80)
    assert isinstance(secure, ssl.SSLSocket)
    for sock in (secure, plain):
        sock.sendall(b"GET / HTTP/1.0\r\nHost: app.example.com\r\n\r\n")

    assert b"200" == secure.recv(100).split(b" ")[1]
    assert b"301" == plain.recv(100).split(b" ")[1]


def test_what_a_test_leaves_open_is_closed_with_the_load_balancer() -> None:
    with Alb() as alb:
        sock, client = alb.clients.connect(), alb.clients.httpx()

    assert (-1, True) == (sock.fileno(), client.is_closed)


def test_a_context_of_one_s_own_is_taken(alb: Alb) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        alb.clients.connect(context=ssl.create_default_context())


LISTENER = {
    "Port": 443,
    "Protocol": "HTTPS",
    "Certificates": [{"CertificateArn": "dev"}],
    "MutualAuthentication": {"Mode": "passthrough"},
    "DefaultActions": [{"Type": "forward", "TargetGroupArn": "app"}],
}
URL = "https://localhost/"


def test_each_client_shows_a_certificate_of_its_own() -> None:
    """One after the other at the same load balancer, and those that are told nothing show none."""
    ca = throw_away_ca()
    alice, bob = (ca.client_context(ca.issue(name)) for name in ("alice", "bob"))
    configuration = {
        "LoadBalancers": [{"Name": "mutual", "Listeners": [LISTENER]}],
        "TargetGroups": [{"Name": "app", "Port": 80}],
    }
    with Alb(configuration, targets=[targets.answering()]) as alb:
        alb.clients.requests(context=alice).get(URL)
        alb.clients.urllib3(context=bob).request("GET", URL)
        alb.clients.httpx(context=alice).get(URL)
        alb.clients.requests().get(URL)
        asyncio.run(ask_asynchronously(alb, bob, alice))
        shown = [request.target_headers.get("X-Amzn-Mtls-Clientcert") for request in alb.requests]

    names = [None if each is None else common_name(each) for each in shown]
    assert ["alice", "bob", "alice", None, "bob", "alice"] == names


async def ask_asynchronously(alb: Alb, first: ssl.SSLContext, second: ssl.SSLContext) -> None:
    async with alb.clients.aiohttp(context=first) as session, session.get(URL):
        pass
    async with alb.clients.async_httpx(context=second) as client:
        await client.get(URL)


def common_name(header: str) -> str:
    (alternative,) = (
        x509.load_pem_x509_certificate(unquote(header).encode())
        .extensions.get_extension_for_class(x509.SubjectAlternativeName)
        .value
    )
    return str(alternative.value)


def test_a_library_that_is_not_installed_is_named(alb: Alb, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("requests", "urllib3", "httpx", "grpc"):
        monkeypatch.setitem(sys.modules, name, None)
    for name in ("client_urllib3", "client_httpx", "client_grpc"):
        monkeypatch.delitem(sys.modules, f"edgeproxy.testing.{name}", raising=False)
        monkeypatch.delattr(f"edgeproxy.testing.{name}", raising=False)
    makers: dict[str, Callable[[], object]] = {
        "requests": alb.clients.requests,
        "urllib3": alb.clients.urllib3,
        "httpx": alb.clients.httpx,
        "grpcio": alb.clients.grpc,
    }
    for package, make in makers.items():
        with pytest.raises(RuntimeError, match=f"needs {package}, which is not installed: pip install {package}"):
            make()
