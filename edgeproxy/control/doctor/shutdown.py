"""What SIGTERM does to requests, and to connections: the only examination that changes something, so it runs last.

    idle connection   --- request, response -------- SIGTERM ------- closed? when?
    busy connection   --- request ------------------ SIGTERM ------- whole response?
    new connections                                  SIGTERM  ? ? ?  served, refused from when on?
    process                                          SIGTERM ------- gone? when?

The load balancer learns of a stop by deregistration, not by the signal: until that has spread it goes on sending new
requests, and the running ones have the deregistration delay.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from edgeproxy.control.doctor import facts
from edgeproxy.control.doctor.finding import duration, found
from edgeproxy.control.doctor.request import forwarded
from edgeproxy.exchange.outcome import Outcome
from edgeproxy.runtime.target_connector import UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgeproxy.control.doctor.asking import Answer, Asking
    from edgeproxy.control.doctor.finding import Finding
    from edgeproxy.control.doctor.probe import Dialer
    from edgeproxy.control.doctor.subject import Subject

GRACE_SECONDS: Final = 30.0
"""How long ECS (stopTimeout) and Kubernetes (terminationGracePeriodSeconds) wait before SIGKILL, by default."""
_AT_ONCE: Final = 1.0
_GIVEN_UP: Final = frozenset({1, 14})
"""What gRPC servers end calls with when they stop: CANCELLED and UNAVAILABLE."""
_REQUESTS: Final = "requests-at-sigterm"
_CONNECTIONS: Final = "connections-after-sigterm"
_EXIT: Final = "exit-after-sigterm"
_SPREAD: Final = (
    "Deregister first and signal then, as ECS does; where both happen at the same time (Kubernetes), go on serving for "
    "some seconds after the signal, or put a `preStop: sleep` before it."
)


class Process(Protocol):
    """The app's process."""

    def terminate(self) -> None:
        """Send it SIGTERM."""

    def is_running(self) -> bool:
        """Whether it has not ended."""


class Pace(msgspec.Struct, frozen=True):
    """How the examination waits, in seconds.

    Attributes:
        head_start: For a request to be under way.
        grace: For the end.
        settle: After the end, for what becomes of connections.
        interval: Between two looks.
    """

    head_start: float = 0.3
    settle: float = 1.0
    grace: float = GRACE_SECONDS
    interval: float = 0.05


class _Seen(msgspec.Struct):
    """What happened, in seconds since the signal; None for what did not."""

    was_idle: bool = False
    was_busy: bool = False
    answer: Answer | None = None
    answered: float = 0.0
    idle_closed: float | None = None
    refused: float | None = None
    served: int = 0
    ended: float | None = None


async def examine_shutdown(
    subject: Subject, dialer: Dialer, process: Process, tell: Callable[[str], None], pace: Pace | None = None
) -> list[Finding]:
    """Send SIGTERM while a request is under way, and look on. The slowest path is the last one that is given."""
    pace = pace or Pace()
    path = subject.paths[-1]
    with contextlib.ExitStack() as stack:
        idle = await dialer.connect(subject)
        stack.callback(idle.close)
        busy = await dialer.connect(subject)
        stack.callback(busy.close)
        await idle.ask(forwarded(subject, subject.path), idle_timeout=subject.idle_timeout, at_most=5.0)
        request = forwarded(subject, path)
        task = asyncio.ensure_future(
            busy.ask(request, idle_timeout=subject.idle_timeout, at_most=pace.head_start + pace.grace)
        )
        await asyncio.wait({task}, timeout=pace.head_start)
        seen = _Seen(was_idle=not idle.closed.done(), was_busy=not task.done())
        tell(f"{subject.label}: sending SIGTERM, and looking on for {duration(pace.grace)} at most.")
        start = dialer.now()
        try:
            process.terminate()
        except OSError as error:
            task.cancel()
            return [_no_signal(error)]
        connections = [
            asyncio.ensure_future(_watch_idle(seen, idle, start, pace)),
            asyncio.ensure_future(_watch_listener(seen, subject, dialer, start, pace)),
        ]
        await asyncio.gather(_watch_answer(seen, task, busy, start), _watch_process(seen, process, dialer, start, pace))
        # Somebody else may listen on the port still; that is seen in a moment.
        await asyncio.wait(connections, timeout=pace.settle)
        for each in connections:
            each.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
    return [
        _requests(subject, path, seen),
        _connections(seen),
        _exit(seen, pace),
    ]


async def _watch_answer(seen: _Seen, task: asyncio.Future[Answer], busy: Asking, start: float) -> None:
    seen.answer = await task
    seen.answered = busy.now() - start
    if not seen.answer.is_complete:
        busy.close()  # as the load balancer does; the app must not wait for it


async def _watch_idle(seen: _Seen, idle: Asking, start: float, pace: Pace) -> None:
    if await idle.closed_within(pace.grace) is not None:
        seen.idle_closed = max(idle.closed.result() - start, 0.0)


