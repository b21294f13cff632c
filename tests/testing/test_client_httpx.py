"""httpx finds the load balancer under any name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edgeproxy.testing import Alb, targets
from tests.helpers.named_alb import URLS, host_of, named_alb

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def alb() -> Iterator[Alb]:
    with named_alb() as made:
        yield made


@pytest.mark.parametrize("url", URLS)
def test_httpx(alb: Alb, url: str) -> None:
    with alb.clients.httpx(follow_redirects=True) as client:
        assert host_of(url) == client.get(url).text


@pytest.mark.parametrize("url", URLS)
async def test_asynchronous_httpx(alb: Alb, url: str) -> None:
    async with alb.clients.async_httpx(follow_redirects=True) as client:
        assert host_of(url) == (await client.get(url)).text


def test_other_ports_lead_to_where_they_always_led(alb: Alb) -> None:
    with targets.answering("other") as other:
        assert "other" == alb.clients.httpx().get(other.url).text


def test_http2_is_spoken_where_it_is_asked_for(alb: Alb) -> None:
    with alb.clients.httpx(http2=True) as client:
        assert "HTTP/2" == client.get("https://app.example.com/").http_version

    alb.expect(version="HTTP/2.0", host="app.example.com", times=1)


def test_cookies_belong_to_the_name_that_was_asked(alb: Alb) -> None:
    alb.add_rule(path="/in", forward=alb.add_target_group("in", targets.answering(headers={"Set-Cookie": "a=1"})))
    client = alb.clients.httpx()
    client.get("https://app.example.com/in")

    assert ["app.example.com"] == [each.domain for each in client.cookies.jar]
