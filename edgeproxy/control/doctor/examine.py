"""Runs the examinations of one target.

    locate -> answers -> health path | host validation | redirect loop -> websocket | keep-alive -> shutdown
                         (not of GRPC:  ----------------------------)   (HTTP1 alone)

One after the other where they would disturb one another: an app may have a single thread, which a connection keeps busy
that is only being watched. Targets are examined side by side.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import msgspec

from edgeproxy.control.doctor import facts
from edgeproxy.control.doctor.answers import examine_answers
from edgeproxy.control.doctor.finding import found
from edgeproxy.control.doctor.health_path import examine_health_path
from edgeproxy.control.doctor.host_validation import examine_host_validation
from edgeproxy.control.doctor.keep_alive import examine_keep_alive
from edgeproxy.control.doctor.probe import why
from edgeproxy.control.doctor.redirect_loop import examine_redirect_loop
from edgeproxy.control.doctor.shutdown import examine_shutdown
from edgeproxy.control.doctor.websocket import examine_websocket
from edgeproxy.exchange.outcome import STATUS
from edgeproxy.runtime.resolver import resolve
from edgeproxy.runtime.target_connector import UnreachableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from edgeproxy.control.doctor.finding import Finding
    from edgeproxy.control.doctor.probe import Dialer
    from edgeproxy.control.doctor.shutdown import Process
    from edgeproxy.control.doctor.subject import Subject


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What was found about one target."""

    subject: Subject
    findings: list[Finding]


async def examine_all(
    subjects: Sequence[Subject], dialer: Dialer, tell: Callable[[str], None], process: Process | None = None
) -> list[Report]:
    """Examine the targets, in the order given.

    Args:
        subjects: The targets.
        dialer: Connects to them.
        tell: Is told a sentence before something that takes long.
        process: Of the one target, to be ended at last; None leaves it alone.
    """
    return list(await asyncio.gather(*(examine(subject, dialer, tell, process) for subject in subjects)))


async def examine(
    subject: Subject, dialer: Dialer, tell: Callable[[str], None], process: Process | None = None
) -> Report:
    """Examine one target."""
    try:
        subject = await _located(subject, dialer)
    except UnreachableError as error:
        return Report(subject=subject, findings=[_unreachable(subject, error)])
    except OSError as error:
        return Report(subject=subject, findings=[_unresolved(subject, error)])
    findings = await _run(subject, examine_answers(subject, dialer))
    if subject.version == "GRPC":
        findings += await _run(subject, examine_health_path(subject, dialer))
    else:
        findings += await _side_by_side(
            subject,
            examine_health_path(subject, dialer),
            examine_host_validation(subject, dialer),
            examine_redirect_loop(subject, dialer),
        )
    if subject.version == "HTTP1":
        waits = [examine_websocket(subject, dialer, tell), examine_keep_alive(subject, dialer, tell)]
    else:
        findings.append(_not_looked_at(subject))
        waits = [examine_keep_alive(subject, dialer, tell)]
    findings += await _side_by_side(subject, *waits)
    if process is not None:
        findings += await _run(subject, examine_shutdown(subject, dialer, process, tell))
    return Report(subject=subject, findings=findings)


async def _located(subject: Subject, dialer: Dialer) -> Subject:
    """The subject with the address that it listens on: `localhost` has two, and apps may know only one of them.

    Raises:
        UnreachableError: It listens on none.
        OSError: It has none.
    """
    *others, last = await resolve(subject.id)
    for address in others:
        located = msgspec.structs.replace(subject, address=address)
        with contextlib.suppress(UnreachableError):
            (await dialer.connect(located)).close()
            return located
    located = msgspec.structs.replace(subject, address=last)
    (await dialer.connect(located)).close()
    return located


async def _side_by_side(subject: Subject, *examinations: Awaitable[list[Finding]]) -> list[Finding]:
    results = await asyncio.gather(*(_run(subject, each) for each in examinations))
    return [finding for result in results for finding in result]


async def _run(subject: Subject, examination: Awaitable[list[Finding]]) -> list[Finding]:
    """The findings; a connection that fails in between is one, too."""
    try:
        return await examination
    except UnreachableError as error:
        return [_unreachable(subject, error)]


def _unreachable(subject: Subject, error: UnreachableError) -> Finding:
    status = STATUS[error.outcome]
    return found(
        "reachable",
        "problem",
        f"No connection to {subject.label}: {error.outcome.value} ({why(error)}). The ALB answers {status}, and "
        "the health check fails.",
        facts.UNREACHABLE,
        "Start the app; see that it listens on that port, on an address that others reach (0.0.0.0, not only "
        "127.0.0.1), and that http and https are not mixed up.",
        outcome=error.outcome.name,
        status=status,
    )


def _unresolved(subject: Subject, error: OSError) -> Finding:
    return found(
        "reachable",
        "problem",
        f"The name {subject.id} has no address: {error.strerror or error}.",
        facts.UNREACHABLE,
        "See that the name resolves here; names of a compose file do so only on its own network.",
    )


def _not_looked_at(subject: Subject) -> Finding:
    what = "HTTP2 takes no WebSocket (464), so none was tried."
    if subject.version == "GRPC":
        what = "GRPC takes calls alone (464 for all else): redirects, Hosts and WebSockets were not looked at."
    sentence = f"A target group with the protocol version {what}"
    return found("protocol-version", "skipped", sentence, facts.PROTOCOL_VERSION)
