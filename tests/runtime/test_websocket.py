"""WebSockets on real sockets: tunnels that carry, wait, end and are cut, and leave nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import io
import ssl
from typing import TYPE_CHECKING

import pytest
import trustme
import websockets.asyncio.client as ws_client
import websockets.asyncio.server as ws_server
from websockets.exceptions import ConnectionClosed, InvalidStatus

from edgeproxy.control.certificate_locator import FileCertificateLocator
from edgeproxy.runtime.access_log import AccessLog
from tests.helpers.conversation import Conversation, request
from tests.helpers.proxies import RunningProxy, forwarding_to, running
from tests.helpers.targets import ROOM, ScriptedTarget, gated, leaving_after, resetting_after, saying
from tests.helpers.wait import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.helpers.targets import Script

UPGRADE = request("GET /chat", "Connection: Upgrade", "Upgrade: websocket")
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
MIB = bytes(range(256)) * 4096
CA = trustme.CA()
PAGE = "load-balancer-listeners"


async def echo(websocket: ws_server.ServerConnection) -> None:
    async for message in websocket:
        await websocket.send(message)


async def leave(websocket: ws_server.ServerConnection) -> None:
    await websocket.recv()
    await websocket.close(4001, "enough")


@contextlib.asynccontextmanager
async def serving(handler: object = echo) -> AsyncIterator[int]:
    """A `websockets` server; its port."""
    async with ws_server.serve(handler, "127.0.0.1", 0, compression=None) as server:  # type: ignore[arg-type]
        yield server.sockets[0].getsockname()[1]


@contextlib.asynccontextmanager
async def connected(
    edgeproxy: RunningProxy, tls: ssl.SSLContext | None = None
) -> AsyncIterator[ws_client.ClientConnection]:
    """A `websockets` client behind the proxy; big messages both ways are allowed."""
    declared, scheme = (80, "ws") if tls is None else (443, "wss")
    async with ws_client.connect(
        f"{scheme}://app.test:{edgeproxy.port(declared)}/chat?x=1",
        host="127.0.0.1",
        ssl=tls,
        max_size=None,
        compression=None,
        proxy=None,
    ) as websocket:
        yield websocket


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


def tunnel(first: bytes = b"") -> Script:
    """Opens the WebSocket and sends back whatever comes."""

    async def script(conversation: Conversation, head: bytes) -> None:
        await conversation.send(SWITCHING + first)
        while data := await conversation.read(1 << 16):
            await conversation.send(data)

    return script


async def opened(edgeproxy: RunningProxy, early: bytes = b"") -> Conversation:
    """A client whose tunnel is open."""
    client = await edgeproxy.connect()
    await client.send(UPGRADE + early)
    assert (await client.read_head()).startswith(b"HTTP/1.1 101 ")
    return client


def outstanding(edgeproxy: RunningProxy) -> int:
    groups = edgeproxy.proxy._groups.values()
    return sum(each.outstanding for group in groups for each in (*group.targets.values(), *group.draining.values()))


# ---- with a library at both ends


@pytest.mark.conformance("WebSocket", "works over HTTP and over HTTPS", PAGE)
@pytest.mark.both_loops
@pytest.mark.parametrize("is_secure", [False, True])
async def test_messages_go_both_ways_and_one_line_is_logged(is_secure: bool, tmp_path: Path) -> None:
    stream = io.StringIO()
    log = AccessLog(stream)
    locator = FileCertificateLocator(tmp_path, tmp_path / "certs")
    async with serving() as port:
        text = forwarding_to(port)
        if is_secure:
            text = over_tls(text, tmp_path)
        async with running(text, time_scale=1, access_log=log, certificates=locator) as edgeproxy:
            async with connected(edgeproxy, trusting() if is_secure else None) as websocket:
                for message in ("hello", MIB, b""):
                    await websocket.send(message)
                    assert message == await websocket.recv()
                await (await websocket.ping())
                assert 1 == outstanding(edgeproxy)
            await until(lambda: not edgeproxy.client_connections)
            assert 0 == outstanding(edgeproxy)
            counters = edgeproxy.proxy.metrics.load_balancers["dev"]
            assert (1, 1, [0] * 4) == (
                counters.request_count,
                counters.groups["app"].request_count,
                counters.groups["app"].target_status[2:],
            )
    log.close()
    (line,) = stream.getvalue().splitlines()
    fields = line.split(" ")
    received, sent = int(fields[10]), int(fields[11])

    assert ["wss" if is_secure else "ws", "101", "101"] == [fields[0], *fields[8:10]]
    assert f'"GET {"https" if is_secure else "http"}://app.test:{443 if is_secure else 80}/chat?x=1' == " ".join(
        fields[12:14]
    )
    assert "-1" not in fields[5:8]
    assert received > len(MIB) < sent
    assert received + sent == counters.processed_bytes


@pytest.mark.both_loops
async def test_a_close_code_passes_through() -> None:
    async with serving(leave) as port, running(forwarding_to(port), time_scale=1) as edgeproxy:
        async with connected(edgeproxy) as websocket:
            await websocket.send("x")
            with pytest.raises(ConnectionClosed) as caught:
                await websocket.recv()
        assert caught.value.rcvd is not None
        assert (4001, "enough") == (caught.value.rcvd.code, caught.value.rcvd.reason)
        await until(lambda: not edgeproxy.client_connections)


@pytest.mark.conformance("WebSocket", "an answer other than 101 is an ordinary response", "load-balancer-access-logs")
async def test_a_refused_upgrade_is_logged_as_http() -> None:
    stream = io.StringIO()
    log = AccessLog(stream)
    refusal = b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno"
    async with (
        ScriptedTarget(saying(refusal)) as target,
        running(forwarding_to(target.port), time_scale=1, access_log=log) as edgeproxy,
    ):
        with pytest.raises(InvalidStatus) as caught:
            async with connected(edgeproxy):
                pass
    log.close()

    assert 426 == caught.value.response.status_code
    fields = stream.getvalue().split(" ")
    assert ("http", "426") == (fields[0], fields[8])


# ---- byte by byte


@pytest.mark.both_loops
async def test_bytes_that_come_with_the_heads_are_delivered() -> None:
    async with ScriptedTarget(tunnel(b"first")) as target, running(forwarding_to(target.port)) as edgeproxy:
        client = await opened(edgeproxy, b"early")

        assert b"firstearly" == await client.read_exactly(10)


@pytest.mark.parametrize("side", ["client", "target"])
@pytest.mark.both_loops
async def test_when_one_end_closes_everything_is_delivered_to_the_other(side: str) -> None:
    received = bytearray()

    async def collecting(conversation: Conversation, head: bytes) -> None:
        await conversation.send(SWITCHING)
        while data := await conversation.read(1 << 16):
            received.extend(data)

    script = leaving_after(SWITCHING + MIB) if side == "target" else collecting
    async with ScriptedTarget(script) as target, running(forwarding_to(target.port)) as edgeproxy:
        client = await opened(edgeproxy)
        if side == "client":
            await client.send(MIB)
            client.half_close()
            await until(lambda: not target.open)
        else:
            received.extend(await client.read_to_end())
        await until(lambda: not edgeproxy.client_connections)
        assert 0 == outstanding(edgeproxy)

    assert MIB == received


@pytest.mark.both_loops
async def test_what_a_target_sent_last_reaches_a_client_that_goes_on_sending() -> None:
    """A socket that is closed with unread bytes in it is reset, and what the client has not read yet is lost."""

    async def script(conversation: Conversation, head: bytes) -> None:
        await conversation.send(SWITCHING)
        await conversation.read_exactly(4)
        await conversation.send(MIB)

    async with ScriptedTarget(script) as target, running(forwarding_to(target.port)) as edgeproxy:
        client = await edgeproxy.connect(receive_buffer=4096)
        await client.send(UPGRADE)
        await client.read_head()
        await client.send(b"last")
        await until(lambda: not target.open)
        await client.send(ROOM)

        assert MIB == await client.read_to_end()


@pytest.mark.both_loops
async def test_a_client_that_did_not_wait_gets_the_refusal_and_the_end() -> None:
    """However much it has sent: more than is kept stays unread, and is no reason to reset the connection."""
    gate = asyncio.Event()
    refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n%b" % (len(MIB), MIB)
    async with (
        ScriptedTarget(gated(gate, refusal)) as target,
        running(forwarding_to(target.port, idle_timeout=4000)) as edgeproxy,
    ):
        client = await edgeproxy.connect(receive_buffer=4096)
        await client.send(UPGRADE)
        sending = asyncio.create_task(client.send(ROOM * 4))
        await until(lambda: any(each._is_paused for each in edgeproxy.connections))
        gate.set()
        answer = await client.read_message()
        await sending

        assert (403, "close", MIB) == (answer.status, answer.headers["connection"], answer.body)
        assert b"" == await client.read_until_cut()
    assert 1 == len(target.heads)


@pytest.mark.both_loops
async def test_a_target_that_resets_ends_the_tunnel() -> None:
    async with ScriptedTarget(resetting_after(SWITCHING)) as target, running(forwarding_to(target.port)) as edgeproxy:
        client = await edgeproxy.connect()
        await client.send(UPGRADE)
        await client.read_until_cut()
        await until(lambda: not edgeproxy.client_connections)

        assert 0 == outstanding(edgeproxy)


@pytest.mark.conformance("WebSocket", "bytes in either direction keep it open", "edit-load-balancer-attributes")
@pytest.mark.both_loops
@pytest.mark.parametrize("sender", ["client", "target"])
async def test_bytes_of_one_end_are_enough_to_stay_open(sender: str) -> None:
    """For longer than the idle timeout, which ends the tunnel when both are silent, and the client keep-alive age."""
    is_over = asyncio.Event()

    async def script(conversation: Conversation, head: bytes) -> None:
        await conversation.send(SWITCHING)
        while sender == "target" and not is_over.is_set():
            await conversation.send(b"x")
            await edgeproxy.sweeps(2)
        await conversation.read_to_end()

    text = "client_keep_alive.seconds: 60"
    async with (
        ScriptedTarget(script) as target,
        running(forwarding_to(target.port, idle_timeout=30, attributes=text)) as edgeproxy,
    ):
        client = await opened(edgeproxy)
        sweeps = asyncio.create_task(edgeproxy.sweeps(70))
        while not sweeps.done():
            if sender == "client":
                await client.send(b"x")
            await edgeproxy.sweeps(2)
        assert 1 == edgeproxy.client_connections
        is_over.set()
        await client.read_until_cut()
        await until(lambda: not target.open)


@pytest.mark.both_loops
@pytest.mark.parametrize("reader", ["client", "target"])
async def test_an_end_that_does_not_read_stops_the_other(reader: str) -> None:
    """What the proxy holds of a tunnel is bounded: most of what is sent stays with its sender."""
    total = 64 << 20
    sent = 0
    gate = asyncio.Event()

    async def pour(conversation: Conversation) -> None:
        nonlocal sent
        while sent < total:
            await conversation.send(ROOM)
            sent += len(ROOM)

    async def script(conversation: Conversation, head: bytes) -> None:
        await conversation.send(SWITCHING)
        if reader == "client":
            await pour(conversation)
        await gate.wait()
        await conversation.read_to_end()

    async with (
        ScriptedTarget(script, receive_buffer=4096) as target,
        running(forwarding_to(target.port, idle_timeout=4000)) as edgeproxy,
    ):
        client = await edgeproxy.connect(receive_buffer=4096)
        await client.send(UPGRADE)
        await client.read_head()
        pouring = asyncio.create_task(pour(client)) if reader == "target" else None
        seen = -1
        while seen != sent or not sent:
            seen = sent
            await edgeproxy.sweeps(20)
        gate.set()
        if pouring is not None:
            pouring.cancel()
        client.abort()
        await until(lambda: not target.open)

    # 4 to 6 MiB may lie in the kernel's buffers on the way.
    assert sent < 24 << 20


# ---- shutdown, reloads, deregistration


@pytest.mark.both_loops
@pytest.mark.parametrize("ends_itself", [True, False])
async def test_a_stop_waits_for_tunnels_and_cuts_them_at_the_limit(ends_itself: bool) -> None:
    async with ScriptedTarget(tunnel()) as target, running(forwarding_to(target.port)) as edgeproxy:
        client = await opened(edgeproxy)
        stopping = asyncio.create_task(edgeproxy.proxy.stop(30 if ends_itself else 0.1))
        await client.send(b"still here")
        assert b"still here" == await client.read_exactly(10)
        if ends_itself:
            client.half_close()
        assert b"" == await client.read_until_cut()
        await asyncio.wait_for(stopping, 10)
        assert 0 == outstanding(edgeproxy)


@pytest.mark.both_loops
async def test_a_reload_keeps_tunnels() -> None:
    async with ScriptedTarget(tunnel()) as target, running(forwarding_to(target.port)) as edgeproxy:
        client = await opened(edgeproxy)
        await edgeproxy.apply(forwarding_to(target.port, attributes="routing.http.preserve_host_header.enabled: true"))
        await client.send(b"still here")

        assert b"still here" == await client.read_exactly(10)


@pytest.mark.both_loops
async def test_the_tunnel_of_a_deregistered_target_is_cut_when_the_delay_is_over() -> None:
    delay = "TargetGroupAttributes: {deregistration_delay.timeout_seconds: 20}"
    async with ScriptedTarget(tunnel()) as target, running(forwarding_to(target.port, group=delay)) as edgeproxy:
        client = await opened(edgeproxy)
        await edgeproxy.apply(forwarding_to(group=delay))
        await client.send(b"still here")
        assert b"still here" == await client.read_exactly(10)
        assert b"" == await client.read_until_cut()
        await until(lambda: not edgeproxy.targets())
        assert 0 == edgeproxy.client_connections
