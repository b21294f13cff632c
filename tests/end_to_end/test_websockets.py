"""WebSockets with the libraries that people use, through a process of its own, and many of them."""

from __future__ import annotations

import asyncio
import contextlib
import io
import signal
import ssl
from typing import TYPE_CHECKING

import aiohttp
import pytest
import trustme
import websockets.asyncio.client as ws_client
import websockets.asyncio.server as ws_server
from aiohttp import web

from edgeproxy.control.certificate_locator import FileCertificateLocator
from edgeproxy.runtime.access_log import AccessLog
from tests.helpers.conversation import request
from tests.helpers.proxies import forwarding_to, open_files, opened_since, running
from tests.helpers.targets import ROOM, ScriptedTarget, answering, saying
from tests.helpers.wait import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path
    from typing import Any

    from tests.helpers.conversation import Conversation
    from tests.helpers.proxies import RunningProxy

CA = trustme.CA()
PAGE = "load-balancer-listeners"
UPGRADE = request("GET /chat", "Connection: Upgrade", "Upgrade: websocket")
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
MANY = 1000


@contextlib.contextmanager
def logged() -> Iterator[tuple[AccessLog, Callable[[], list[str]]]]:
    """An access log, and its lines, which close it."""
    stream = io.StringIO()
    log = AccessLog(stream)

    def lines() -> list[str]:
        log.close()
        return stream.getvalue().splitlines()

    yield log, lines


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
    context.check_hostname = False
    CA.configure_trust(context)
    return context


async def echo(conversation: Conversation, head: bytes) -> None:
    """A target that opens the WebSocket and sends back whatever comes."""
    await conversation.send(SWITCHING)
    while data := await conversation.read(1 << 16):
        await conversation.send(data)


# ---- with a library at both ends


