"""What the user guide says about requests, answers, logs and metrics, and edgeproxy does not do, with the reason.

`conformance_report.py` writes these rows into CONFORMANCE.md behind what is shown by tests. Whoever builds one of them
takes its row out. Metrics that are not published are not here: `runtime/metric_names.py` has their reasons already.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from edgeproxy.runtime.metric_names import METRICS
from edgeproxy.runtime.metric_row import Unpublished

_HOW = "how-elastic-load-balancing-works"
_TROUBLE = "load-balancer-troubleshooting"
_ACCESS = "load-balancer-access-logs"
_CONNECTIONS = "load-balancer-connection-logs"
_CHECKS = "load-balancer-health-check-logs"
_METRICS = "load-balancer-cloudwatch-metrics"

_FUNCTIONS = "Targets are no functions."
_LOGIN = "The authenticate actions and jwt-validation are not carried out."
_FIREWALL = "There is no web application firewall."


class Gap(NamedTuple):
    """One documented behaviour that is missing, and why."""

    section: str
    fact: str
    page: str
    reason: str


_ROWS: Final = (
    Gap("generated answers", "401, 500, 561, 562 of logins and tokens", _TROUBLE, _LOGIN),
    Gap("generated answers", "403 and 500 of the firewall, 403 of denied addresses", _TROUBLE, _FIREWALL),
    Gap("generated answers", "413 and 502 of functions, 400 for a WebSocket to one", _TROUBLE, _FUNCTIONS),
    Gap(
        "generated answers",
        "413 for headers that are too large",
        _TROUBLE,
        "The page lists them under 400 as well, which is what was observed.",
    ),
    Gap(
        "generated answers",
        "500, 501 and 503 of the target optimizer",
        _TROUBLE,
        "There is no target optimizer.",
    ),
    Gap(
        "target failures",
        "a Content-Length larger than the body is a 504",
        _TROUBLE,
        "The response's head has been passed on by then: the client connection is cut, so that nothing looks complete.",
    ),
    Gap(
        "responses",
        "trailers are passed on",
        "load-balancer-target-groups",
        "For HTTP/1.1 the guide does not say so, and nginx drops them; between HTTP/2 and HTTP/2 they are passed on.",
    ),
    Gap("access log fields", "23: authenticate", _ACCESS, _LOGIN),
    Gap("access log fields", "23: waf, waf-failed", _ACCESS, _FIREWALL),
    Gap("access log fields", "25: Auth and JWT reasons", _ACCESS, _LOGIN),
    Gap("access log fields", "25: Lambda reasons", _ACCESS, _FUNCTIONS),
    Gap("access log fields", "25: WAF reasons", _ACCESS, _FIREWALL),
    Gap(
        "access log fields",
        "33: TransformCompileError, TransformCompileTooBig, TransformRegexSyntaxError",
        _ACCESS,
        "Expressions are compiled when the configuration is read, and a file with one that cannot be is refused.",
    ),
    Gap(
        "access log fields",
        "the two further fields seen in 2026",
        _ACCESS,
        "The guide does not know them; parsers have to accept 34.",
    ),
    Gap(
        "connection log",
        "protocol, cipher and key exchange of a handshake that failed",
        _CONNECTIONS,
        "Python's ssl module tells nothing of a handshake that has not ended well.",
    ),
    Gap(
        "connection log",
        "the key exchange group before Python 3.15",
        _CONNECTIONS,
        "Python's ssl module cannot name it.",
    ),
    Gap("health-check log", "type lambda, reason ResponseStringMismatch", _CHECKS, _FUNCTIONS),
    Gap(
        "log files",
        "buckets in S3, their policies and encryption; CloudWatch Logs and Firehose",
        "enable-access-logging",
        "No AWS account is involved: a bucket is a directory.",
    ),
    Gap(
        "log files",
        "several objects in five minutes under load",
        _ACCESS,
        "One node writes one object; asking for delivery in between makes another.",
    ),
    Gap(
        "metrics",
        "the dimension AvailabilityZone",
        _METRICS,
        "There is one node in one zone: each number is that zone's.",
    ),
)

GAPS: Final = (
    *_ROWS,
    *(
        Gap("metrics", ", ".join(row.cloudwatch), _METRICS, row.reason)
        for row in METRICS
        if isinstance(row, Unpublished)
    ),
)
"""All of them, in no particular order."""
