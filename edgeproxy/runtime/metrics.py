"""Counters under CloudWatch's names. Plain integers: counting is one addition on the request path.

Source: user guide, load-balancer-cloudwatch-metrics.
"""

from __future__ import annotations

from collections import defaultdict


class TargetGroupCounters:  # hot path
    """What one target group's requests add up to."""

    __slots__ = ("connection_errors", "request_count", "response_samples", "response_seconds", "target_status")

    def __init__(self) -> None:
        self.request_count = 0
        self.connection_errors = 0
        self.response_seconds = 0.0
        self.response_samples = 0
        self.target_status = [0, 0, 0, 0, 0, 0]
        """Responses by the first digit of the target's status."""


class LoadBalancerCounters:  # hot path
    """What one load balancer's requests and connections add up to."""

    __slots__ = (
        "active_connections",
        "client_tls_negotiation_errors",
        "elb_status",
        "fixed_responses",
        "groups",
        "new_connections",
        "processed_bytes",
        "redirects",
        "request_count",
    )

    def __init__(self) -> None:
        self.active_connections = 0
        self.new_connections = 0
        self.client_tls_negotiation_errors = 0
        self.request_count = 0
        self.processed_bytes = 0
        self.fixed_responses = 0
        self.redirects = 0
        self.elb_status: defaultdict[int, int] = defaultdict(int)
        """Responses that the load balancer made, by status; 460 included."""
        self.groups: defaultdict[str, TargetGroupCounters] = defaultdict(TargetGroupCounters)
        """By target group name."""


class Metrics:
    """All counters of one proxy, by load balancer name. They live as long as the proxy."""

    def __init__(self) -> None:
        self.load_balancers: defaultdict[str, LoadBalancerCounters] = defaultdict(LoadBalancerCounters)
