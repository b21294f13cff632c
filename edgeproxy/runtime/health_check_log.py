"""The health-check log: one line a check and target, passed or failed, in the real load balancer's format.

    http 2026-10-31T12:44:59.875678Z 0.019584011 10.0.2.97:80 web PASS 200 - app/demo/98e3a879de9d6b42 10.0.0.5

Type, start, latency in seconds, target, target group's name, result, status code, reason, load balancer, its node's
address. Without a status code its field is `-` (unconfirmed). The target is written with its own port also where checks
go to another one (unconfirmed). Source: user guide, load-balancer-health-check-logs.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from edgeproxy.health.outcome import log_reason

if TYPE_CHECKING:
    from edgeproxy.health.outcome import CheckResult


class CheckRecord(NamedTuple):
    """One check that has ended.

    Attributes:
        protocol: What the check spoke: HTTP, HTTPS, H2 or GRPC.
        started: Seconds since 1970.
        latency: Seconds.
        target: `address:port`.
        target_group: Its name.
        result: What it found.
        status: The target's status, of a call the grpc-status (unconfirmed); None when there was none.
        load_balancer: The resource, `app/NAME/ID`.
        node_address: The load balancer's own address, or `-`.
    """

    protocol: str
    started: float
    latency: float
    target: str
    target_group: str
    result: CheckResult
    status: int | None
    load_balancer: str
    node_address: str


def render(record: CheckRecord) -> str:
    """The line, its line feed included."""
    microseconds = round(record.started * 1e6)
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(microseconds // 1_000_000))
    status = "-" if record.status is None else record.status
    return (
        f"{record.protocol.lower()} {moment}.{microseconds % 1_000_000:06d}Z {record.latency:.9f} {record.target} "
        f"{record.target_group} {'PASS' if record.result.passed else 'FAIL'} {status} "
        f"{log_reason(record.result)} {record.load_balancer} {record.node_address}\n"
    )
