from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from edgeproxy.control.doctor.probe import Dialer
from edgeproxy.control.doctor.websocket import examine_websocket
from tests.helpers.targets import ScriptedTarget, answering, leaving_after, silent

if TYPE_CHECKING:
    from edgeproxy.control.doctor.finding import Finding
    from tests.helpers.conversation import Conversation

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
PING = b"\x89\x00"


def opening(then: Any = None, *, accept: bytes | None = None) -> Any:
    """A script that opens a WebSocket; `then` gets the conversation."""

    async def script(conversation: Conversation, head: bytes) -> None:
        key = head.split(b"\r\nSec-WebSocket-Key: ")[1].split(b"\r\n")[0]
        value = accept or base64.b64encode(hashlib.sha1(key + GUID).digest())
        await conversation.send(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: %b\r\n\r\n" % value
        )
        if then is not None:
            await then(conversation)
        else:
            await conversation.read_to_end()

    return script


async def look(script: Any, subject_of: Any, dialer: Dialer, **changes: Any) -> list[Finding]:
    async with ScriptedTarget(script) as target:
        subject = subject_of(target, **({"websocket_path": "/ws"} | changes))
        return await examine_websocket(subject, dialer, lambda _: None)


async def test_without_a_path_it_is_said_that_nothing_was_tried(subject_of: Any, dialer: Dialer) -> None:
    [finding] = await look(opening(), subject_of, dialer, websocket_path=None)

    assert ("websocket", "skipped") == (finding.name, finding.severity)
    assert "--websocket-path" in finding.sentence


async def test_silence_on_an_idle_websocket_is_told(subject_of: Any, clock: Any) -> None:
    opened, idle = await look(opening(), subject_of, Dialer(now=clock), idle_timeout=0.5)

    assert ("good", "advice") == (opened.severity, idle.severity)
    assert "Your app says nothing on an idle WebSocket for 0.5 s: the ALB closes it then." == idle.sentence


async def test_a_ping_in_time_is_good(subject_of: Any, dialer: Dialer) -> None:
    async def ping(conversation: Conversation) -> None:
        await conversation.send(PING)
        await conversation.read_to_end()

    opened, idle = await look(opening(ping), subject_of, dialer)

    assert ("good", "good") == (opened.severity, idle.severity)


async def test_a_ping_that_comes_with_the_101_counts(subject_of: Any, dialer: Dialer) -> None:
    async def script(conversation: Conversation, head: bytes) -> None:
        key = head.split(b"\r\nSec-WebSocket-Key: ")[1].split(b"\r\n")[0]
        value = base64.b64encode(hashlib.sha1(key + GUID).digest())
        await conversation.send(
            b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n\r\n%b"
            % (value, PING)
        )
        await conversation.read_to_end()

    _, idle = await look(script, subject_of, dialer)
    assert "good" == idle.severity


async def test_an_app_that_closes_an_idle_websocket_is_told(subject_of: Any, dialer: Dialer) -> None:
    async def leave(conversation: Conversation) -> None:
        conversation.half_close()

    _, idle = await look(opening(leave), subject_of, dialer)

    assert "advice" == idle.severity
    assert "closes an idle WebSocket after" in idle.sentence


async def test_quick_does_not_wait_for_pings_and_says_so(subject_of: Any, dialer: Dialer) -> None:
    _, idle = await look(opening(), subject_of, dialer, is_quick=True)

    assert "skipped" == idle.severity


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (answering(b"hello"), "answered with 200."),
        (answering(status="400 Bad Request"), "answered with 400."),
        (leaving_after(b""), "the target closed the connection."),
        (leaving_after(b"HTTP/1.1 101 X\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"), "than WebSocket."),
        (opening(accept=b"d3Jvbmc="), "with a wrong Sec-WebSocket-Accept: clients will refuse it."),
    ],
)
async def test_an_app_without_websocket_is_told(script: Any, said: str, subject_of: Any, dialer: Dialer) -> None:
    [finding] = await look(script, subject_of, dialer)

    assert "problem" == finding.severity
    assert finding.sentence.endswith(said)


async def test_no_answer_is_no_websocket(subject_of: Any, dialer: Dialer) -> None:
    [finding] = await look(silent, subject_of, dialer, idle_timeout=0.02)

    assert "problem" == finding.severity


async def test_aiohttps_websocket_and_its_heartbeat_are_good(subject_of: Any, dialer: Dialer) -> None:
    async def socket(request: web.Request) -> web.WebSocketResponse:
        response = web.WebSocketResponse(heartbeat=0.02)
        await response.prepare(request)
        async for _ in response:
            pass
        return response

    app = web.Application()
    app.router.add_get("/ws", socket)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        subject = subject_of(runner.addresses[0][1], websocket_path="/ws")
        findings = await examine_websocket(subject, dialer, lambda _: None)
    finally:
        await asyncio.shield(runner.cleanup())

    assert ["good", "good"] == [each.severity for each in findings]
