"""Whether the app opens a WebSocket, and whether it says something on an idle one before the idle timeout is over."""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import TYPE_CHECKING, Final

from edgeproxy.control.doctor import facts
from edgeproxy.control.doctor.finding import duration, found
from edgeproxy.control.doctor.request import forwarded

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgeproxy.control.doctor.asking import Answer
    from edgeproxy.control.doctor.finding import Finding
    from edgeproxy.control.doctor.probe import Connection, Dialer
    from edgeproxy.control.doctor.subject import Subject

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455, section 1.3."""
_CURE: Final = (
    "See that the server that runs the app speaks WebSocket (uvicorn needs `websockets` or `wsproto`, gunicorn a "
    "worker that does), that the path is right, and that the app accepts the Origin."
)


async def examine_websocket(subject: Subject, dialer: Dialer, tell: Callable[[str], None]) -> list[Finding]:
    """Open one if there is a path for it, and wait for the app's ping; `tell` is told of the wait."""
    path = subject.websocket_path
    if path is None:
        sentence = "WebSocket was not tried: name a path with --websocket-path."
        return [found("websocket", "skipped", sentence, facts.WEBSOCKET)]
    key = base64.b64encode(secrets.token_bytes(16)).decode()
    connection = await dialer.connect_h1(subject)
    try:
        request = forwarded(
            subject,
            path,
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            f"Origin: {subject.client_protocol}://{subject.host}",
        )
        # A request for a WebSocket is answered at once or not at all.
        answer = await connection.upgrade(request, idle_timeout=min(subject.idle_timeout, 10.0))
        opened = _opened(path, answer, key)
        if opened.severity != "good":
            return [opened]
        return [opened, await _idle(subject, connection, tell)]
    finally:
        connection.close()


def _opened(path: str, answer: Answer, key: str) -> Finding:
    if answer.head is None or answer.status != 101:
        said = answer.fault or (f"answered with {answer.status}" if answer.status else "not answered")
        sentence = f"GET {path} with `Upgrade: websocket` is no WebSocket: {said}."
        return found("websocket", "problem", sentence, facts.WEBSOCKET, _CURE, path=path, status=answer.status)
    if answer.header("sec-websocket-accept") != _accept(key):
        sentence = f"GET {path} opens a WebSocket with a wrong Sec-WebSocket-Accept: clients will refuse it."
        cure = "Use a library for WebSocket in the app; the value is computed from the client's key (RFC 6455, 4.2.2)."
        return found("websocket", "problem", sentence, facts.WEBSOCKET, cure, path=path)
    return found("websocket", "good", f"GET {path} opens a WebSocket.", facts.WEBSOCKET, path=path)


async def _idle(subject: Subject, connection: Connection, tell: Callable[[str], None]) -> Finding:
    idle = duration(subject.idle_timeout)
    name = "websocket-ping"
    if subject.is_quick:
        sentence = f"Whether your app sends pings on an idle WebSocket within {idle} was not looked at (--quick)."
        return found(name, "skipped", sentence, facts.WEBSOCKET_IDLE)
    tell(f"{subject.label}: waiting for a ping on an idle WebSocket, for {idle} at most.")
    heard = await connection.heard_within(subject.idle_timeout)
    if heard is None:
        return found(
            name,
            "advice",
            f"Your app says nothing on an idle WebSocket for {idle}: the ALB closes it then.",
            facts.WEBSOCKET_IDLE,
            "Send pings from the app (or from the client) more often than that, or raise idle_timeout.timeout_seconds.",
            idle_timeout_seconds=subject.idle_timeout,
        )
    if connection.closed.done():
        return found(
            name,
            "advice",
            f"Your app closes an idle WebSocket after {duration(heard)}.",
            facts.WEBSOCKET_IDLE,
            "If it is not meant to: see which timeout of the app that is, and have clients connect again.",
            closed_seconds=heard,
        )
    sentence = (
        f"Your app sends something on an idle WebSocket after {duration(heard)}, before the ALB's {idle} are over."
    )
    return found(name, "good", sentence, facts.WEBSOCKET_IDLE, heard_seconds=heard)


def _accept(key: str) -> str:
    return base64.b64encode(hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()).decode()
