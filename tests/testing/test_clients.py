"""Clients trust the load balancer, and find it under any name."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest
import requests
import urllib3

from edgeproxy.testing import Alb, targets

if TYPE_CHECKING:
    from collections.abc import Iterator

URLS = ("https://app.example.com/", "http://app.example.com/", "https://localhost:443/")


@pytest.fixture
def alb() -> Iterator[Alb]:
    """Says which name it was asked for."""
    with Alb(names=["app.example.com"], targets=[targets.handler(lambda request: request.headers["host"])]) as made:
        yield made


def host_of(url: str) -> str:
    return url.split("/")[2].removesuffix(":443")


@pytest.mark.parametrize("url", URLS)
def test_requests(alb: Alb, url: str) -> None:
    assert host_of(url) == alb.clients.requests().get(url).text


@pytest.mark.parametrize("url", URLS)
def test_urllib3(alb: Alb, url: str) -> None:
    assert host_of(url) == alb.clients.urllib3().request("GET", url, retries=2).data.decode()


@pytest.mark.parametrize("url", URLS)
def test_httpx(alb: Alb, url: str) -> None:
    with alb.clients.httpx(follow_redirects=True) as client:
        assert host_of(url) == client.get(url).text


@pytest.mark.parametrize("url", URLS)
async def test_asynchronous_httpx(alb: Alb, url: str) -> None:
    async with alb.clients.async_httpx(follow_redirects=True) as client:
        assert host_of(url) == (await client.get(url)).text


@pytest.mark.parametrize("url", URLS)
async def test_aiohttp(alb: Alb, url: str) -> None:
    async with alb.clients.aiohttp() as client, client.get(url) as response:
        assert host_of(url) == await response.text()


def test_plain_sockets(alb: Alb) -> None:
    secure, plain = alb.clients.connect(host="app.example.com"), alb.clients.connect(port=80)
    assert isinstance(secure, ssl.SSLSocket)
    for sock in (secure, plain):
        sock.sendall(b"GET / HTTP/1.0\r\nHost: app.example.com\r\n\r\n")

    assert b"200" == secure.recv(100).split(b" ")[1]
    assert b"301" == plain.recv(100).split(b" ")[1]


def test_names_that_the_certificate_does_not_cover_are_noticed(alb: Alb) -> None:
    with pytest.raises(requests.exceptions.SSLError, match="Hostname mismatch"):
        alb.clients.requests().get("https://other.example.com/")
    with pytest.raises(urllib3.exceptions.SSLError, match="Hostname mismatch"):
        alb.clients.urllib3().request("GET", "https://other.example.com/")


def test_other_ports_lead_to_where_they_always_led(alb: Alb) -> None:
    with targets.answering("other") as other:
        assert "other" == alb.clients.requests().get(other.url).text
        assert "other" == alb.clients.httpx().get(other.url).text


def test_cookies_belong_to_the_name_that_was_asked(alb: Alb) -> None:
    alb.add_rule(path="/in", forward=alb.add_target_group("in", targets.answering(headers={"Set-Cookie": "a=1"})))
    client = alb.clients.httpx()
    client.get("https://app.example.com/in")

    assert ["app.example.com"] == [each.domain for each in client.cookies.jar]
