"""`/metrics`: the table of `metric_names.py` in Prometheus's text format, with the numbers of this moment.

Like CloudWatch, a metric has no line where its criteria say so; its name and what it counts are always there. The only
metric that is not CloudWatch's, `edgeproxy_target_healthy`, says of each target what the counts of a group hide.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, cast

from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from edgeproxy.model.target import TargetHealthState
from edgeproxy.runtime.metric_names import METRICS
from edgeproxy.runtime.metric_row import (
    LOAD_BALANCER,
    PREFIX,
    BalancerView,
    GroupView,
    Kind,
    Published,
    Shown,
    Unpublished,
)
from edgeproxy.runtime.metrics import RESPONSE_TIME_BOUNDS, TargetGroupCounters

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from edgeproxy.model.topology import Topology
    from edgeproxy.runtime.metrics import Metrics
    from edgeproxy.runtime.status import TargetGroupStatus

    Labels = tuple[str, ...]

_TARGET = ("load_balancer", "target_group", "target")
_FAMILIES: dict[Kind, Any] = {
    Kind.COUNTER: CounterMetricFamily,
    Kind.GAUGE: GaugeMetricFamily,
    Kind.HISTOGRAM: HistogramMetricFamily,
}


def render(metrics: Metrics, groups: Sequence[TargetGroupStatus], topology: Topology) -> bytes:
    """The answer of `/metrics`.

    Args:
        metrics: What was counted.
        groups: The target groups' health now.
        topology: Says which load balancer uses which target group.
    """
    balancers = _balancers(metrics, topology)
    by_group = _groups(metrics, groups, topology)
    families = [
        _family(row, balancers if row.labels == LOAD_BALANCER else by_group)
        for row in METRICS
        if not isinstance(row, Unpublished)
    ]
    return generate_latest(_Snapshot([*families, _single(by_group)]))


class _Snapshot(Collector):
    """Metrics that are already there, in the form in which prometheus_client takes them."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _balancers(metrics: Metrics, topology: Topology) -> dict[Labels, BalancerView]:
    sticky: dict[str, set[str]] = {}
    for group in topology.target_groups:
        balancer = topology.load_balancer_of(group)
        if balancer is not None and group.settings.stickiness_enabled:
            sticky.setdefault(balancer.name, set()).add(group.settings.stickiness_type)
    return {
        (name,): BalancerView(counters, frozenset(sticky.get(name, ())))
        for name, counters in metrics.load_balancers.items()
    }


def _groups(metrics: Metrics, groups: Sequence[TargetGroupStatus], topology: Topology) -> dict[Labels, GroupView]:
    """Every target group that is configured, and every other that has ever had a request."""
    counted = {
        (name, group): counters
        for name, balancer in metrics.load_balancers.items()
        for group, counters in balancer.groups.items()
    }
    views: dict[Labels, GroupView] = {}
    for status in groups:
        balancer = topology.load_balancer_of(topology.target_group(status.arn))
        labels = ("" if balancer is None else balancer.name, status.name)
        views[labels] = GroupView(counted.get(labels) or TargetGroupCounters(), status)
    return {labels: GroupView(counters, None) for labels, counters in counted.items()} | views


def _family(row: Published[Any], views: Mapping[Labels, Any]) -> Metric:
    family = _FAMILIES[row.kind](PREFIX + row.name, row.counts, labels=row.labels)
    for labels, view in views.items():
        value = row.read(view)
        if not _is_shown(row, view, value):
            continue
        family.add_metric(labels, *(_histogram(view.counters) if row.kind is Kind.HISTOGRAM else (value,)))
    return cast("Metric", family)


def _is_shown(row: Published[Any], view: BalancerView | GroupView, value: float) -> bool:
    if value and row.kind is not Kind.GAUGE:
        return True  # a counter that has begun never disappears
    match row.shown:
        case Shown.NON_ZERO:
            return value != 0
        case Shown.ALWAYS:
            return isinstance(view, BalancerView) or view.status is not None
        case Shown.WITH_TARGETS:
            return isinstance(view, GroupView) and view.has_targets
        case Shown.STICKY:
            return isinstance(view, BalancerView) and "lb_cookie" in view.stickiness
        case Shown.APP_STICKY:
            return isinstance(view, BalancerView) and "app_cookie" in view.stickiness


def _histogram(counters: TargetGroupCounters) -> tuple[list[tuple[str, float]], float]:
    """Prometheus's buckets: upper end, and how many samples are not above it; and the sum of all samples."""
    ends = [*(f"{bound:g}" for bound in RESPONSE_TIME_BOUNDS), "+Inf"]
    return list(zip(ends, itertools.accumulate(counters.response_buckets), strict=True)), counters.response_seconds


def _single(groups: Mapping[Labels, GroupView]) -> Metric:
    family = GaugeMetricFamily("edgeproxy_target_healthy", "1 while a target is healthy", labels=_TARGET)
    for labels, view in groups.items():
        for target in view.targets:
            is_healthy = target.health.state is TargetHealthState.HEALTHY
            family.add_metric((*labels, f"{target.id}:{target.port}"), is_healthy)
    return family
