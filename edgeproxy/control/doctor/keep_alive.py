"""Whether the app keeps idle connections longer than the load balancer does: measured, not asked.

    request -> whole response -> nothing -> when does the target close?

The load balancer uses an idle connection again up to its idle timeout. Where the target closes first, some request
meets the close half-way, and its client gets 502. Where target and load balancer close at the same time it is a race,
too: hence the margin.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final

from edgeproxy.control.doctor import facts
from edgeproxy.control.doctor.finding import duration, found
from edgeproxy.control.doctor.request import forwarded
from edgeproxy.exchange.outcome import Outcome
from edgeproxy.protocol.message import UNTIL_CLOSE

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgeproxy.control.doctor.asking import Answer
    from edgeproxy.control.doctor.finding import Finding
    from edgeproxy.control.doctor.probe import Dialer
    from edgeproxy.control.doctor.subject import Subject

MARGIN: Final = 1.02
"""A keep-alive below so many idle timeouts loses the race now and then."""

_NAME: Final = "keep-alive"
_ANNOUNCED: Final = re.compile(r"(?:^|[,;\s])timeout\s*=\s*\"?(\d{1,9})", re.IGNORECASE)


def announced_seconds(header: str) -> int | None:
    """What a `Keep-Alive: timeout=5` promises; None where it promises nothing."""
    match = _ANNOUNCED.search(header)
    return int(match[1]) if match else None


async def examine_keep_alive(subject: Subject, dialer: Dialer, tell: Callable[[str], None]) -> list[Finding]:
    """Ask once, and wait for the target to close the connection; `tell` is told of the wait."""
    connection = await dialer.connect(subject)
    try:
        limit = 5.0 if subject.is_quick else 2 * subject.idle_timeout
        answer = await connection.ask(
            forwarded(subject, subject.path), idle_timeout=subject.idle_timeout, at_most=limit
        )
        if answer.outcome is not Outcome.FORWARDED or answer.head is None or not answer.is_complete:
            return [_skipped(f"{subject.said(subject.path)} has no whole answer, so keep-alive could not be measured.")]
        if subject.version == "HTTP1" and not _is_reusable(answer):
            return [_none_at_all(answer)]
        announced = announced_seconds(answer.header("keep-alive"))
        if subject.is_quick:
            return [_by_announcement(subject, answer, announced)]
        tell(f"{subject.label}: watching an idle connection, for {duration(subject.patience)} at most.")
        kept = await connection.closed_within(subject.patience)
    finally:
        connection.close()
    if connection.is_going_away and kept is not None and kept < subject.idle_timeout * MARGIN:
        return [_goes_away(subject, kept)]
    return [_judge(subject, answer, kept, announced)]


def _is_reusable(answer: Answer) -> bool:
    return answer.head is not None and answer.head.is_reusable and answer.head.body_length != UNTIL_CLOSE


def _goes_away(subject: Subject, kept: float) -> Finding:
    idle = subject.idle_timeout
    setting = ", in gRPC MAX_CONNECTION_IDLE (and MAX_CONNECTION_AGE)" if subject.version == "GRPC" else ""
    return found(
        _NAME,
        "advice",
        f"Your app ends idle connections with GOAWAY after {duration(kept)}, the ALB after {duration(idle)}: a request "
        "that is on its way just then is lost (502).",
        facts.GOAWAY,
        f"Set it above {duration(idle)}{setting}.",
        keep_alive_seconds=kept,
        idle_timeout_seconds=idle,
    )


def _none_at_all(answer: Answer) -> Finding:
    return found(
        _NAME,
        "advice",
        "Your app closes the connection after each answer and says so: no 502s, but every request pays for a new "
        "connection.",
        facts.NO_KEEP_ALIVE,
        "Run the app in a server that keeps connections open, for longer than the ALB's idle timeout.",
        server=answer.header("server"),
    )


def _skipped(sentence: str, cure: str = "") -> Finding:
    return found(_NAME, "skipped", sentence, facts.KEEP_ALIVE, cure)


def _by_announcement(subject: Subject, answer: Answer, announced: int | None) -> Finding:
    if announced is not None and announced < subject.idle_timeout * MARGIN:
        return _too_short(subject, answer, float(announced), f"says that it closes them after {announced} s")
    said = "" if announced is None else f" It announces {announced} s."
    return _skipped(f"How long your app keeps idle connections was not measured (--quick).{said}")


def _judge(subject: Subject, answer: Answer, kept: float | None, announced: int | None) -> Finding:
    idle = subject.idle_timeout
    if kept is not None and kept < idle * MARGIN:
        hint = f" (it announces Keep-Alive: timeout={announced})" if announced is not None else ""
        return _too_short(subject, answer, kept, f"closes idle connections after {duration(kept)}{hint}")
    if kept is None and subject.patience < idle * MARGIN:
        return _skipped(
            f"Your app kept an idle connection for {duration(subject.patience)}; whether it does so for the ALB's "
            f"{duration(idle)} was not measured (--patience)."
        )
    measured: dict[str, Any] = {} if kept is None else {"keep_alive_seconds": kept}
    lasted = f"for more than {duration(subject.patience)}" if kept is None else f"for {duration(kept)}"
    return found(
        _NAME,
        "good",
        f"Your app keeps idle connections {lasted}, the ALB for {duration(idle)}: the ALB closes first, as it should.",
        facts.KEEP_ALIVE,
        idle_timeout_seconds=idle,
        **measured,
    )


def _too_short(subject: Subject, answer: Answer, kept: float, what: str) -> Finding:
    idle = subject.idle_timeout
    order = f"the ALB after {duration(idle)}" if kept < idle else "the ALB at about the same time"
    wanted = math.ceil(idle * 1.25)
    return found(
        _NAME,
        "problem",
        f"Your app {what}, {order}: expect 502s.",
        facts.KEEP_ALIVE,
        f"Set it above {duration(idle)}{_setting(answer, wanted)}.",
        keep_alive_seconds=kept,
        idle_timeout_seconds=idle,
        server=answer.header("server"),
    )


def _setting(answer: Answer, seconds: int) -> str:
    """How it is called in the server that answered, where the answer tells which that is."""
    names = f"{answer.header('server')} {answer.header('x-powered-by')}".lower()
    for name, setting in _SETTINGS:
        if name in names:
            return f", such as {setting.format(seconds=seconds, more=seconds + 1)}"
    if not answer.header("server") and answer.header("keep-alive").startswith("timeout="):
        return f"; in Node that is {_NODE.format(seconds=seconds, more=seconds + 1)}"
    return f", such as {seconds} s"


_NODE: Final = "server.keepAliveTimeout = {seconds}000, with server.headersTimeout = {more}000"
_SETTINGS: Final = (
    ("uvicorn", "uvicorn --timeout-keep-alive {seconds}"),
    ("gunicorn", "gunicorn --keep-alive {seconds}"),
    ("hypercorn", "hypercorn --keep-alive {seconds}"),
    ("aiohttp", "web.run_app(app, keepalive_timeout={seconds})"),
    ("express", _NODE),
    ("next.js", "next start --keepAliveTimeout {seconds}000"),
    ("nginx", "keepalive_timeout {seconds}s"),
    ("apache", "KeepAliveTimeout {seconds}"),
)
"""What the answer's Server or X-Powered-By holds, and that server's setting, by its own manual."""
