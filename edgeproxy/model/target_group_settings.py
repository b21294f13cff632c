"""TargetGroupSettings: the typed view of a target group's attributes, and which of them exclude each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from edgeproxy.errors import ConfigError
from edgeproxy.model.attributes import Attributes, Spec, flag, number, off_or, one_of, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_TARGETS = 1000
RESERVED_COOKIES = ("AWSALB", "AWSALBAPP", "AWSALBTG")


class TargetGroupSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A target group's attributes as values, defaults filled in.

    Source: user guide, load-balancer-target-groups and edit-target-group-attributes; API reference,
    TargetGroupAttribute.
    """

    deregistration_delay_seconds: int = 300
    """`deregistration_delay.timeout_seconds`, 0-3600: how long a deregistered target may finish its requests."""
    algorithm: Literal["round_robin", "least_outstanding_requests", "weighted_random"] = "round_robin"
    """`load_balancing.algorithm.type`: how a target is chosen."""
    anomaly_mitigation: bool = False
    """`load_balancing.algorithm.anomaly_mitigation`, `on` or `off`; only with weighted_random."""
    cross_zone: Literal["true", "false", "use_load_balancer_configuration"] = "use_load_balancer_configuration"
    """`load_balancing.cross_zone.enabled`. A load balancer here is one node that stands in every
    zone, so it changes nothing."""
    slow_start_seconds: int = 0
    """`slow_start.duration_seconds`: 0 for off, or 30-900."""
    stickiness_enabled: bool = False
    """`stickiness.enabled`: clients come back to the target that they were given."""
    stickiness_type: Literal["lb_cookie", "app_cookie"] = "lb_cookie"
    """`stickiness.type`: the load balancer's own cookie, or one of the app that is followed."""
    lb_cookie_duration_seconds: int = 86400
    """`stickiness.lb_cookie.duration_seconds`, 1-604800."""
    app_cookie_name: str = ""
    """`stickiness.app_cookie.cookie_name`; must not start with AWSALB."""
    app_cookie_duration_seconds: int = 86400
    """`stickiness.app_cookie.duration_seconds`, 1-604800."""
    dns_failover_count: int | None = 1
    """`target_group_health.dns_failover.minimum_healthy_targets.count`, `off` or 1-1000. Only reported:
    there is no DNS to change."""
    dns_failover_percentage: int | None = None
    """`target_group_health.dns_failover.minimum_healthy_targets.percentage`, `off` or 1-100."""
    minimum_healthy_count: int = 1
    """`target_group_health.unhealthy_state_routing.minimum_healthy_targets.count`, 1-1000: with fewer healthy targets
    every target gets requests."""
    minimum_healthy_percentage: int | None = None
    """`target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage`, `off` or 1-100."""
    multi_value_headers: bool = False
    """`lambda.multi_value_headers.enabled`: kept; there are no Lambda targets yet."""


def _stickiness_type(text: str) -> str:
    # `source_ip` is a type, only not one for HTTP: AWS's two refusals differ.
    if text not in ("lb_cookie", "app_cookie", "source_ip"):
        raise ValueError("must be one of [app_cookie, lb_cookie, source_ip]")
    return text


def _cookie_name(text: str) -> str:
    if text.startswith(RESERVED_COOKIES):
        raise ValueError(f"must not start with {', '.join(RESERVED_COOKIES)}, which the load balancer uses itself")
    if any(not "!" <= character <= "~" or character in '"(),/:;<=>?@[\\]{}' for character in text):
        raise ValueError("is not a cookie name (RFC 6265, section 4.1.1)")
    return text


def _on(text: str) -> bool:
    return one_of("on", "off")(text) == "on"


_COOKIE_SECONDS = number(1, 604800)
_HEALTH = "target_group_health"

SPECS = {
    "deregistration_delay.timeout_seconds": Spec("deregistration_delay_seconds", number(0, 3600)),
    "load_balancing.algorithm.type": Spec(
        "algorithm", one_of("round_robin", "least_outstanding_requests", "weighted_random")
    ),
    "load_balancing.algorithm.anomaly_mitigation": Spec("anomaly_mitigation", _on),
    "load_balancing.cross_zone.enabled": Spec("cross_zone", one_of("true", "false", "use_load_balancer_configuration")),
    "slow_start.duration_seconds": Spec("slow_start_seconds", number(30, 900, 0)),
    "stickiness.enabled": Spec("stickiness_enabled", flag),
    "stickiness.type": Spec("stickiness_type", _stickiness_type),
    "stickiness.lb_cookie.duration_seconds": Spec("lb_cookie_duration_seconds", _COOKIE_SECONDS),
    "stickiness.app_cookie.cookie_name": Spec("app_cookie_name", _cookie_name),
    "stickiness.app_cookie.duration_seconds": Spec("app_cookie_duration_seconds", _COOKIE_SECONDS),
    f"{_HEALTH}.dns_failover.minimum_healthy_targets.count": Spec("dns_failover_count", off_or(number(1, MAX_TARGETS))),
    f"{_HEALTH}.dns_failover.minimum_healthy_targets.percentage": Spec(
        "dns_failover_percentage", off_or(number(1, 100))
    ),
    f"{_HEALTH}.unhealthy_state_routing.minimum_healthy_targets.count": Spec(
        "minimum_healthy_count", number(1, MAX_TARGETS)
    ),
    f"{_HEALTH}.unhealthy_state_routing.minimum_healthy_targets.percentage": Spec(
        "minimum_healthy_percentage", off_or(number(1, 100))
    ),
    "lambda.multi_value_headers.enabled": Spec("multi_value_headers", flag),
    "waf.http2.traffic_inspection_behavior": Spec("", str),  # no firewall here: kept without effect
}

