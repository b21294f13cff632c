"""The one table of metrics: CloudWatch's name, ours, what it counts here, and how it is read.

`/metrics` is rendered from it (`prometheus.py`), and METRICS.md is written from it (`make metrics`). The rows stand in
the order of the user guide's page; what this proxy cannot know is in its place with the reason.

CloudWatch has one metric for each set of dimensions; a label here is a dimension there. Where CloudWatch has a metric
for the load balancer and again for each of its target groups, there is one metric with both labels here, and
`sum by (load_balancer)` gives the other. The dimension AvailabilityZone has no label: this proxy is one node in one
zone, so every number is that zone's and the whole load balancer's at once.

Source: user guide, load-balancer-cloudwatch-metrics.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edgeproxy.model.target import TargetHealthState
from edgeproxy.runtime.metric_row import (
    LOAD_BALANCER,
    TARGET_GROUP,
    BalancerView,
    GroupView,
    Kind,
    Published,
    Shown,
    Unpublished,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgeproxy.runtime.metrics import LoadBalancerCounters
    from edgeproxy.runtime.status import TargetGroupStatus


def _balancer(
    cloudwatch: str,
    name: str,
    counts: str,
    read: Callable[[LoadBalancerCounters], float],
    *,
    kind: Kind = Kind.COUNTER,
    shown: Shown = Shown.NON_ZERO,
) -> Published[BalancerView]:
    return Published(
        cloudwatch=cloudwatch,
        name=name,
        counts=counts,
        read=lambda view: read(view.counters),
        labels=LOAD_BALANCER,
        kind=kind,
        shown=shown,
    )


def _group(
    cloudwatch: str,
    name: str,
    counts: str,
    read: Callable[[GroupView], float],
    *,
    kind: Kind = Kind.COUNTER,
    shown: Shown = Shown.NON_ZERO,
) -> Published[GroupView]:
    return Published(
        cloudwatch=cloudwatch, name=name, counts=counts, read=read, labels=TARGET_GROUP, kind=kind, shown=shown
    )


def _elb_class(digit: int, included: str) -> Published[BalancerView]:
    return _balancer(
        f"HTTPCode_ELB_{digit}XX_Count",
        f"httpcode_elb_{digit}xx_count",
        f"Answers {digit}XX by the load balancer itself, {included}",
        lambda of: sum(count for status, count in of.elb_status.items() if status // 100 == digit),
    )


def _elb_status(status: int) -> Published[BalancerView]:
    return _balancer(
        f"HTTPCode_ELB_{status}_Count",
        f"httpcode_elb_{status}_count",
        f"Answers {status} by the load balancer itself",
        lambda of: of.elb_status.get(status, 0),
    )


def _target_class(digit: int) -> Published[GroupView]:
    return _group(
        f"HTTPCode_Target_{digit}XX_Count",
        f"httpcode_target_{digit}xx_count",
        f"Responses {digit}XX by targets",
        lambda of: of.counters.target_status[digit],
        shown=Shown.WITH_TARGETS,
    )


def _state(cloudwatch: str, name: str, counts: str, is_so: Callable[[TargetGroupStatus], bool]) -> Published[GroupView]:
    return _group(
        cloudwatch,
        name,
        counts,
        lambda of: float(of.status is not None and is_so(of.status)),
        kind=Kind.GAUGE,
        shown=Shown.WITH_TARGETS,
    )


METRICS: Final[tuple[Published[BalancerView] | Published[GroupView] | Unpublished, ...]] = (
    _balancer(
        "ActiveConnectionCount",
        "active_connection_count",
        "Open TCP connections, with clients and with targets together; a client's from the end of its TLS handshake on",
        lambda of: of.active_connections + of.active_target_connections,
        kind=Kind.GAUGE,
    ),
    _balancer(
        "NewConnectionCount",
        "new_connection_count",
        "TCP connections that were established, with clients and with targets together, those whose TLS handshake "
        "failed as well",
        lambda of: of.new_connections + of.new_target_connections,
    ),
    Unpublished(
        ("RejectedConnectionCount",),
        "There is no maximum number of connections. Where the system's limit on open files is reached, clients wait.",
    ),
    _balancer(
        "ClientTLSNegotiationErrorCount",
        "client_tls_negotiation_error_count",
        "TLS handshakes with clients that failed",
        lambda of: of.client_tls_negotiation_errors,
    ),
    _group(
        "RequestCount",
        "request_count",
        "Requests for which a target could be chosen, whatever became of them; a WebSocket is one",
        lambda of: of.counters.request_count,
        shown=Shown.WITH_TARGETS,
    ),
    _balancer(
        "IPv6RequestCount",
        "ipv6_request_count",
        "Requests of clients that are connected over IPv6, those that were refused as well",
        lambda of: of.ipv6_requests,
    ),
    _group(
        "GrpcRequestCount",
        "grpc_request_count",
        "Calls of gRPC for which a target could be chosen, whatever became of them",
        lambda of: of.counters.grpc_request_count,
    ),
    _balancer(
        "ProcessedBytes",
        "processed_bytes",
        "Bytes of heads and bodies to and from clients, added when a request ends; all that a WebSocket carried",
        lambda of: of.processed_bytes,
    ),
    _balancer(
        "IPv6ProcessedBytes",
        "ipv6_processed_bytes",
        "The same of clients that are connected over IPv6",
        lambda of: of.ipv6_bytes,
    ),
    _balancer(
        "RuleEvaluations",
        "rule_evaluations",
        "Rules tried: the matching rule's position in order of priority, or all rules where the default answers, which "
        "is not counted itself; the ten free ones of a request are included",
        lambda of: of.rule_evaluations,
    ),
    _balancer(
        "HTTP_Fixed_Response_Count", "http_fixed_response_count", "Fixed responses", lambda of: of.fixed_responses
    ),
    _balancer("HTTP_Redirect_Count", "http_redirect_count", "Redirects", lambda of: of.redirects),
    _balancer(
        "HTTP_Redirect_Url_Limit_Exceeded_Count",
        "http_redirect_url_limit_exceeded_count",
        "Redirects that were answered with 507, because the Location would have been longer than 8 K",
        lambda of: of.redirects_too_long,
    ),
    _elb_class(3, "which are redirects"),
    _elb_class(4, "fixed responses and requests that the client abandoned (460) included"),
    _elb_class(5, "fixed responses included"),
    *map(_elb_status, (500, 502, 503, 504)),
    _balancer(
        "DesyncMitigationMode_NonCompliant_Request_Count",
        "desync_mitigation_mode_non_compliant_request_count",
        "Requests that were classified other than compliant",
        lambda of: of.non_compliant_requests,
    ),
    _balancer(
        "DroppedInvalidHeaderRequestCount",
        "dropped_invalid_header_request_count",
        "Requests that went to a target without their headers with invalid names",
        lambda of: of.invalid_headers_dropped,
    ),
    _balancer(
        "ForwardedInvalidHeaderRequestCount",
        "forwarded_invalid_header_request_count",
        "Requests that went to a target with headers that have invalid names",
        lambda of: of.invalid_headers_forwarded,
        shown=Shown.ALWAYS,
    ),
    _balancer(
        "NonStickyRequestCount",
        "non_sticky_request_count",
        "Requests to a group with stickiness of type lb_cookie for which a target was chosen anew: no cookie, one that "
        "cannot be read or is too old, or a target that gets no requests now",
        lambda of: of.sessions_missed,
        shown=Shown.STICKY,
    ),
    _balancer(
        "AppCookieNonStickinessCount",
        "app_cookie_non_stickiness_count",
        "The same for stickiness of type app_cookie",
        lambda of: of.application_sessions_missed,
        shown=Shown.APP_STICKY,
    ),
    Unpublished(
        ("LowReputationRequestsDenied", "LowReputationPacketsDropped", "ExcessiveLowReputationPackets"),
        "There is no protection against denial of service.",
    ),
    Unpublished(("BYoIPUtilPercentage",), "There are no pools of addresses."),
    Unpublished(
        ("ConsumedLCUs", "PeakLCUs", "ReservedLCUs"),
        "Capacity units are a price. What they are computed from is here: NewConnectionCount, ActiveConnectionCount, "
        "ProcessedBytes, RuleEvaluations.",
    ),
    Unpublished(("CapacityUtilization",), "The capacity is that of this machine, which nothing here knows."),
    _group(
        "HealthyHostCount",
        "healthy_host_count",
        "Healthy targets; one that drains is none",
        lambda of: of.count(TargetHealthState.HEALTHY),
        kind=Kind.GAUGE,
        shown=Shown.WITH_TARGETS,
    ),
    _group(
        "UnHealthyHostCount",
        "un_healthy_host_count",
        "Unhealthy targets; one that drains is none",
        lambda of: of.count(TargetHealthState.UNHEALTHY),
        kind=Kind.GAUGE,
        shown=Shown.WITH_TARGETS,
    ),
    *map(_target_class, (2, 3, 4, 5)),
    _group(
        "RequestCountPerTarget",
        "request_count_per_target",
        "RequestCount divided by the healthy targets, or by all where none is healthy; each request by those of about "
        "its time",
        lambda of: of.counters.requests_per_target,
        shown=Shown.ALWAYS,
    ),
    _group(
        "TargetResponseTime",
        "target_response_time_seconds",
        "Seconds from sending a request to a target until its response begins; a histogram, from which Prometheus "
        "computes pNN as `histogram_quantile`",
        lambda of: of.counters.response_samples,
        kind=Kind.HISTOGRAM,
    ),
    _group(
        "TargetConnectionErrorCount",
        "target_connection_error_count",
        "Requests whose connection to the target could not be established, health checks not included",
        lambda of: of.counters.connection_errors,
    ),
    _group(
        "TargetTLSNegotiationErrorCount",
        "target_tls_negotiation_error_count",
        "Requests whose TLS handshake with the target failed or was not over in time",
        lambda of: of.counters.tls_errors,
    ),
    _group(
        "AnomalousHostCount",
        "anomalous_host_count",
        "Targets with anomalies",
        lambda of: sum(target.is_anomalous for target in of.targets),
        kind=Kind.GAUGE,
        shown=Shown.ALWAYS,
    ),
    _group(
        "MitigatedHostCount",
        "mitigated_host_count",
        "Targets under mitigation",
        lambda of: sum(target.is_mitigated for target in of.targets),
        kind=Kind.GAUGE,
        shown=Shown.ALWAYS,
    ),
    Unpublished(("ActiveZonalShiftHostCount",), "There is one zone, and nothing to shift to."),
    _state(
        "HealthyStateDNS",
        "healthy_state_dns",
        "1 while the zone meets the minimum for DNS, else 0",
        lambda status: not status.is_out_of_dns,
    ),
    _state(
        "HealthyStateRouting",
        "healthy_state_routing",
        "1 while the zone meets the minimum for routing, else 0",
        lambda status: not status.is_failing_open,
    ),
    _state(
        "UnhealthyStateDNS",
        "unhealthy_state_dns",
        "1 while the zone is below the minimum for DNS, else 0",
        lambda status: status.is_out_of_dns,
    ),
    _state(
        "UnhealthyStateRouting",
        "unhealthy_state_routing",
        "1 while the zone is below the minimum for routing (fail open), else 0",
        lambda status: status.is_failing_open,
    ),
    _group(
        "UnhealthyRoutingRequestCount",
        "unhealthy_routing_request_count",
        "Requests that were routed while failing open",
        lambda of: of.status.unhealthy_routing_requests if of.status is not None else 0,
    ),
    Unpublished(("LambdaUserError", "LambdaInternalError", "LambdaTargetProcessedBytes"), "Targets are no functions."),
    Unpublished(
        (
            "ELBAuthSuccess",
            "ELBAuthFailure",
            "ELBAuthError",
            "ELBAuthLatency",
            "ELBAuthRefreshTokenSuccess",
            "ELBAuthUserClaimsSizeExceeded",
        ),
        "The actions authenticate-oidc and authenticate-cognito are not carried out.",
    ),
    Unpublished(("JWTValidationFailureCount",), "The action jwt-validation is not carried out."),
    Unpublished(
        (
            "TargetControlRequestCount",
            "TargetControlRequestRejectCount",
            "TargetControlActiveChannelCount",
            "TargetControlNewChannelCount",
            "TargetControlChannelErrorCount",
            "TargetControlWorkQueueLength",
            "TargetControlProcessedBytes",
        ),
        "There is no target optimizer.",
    ),
)
