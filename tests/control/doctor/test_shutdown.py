from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from edgeproxy.control.doctor.shutdown import Pace, examine_shutdown
from tests.helpers.targets import ScriptedTarget, answering

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgeproxy.control.doctor.finding import Finding
    from edgeproxy.control.doctor.probe import Dialer
    from tests.helpers.conversation import Conversation

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
PACE = Pace(head_start=0.2, grace=0.5, settle=0.5, interval=0.005)


class FakeProcess:
    """A process that does to a scripted target what a test says when it is signalled."""

    def __init__(self, on_signal: Callable[[], None] = lambda: None, *, ends: bool = True) -> None:
        self._on_signal = on_signal
        self._ends = ends
        self.signals = 0
        self.has_ended = False

    def terminate(self) -> None:
        self.signals += 1
        self.has_ended = self._ends
        self._on_signal()

    def is_running(self) -> bool:
        return not self.has_ended


class GonePidProcess(FakeProcess):
    def terminate(self) -> None:
        raise ProcessLookupError(3, "No such process")


class App(ScriptedTarget):
    """Answers at once, but `/slow` only when it is let."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.gate = asyncio.Event()

    async def _answer(self, conversation: Conversation, head: bytes) -> None:
        while True:
            if head.startswith(b"GET /slow "):
                await self.gate.wait()
            await conversation.send(OK)
            head = await conversation.read_head()

    def drop_everything(self) -> None:
        self.refuse()
        for each in list(self.open):
            each.abort()


async def look(
    app: ScriptedTarget, process: FakeProcess, subject_of: Any, dialer: Dialer, **changes: Any
) -> dict[str, Finding]:
    subject = subject_of(app, paths=("/", "/slow"), **changes)
    findings = await examine_shutdown(subject, dialer, process, lambda _: None, PACE)
    return {each.name: each for each in findings}


async def test_a_request_that_is_completed_after_the_signal_is_good(subject_of: Any, dialer: Dialer) -> None:
    async with App() as app:

        def drain() -> None:
            app.refuse()
            app.gate.set()

        process = FakeProcess(drain)
        found = await look(app, process, subject_of, dialer)

    assert 1 == process.signals
    assert "good" == found["requests-at-sigterm"].severity
    assert "GET /slow, under way at SIGTERM, was completed" in found["requests-at-sigterm"].sentence
    assert "good" == found["exit-after-sigterm"].severity


async def test_a_request_that_is_cut_is_a_502(subject_of: Any, dialer: Dialer) -> None:
    async with App() as app:
        found = await look(app, FakeProcess(app.drop_everything), subject_of, dialer)

    finding = found["requests-at-sigterm"]
    assert "problem" == finding.severity
    assert finding.sentence.startswith("SIGTERM ended GET /slow after ")
    assert finding.sentence.endswith(": 502.")
    assert finding.page.endswith("/edit-target-group-attributes.html#deregistration-delay")


async def test_a_request_that_the_idle_timeout_ends_says_nothing_about_sigterm(subject_of: Any, dialer: Dialer) -> None:
    async with App() as app:
        process = FakeProcess()
        found = await look(app, process, subject_of, dialer, idle_timeout=0.3)
        app.gate.set()

    finding = found["requests-at-sigterm"]
    assert "skipped" == finding.severity
    assert (
        "GET /slow was silent for longer than the idle timeout, 0.3 s: the ALB answers 504, with SIGTERM or without."
        == finding.sentence
    )


async def test_the_connection_of_a_request_that_the_idle_timeout_ends_is_closed(
    subject_of: Any, dialer: Dialer
) -> None:
    """As the load balancer does it: an app that waits for its connections can end."""
    process = FakeProcess(ends=False)

    async def script(conversation: Conversation, head: bytes) -> None:
        while not head.startswith(b"GET /slow "):
            await conversation.send(OK)
            head = await conversation.read_head()
        try:
            await conversation.read_head()
        finally:
            process.has_ended = True

    async with ScriptedTarget(script) as target:
        found = await look(target, process, subject_of, dialer, idle_timeout=0.3)

    assert "good" == found["exit-after-sigterm"].severity


async def test_connections_that_get_garbage_are_not_refused(subject_of: Any, dialer: Dialer) -> None:
    is_stopping = False

    async def script(conversation: Conversation, head: bytes) -> None:
        while True:
            if head.startswith(b"GET /slow "):
                await asyncio.Event().wait()
            await conversation.send(b"220 mail ESMTP\r\n" if is_stopping else OK)
            head = await conversation.read_head()

    def stop() -> None:
        nonlocal is_stopping
        is_stopping = True

    async with ScriptedTarget(script) as target:
        found = await look(target, FakeProcess(stop), subject_of, dialer)

    finding = found["connections-after-sigterm"]
    assert "good" == finding.severity
    assert "served all the time" in finding.sentence


async def test_connections_that_nobody_answers_are_neither_served_nor_refused(subject_of: Any, dialer: Dialer) -> None:
    is_stopping = False

    async def script(conversation: Conversation, head: bytes) -> None:
        while True:
            if is_stopping or head.startswith(b"GET /slow "):
                await asyncio.Event().wait()
            await conversation.send(OK)
            head = await conversation.read_head()

    def stop() -> None:
        nonlocal is_stopping
        is_stopping = True

    async with ScriptedTarget(script) as target:
        found = await look(target, FakeProcess(stop), subject_of, dialer)

    assert "skipped" == found["connections-after-sigterm"].severity


async def test_connections_that_are_refused_at_once_meet_requests_that_still_come(
    subject_of: Any, dialer: Dialer
) -> None:
    async with App() as app:

        def close() -> None:
            app.drop_everything()
            app.gate.set()

        found = await look(app, FakeProcess(close), subject_of, dialer)

    finding = found["connections-after-sigterm"]
    assert "advice" == finding.severity
    assert "an idle one was closed after" in finding.sentence
    assert "preStop" in finding.cure


async def test_connections_that_are_served_on_are_good(subject_of: Any, dialer: Dialer) -> None:
    async with App() as app:
        found = await look(app, FakeProcess(app.gate.set), subject_of, dialer)

    finding = found["connections-after-sigterm"]
    assert "good" == finding.severity
    assert "served all the time after SIGTERM, an idle one stayed open" in finding.sentence


async def test_a_process_that_does_not_end_is_killed_in_the_end(subject_of: Any, dialer: Dialer) -> None:
    async with App() as app:
        found = await look(app, FakeProcess(app.gate.set, ends=False), subject_of, dialer)

    assert "problem" == found["exit-after-sigterm"].severity
    assert "did not end within 0.5 s of SIGTERM" in found["exit-after-sigterm"].sentence


async def test_without_a_request_under_way_nothing_is_claimed(subject_of: Any, dialer: Dialer) -> None:
    async with ScriptedTarget(answering(headers=("Connection: close",))) as target:
        found = await look(target, FakeProcess(), subject_of, dialer)

    assert "skipped" == found["requests-at-sigterm"].severity
    assert "--path" in found["requests-at-sigterm"].cure


async def test_a_process_that_is_gone_before_the_signal_is_said(subject_of: Any, dialer: Dialer) -> None:
    async with App() as app:
        found = await look(app, GonePidProcess(), subject_of, dialer)

    assert "SIGTERM could not be sent: No such process." == found["requests-at-sigterm"].sentence
