from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from edgeproxy.control.doctor.keep_alive import announced_seconds, examine_keep_alive
from edgeproxy.control.doctor.probe import Dialer
from tests.helpers.targets import ScriptedTarget, answering, leaving_after, silent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from edgeproxy.control.doctor.finding import Finding
    from tests.helpers.conversation import Conversation


@pytest.fixture
async def aiohttp_port() -> AsyncIterator[Callable[[float], Awaitable[int]]]:
    """Starts an app in aiohttp's own server with a keep-alive timeout, and gives its port."""
    runners: list[web.AppRunner] = []

    async def greet(request: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def start(keep_alive: float) -> int:
        app = web.Application()
        app.router.add_get("/", greet)
        runner = web.AppRunner(app, keepalive_timeout=keep_alive)
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return int(runner.addresses[0][1])

    yield start
    for runner in runners:
        await runner.cleanup()


async def look(script: Any, subject_of: Any, dialer: Dialer, told: list[str], **changes: Any) -> Finding:
    async with ScriptedTarget(script) as target:
        [finding] = await examine_keep_alive(subject_of(target, **changes), dialer, told.append)
    return finding


async def measure(seconds: float, clock: Any, subject_of: Any, *headers: str) -> Finding:
    """A target answers, lets the clock go on when it is watched, and closes."""
    fields = "".join(f"{header}\r\n" for header in headers).encode()
    watching = asyncio.Event()

    async def script(conversation: Conversation, head: bytes) -> None:
        await conversation.send(b"HTTP/1.1 200 OK\r\n%bContent-Length: 2\r\n\r\nok" % fields)
        await watching.wait()
        clock.seconds += seconds

    async with ScriptedTarget(script) as target:
        subject = subject_of(target, idle_timeout=60.0, patience=63.0)
        [finding] = await examine_keep_alive(subject, Dialer(now=clock), lambda _: watching.set())
    return finding


async def test_five_seconds_against_sixty_is_the_problem_that_everybody_has(subject_of: Any, clock: Any) -> None:
    finding = await measure(5, clock, subject_of, "Server: uvicorn")

    assert ("keep-alive", "problem") == (finding.name, finding.severity)
    assert "Your app closes idle connections after 5 s, the ALB after 60 s: expect 502s." == finding.sentence
    assert "Set it above 60 s, such as uvicorn --timeout-keep-alive 75." == finding.cure
    assert finding.page.endswith("/edit-load-balancer-attributes.html#connection-idle-timeout")
    assert {"KeepAliveSeconds": 5, "IdleTimeoutSeconds": 60, "Server": "uvicorn"} == finding.measured


async def test_nodes_own_server_does_not_say_its_name(subject_of: Any, clock: Any) -> None:
    finding = await measure(6, clock, subject_of, "Keep-Alive: timeout=5")

    assert "in Node that is server.keepAliveTimeout = 75000, with server.headersTimeout = 76000." in finding.cure


async def test_closing_at_the_same_time_is_a_race(subject_of: Any, clock: Any) -> None:
    finding = await measure(60.5, clock, subject_of)

    assert "problem" == finding.severity
    assert "the ALB at about the same time" in finding.sentence


async def test_closing_later_is_good(subject_of: Any, clock: Any) -> None:
    finding = await measure(62, clock, subject_of)

    assert "good" == finding.severity
    assert "keeps idle connections for 62 s, the ALB for 60 s" in finding.sentence


async def test_what_is_announced_is_told_beside_what_was_measured(subject_of: Any, clock: Any) -> None:
    finding = await measure(5.2, clock, subject_of, "Keep-Alive: timeout=5, max=100")

    assert "closes idle connections after 5.2 s (it announces Keep-Alive: timeout=5), the ALB" in finding.sentence


async def test_a_connection_that_outlives_the_patience_is_good(subject_of: Any, clock: Any, told: list[str]) -> None:
    finding = await look(answering(), subject_of, Dialer(now=clock), told, idle_timeout=0.5, patience=0.8)

    assert "good" == finding.severity
    assert "for more than 0.8 s" in finding.sentence
    assert "watching an idle connection, for 0.8 s at most" in told[0]


async def test_too_little_patience_proves_nothing(subject_of: Any, dialer: Dialer, told: list[str]) -> None:
    finding = await look(answering(), subject_of, dialer, told, patience=0.01)

    assert "skipped" == finding.severity
    assert "--patience" in finding.sentence


@pytest.mark.parametrize(
    "script",
    [
        answering(headers=("Connection: close",)),
        leaving_after(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        leaving_after(b"HTTP/1.1 200 OK\r\n\r\nok"),
    ],
)
async def test_no_keep_alive_at_all_costs_connections_but_no_502(
    script: Any, subject_of: Any, dialer: Dialer, told: list[str]
) -> None:
    finding = await look(script, subject_of, dialer, told)

    assert "advice" == finding.severity
    assert "no 502s" in finding.sentence


async def test_closing_at_once_without_a_word_is_worst(subject_of: Any, dialer: Dialer, told: list[str]) -> None:
    script = leaving_after(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    finding = await look(script, subject_of, dialer, told)

    assert "problem" == finding.severity


@pytest.mark.parametrize(("header", "severity"), [("Keep-Alive: timeout=5", "problem"), ("X: y", "skipped")])
async def test_quick_takes_the_apps_word_and_never_passes(
    header: str, severity: str, subject_of: Any, dialer: Dialer, told: list[str]
) -> None:
    finding = await look(answering(headers=(header,)), subject_of, dialer, told, is_quick=True)

    assert severity == finding.severity
    assert [] == told


async def test_without_a_whole_answer_nothing_is_measured(subject_of: Any, dialer: Dialer, told: list[str]) -> None:
    assert "skipped" == (await look(silent, subject_of, dialer, told, idle_timeout=0.02)).severity


async def test_aiohttps_server_is_measured(aiohttp_port: Any, subject_of: Any, dialer: Dialer, told: list[str]) -> None:
    """The server's own timer, and our clock: it is told apart from an idle timeout that is far longer."""
    subject = subject_of(await aiohttp_port(0.05))
    [finding] = await examine_keep_alive(subject, dialer, told.append)

    assert "problem" == finding.severity
    assert "web.run_app(app, keepalive_timeout=25)" in finding.cure


async def test_aiohttps_server_with_a_long_keep_alive_is_good(
    aiohttp_port: Any, subject_of: Any, clock: Any, told: list[str]
) -> None:
    subject = subject_of(await aiohttp_port(75), idle_timeout=0.5, patience=0.8)
    [finding] = await examine_keep_alive(subject, Dialer(now=clock), told.append)

    assert "good" == finding.severity


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("timeout=5", 5), ("timeout=5, max=1000", 5), ("max=3; Timeout = 20", 20), ("max=3", None), ("", None)],
)
def test_a_keep_alive_header_announces_a_time(header: str, seconds: int | None) -> None:
    assert seconds == announced_seconds(header)
