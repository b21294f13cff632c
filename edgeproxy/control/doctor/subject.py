"""Subject: one target, and how the load balancer would treat it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from edgeproxy.control.addresses import join_host_port
from edgeproxy.health.matcher import GrpcCodeMatcher, HttpCodeMatcher
from edgeproxy.model.security_policy import policy_for_targets
from edgeproxy.runtime.target_tls import target_context

if TYPE_CHECKING:
    import ssl

    from edgeproxy.health.matcher import CodeMatcher

Scheme = Literal["HTTP", "HTTPS"]
Version = Literal["HTTP1", "HTTP2", "GRPC"]

DEFAULT_PORTS: dict[Scheme, int] = {"HTTP": 80, "HTTPS": 443}


class HealthSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a target's health is checked.

    Attributes:
        port: Where.
        protocol: What is spoken there.
        path: What is asked for.
        matcher: Which answers pass, as `200,404`; of GRPC groups gRPC codes.
        timeout: In seconds.
    """

    port: int
    protocol: Scheme = "HTTP"
    path: str = "/"
    matcher: str = "200"
    timeout: float = 5.0


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What is examined. Durations are in seconds.

    Attributes:
        id: The target's address or name.
        port: Where it listens.
        health: How its health is checked.
        protocol: What it speaks.
        version: In which version.
        target_group: The group's name; "" without a configuration file.
        address: What the id resolves to and the target listens on; filled in before the examinations.
        paths: What is asked for; the first stands for the app wherever one is enough.
        host: The Host header of clients, without a port as on 80 and 443.
        client_protocol: What clients speak to the load balancer.
        client_port: The listener's.
        websocket_path: Where a WebSocket is tried; None for nowhere.
        idle_timeout: The load balancer's.
        deregistration_delay: The target group's.
        patience: How long an idle connection is watched at most.
        is_quick: Nothing is waited for that takes longer than a moment.
    """

    id: str
    port: int
    health: HealthSettings
    protocol: Scheme = "HTTP"
    version: Version = "HTTP1"
    target_group: str = ""
    address: str = ""
    paths: tuple[str, ...] = ("/",)
    host: str = "localhost"
    client_protocol: Literal["http", "https"] = "https"
    client_port: int = 443
    websocket_path: str | None = None
    idle_timeout: float = 60.0
    deregistration_delay: float = 300.0
    patience: float = 63.0
    is_quick: bool = False

    @property
    def label(self) -> str:
        """`127.0.0.1:8080`, with the scheme where it is HTTPS."""
        place = join_host_port(self.id, self.port)
        return place if self.protocol == "HTTP" else f"https://{place}"

    @property
    def path(self) -> str:
        """The first path."""
        return self.paths[0]

    def said(self, path: str) -> str:
        """What is sent there, in a sentence: `GET /`; calls of gRPC are POST."""
        return f"{'POST' if self.version == 'GRPC' else 'GET'} {path}"

    @property
    def tls(self) -> ssl.SSLContext | None:
        """For connections to it: nothing is verified, as the load balancer does it."""
        return tls_for(self.protocol, self.version)

    @property
    def matcher(self) -> CodeMatcher:
        """The health check's, compiled."""
        kind = GrpcCodeMatcher if self.version == "GRPC" else HttpCodeMatcher
        return kind.parse(self.health.matcher)


def tls_for(protocol: Scheme, version: str = "HTTP1") -> ssl.SSLContext | None:
    """The context for a protocol; None for plain HTTP."""
    return target_context(policy_for_targets(None), is_h2=version != "HTTP1") if protocol == "HTTPS" else None
