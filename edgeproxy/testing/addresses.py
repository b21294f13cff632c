"""What a test may name as a target."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias, runtime_checkable
from urllib.parse import urlsplit

from edgeproxy.model.target import Target

LOOPBACK = "127.0.0.1"


@runtime_checkable
class ListensSomewhere(Protocol):
    """A server: those of `edgeproxy.testing.targets`, pytest-httpserver's, aiohttp's TestServer."""

    @property
    def port(self) -> Any:
        """Its port."""


@runtime_checkable
class StartsAndStops(Protocol):
    """A target that the load balancer's fixture starts, and stops at the end."""

    is_started: bool

    def start(self) -> Any:
        """Listen."""

    def stop(self) -> None:
        """Listen no more."""


TargetLike: TypeAlias = Target | StartsAndStops | ListensSomewhere | tuple[str, int] | str | int
"""A port of this machine, `host:port`, a URL, a pair, a server with a port, or a `Target`."""


def target_of(what: TargetLike) -> Target:
    """The target that is meant.

    Raises:
        ValueError: None is; the message is a full sentence.
    """
    match what:
        case Target():
            return what
        case int():
            return Target(id=LOOPBACK, port=what)
        case (str(host), int(port)):
            return Target(id=host, port=port)
        case str():
            return _from_text(what)
    found: Any = getattr(what, "port", None)
    if not isinstance(found, int) or not found:
        raise ValueError(
            f"{what!r} is not a target: it must be a port, 'HOST:PORT', a URL, a pair of host and port, or a server "
            "that has started and has a port."
        )
    return Target(id=_reachable(getattr(what, "host", LOOPBACK)), port=found)


def label_of(target: Target) -> str:
    """`ID:PORT`, or `ID` of one that has its target group's port."""
    return target.id if target.port is None else f"{target.id}:{target.port}"


def _from_text(text: str) -> Target:
    if text.isdigit():
        return Target(id=LOOPBACK, port=int(text))
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        port = parts.port
    except ValueError:
        port, parts = None, urlsplit("")
    if not parts.hostname:
        raise ValueError(f"'{text}' is not a target: it must be HOST:PORT or a URL.")
    return Target(id=_reachable(parts.hostname), port=port or (443 if parts.scheme == "https" else 80))


def _reachable(host: Any) -> str:
    """Where a server is reached that says it listens there."""
    return LOOPBACK if host in ("localhost", "0.0.0.0", "", None) else str(host)