async def _watch_listener(seen: _Seen, subject: Subject, dialer: Dialer, start: float, pace: Pace) -> None:
    """New connections, one at a time, until one is refused or closed; what is answered, and how well, is no matter."""
    while dialer.now() - start < pace.grace:
        outcome = await _try_anew(subject, dialer, pace)
        if outcome is Outcome.TARGET_CLOSED:
            seen.refused = dialer.now() - start
            return
        if outcome is not Outcome.TARGET_SILENT:
            seen.served += 1
        await asyncio.sleep(pace.interval)


async def _try_anew(subject: Subject, dialer: Dialer, pace: Pace) -> Outcome:
    """What becomes of a request on a new connection; TARGET_CLOSED also if there is none."""
    try:
        connection = await dialer.connect(subject)
    except UnreachableError:
        return Outcome.TARGET_CLOSED
    try:
        request = forwarded(subject, subject.path, "Connection: close")
        return (await connection.ask(request, idle_timeout=pace.grace, at_most=2 * pace.grace)).outcome
    finally:
        connection.close()


async def _watch_process(seen: _Seen, process: Process, dialer: Dialer, start: float, pace: Pace) -> None:
    while dialer.now() - start < pace.grace:
        if not process.is_running():
            seen.ended = dialer.now() - start
            return
        await asyncio.sleep(pace.interval)


def _requests(subject: Subject, path: str, seen: _Seen) -> Finding:
    asked = subject.said(path)
    answer = seen.answer
    assert answer is not None
    delay = subject.deregistration_delay
    if not seen.was_busy:
        return found(
            _REQUESTS,
            "skipped",
            f"{asked} was answered before SIGTERM was sent, so no request was under way then.",
            facts.DEREGISTRATION,
            "Name a path that takes a second or more: --path / --path /slow.",
        )
    if answer.outcome is Outcome.TARGET_SILENT:
        idle = duration(subject.idle_timeout)
        what = "cuts the client's connection" if answer.head is not None else "answers 504"
        return found(
            _REQUESTS,
            "skipped",
            f"{asked} was silent for longer than the idle timeout, {idle}: the ALB {what}, with SIGTERM or without.",
            facts.IDLE_TIMEOUT,
            f"Name a path that answers within {idle} as the last one.",
        )
    if answer.grpc_status in _GIVEN_UP or not answer.is_complete:
        what = "the client's connection is cut" if answer.head is not None else "502"
        how = answer.fault or "not answered"
        if answer.is_complete:
            what, how = f"grpc-status {answer.grpc_status}", "given up"
        return found(
            _REQUESTS,
            "problem",
            f"SIGTERM ended {asked} after {duration(seen.answered)} ({how}): {what}.",
            facts.DEREGISTRATION,
            f"On SIGTERM stop accepting, let running requests complete (they have {duration(delay)}, the "
            "deregistration delay) and exit then. See that the signal reaches the app: as process 1 of a container it "
            "needs a handler, and a shell in between swallows it (`exec`).",
            seconds=seen.answered,
        )
    return found(
        _REQUESTS,
        "good",
        f"{asked}, under way at SIGTERM, was completed {duration(seen.answered)} later.",
        facts.DEREGISTRATION,
        seconds=seen.answered,
        status=answer.status,
    )


def _connections(seen: _Seen) -> Finding:
    idle = _idle(seen)
    measured: dict[str, Any] = {} if seen.refused is None else {"served_seconds": seen.refused}
    if seen.refused is not None and seen.refused < _AT_ONCE:
        return found(
            _CONNECTIONS,
            "advice",
            f"New connections were refused {duration(seen.refused)} after SIGTERM{idle}: while the ALB "
            "does not know yet, requests become 502.",
            facts.DEREGISTRATION,
            _SPREAD,
            **measured,
        )
    if seen.refused is None and not seen.served:
        sentence = f"New connections were taken after SIGTERM{idle}, but no answer ended while the doctor looked on."
        return found(_CONNECTIONS, "skipped", sentence, facts.DEREGISTRATION)
    lasted = f"for {duration(seen.refused)}" if seen.refused is not None else "all the time"
    return found(
        _CONNECTIONS,
        "good",
        f"New connections were served {lasted} after SIGTERM{idle}: time for the deregistration to spread.",
        facts.DEREGISTRATION,
        **measured,
    )


def _idle(seen: _Seen) -> str:
    if not seen.was_idle:
        return ""
    if seen.idle_closed is None:
        return ", an idle one stayed open"
    return f", an idle one was closed after {duration(seen.idle_closed)}"


def _no_signal(error: OSError) -> Finding:
    sentence = f"SIGTERM could not be sent: {error.strerror}."
    return found(_REQUESTS, "skipped", sentence, facts.DEREGISTRATION)


def _exit(seen: _Seen, pace: Pace) -> Finding:
    if seen.ended is None:
        return found(
            _EXIT,
            "problem",
            f"The process did not end within {duration(pace.grace)} of SIGTERM: ECS and Kubernetes kill it then, and "
            "whatever is under way becomes 502.",
            facts.DEREGISTRATION,
            "End when the running requests are complete, and bound that; idle connections need not be waited for.",
        )
    sentence = f"The process ended {duration(seen.ended)} after SIGTERM."
    return found(_EXIT, "good", sentence, facts.DEREGISTRATION, seconds=seen.ended)