FOREIGN = {
    "deregistration_delay.connection_termination.": "Network Load Balancers",
    "preserve_client_ip.": "Network Load Balancers",
    "proxy_protocol_v2.": "Network Load Balancers",
    "target_health_state.": "Network Load Balancers",
    "target_failover.": "Gateway Load Balancers",
    "send_tcp_reset.": "Network Load Balancers",
}
"""Keys that a target group of an application load balancer must refuse. Source: API reference, TargetGroupAttribute."""


def settings_from(attributes: Attributes) -> TargetGroupSettings:
    """The attributes as values; they have been checked."""
    return TargetGroupSettings(**read_settings(attributes, SPECS))


def conflicts(attributes: Attributes) -> Iterator[ConfigError]:
    """Settings that ModifyTargetGroupAttributes refuses together. Source: user guide, edit-target-group-attributes."""
    settings = settings_from(attributes)
    written = {attribute.key for attribute in attributes}
    for key, is_broken, reason in (*_conflict_table(settings), *_failover_conflicts(settings, written)):
        if is_broken:
            yield ConfigError(f"TargetGroupAttributes[{key}]", None, reason, code="InvalidConfigurationRequest")


def _conflict_table(settings: TargetGroupSettings) -> tuple[tuple[str, bool, str], ...]:
    is_random = settings.algorithm == "weighted_random"
    is_slow = settings.slow_start_seconds > 0
    is_sticky = settings.stickiness_enabled
    algorithm, slow_start = "load_balancing.algorithm.type", "slow_start.duration_seconds"
    return (
        (
            "stickiness.type",
            settings.stickiness_type not in ("lb_cookie", "app_cookie"),
            "Stickiness type 'source_ip' is not supported for target groups with the HTTP protocol",
        ),
        (
            "stickiness.type",
            is_sticky and settings.stickiness_type == "app_cookie" and not settings.app_cookie_name,
            "You must set an application cookie name to enable stickiness of type 'app_cookie'",
        ),
        (
            algorithm,
            is_slow and is_random,
            "You cannot enable both slow start and weighted random algorithm on a target group",
        ),
        (
            algorithm,
            is_sticky and is_random,
            "You cannot have both stickiness and weighted random algorithm enabled on the same target group.",
        ),
        (
            slow_start,
            is_slow and settings.algorithm == "least_outstanding_requests",
            "You cannot enable both slow start and least outstanding requests algorithm on a target group",
        ),
        (
            "load_balancing.algorithm.anomaly_mitigation",
            settings.anomaly_mitigation and not is_random,
            "Anomaly mitigation needs 'load_balancing.algorithm.type' to be 'weighted_random'",
        ),
        (
            "load_balancing.cross_zone.enabled",
            is_sticky and settings.cross_zone == "false",
            "You cannot enable stickiness on a target group whose cross-zone load balancing is off",
        ),
    )


def _failover_conflicts(settings: TargetGroupSettings, written: set[str]) -> Iterator[tuple[str, bool, str]]:
    """Leaving DNS must not come later than failing open. Source: user guide, load-balancer-target-groups.

    Only thresholds that were written are compared: the default of the DNS count has changed over the years.
    """
    for unit, dns, routing in (
        ("count", settings.dns_failover_count, settings.minimum_healthy_count),
        ("percentage", settings.dns_failover_percentage, settings.minimum_healthy_percentage),
    ):
        yield (
            f"{_HEALTH}.unhealthy_state_routing.minimum_healthy_targets.{unit}",
            f"{_HEALTH}.dns_failover.minimum_healthy_targets.{unit}" in written
            and dns is not None
            and routing is not None
            and dns < routing,
            f"The unhealthy state routing {unit} '{routing}' must not be greater than the DNS failover {unit} '{dns}'",
        )
