"""Where subjects come from: targets on the command line, or those of the configuration file."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from edgeproxy.control.addresses import parse_address
from edgeproxy.control.doctor.keep_alive import MARGIN
from edgeproxy.control.doctor.subject import DEFAULT_PORTS, HealthSettings, Subject, Version
from edgeproxy.model.target_group import TargetGroup
from edgeproxy.model.topology import group_references

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from edgeproxy.control.doctor.subject import Scheme
    from edgeproxy.model.listener import Listener
    from edgeproxy.model.target import Target
    from edgeproxy.model.topology import Topology


class TypedTarget(NamedTuple):
    """A target as somebody types it; the path is "" where none was typed."""

    protocol: Scheme
    host: str
    port: int
    path: str


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says about all targets; None and () leave it to the configuration, or to AWS's defaults."""

    paths: tuple[str, ...] = ()
    health_path: str | None = None
    matcher: str | None = None
    idle_timeout: float | None = None
    websocket_path: str | None = None
    patience: float | None = None
    host: str | None = None
    is_quick: bool = False
    version: Version = "HTTP1"
    """Of the targets on the command line; those of a file have their target group's."""

    def __post_init__(self) -> None:
        """Refuse what cannot stand in a request.

        Raises:
            ValueError: A full sentence.
        """
        for path in (*self.paths, self.health_path, self.websocket_path):
            if path is not None and not (path.startswith("/") and _is_printable(path)):
                raise ValueError(f"'{path}' is not a path: it must begin with / and hold no spaces.")
        if self.host is not None and not (self.host and _is_printable(self.host)):
            raise ValueError(f"'{self.host}' is not a host name.")


def _is_printable(text: str) -> bool:
    return all("!" <= character <= "~" for character in text)


def typed_target(text: str) -> TypedTarget:
    """`8080`, `HOST:PORT`, or a URL of http or https.

    Raises:
        ValueError: The text is none of these; the message is a full sentence.
    """
    if "://" not in text:
        address = parse_address(text, lowest_port=1)
        return TypedTarget("HTTP", address.host or "127.0.0.1", address.port, "")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"'{text}' is not a URL: {error}.") from error
    protocol = parts.scheme.upper()
    if protocol not in DEFAULT_PORTS or not parts.hostname or port == 0:
        raise ValueError(f"'{text}' is not a target: it must be HOST:PORT, http://HOST:PORT or https://HOST:PORT.")
    scheme: Scheme = "HTTPS" if protocol == "HTTPS" else "HTTP"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not _is_printable(path):
        raise ValueError(f"'{text}' is not a URL: its path must be percent-encoded.")
    return TypedTarget(scheme, parts.hostname, port or DEFAULT_PORTS[scheme], "" if path == "/" else path)


def from_targets(targets: Sequence[TypedTarget], wishes: Wishes) -> list[Subject]:
    """The targets of the command line, with the load balancer's defaults."""
    return [_wished(_of_typed(target, wishes.version), wishes) for target in targets]


def _of_typed(target: TypedTarget, version: Version) -> Subject:
    health = _default_health(target, version)
    return Subject(
        id=target.host,
        port=target.port,
        protocol=target.protocol,
        version=version,
        health=health,
        paths=(target.path or _default_path(health, version),),
    )


def _default_health(target: TypedTarget, version: Version) -> HealthSettings:
    group = TargetGroup(name="none", protocol=target.protocol, protocol_version=version, port=target.port)
    return HealthSettings(
        port=target.port,
        protocol=target.protocol,
        path=group.effective_health_check_path,
        matcher=_matcher_of(group),
    )


def _default_path(health: HealthSettings, version: Version) -> str:
    """What is asked for where nobody says; what methods a gRPC server has, nobody can guess."""
    return health.path if version == "GRPC" else "/"


def _matcher_of(group: TargetGroup) -> str:
    matcher = group.effective_matcher
    return matcher.http_code or matcher.grpc_code or "200"


def from_topology(topology: Topology, wishes: Wishes) -> list[Subject]:
    """The targets of all target groups that a listener forwards to, with their settings."""
    return [
        _wished(_of_target(topology, group, target), wishes)
        for group in topology.used_target_groups()
        for target in group.targets
    ]


def _of_target(topology: Topology, group: TargetGroup, target: Target) -> Subject:
    load_balancer = topology.load_balancer_of(group)
    assert load_balancer is not None  # somebody uses the group
    listeners = list(_listeners_of(topology, group))
    listener = next((each for each in listeners if each.protocol == "HTTPS"), listeners[0])
    health = HealthSettings(
        port=group.health_check_port_of(target),
        protocol=group.effective_health_check_protocol,
        path=group.effective_health_check_path,
        matcher=_matcher_of(group),
        timeout=group.health_check_timeout_seconds,
    )
    return Subject(
        id=target.id,
        port=group.port_of(target),
        protocol=group.protocol,
        version=group.protocol_version,
        target_group=group.name,
        health=health,
        paths=(_default_path(health, group.protocol_version),),
        client_protocol="https" if listener.protocol == "HTTPS" else "http",
        client_port=listener.port,
        idle_timeout=load_balancer.settings.idle_timeout_seconds,
        deregistration_delay=group.settings.deregistration_delay_seconds,
    )


def _listeners_of(topology: Topology, group: TargetGroup) -> Iterator[Listener]:
    load_balancer = topology.load_balancer_of(group)
    assert load_balancer is not None
    for reference in group_references(load_balancer):
        if topology.target_group(reference.ref).name == group.name:
            yield reference.listener


def _wished(subject: Subject, wishes: Wishes) -> Subject:
    """The subject as the command line wants it."""
    idle_timeout = subject.idle_timeout if wishes.idle_timeout is None else wishes.idle_timeout
    health: dict[str, Any] = {"path": wishes.health_path, "matcher": wishes.matcher}
    changes: dict[str, Any] = {
        "paths": wishes.paths or None,
        "websocket_path": wishes.websocket_path,
        "host": wishes.host,
    }
    return msgspec.structs.replace(
        subject,
        health=msgspec.structs.replace(subject.health, **_given(health)),
        idle_timeout=idle_timeout,
        patience=default_patience(idle_timeout) if wishes.patience is None else wishes.patience,
        is_quick=wishes.is_quick,
        **_given(changes),
    )


def default_patience(idle_timeout: float) -> float:
    """A bit more than what tells a keep-alive that is long enough from one that is not."""
    return math.ceil(idle_timeout * (MARGIN + 0.03)) if idle_timeout >= 1 else idle_timeout * (MARGIN + 0.03)


def _given(changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in changes.items() if value is not None}
