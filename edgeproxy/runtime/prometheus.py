"""Counters in Prometheus's text format, under CloudWatch's names in Prometheus's spelling.

`HTTPCode_Target_2XX_Count` of the namespace `AWS/ApplicationELB` is spelled
`aws_applicationelb_httpcode_target_2xx_count_total`; CloudWatch's dimensions are labels. Like CloudWatch, no line is
written for a status class that never occurred.
Source: user guide, load-balancer-cloudwatch-metrics.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from edgeproxy.model.target import TargetHealthState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from edgeproxy.model.topology import Topology
    from edgeproxy.runtime.metrics import LoadBalancerCounters, Metrics, TargetGroupCounters
    from edgeproxy.runtime.status import TargetGroupStatus

_PREFIX = "aws_applicationelb_"
_LOAD_BALANCER = ("load_balancer",)
_TARGET_GROUP = ("load_balancer", "target_group")
_TARGET = ("load_balancer", "target_group", "target")
_SINGLE_CODES = (500, 502, 503, 504)  # the statuses that have a metric of their own

# name without prefix, what it counts, where it stands
_COUNTERS = (
    ("new_connection_count", "TCP connections from clients", "new_connections"),
    ("request_count", "Requests for which a target could be chosen", "request_count"),
    ("processed_bytes", "Bytes of heads and bodies, both directions", "processed_bytes"),
    ("http_fixed_response_count", "Fixed responses", "fixed_responses"),
    ("http_redirect_count", "Redirects", "redirects"),
)
_GROUP_COUNTERS = (
    ("target_group_request_count", "Requests for which a target of the group could be chosen", "request_count"),
    ("target_connection_error_count", "Connections to targets that were not established", "connection_errors"),
)


def render(metrics: Metrics, groups: Sequence[TargetGroupStatus], topology: Topology) -> bytes:
    """The answer of `/metrics`.

    Args:
        metrics: What was counted.
        groups: The target groups' health now.
        topology: Says which load balancer uses which target group.
    """
    return generate_latest(_Snapshot([*_counted(metrics), *_observed(groups, topology)]))


class _Snapshot(Collector):
    """Metrics that are already there, in the form in which prometheus_client takes them."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _counted(metrics: Metrics) -> Iterator[Metric]:
    balancers = metrics.load_balancers
    active = GaugeMetricFamily(
        _PREFIX + "active_connection_count", "TCP connections with clients", labels=_LOAD_BALANCER
    )
    for name, counters in balancers.items():
        active.add_metric((name,), counters.active_connections)
    yield active
    for metric, documentation, attribute in _COUNTERS:
        family = CounterMetricFamily(_PREFIX + metric, documentation, labels=_LOAD_BALANCER)
        for name, counters in balancers.items():
            family.add_metric((name,), getattr(counters, attribute))
        yield family
    yield from _codes(balancers)
    yield from _group_counters(
        [((name, group), own) for name, counters in balancers.items() for group, own in counters.groups.items()]
    )


def _codes(balancers: dict[str, LoadBalancerCounters]) -> Iterator[Metric]:
    """`HTTPCode_ELB_3XX_Count` and its kin: answers that the load balancer made itself."""
    for digit in (3, 4, 5):
        family = _code_family(f"httpcode_elb_{digit}xx_count", f"Answers {digit}XX by the load balancer itself")
        for name, counters in balancers.items():
            count = sum(count for status, count in counters.elb_status.items() if status // 100 == digit)
            if count:
                family.add_metric((name,), count)
        yield family
    for status in _SINGLE_CODES:
        family = _code_family(f"httpcode_elb_{status}_count", f"Answers {status} by the load balancer itself")
        for name, counters in balancers.items():
            if counters.elb_status.get(status):
                family.add_metric((name,), counters.elb_status[status])
        yield family


def _code_family(name: str, documentation: str) -> CounterMetricFamily:
    return CounterMetricFamily(_PREFIX + name, documentation, labels=_LOAD_BALANCER)


def _group_counters(groups: Sequence[tuple[tuple[str, str], TargetGroupCounters]]) -> Iterator[Metric]:
    for metric, documentation, attribute in _GROUP_COUNTERS:
        family = CounterMetricFamily(_PREFIX + metric, documentation, labels=_TARGET_GROUP)
        for labels, counters in groups:
            family.add_metric(labels, getattr(counters, attribute))
        yield family
    for digit in (2, 3, 4, 5):
        name, documentation = f"httpcode_target_{digit}xx_count", f"Responses {digit}XX by targets"
        family = CounterMetricFamily(_PREFIX + name, documentation, labels=_TARGET_GROUP)
        for labels, counters in groups:
            if counters.target_status[digit]:
                family.add_metric(labels, counters.target_status[digit])
        yield family
    seconds = SummaryMetricFamily(
        _PREFIX + "target_response_time_seconds",
        "From sending a request to a target until its response begins",
        labels=_TARGET_GROUP,
    )
    for labels, counters in groups:
        seconds.add_metric(labels, counters.response_samples, counters.response_seconds)
    yield seconds


def _observed(groups: Sequence[TargetGroupStatus], topology: Topology) -> Iterator[Metric]:
    healthy = GaugeMetricFamily(_PREFIX + "healthy_host_count", "Healthy targets", labels=_TARGET_GROUP)
    unhealthy = GaugeMetricFamily(_PREFIX + "un_healthy_host_count", "Unhealthy targets", labels=_TARGET_GROUP)
    anomalous = GaugeMetricFamily(_PREFIX + "anomalous_host_count", "Targets with anomalies", labels=_TARGET_GROUP)
    mitigated = GaugeMetricFamily(_PREFIX + "mitigated_host_count", "Targets under mitigation", labels=_TARGET_GROUP)
    unhealthy_routing = CounterMetricFamily(
        _PREFIX + "unhealthy_routing_request_count", "Requests routed while failing open", labels=_TARGET_GROUP
    )
    single = GaugeMetricFamily("edgeproxy_target_healthy", "1 while a target is healthy", labels=_TARGET)
    for group in groups:
        load_balancer = topology.load_balancer_of(topology.target_group(group.arn))
        labels = ("" if load_balancer is None else load_balancer.name, group.name)
        states = [target.health.state for target in group.targets]
        healthy.add_metric(labels, states.count(TargetHealthState.HEALTHY))
        unhealthy.add_metric(labels, states.count(TargetHealthState.UNHEALTHY))
        anomalous.add_metric(labels, sum(target.is_anomalous for target in group.targets))
        mitigated.add_metric(labels, sum(target.is_mitigated for target in group.targets))
        unhealthy_routing.add_metric(labels, group.unhealthy_routing_requests)
        for target, state in zip(group.targets, states, strict=True):
            single.add_metric((*labels, f"{target.id}:{target.port}"), state is TargetHealthState.HEALTHY)
    yield from (healthy, unhealthy, anomalous, mitigated, unhealthy_routing, single)
