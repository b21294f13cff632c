"""What is counted. Plain integers: counting is a few additions on the request path.

What each number is called outside, and when it is shown, says `metric_names.py`; what adds to it for one request says
`ledger.py`. Numbers grow as long as the proxy lives, and whoever reads them asks for the difference.
Source: user guide, load-balancer-cloudwatch-metrics.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from edgeproxy.model.target import TargetHealthState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgeproxy.balancing.group import TargetGroupState

RESPONSE_TIME_BOUNDS: Final = (
    0.001,
    0.002,
    0.005,
    0.01,
    0.02,
    0.05,
    0.1,
    0.2,
    0.5,
    1.0,
    2.0,
    5.0,
    10.0,
    20.0,
    60.0,
)
"""Seconds: the upper ends of the buckets of TargetResponseTime, inclusive. One more bucket holds the rest."""


class TargetGroupCounters:  # hot path
    """What one target group's requests add up to."""

    __slots__ = (
        "_shared_out",
        "connection_errors",
        "grpc_request_count",
        "request_count",
        "requests_per_target",
        "response_buckets",
        "response_seconds",
        "target_status",
        "tls_errors",
    )

    def __init__(self) -> None:
        self.request_count = 0
        self.grpc_request_count = 0
        self.requests_per_target = 0.0
        """`request_count`, each request divided by the targets that were healthy then; see `share_out`."""
        self._shared_out = 0
        self.connection_errors = 0
        self.tls_errors = 0
        self.response_seconds = 0.0
        self.response_buckets = [0] * (len(RESPONSE_TIME_BOUNDS) + 1)
        self.target_status = [0, 0, 0, 0, 0, 0]
        """Responses by the first digit of the target's status."""

    @property
    def response_samples(self) -> int:
        """How many responses `response_seconds` is the sum of."""
        return sum(self.response_buckets)

    def share_out(self, targets: int) -> None:
        """Divides the requests since the last time among so many targets; none leaves them for later."""
        if targets:
            self.requests_per_target += (self.request_count - self._shared_out) / targets
            self._shared_out = self.request_count


class LoadBalancerCounters:  # hot path
    """What one load balancer's requests and connections add up to.

    The listeners count client connections once TLS is done or has failed; connections to targets are counted from TCP
    on.
    """

    __slots__ = (
        "active_connections",
        "active_target_connections",
        "application_sessions_missed",
        "client_tls_negotiation_errors",
        "elb_status",
        "fixed_responses",
        "groups",
        "invalid_headers_dropped",
        "invalid_headers_forwarded",
        "ipv6_bytes",
        "ipv6_requests",
        "new_connections",
        "new_target_connections",
        "non_compliant_requests",
        "processed_bytes",
        "redirects",
        "redirects_too_long",
        "rule_evaluations",
        "sessions_missed",
    )

    def __init__(self) -> None:
        self.active_connections = 0
        self.active_target_connections = 0
        self.new_connections = 0
        self.new_target_connections = 0
        self.client_tls_negotiation_errors = 0
        self.processed_bytes = 0
        self.ipv6_bytes = 0
        self.ipv6_requests = 0
        self.rule_evaluations = 0
        self.fixed_responses = 0
        self.redirects = 0
        self.redirects_too_long = 0
        self.non_compliant_requests = 0
        self.invalid_headers_dropped = 0
        self.invalid_headers_forwarded = 0
        self.sessions_missed = 0
        """Requests that lb_cookie stickiness could not lead to a target."""
        self.application_sessions_missed = 0
        """The same of app_cookie stickiness."""
        self.elb_status: defaultdict[int, int] = defaultdict(int)
        """Responses that the load balancer made, by status; 460 included."""
        self.groups: defaultdict[str, TargetGroupCounters] = defaultdict(TargetGroupCounters)
        """By target group name."""

    @property
    def request_count(self) -> int:
        """The requests of all target groups: those for which a target could be chosen."""
        return sum(group.request_count for group in self.groups.values())


class Metrics:
    """All counters of one proxy, by load balancer name. They live as long as the proxy."""

    def __init__(self) -> None:
        self.load_balancers: defaultdict[str, LoadBalancerCounters] = defaultdict(LoadBalancerCounters)

    def share_out(self, groups: Mapping[str, TargetGroupState]) -> None:
        """Brings RequestCountPerTarget up to date: among the healthy targets, or all where none is healthy.

        Called often, so that each request is divided by what was healthy about then, and nothing is added per request.
        """
        for balancer in self.load_balancers.values():
            for name, counters in balancer.groups.items():
                state = groups.get(name)
                if state is not None:
                    healths = [target.health.state for target in state.targets.values()]
                    counters.share_out(healths.count(TargetHealthState.HEALTHY) or len(healths))
