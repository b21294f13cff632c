"""The requests of the examinations, as the load balancer would send them.

Order and names of the headers: user guide, x-forwarded-headers and load-balancer-request-tracing; the order was
observed on a target.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from edgeproxy.control.doctor.subject import Subject

CLIENT: Final = "203.0.113.10"
"""A client out in the world; the address belongs to documentation (RFC 5737)."""


def forwarded(
    subject: Subject, path: str, *headers: str, protocol: str = "", port: int = 0, host: str = "", method: str = "GET"
) -> bytes:
    """A client's request without a body, as it comes out of the load balancer.

    Args:
        subject: Whose client's.
        path: With its query.
        *headers: The client's own, `Name: value`.
        protocol: What the client spoke; the subject's usual one where omitted.
        port: Of the listener; likewise.
        host: Likewise.
        method: Of the request.
    """
    trace_id = f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}"
    lines = [
        f"{method} {path} HTTP/1.1",
        f"X-Forwarded-For: {CLIENT}",
        f"X-Forwarded-Proto: {protocol or subject.client_protocol}",
        f"X-Forwarded-Port: {port or subject.client_port}",
        f"Host: {host or subject.host}",
        f"X-Amzn-Trace-Id: {trace_id}",
        *headers,
        "User-Agent: edgeproxy-doctor",
        "Accept: */*",
    ]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1")
