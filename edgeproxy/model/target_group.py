"""TargetGroup: targets that share a port, a protocol, a health check and attributes."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Literal

import msgspec

from edgeproxy.errors import ConfigError
from edgeproxy.model import unsupported, validate
from edgeproxy.model.attributes import Attributes, attribute_problems
from edgeproxy.model.base import Model, sentences
from edgeproxy.model.fault import Fault, fault_list_problems
from edgeproxy.model.matcher_grammar import parse_code_ranges
from edgeproxy.model.target import Target  # noqa: TC001 - the decoder reads the annotations
from edgeproxy.model.target_group_settings import (
    FOREIGN,
    MAX_TARGETS,
    SPECS,
    TargetGroupSettings,
    conflicts,
    settings_from,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Matcher", "TargetGroup", "TargetGroupSettings"]

TRAFFIC_PORT = "traffic-port"


class Matcher(Model, frozen=True):
    """Which answers of a health check count as healthy. Exactly one of the two.

    Source: API reference, Matcher; user guide, target-group-health-checks.
    """

    http_code: str | None = None
    """200-499: codes and ranges, separated by commas, such as `200-299,404`."""
    grpc_code: str | None = None
    """0-99, for target groups with ProtocolVersion GRPC."""

    def problems(self) -> Iterator[ConfigError]:
        """One kind of code, in the grammar, in its range."""
        if self.http_code is not None and self.grpc_code is not None:
            yield ConfigError("GrpcCode", self.grpc_code, "You can specify only one of 'HttpCode' and 'GrpcCode'")
        if self.http_code is None and self.grpc_code is None:
            yield ConfigError("", None, "One of 'HttpCode' and 'GrpcCode' must be specified")
        try:
            if self.http_code is not None:
                parse_code_ranges(self.http_code, 200, 499, "HTTP")
        except ConfigError as error:
            yield error.at("HttpCode")
        try:
            if self.grpc_code is not None:
                parse_code_ranges(self.grpc_code, 0, 99, "GRPC")
        except ConfigError as error:
            yield error.at("GrpcCode")


_STATUS_200 = Matcher(http_code="200")
_DEFAULT_MATCHERS = {"GRPC": Matcher(grpc_code="12")}
_DEFAULT_PATHS = {"GRPC": "/AWS.ALB/healthcheck"}


# `dict` gives the instance the room that `cached_property` writes to.
class TargetGroup(Model, frozen=True, dict=True):
    """A target group. Source: API reference, CreateTargetGroup; user guide, load-balancer-target-groups."""

    missing_sentences = sentences(Name="A target group name must be specified")

    name: str
    """1-32 letters, digits and hyphens, unique in the file."""
    protocol: Literal["HTTP", "HTTPS"] = "HTTP"
    """How targets are spoken to. With HTTPS the target's certificate is not validated, as in AWS."""
    protocol_version: Literal["HTTP1", "HTTP2", "GRPC"] = "HTTP1"
    """With HTTP2 and GRPC targets are spoken to in HTTP/2, with prior knowledge where the protocol is HTTP. Such groups
    take requests of HTTP/2 clients alone, so their listeners are HTTPS ones. GRPC takes only POST."""
    port: int | None = None
    """1-65535: where targets listen that have no port of their own. Required."""
    target_type: Literal["instance", "ip", "lambda"] = "ip"
    """`lambda` is not supported yet; `instance` and `ip` both take addresses and names here."""
    vpc_id: str | None = None
    """Kept without meaning: there is no VPC here."""
    ip_address_type: Literal["ipv4", "ipv6"] = "ipv4"
    """Kept without meaning: targets may have addresses of both kinds."""
    health_check_enabled: bool = True
    """Health checks cannot be disabled except for Lambda functions."""
    health_check_protocol: Literal["HTTP", "HTTPS"] | None = None
    """The target group's protocol where omitted."""
    health_check_port: str | int = TRAFFIC_PORT
    """A port, or `traffic-port`: each target's own."""
    health_check_path: str | None = None
    """1-1024 characters, beginning with `/`; may hold a query. `/` where omitted, with GRPC `/AWS.ALB/healthcheck`."""
    health_check_interval_seconds: int = 30
    """5-300."""
    health_check_timeout_seconds: int = 5
    """2-120, less than the interval."""
    healthy_threshold_count: int = 5
    """2-10 passed checks make an unhealthy target healthy; for a new target one is enough."""
    unhealthy_threshold_count: int = 2
    """2-10 failed checks make a target unhealthy."""
    matcher: Matcher | None = None
    """Which answers count as healthy. HttpCode `200` where omitted, with GRPC GrpcCode `12`: a server that does not
    know the path is there, and that is enough."""
    target_group_attributes: Attributes = ()
    """A mapping, or a list of Key and Value. See `TargetGroupSettings` for the keys."""
    targets: tuple[Target, ...] = ()
    """At most 1000."""
    tags: Attributes = ()
    """Kept and echoed."""
    faults: tuple[Fault, ...] = ()
    """Failures on purpose for the requests that go to its targets (our extension)."""

    def __post_init__(self) -> None:
        """Keep the port as the API's string, then check.

        Raises:
            ConfigError: A law is broken.
        """
        if isinstance(self.health_check_port, int):
            msgspec.structs.force_setattr(self, "health_check_port", str(self.health_check_port))
        super().__post_init__()

    @functools.cached_property
    def settings(self) -> TargetGroupSettings:
        """The attributes as values."""
        return settings_from(self.target_group_attributes)

    @property
    def effective_health_check_protocol(self) -> Literal["HTTP", "HTTPS"]:
        """What health checks speak: the group's protocol unless `HealthCheckProtocol` says otherwise."""
        return self.health_check_protocol or self.protocol

    @property
    def effective_health_check_path(self) -> str:
        """What health checks ask for. Source: user guide, target-group-health-checks."""
        path = self.health_check_path
        return _DEFAULT_PATHS.get(self.protocol_version, "/") if path is None else path

    @property
    def effective_matcher(self) -> Matcher:
        """What a healthy target answers. Source: user guide, target-group-health-checks."""
        return self.matcher or _DEFAULT_MATCHERS.get(self.protocol_version, _STATUS_200)

    def port_of(self, target: Target) -> int:
        """Where the target gets requests: its own port, or the group's."""
        port = target.port if target.port is not None else self.port
        assert port is not None  # a group without a port was refused
        return port

    def health_check_port_of(self, target: Target) -> int:
        """Where the target's health is checked."""
        return self.port_of(target) if self.health_check_port == TRAFFIC_PORT else int(self.health_check_port)

    def problems(self) -> Iterator[ConfigError]:
        """ELBv2's laws for one target group."""
        yield from validate.name("Name", self.name, "Target group name")
        if "--" in self.name:
            reason = f"Target group name '{self.name}' cannot contain '--'"
            yield ConfigError("Name", self.name, reason)
        yield from unsupported.target_group_problems(self)
        yield from self._port_problems()
        yield from self._health_check_problems()
        yield from self._attribute_problems()
        yield from fault_list_problems(self.faults, marks_targets=True)
        yield from validate.at_most(
            "Targets",
            len(self.targets),
            MAX_TARGETS,
            "A target group can only have '{limit}' targets; this one has {count}",
            code="TooManyTargets",
        )

    def _port_problems(self) -> Iterator[ConfigError]:
        if self.target_type == "lambda":
            if self.port is not None:
                reason = "Port cannot be specified for target groups with target type 'lambda'"
                yield ConfigError("Port", self.port, reason)
            if self.protocol_version != "HTTP1":
                reason = "Protocol version cannot be specified for target groups with target type 'lambda'"
                yield ConfigError("ProtocolVersion", self.protocol_version, reason)
        elif self.port is None:
            yield ConfigError("Port", None, "A port must be specified")
        else:
            yield from validate.port("Port", self.port)

    def _health_check_problems(self) -> Iterator[ConfigError]:
        """Source: user guide, target-group-health-checks, table of settings."""
        interval, timeout = self.health_check_interval_seconds, self.health_check_timeout_seconds
        yield from validate.between("HealthCheckIntervalSeconds", interval, 5, 300)
        yield from validate.between("HealthCheckTimeoutSeconds", timeout, 2, 120)
        yield from validate.between("HealthyThresholdCount", self.healthy_threshold_count, 2, 10)
        yield from validate.between("UnhealthyThresholdCount", self.unhealthy_threshold_count, 2, 10)
        path = self.effective_health_check_path
        yield from validate.length("HealthCheckPath", path, 1, 1024)
        if timeout >= interval:
            reason = "Health check interval must be greater than the timeout."
            yield ConfigError("HealthCheckTimeoutSeconds", timeout, reason)
        if path and not _is_request_path(path):
            reason = f"Health check path '{path}' must begin with '/' and hold no spaces or control characters"
            yield ConfigError("HealthCheckPath", path, reason, suggestion=None if path.startswith("/") else f"/{path}")
        if not self.health_check_enabled and self.target_type != "lambda":
            reason = f"Health check enabled must be true for target groups with target type '{self.target_type}'"
            yield ConfigError("HealthCheckEnabled", self.health_check_enabled, reason)
        yield from self._health_check_port_problems()
        yield from self._matcher_problems()

    def _health_check_port_problems(self) -> Iterator[ConfigError]:
        port = str(self.health_check_port)
        is_number = port.isdecimal() and len(port) < 6
        if port != TRAFFIC_PORT and not (is_number and 1 <= int(port) <= validate.MAX_PORT):
            reason = f"Health check port '{port}' must be '{TRAFFIC_PORT}' or between '1-{validate.MAX_PORT}' inclusive"
            yield ConfigError("HealthCheckPort", port, reason)

    def _matcher_problems(self) -> Iterator[ConfigError]:
        """ELBv2 complains about the kind that is missing. Source: API reference, Matcher."""
        matcher = self.effective_matcher
        if self.protocol_version == "GRPC" and matcher.grpc_code is None:
            reason = "Health check matcher GRPC code can not be empty"
            yield ConfigError("Matcher.GrpcCode", matcher.grpc_code, reason)
        if self.protocol_version != "GRPC" and matcher.http_code is None:
            reason = "Health check matcher HTTP code cannot be empty"
            yield ConfigError("Matcher.HttpCode", matcher.http_code, reason)

    def _attribute_problems(self) -> Iterator[ConfigError]:
        broken = list(attribute_problems("TargetGroupAttributes", self.target_group_attributes, SPECS, FOREIGN))
        yield from broken
        if not broken:  # values that cannot be read cannot be compared either
            yield from conflicts(self.target_group_attributes)


def _is_request_path(text: str) -> bool:
    return text.startswith("/") and all("!" <= character <= "~" for character in text)
