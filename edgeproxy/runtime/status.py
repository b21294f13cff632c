"""What can be asked of a running proxy: plain values for the admin endpoint, the command line and tests."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from edgeproxy.balancing.group import TargetGroupState
    from edgeproxy.model.target import TargetHealth
    from edgeproxy.model.target_group import TargetGroup


class ProxyState(enum.Enum):
    """Where a proxy is in its life."""

    STARTING = "starting"
    RUNNING = "running"
    DRAINING = "draining"
    STOPPED = "stopped"


class ListenerStatus(NamedTuple):
    """A listener: its declared port, and where it is really bound."""

    load_balancer: str
    protocol: str
    port: int
    addresses: list[tuple[str, int]]


class TargetStatus(NamedTuple):
    """A target as DescribeTargetHealth shows it, and the address that its name stands for.

    `is_anomalous` and `is_mitigated` are its AnomalyDetection: Result and MitigationInEffect.
    """

    id: str
    port: int
    health_check_port: str
    health: TargetHealth
    address: str | None
    is_anomalous: bool = False
    is_mitigated: bool = False


class TargetGroupStatus(NamedTuple):
    """A target group with its targets, those that are draining last.

    `is_out_of_dns` says that a real load balancer would take its node out of DNS; `unhealthy_routing_requests` counts
    the requests that were routed while failing open.
    """

    name: str
    arn: str
    is_failing_open: bool
    targets: list[TargetStatus]
    is_out_of_dns: bool = False
    unhealthy_routing_requests: int = 0


def group_status(group: TargetGroup, state: TargetGroupState) -> TargetGroupStatus:
    """What is known of a target group."""
    own_port = group.health_check_port == "traffic-port"
    targets = [
        TargetStatus(
            id=target.id,
            port=target.port,
            health_check_port=str(target.port if own_port else group.health_check_port),
            health=target.health,
            address=target.address,
            is_anomalous=target.is_anomalous,
            is_mitigated=target.weight < 1.0,
        )
        for target in (*state.targets.values(), *state.draining.values())
    ]
    return TargetGroupStatus(
        group.name,
        state.arn,
        state.is_failing_open,
        targets,
        is_out_of_dns=state.is_out_of_dns,
        unhealthy_routing_requests=state.unhealthy_routing_requests,
    )
