"""Which version of HTTP a listener speaks with whom. Source: user guide, load-balancer-listeners; outcomes observed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.helpers.conversation import connect
from tests.helpers.h2_client import connect_h2, h2_context
from tests.helpers.h2_wire import PREFACE, settings
from tests.helpers.https import over_tls, running_tls, trusting
from tests.helpers.proxies import answering_itself, running

if TYPE_CHECKING:
    from pathlib import Path

WITHOUT = answering_itself().replace("seconds: 60", 'seconds: 60, routing.http2.enabled: "false"')


@pytest.mark.parametrize("offered", [("http/1.1",), ("grpc-exp",), ()], ids=["http/1.1", "unknown", "nothing"])
async def test_whoever_does_not_offer_h2_speaks_http11(offered: tuple[str, ...], tmp_path: Path) -> None:
    async with running_tls(answering_itself("one"), tmp_path) as edgeproxy:
        context = h2_context(*offered) if offered else trusting()
        client = await edgeproxy.connect(443, tls=context, server_name="app.test")
        answer = await client.ask("GET /")

    assert ("HTTP/1.1 200 OK", b"one") == (answer.start, answer.body)


@pytest.mark.parametrize("offered", [("http/1.1",), ("grpc-exp",)])
@pytest.mark.conformance(
    "HTTP/2 to clients",
    "where ALPN did not agree on h2, HTTP/2's preface is answered with HTTP/1.1's 400 page",
    "load-balancer-troubleshooting",
)
async def test_a_preface_without_alpn_is_a_bad_request(offered: tuple[str, ...], tmp_path: Path) -> None:
    async with running_tls(answering_itself(), tmp_path) as edgeproxy:
        client = await edgeproxy.connect(443, tls=h2_context(*offered), server_name="app.test")
        await client.send(PREFACE + settings())
        answer = await client.read_message()

    assert ("HTTP/1.1 400 Bad Request", 122, False) == (answer.start, len(answer.body), answer.keeps_alive)


@pytest.mark.conformance("HTTP/2 to clients", "there is no HTTP/2 in cleartext", "how-elastic-load-balancing-works")
async def test_there_is_no_h2c() -> None:
    async with running(answering_itself("plain")) as edgeproxy:
        upgrade = await edgeproxy.ask(
            "GET /", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"
        )
        client = await edgeproxy.connect()
        await client.send(PREFACE + settings())
        prior_knowledge = await client.read_message()

    assert ("HTTP/1.1 200 OK", b"plain") == (upgrade.start, upgrade.body)
    assert "HTTP/1.1 400 Bad Request" == prior_knowledge.start


@pytest.mark.conformance(
    "HTTP/2 to clients", "routing.http2.enabled false: clients have to use HTTP/1.1", "application-load-balancers"
)
async def test_http2_can_be_switched_off(tmp_path: Path) -> None:
    async with running_tls(WITHOUT, tmp_path) as edgeproxy:
        client = await edgeproxy.connect(443, tls=h2_context("h2", "http/1.1"), server_name="app.test")
        agreed = client.transport.get_extra_info("ssl_object").selected_alpn_protocol()
        answer = await client.ask("GET /")

    assert ("http/1.1", 200) == (agreed, answer.status)


async def test_a_reload_switches_new_connections_and_leaves_the_others(tmp_path: Path) -> None:
    async with running_tls(answering_itself("before"), tmp_path) as edgeproxy:
        old = await connect_h2(edgeproxy.port(443))
        await old.ask()
        agreed = []
        for text in (WITHOUT, answering_itself("again")):
            await edgeproxy.apply(over_tls(text, tmp_path))
            client = await connect("127.0.0.1", edgeproxy.port(443), tls=h2_context("h2", "http/1.1"))
            agreed.append(client.transport.get_extra_info("ssl_object").selected_alpn_protocol())
            client.abort()
        answer = await old.ask()
        old.abort()

    assert ["http/1.1", "h2"] == agreed
    assert b"again" == answer.body
