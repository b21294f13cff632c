"""TargetGroup: targets that share a port, a protocol, a health check and attributes."""

from __future__ import annotations

from typing import Literal

from edgeproxy.model.attributes import Attributes
from edgeproxy.model.base import Model
from edgeproxy.model.target import Target


class Matcher(Model):
    """Which answers of a health check count as healthy. Exactly one of the two."""

    http_code: str | None = None
    grpc_code: str | None = None


class TargetGroup(Model):
    """A target group. Source: API reference, CreateTargetGroup; user guide, load-balancer-target-groups."""

    name: str
    protocol: Literal["HTTP", "HTTPS"] = "HTTP"
    protocol_version: Literal["HTTP1", "HTTP2", "GRPC"] = "HTTP1"
    port: int | None = None
    target_type: Literal["instance", "ip", "lambda"] = "ip"
    vpc_id: str | None = None
    ip_address_type: Literal["ipv4", "ipv6"] = "ipv4"
    health_check_enabled: bool = True
    health_check_protocol: Literal["HTTP", "HTTPS"] | None = None
    health_check_port: str | int = "traffic-port"
    health_check_path: str = "/"
    health_check_interval_seconds: int = 30
    health_check_timeout_seconds: int = 5
    healthy_threshold_count: int = 5
    unhealthy_threshold_count: int = 2
    matcher: Matcher = Matcher(http_code="200")
    target_group_attributes: Attributes = ()
    targets: tuple[Target, ...] = ()
    tags: Attributes = ()
