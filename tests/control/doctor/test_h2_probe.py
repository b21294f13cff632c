"""What a connection in HTTP/2 tells the doctor."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from edgeproxy.control.doctor.answers import judge
from edgeproxy.control.doctor.keep_alive import examine_keep_alive
from edgeproxy.control.doctor.probe import Dialer
from edgeproxy.control.doctor.request import forwarded
from edgeproxy.control.doctor.shutdown import Pace, examine_shutdown
from edgeproxy.exchange.outcome import Outcome
from tests.helpers.grpc_service import SERVICE, GrpcService
from tests.helpers.h2_peer import OK, H2Stream, H2Target, answering_h2

if TYPE_CHECKING:
    from edgeproxy.control.doctor.asking import Answer, Asking

SILENCE = 5.0


async def ask(port: int, subject_of: Any, dialer: Dialer, path: str = "/", **changes: Any) -> tuple[Asking, Answer]:
    subject = subject_of(port, version="HTTP2", **changes)
    connection = await dialer.connect(subject)
    return connection, await connection.ask(forwarded(subject, path), idle_timeout=SILENCE, at_most=SILENCE)


async def test_the_request_is_what_a_client_s_becomes(subject_of: Any, dialer: Dialer) -> None:
    async with H2Target(answering_h2(b"hello")) as target:
        connection, answer = await ask(target.port, subject_of, dialer, "/a?b", host="app.test")
        connection.close()
        (request,) = target.requests

    assert ("GET", "/a?b", "app.test", "https") == tuple(
        request.value(name) for name in (":method", ":path", ":authority", "x-forwarded-proto")
    )
    assert (200, 5, True, None) == (answer.status, answer.body_size, answer.is_complete, answer.grpc_status)
    assert answer.head_size > 0


async def test_headers_that_are_too_long_are_the_502_that_they_become(subject_of: Any, dialer: Dialer) -> None:
    async with H2Target(answering_h2(b"", *[("x-long", "x" * 8000)] * 5)) as target:
        connection, answer = await ask(target.port, subject_of, dialer)
        connection.close()
        (finding,) = judge(subject_of(target.port, version="HTTP2"), "/", answer)

    assert (Outcome.TARGET_MALFORMED, "response-headers") == (answer.outcome, finding.name)
    assert "sends more than 32 K of response headers" in finding.sentence


async def test_a_stream_that_the_target_resets_is_named(subject_of: Any, dialer: Dialer) -> None:
    async def refusing(stream: H2Stream) -> None:
        await stream.reset(7)

    async with H2Target(refusing) as target:
        connection, answer = await ask(target.port, subject_of, dialer)
        connection.close()

    assert (Outcome.TARGET_CLOSED, True) == (answer.outcome, answer.is_closed_by_target)
    assert "the target reset the stream with REFUSED_STREAM" == answer.fault


async def test_a_target_that_allows_no_stream_is_told(subject_of: Any, dialer: Dialer) -> None:
    import h2.settings  # noqa: PLC0415 - the one test that needs it

    async with H2Target(answering_h2(), settings={h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: 0}) as target:
        connection, _ = await ask(target.port, subject_of, dialer)
        answer = await connection.ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", idle_timeout=SILENCE, at_most=SILENCE)
        connection.close()

    assert "the target allows no request at a time (SETTINGS_MAX_CONCURRENT_STREAMS)" == answer.fault


async def test_goaway_on_an_idle_connection_is_advice_and_dated(subject_of: Any, clock: Any, told: list[str]) -> None:
    """It is said before the close, so that most requests are spared."""

    async def leaving(stream: H2Stream) -> None:
        await stream.send_head(OK, end=True)
        while not told:
            await asyncio.sleep(0)
        clock.seconds += 5
        await stream.peer.go_away()

    async with H2Target(leaving) as target:
        subject = subject_of(target.port, version="HTTP2", idle_timeout=60.0, patience=63.0)
        (finding,) = await examine_keep_alive(subject, Dialer(now=clock), told.append)

    assert ("keep-alive", "advice", 5) == (finding.name, finding.severity, finding.measured["KeepAliveSeconds"])
    assert "ends idle connections with GOAWAY after 5 s, the ALB after 60 s" in finding.sentence


async def test_a_close_without_goaway_is_the_problem_that_it_is_in_every_version(
    subject_of: Any, clock: Any, told: list[str]
) -> None:
    async def leaving(stream: H2Stream) -> None:
        await stream.send_head(OK, end=True)
        while not told:
            await asyncio.sleep(0)
        clock.seconds += 5
        stream.peer.close()

    async with H2Target(leaving) as target:
        subject = subject_of(target.port, version="HTTP2", idle_timeout=60.0, patience=63.0)
        (finding,) = await examine_keep_alive(subject, Dialer(now=clock), told.append)

    assert ("keep-alive", "problem", 5) == (finding.name, finding.severity, finding.measured["KeepAliveSeconds"])


async def test_a_call_that_is_answered_without_grpc_status_is_a_problem(subject_of: Any, dialer: Dialer) -> None:
    async with H2Target(answering_h2(b"a page")) as target:
        subject = subject_of(target.port, version="GRPC")
        connection = await dialer.connect(subject)
        answer = await connection.ask(forwarded(subject, "/a.B/C"), idle_timeout=SILENCE, at_most=SILENCE)
        connection.close()
        (request,) = target.requests

    assert "POST" == request.value(":method")
    assert "application/grpc" == request.value("content-type")
    (finding,) = judge(subject, "/a.B/C", answer)
    assert ("grpc-status", "problem") == (finding.name, finding.severity)


async def test_a_call_s_status_stands_behind_the_body(subject_of: Any, dialer: Dialer) -> None:
    with GrpcService() as service:
        subject = subject_of(service.port, version="GRPC")
        connection = await dialer.connect(subject)
        answer = await connection.ask(forwarded(subject, f"{SERVICE}Wrap"), idle_timeout=SILENCE, at_most=SILENCE)
        connection.close()

    assert (200, 0, True) == (answer.status, answer.grpc_status, answer.is_complete)


PACE = Pace(head_start=0.05, settle=0.05, grace=5.0, interval=0.01)


class Stopping:
    """The process behind a target: told to end, it takes no more connections and says so with an event."""

    def __init__(self, target: H2Target, ending: asyncio.Event) -> None:
        self._target = target
        self._ending = ending

    def terminate(self) -> None:
        self._ending.set()
        self._target.refuse()

    def is_running(self) -> bool:
        return not self._ending.is_set()


async def test_a_request_that_is_under_way_at_sigterm_is_watched(subject_of: Any, dialer: Dialer) -> None:
    ending = asyncio.Event()

    async def graceful(stream: H2Stream) -> None:
        if stream.value(":path") == "/slow":
            await ending.wait()
        await stream.send_head(OK, end=True)
        if ending.is_set():
            await stream.peer.go_away()

    async with H2Target(graceful) as target:
        subject = subject_of(target.port, version="HTTP2", paths=("/", "/slow"))
        findings = await examine_shutdown(subject, dialer, Stopping(target, ending), lambda _: None, PACE)

    assert ["good", "advice", "good"] == [each.severity for each in findings]


async def test_a_call_that_a_stopping_server_gives_up_was_not_completed(subject_of: Any, dialer: Dialer) -> None:
    """It is a whole answer all the same: the status of HTTP is 200."""
    ending = asyncio.Event()

    async def giving_up(stream: H2Stream) -> None:
        if stream.value(":path") == "/a.B/Slow":
            await ending.wait()
        await stream.send_head([*OK, ("grpc-status", "14")], end=True)

    async with H2Target(giving_up) as target:
        subject = subject_of(target.port, version="GRPC", paths=("/a.B/C", "/a.B/Slow"))
        requests, *_ = await examine_shutdown(subject, dialer, Stopping(target, ending), lambda _: None, PACE)

    assert "problem" == requests.severity
    assert requests.sentence.endswith("(given up): grpc-status 14.")
