"""What a person reads when edgeproxy starts, and what they read when a port cannot be had."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from edgeproxy import __version__
from edgeproxy.control.addresses import Address, join_host_port
from edgeproxy.control.output import event

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from edgeproxy.errors import BindError
    from edgeproxy.runtime.proxy import EdgeProxy
    from edgeproxy.runtime.status import ListenerStatus, TargetGroupStatus

logger = logging.getLogger(__name__)

_DEFAULT_PORTS = {"HTTP": 80, "HTTPS": 443}
_ALL_INTERFACES = ("", "0.0.0.0", "::")
# A listener's reason, `runtime/listener.py`, and the admin endpoint's, which is the system's.
_TAKEN = ("taken by another process", "in use")
_FORBIDDEN = ("may not bind", "ermission denied")


def announce_started(proxy: EdgeProxy, source: str) -> None:
    """Version, listeners with their URLs, target groups."""
    _say(f"edgeproxy {__version__} runs {source}", event("started", version=__version__, source=source))
    for listener in proxy.listeners:
        _say(f"  {listener_line(listener)}", event("listening", **_listener_facts(listener)))
    for group in proxy.target_groups:
        _say(f"  {target_group_line(group)}", event("target_group", name=group.name, arn=group.arn))


def announce_admin(address: Address | None) -> None:
    """Where the admin endpoint is; the last line of a start."""
    if address is None:
        _say("  admin endpoint: off", event("ready"))
    else:
        url = f"http://{address.connectable}/_edgeproxy/health"
        _say(f"  admin endpoint: {url}", event("ready", admin=url))


def announce_warnings(warnings: Iterator[str] | list[str]) -> None:
    """What is allowed in the configuration and still worth a look."""
    for warning in warnings:
        logger.warning("%s", warning, extra=event("configuration_warning") | {"banner": True})


def listener_line(listener: ListenerStatus) -> str:
    """`dev HTTPS:443 https://localhost:8443 (bound to 127.0.0.1:8443)`."""
    line = f"{listener.load_balancer} {listener.protocol}:{listener.port}  {listener_url(listener)}"
    if all(port == listener.port for _, port in listener.addresses):
        return line
    return f"{line}  (bound to {', '.join(join_host_port(host, port) for host, port in listener.addresses)})"


def listener_url(listener: ListenerStatus) -> str:
    """What to type into a browser on this machine."""
    host, port = listener.addresses[0]
    if host in _ALL_INTERFACES or host in ("127.0.0.1", "::1"):
        host = "localhost"
    authority = host if port == _DEFAULT_PORTS[listener.protocol] else join_host_port(host, port)
    return f"{listener.protocol.lower()}://{authority}"


def target_group_line(group: TargetGroupStatus) -> str:
    """`target group app: 127.0.0.1:8080, 127.0.0.1:8081`."""
    targets = ", ".join(join_host_port(target.id, target.port) for target in group.targets)
    return f"target group {group.name}: {targets or 'no targets'}"


def bind_hint(error: BindError, binds: Mapping[int, Address]) -> str:
    """What to do about a listener's port that could not be bound.

    Args:
        error: What happened; its port is the one that was really asked for.
        binds: Declared port -> where it should have been bound.
    """
    declared = next((port for port, address in binds.items() if address.port == error.port), error.port)
    elsewhere = (
        f"bind the listener elsewhere with --bind {declared}={_other_port(error.port)} "
        f"(the app and redirects still see {declared})"
    )
    if any(words in error.reason for words in _FORBIDDEN):
        return (
            f"Ports below 1024 are the superuser's here: {elsewhere}, "
            "or allow them on Linux with `sudo sysctl net.ipv4.ip_unprivileged_port_start=80`."
        )
    if any(words in error.reason for words in _TAKEN):
        return f"Another program listens there: stop it, or {elsewhere}."
    return f"Check the address, or {elsewhere}."


def _other_port(port: int) -> int:
    # 80 -> 8000 and not 8080, where the app itself usually is
    known = {80: 8000, 443: 8443}
    return known.get(port, port + 8000 if port < 1024 else 0)


def _listener_facts(listener: ListenerStatus) -> dict[str, Any]:
    addresses = [join_host_port(host, port) for host, port in listener.addresses]
    return {
        "load_balancer": listener.load_balancer,
        "protocol": listener.protocol,
        "port": listener.port,
        "addresses": addresses,
        "url": listener_url(listener),
    }


def _say(text: str, extra: dict[str, Any]) -> None:
    logger.info("%s", text, extra=extra | {"banner": True})
