"""Timers, where the tests of one connection's file do not reach: across reloads, through TLS, between two timers."""

from __future__ import annotations

import asyncio
import io
import ssl
from time import monotonic
from typing import TYPE_CHECKING

import pytest
import trustme

from edgeproxy.control.certificate_locator import FileCertificateLocator
from edgeproxy.runtime.access_log import AccessLog
from tests.helpers.conversation import connect, request
from tests.helpers.proxies import forwarding_to, running
from tests.helpers.targets import ScriptedTarget, answering, echoing, pouring
from tests.helpers.wait import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.conversation import Conversation

pytestmark = pytest.mark.both_loops

CA = trustme.CA()
ATTRIBUTES = "edit-load-balancer-attributes"
TROUBLE = "load-balancer-troubleshooting"


def over_tls(text: str, tmp_path: Path) -> str:
    """The same with an HTTPS listener on 443."""
    file = tmp_path / "app.pem"
    file.write_bytes(CA.issue_cert("app.test").private_key_and_cert_chain_pem.bytes())
    return text.replace(
        "Port: 80\n        Protocol: HTTP\n",
        f"Port: 443\n        Protocol: HTTPS\n        Certificates: [{{CertificateArn: {file}}}]\n",
    )


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    CA.configure_trust(context)
    return context


@pytest.mark.conformance(
    "client connections", "the keep-alive duration is fixed when the connection is made", ATTRIBUTES
)
async def test_a_reload_changes_the_age_of_new_connections_only() -> None:
    long, short = (f"client_keep_alive.seconds: {seconds}" for seconds in (604_800, 60))
    async with (
        ScriptedTarget(answering()) as target,
        running(forwarding_to(target.port, idle_timeout=4000, attributes=long), time_scale=0.002) as edgeproxy,
    ):
        old = await edgeproxy.connect()
        await old.ask("GET /")
        await edgeproxy.apply(forwarding_to(target.port, idle_timeout=4000, attributes=short))
        started = monotonic()
        new = await edgeproxy.connect()
        answers = [await new.ask("GET /")]
        while answers[-1].keeps_alive:
            answers.append(await new.ask("GET /"))
        duration = monotonic() - started
        still = await old.ask("GET /")

    assert len(answers) > 1, "traffic does not end it"
    assert 0.12 <= duration, "and does not move it either"
    assert (200, True) == (still.status, still.keeps_alive)


@pytest.mark.conformance("idle timeout", "one byte of a body is enough to stay", TROUBLE)
async def test_a_body_that_comes_byte_by_byte_is_waited_for() -> None:
    body = b"0123456789" * 3
    async with ScriptedTarget(echoing) as target, running(forwarding_to(target.port, idle_timeout=10)) as edgeproxy:
        client = await edgeproxy.connect()
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body))
        started = monotonic()
        for byte in body:
            await edgeproxy.sweeps(1)
            await client.send(bytes([byte]))
        answer = await client.read_message()

    assert monotonic() - started > 2 * 10 * 0.01
    assert (200, body) == (answer.status, answer.body)


@pytest.mark.conformance("idle timeout", "one byte of a response is enough to stay", ATTRIBUTES)
async def test_a_response_that_comes_byte_by_byte_is_waited_for() -> None:
    """Server-sent events live like this."""
    body = b"0123456789" * 3

    async def script(conversation: Conversation, head: bytes) -> None:
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
        for byte in body:
            await edgeproxy.sweeps(1)
            await conversation.send(bytes([byte]))

    async with ScriptedTarget(script) as target, running(forwarding_to(target.port, idle_timeout=10)) as edgeproxy:
        client = await edgeproxy.connect()
        started = monotonic()
        answer = await client.ask("GET /")

    assert monotonic() - started > 2 * 10 * 0.01
    assert body == answer.body


@pytest.mark.conformance("target failures", "connecting has its own time, whatever the idle timeout", TROUBLE)
async def test_a_tls_handshake_that_takes_longer_than_the_idle_timeout_is_no_silence() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CA.issue_cert("elsewhere.test").configure_cert(context)
    gate = asyncio.Event()

    async def pump(source: Conversation, sink: Conversation) -> None:
        while data := await source.read(1 << 16):
            await sink.send(data)
        await sink.close()

    async def relay_late(conversation: Conversation, head: bytes) -> None:
        await gate.wait()
        onward = await connect("127.0.0.1", target.port)
        await asyncio.gather(pump(conversation, onward), pump(onward, conversation))

    async with (
        ScriptedTarget(answering(), tls=context) as target,
        ScriptedTarget(relay_late, speaks_first=True) as relay,
    ):
        text = forwarding_to(relay.port, idle_timeout=1).replace(
            "{Name: app, Protocol: HTTP,", "{Name: app, Protocol: HTTPS,"
        )
        async with running(text, time_scale=0.2) as edgeproxy:
            asking = asyncio.create_task(edgeproxy.ask())
            started = monotonic()
            await edgeproxy.sweeps(4)
            duration = monotonic() - started
            gate.set()
            answer = await asking

    assert duration > 2 * 0.2
    assert 200 == answer.status


@pytest.mark.conformance("idle timeout", "a client that does not read is cut", ATTRIBUTES)
@pytest.mark.parametrize("size", [150_000, 30_000_000])
async def test_a_client_that_does_not_read_over_tls_is_cut_and_its_target_is_free(size: int, tmp_path: Path) -> None:
    """Whether its response is still coming, or complete for us and only waiting for the client."""
    log = io.StringIO()
    access_log = AccessLog(log)
    async with ScriptedTarget(pouring(size)) as target:
        text = over_tls(forwarding_to(target.port, idle_timeout=5), tmp_path)
        locator = FileCertificateLocator(tmp_path, tmp_path / "certs")
        async with running(text, certificates=locator, access_log=access_log) as edgeproxy:
            client = await edgeproxy.connect(443, tls=trusting(), server_name="app.test", receive_buffer=4096)
            await client.send(request("GET /"))
            client.transport.pause_reading()
            await until(lambda: target.heads)
            await until(lambda: 0 == edgeproxy.client_connections)
            await until(lambda: not target.open)
    access_log.close()
    (line,) = log.getvalue().splitlines()

    assert ["200", "200"] == line.split(" ")[8:10]


@pytest.mark.conformance("idle timeout", "a client that does not take the close is cut", ATTRIBUTES, status="default")
async def test_a_client_that_ignores_the_end_of_its_tls_connection_does_not_stay(tmp_path: Path) -> None:
    async with ScriptedTarget(answering()) as target:
        text = over_tls(forwarding_to(target.port, idle_timeout=5), tmp_path)
        locator = FileCertificateLocator(tmp_path, tmp_path / "certs")
        async with running(text, certificates=locator) as edgeproxy:
            client = await edgeproxy.connect(443, tls=trusting(), server_name="app.test")
            await client.ask("GET /")
            client.transport.pause_reading()
            await until(lambda: 0 == edgeproxy.client_connections)
            client.abort()
            await asyncio.sleep(0)
