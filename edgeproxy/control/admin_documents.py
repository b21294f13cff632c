"""What the admin endpoint answers, as plain values: pure functions of the running load balancer.

The keys are AWS's where AWS has the thing: a target group's `TargetHealthDescriptions` are those of
`aws elbv2 describe-target-health` (API reference, TargetHealthDescription), so a jq expression works on both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgeproxy import __version__
from edgeproxy.control.config.dump import topology_to_builtins

if TYPE_CHECKING:
    from edgeproxy.model.topology import Topology
    from edgeproxy.runtime.proxy import EdgeProxy
    from edgeproxy.runtime.status import ListenerStatus, TargetGroupStatus, TargetStatus


def health_document(proxy: EdgeProxy) -> dict[str, Any]:
    """Version, status (`starting`, `running`, `draining`, `stopped`), listeners, target groups with their targets."""
    topology = proxy.topology
    return {
        "Version": __version__,
        "Status": str(proxy.state.value),
        "Listeners": [_listener(status) for status in proxy.listeners],
        "TargetGroups": [_target_group(status, topology) for status in proxy.target_groups],
    }


def state_document(topology: Topology) -> dict[str, Any]:
    """The configuration that serves; saved to a file it is a configuration file again."""
    return topology_to_builtins(topology)


def _listener(status: ListenerStatus) -> dict[str, Any]:
    return {
        "LoadBalancerName": status.load_balancer,
        "Protocol": status.protocol,
        "Port": status.port,
        "Addresses": [{"Host": host, "Port": port} for host, port in status.addresses],
    }


def _target_group(status: TargetGroupStatus, topology: Topology) -> dict[str, Any]:
    load_balancer = topology.load_balancer_of(topology.target_group(status.arn))
    return {
        "TargetGroupName": status.name,
        "TargetGroupArn": status.arn,
        "LoadBalancerName": None if load_balancer is None else load_balancer.name,
        "FailOpen": status.is_failing_open,
        "DnsFailover": status.is_out_of_dns,
        "TargetHealthDescriptions": [_target(target) for target in status.targets],
    }


def _target(status: TargetStatus) -> dict[str, Any]:
    health = {"State": str(status.health.state.value)}
    # absent exactly when the target is healthy (user guide, target-group-health-checks, reason codes)
    if status.health.reason is not None:
        health["Reason"] = status.health.reason
    if status.health.description is not None:
        health["Description"] = status.health.description
    return {
        "Target": {"Id": status.id, "Port": status.port},
        "HealthCheckPort": status.health_check_port,
        "TargetHealth": health,
        "AnomalyDetection": {
            "Result": "anomalous" if status.is_anomalous else "normal",
            "MitigationInEffect": "yes" if status.is_mitigated else "no",
        },
        "Address": status.address,
    }