@contextlib.asynccontextmanager
async def aiohttp_server() -> AsyncIterator[int]:
    """An aiohttp application that echoes; its port."""

    async def handle(asked: web.Request) -> web.WebSocketResponse:
        websocket = web.WebSocketResponse(autoping=True)
        await websocket.prepare(asked)
        async for message in websocket:
            if message.type is aiohttp.WSMsgType.TEXT:
                await websocket.send_str(message.data)
            else:
                await websocket.send_bytes(message.data)
        return websocket

    application = web.Application()
    application.router.add_get("/chat", handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def websockets_server() -> AsyncIterator[int]:
    async def handle(websocket: ws_server.ServerConnection) -> None:
        async for message in websocket:
            await websocket.send(message)

    async with ws_server.serve(handle, "127.0.0.1", 0, max_size=None) as server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.conformance("WebSocket", "real clients and servers understand each other", PAGE)
@pytest.mark.parametrize("server", [aiohttp_server, websockets_server])
@pytest.mark.parametrize("is_secure", [False, True], ids=["ws", "wss"])
async def test_aiohttp_talks_to_real_servers(server: Any, is_secure: bool, tmp_path: Path) -> None:
    """With compression negotiated end to end, pings, fragments as big as they come, and an orderly close."""
    async with server() as port:
        text = over_tls(forwarding_to(port), tmp_path) if is_secure else forwarding_to(port)
        locator = FileCertificateLocator(tmp_path, tmp_path / "certs")
        with logged() as (log, lines):
            async with running(text, time_scale=1, access_log=log, certificates=locator) as edgeproxy:
                declared, scheme = (443, "wss") if is_secure else (80, "ws")
                url = f"{scheme}://127.0.0.1:{edgeproxy.port(declared)}/chat"
                async with (
                    aiohttp.ClientSession() as session,
                    session.ws_connect(url, ssl=trusting() if is_secure else True, compress=15) as websocket,
                ):
                    await websocket.send_str("hello")
                    assert "hello" == await websocket.receive_str()
                    await websocket.send_bytes(ROOM * 20)
                    assert ROOM * 20 == await websocket.receive_bytes()
                    await websocket.ping()
                await until(lambda: 0 == edgeproxy.client_connections)
            (line,) = lines()

    assert [scheme, "101", "101"] == [line.split(" ")[0], *line.split(" ")[8:10]]


async def test_a_client_of_websockets_talks_to_a_server_of_aiohttp() -> None:
    async with aiohttp_server() as port, running(forwarding_to(port), time_scale=1) as edgeproxy:
        url = f"ws://127.0.0.1:{edgeproxy.port()}/chat"
        async with ws_client.connect(url, proxy=None) as websocket:
            await websocket.send("hello")
            assert "hello" == await websocket.recv()
            await (await websocket.ping())
        assert 1000 == websocket.close_code
        await until(lambda: 0 == edgeproxy.client_connections)


# ---- what is no WebSocket


@pytest.mark.conformance("WebSocket", "any other upgrade is stripped", PAGE)
@pytest.mark.parametrize(
    "headers",
    [
        ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"),
        ("Connection: Upgrade", "Upgrade: TLS/1.0"),
        ("Connection: Upgrade", "Upgrade: websocket, h2c"),
        ("Upgrade: websocket",),
    ],
)
async def test_any_other_upgrade_is_served_as_if_it_had_not_asked(headers: tuple[str, ...]) -> None:
    async with ScriptedTarget(answering()) as target, running(forwarding_to(target.port)) as edgeproxy:
        client = await edgeproxy.connect()
        answers = [await client.ask("GET /", *headers) for _ in range(2)]

    assert [(200, True)] * 2 == [(answer.status, answer.keeps_alive) for answer in answers]
    assert [False] * 2 == [b"upgrade" in head.lower() for head in target.heads]


@pytest.mark.conformance(
    "WebSocket", "a target that switches although nobody asked is malformed", PAGE, status="default"
)
@pytest.mark.parametrize("upgrade", ["h2c", "websocket, h2c"])
async def test_a_switch_to_something_else_is_a_502(upgrade: str) -> None:
    switching = f"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {upgrade}\r\n\r\n".encode()
    async with ScriptedTarget(saying(switching)) as target, running(forwarding_to(target.port)) as edgeproxy:
        client = await edgeproxy.connect()
        await client.send(UPGRADE)

        assert 502 == (await client.read_message()).status


# ---- the end


@pytest.mark.conformance(
    "WebSocket", "ends after the idle timeout, one line with all bytes", "load-balancer-access-logs"
)
@pytest.mark.both_loops
async def test_a_silent_tunnel_ends_after_the_idle_timeout_with_one_line() -> None:
    with logged() as (log, lines):
        async with (
            ScriptedTarget(echo) as target,
            running(forwarding_to(target.port, idle_timeout=10), access_log=log) as edgeproxy,
        ):
            client = await edgeproxy.connect()
            await client.send(UPGRADE)
            head = await client.read_head()
            await client.send(b"x" * 1000)
            assert b"x" * 1000 == await client.read_exactly(1000)
            assert b"" == await client.read_until_cut()
            await until(lambda: not target.open)
        (line,) = lines()
    fields = line.split(" ")

    assert ["ws", "101", "101", str(len(UPGRADE) + 1000), str(len(head) + 1000)] == [fields[0], *fields[8:12]]


async def test_sigterm_with_open_websockets_is_bounded_and_writes_their_lines(
    start: Callable[..., Awaitable[Any]], tmp_path: Path
) -> None:
    """Those that close meanwhile end in order, the others are cut when the drain time is over."""
    path = tmp_path / "access.log"
    async with ScriptedTarget(echo) as target:
        process = await start(forwarding_to(target.port), "--drain-seconds", "1", "--access-log", str(path))
        clients = [await process.connect() for _ in range(3)]
        for client in clients:
            await client.send(UPGRADE)
            await client.read_head()
        process.process.send(signal.SIGTERM)
        await process.wait_for("stopping")
        leaving, *staying = clients
        await leaving.send(b"still here")
        assert b"still here" == await leaving.read_exactly(10)
        leaving.half_close()
        assert b"" == await leaving.read_to_end()
        code = await asyncio.wait_for(process.wait(), 10)
        for client in staying:
            assert b"" == await client.read_until_cut()
        for client in clients:
            client.abort()
        await until(lambda: not target.open)
    lines = [line.split(" ") for line in path.read_text().splitlines()]

    assert 0 == code
    assert [["ws", "101", "101"]] * 3 == [[line[0], *line[8:10]] for line in lines]


@pytest.mark.both_loops
@pytest.mark.parametrize("reader", ["client", "target"])
async def test_an_end_that_does_not_read_stops_the_other_over_tls_too(reader: str, tmp_path: Path) -> None:
    """What the proxy holds is bounded: most of what is sent stays with its sender."""
    sent = 0

    async def pour(conversation: Conversation) -> None:
        nonlocal sent
        while True:
            await conversation.send(ROOM)
            sent += len(ROOM)

    async def script(conversation: Conversation, head: bytes) -> None:
        await conversation.send(SWITCHING)
        if reader == "client":
            with contextlib.suppress(TimeoutError):
                await pour(conversation)
        conversation.transport.pause_reading()
        await over.wait()

    over = asyncio.Event()
    locator = FileCertificateLocator(tmp_path, tmp_path / "certs")
    async with ScriptedTarget(script, receive_buffer=4096) as target:
        text = over_tls(forwarding_to(target.port, idle_timeout=4000), tmp_path)
        async with running(text, certificates=locator) as edgeproxy:
            client = await edgeproxy.connect(443, tls=trusting(), server_name="app.test", receive_buffer=4096)
            await client.send(UPGRADE)
            await client.read_head()
            client.transport.pause_reading()
            pouring = asyncio.create_task(pour(client)) if reader == "target" else None
            seen = -1
            while seen != sent or not sent:
                seen = sent
                await edgeproxy.sweeps(20)
            over.set()
            if pouring is not None:
                pouring.cancel()
            client.abort()
            for each in list(target.open):
                each.abort()

    # 4 to 6 MiB may lie in the kernel's buffers on the way.
    assert sent < 24 << 20


# ---- many


@contextlib.asynccontextmanager
async def many(edgeproxy: RunningProxy, count: int) -> AsyncIterator[list[Conversation]]:
    """So many open tunnels."""
    clients = [await edgeproxy.connect() for _ in range(count)]
    for client in clients:
        await client.send(UPGRADE)
    for client in clients:
        assert (await client.read_head()).startswith(b"HTTP/1.1 101 ")
    yield clients


@pytest.mark.both_loops
async def test_a_thousand_websockets_leave_nothing_behind(enough_files: int) -> None:
    """No task for any of them while they are open, no descriptor afterwards; and each is logged."""
    count = min(MANY, enough_files // 6)
    with logged() as (log, lines):
        async with (
            ScriptedTarget(echo) as target,
            running(forwarding_to(target.port), time_scale=1, access_log=log) as edgeproxy,
        ):
            await edgeproxy.healthy()
            files, tasks = open_files(), len(asyncio.all_tasks())
            async with many(edgeproxy, count) as clients:
                # A task of each target's script is ours, and a health check's few; connections have two ends here.
                assert tasks + count + 10 >= len(asyncio.all_tasks())
                assert 4 * count <= len(opened_since(files)) <= 4 * count + 10
                for client in clients[::50]:
                    await client.send(b"ping")
                    assert b"ping" == await client.read_exactly(4)
                for number, client in enumerate(clients):
                    client.reset() if number % 2 else client.half_close()
                await until(lambda: 0 == edgeproxy.client_connections)
                await until(lambda: not target.open)
            assert 0 == sum(each.outstanding for each in edgeproxy.proxy._groups["app"].targets.values())
            assert all(not pool.connections for pool in edgeproxy.proxy._pools._pools.values())
        found = lines()

    assert count == sum(line.startswith("ws ") for line in found)
