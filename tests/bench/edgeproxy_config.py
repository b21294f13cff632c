"""edgeproxy's configuration in a run: an HTTP and an HTTPS listener, one target group.

Written as JSON, which is YAML as well.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_FORWARD = {"Type": "forward", "TargetGroupArn": "app"}
_NOT_FOUND = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404", "ContentType": "text/plain"}}

# Nine conditions that a browser's request does not meet, one of each kind, and the one that it does meet comes last.
_TEN_CONDITIONS: list[dict[str, object]] = [
    {"Field": "host-header", "Values": ["admin.example.com"]},
    {"Field": "host-header", "Values": ["*.internal.example.com"]},
    {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Canary", "Values": ["yes", "true"]}},
    {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "User-Agent", "Values": ["*bot*", "curl/*"]}},
    {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["PATCH", "DELETE"]}},
    {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "preview", "Value": "1"}]}},
    {"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8", "192.168.0.0/16"]}},
    {"Field": "path-pattern", "Values": ["/api/*"]},
    {"Field": "path-pattern", "Values": ["*.php"]},
    {"Field": "path-pattern", "Values": ["/app/*"]},
]


def ten_rules() -> list[dict[str, object]]:
    """Ten rules of mixed kinds; only the last one matches what the load generator asks for."""
    last = len(_TEN_CONDITIONS)
    return [
        {"Priority": n, "Conditions": [condition], "Actions": [_FORWARD if n == last else _NOT_FOUND]}
        for n, condition in enumerate(_TEN_CONDITIONS, start=1)
    ]


def service_rules(count: int) -> list[dict[str, object]]:
    """`count` rules `/svc-1/*`, `/svc-2/*`, ... that all forward."""
    return [
        {"Priority": n, "Conditions": [{"Field": "path-pattern", "Values": [f"/svc-{n}/*"]}], "Actions": [_FORWARD]}
        for n in range(1, count + 1)
    ]


def configuration(
    *,
    http_rules: list[dict[str, object]],
    https_rules: list[dict[str, object]],
    target_port: int,
    http_port: int,
    https_port: int,
    certificate: Path,
) -> str:
    """The whole file. Everything that no rule wants goes to the target group as well (readiness, bodies)."""
    default = {"DefaultActions": [_FORWARD]}
    certificates = [{"CertificateArn": str(certificate)}]
    listeners = [
        {"Port": http_port, "Protocol": "HTTP", **default, "Rules": http_rules},
        {"Port": https_port, "Protocol": "HTTPS", "Certificates": certificates, **default, "Rules": https_rules},
    ]
    balancer = {
        "Name": "bench",
        "LoadBalancerAttributes": {"idle_timeout.timeout_seconds": 600},
        "Listeners": listeners,
    }
    group = {"Name": "app", "Protocol": "HTTP", "Port": target_port, "Targets": [{"Id": "127.0.0.1"}]}
    return json.dumps({"LoadBalancers": [balancer], "TargetGroups": [group]}, indent=1)
