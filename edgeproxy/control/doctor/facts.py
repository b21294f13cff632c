"""The facts about the load balancer that findings rest on, each with the page of AWS's documentation that states it."""

from __future__ import annotations

from typing import Final, NamedTuple

_GUIDE: Final = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/"
_COMMON_GUIDE: Final = "https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/"


class Fact(NamedTuple):
    """What the load balancer does, and where AWS says so."""

    text: str
    page: str


KEEP_ALIVE: Final = Fact(
    "The load balancer keeps connections to targets open and uses them again until they were idle for the idle "
    "timeout; a request that meets a target's close is answered with 502.",
    f"{_GUIDE}edit-load-balancer-attributes.html#connection-idle-timeout",
)
NO_KEEP_ALIVE: Final = Fact(
    "The load balancer uses a connection to a target again unless the target answers `Connection: close`.",
    f"{_COMMON_GUIDE}how-elastic-load-balancing-works.html",
)
IDLE_TIMEOUT: Final = Fact(
    "A target that sends nothing for the idle timeout has had its time: 504. Once the answer has begun there is no "
    "status to send any more, so the connection is cut (AWS's page does not say so).",
    f"{_GUIDE}load-balancer-troubleshooting.html#http-504-issues",
)
UNREACHABLE: Final = Fact(
    "A target that refuses or resets the connection is answered for with 502, one that does not accept it within 10 s "
    "with 504.",
    f"{_GUIDE}load-balancer-troubleshooting.html#http-502-issues",
)
MALFORMED: Final = Fact(
    "A response that is malformed, or that the target breaks off, becomes 502.",
    f"{_GUIDE}load-balancer-troubleshooting.html#http-502-issues",
)
RESPONSE_HEADERS: Final = Fact(
    "The headers of a response may have 32 K together; more becomes 502.",
    f"{_GUIDE}load-balancer-troubleshooting.html#http-502-issues",
)
HTTP_VERSION: Final = Fact(
    "The load balancer speaks HTTP/1.1 with keep-alive to targets, whatever its clients speak.",
    f"{_COMMON_GUIDE}how-elastic-load-balancing-works.html",
)
HEALTH_CHECK: Final = Fact(
    "A target is healthy while GET of the health check path answers with a code of the matcher within the timeout. "
    "Redirects are not followed, and codes outside 200-499 can never match.",
    f"{_GUIDE}target-group-health-checks.html",
)
HEALTH_CHECK_HOST: Final = Fact(
    "The health checker's Host header is the target's own private IP address, with the port unless it is the "
    "protocol's; the User-Agent is ELB-HealthChecker/2.0.",
    f"{_GUIDE}load-balancer-troubleshooting.html#target-not-inservice",
)
FORWARDED_PROTO: Final = Fact(
    "TLS ends at the load balancer. X-Forwarded-Proto and X-Forwarded-Port say what the client used, Host is the "
    "client's, without a port on 80 and 443.",
    f"{_GUIDE}x-forwarded-headers.html#x-forwarded-proto",
)
WEBSOCKET: Final = Fact(
    "A WebSocket opens when the target answers GET with `Upgrade: websocket` by 101; nothing has to be configured.",
    f"{_GUIDE}load-balancer-listeners.html",
)
WEBSOCKET_IDLE: Final = Fact(
    "The idle timeout holds for WebSockets as well: one on which nothing is sent either way is closed.",
    f"{_GUIDE}edit-load-balancer-attributes.html#connection-idle-timeout",
)
DEREGISTRATION: Final = Fact(
    "A target that is deregistered gets no new requests and has the deregistration delay to complete the running ones; "
    "one that closes its connections before that turns them into errors.",
    f"{_GUIDE}edit-target-group-attributes.html#deregistration-delay",
)
GRPC_STATUS: Final = Fact(
    "Health checks of a target group with the protocol version GRPC call a method, /AWS.ALB/healthcheck by default, "
    "and compare its grpc-status with the matcher, 12 by default (unimplemented).",
    f"{_GUIDE}target-group-health-checks.html",
)
GOAWAY: Final = Fact(
    "The load balancer keeps connections to targets open and uses them again until they were idle for the idle "
    "timeout. What it does with a request that meets a GOAWAY is not documented; edgeproxy answers it with 502.",
    f"{_GUIDE}edit-load-balancer-attributes.html#connection-idle-timeout",
)
PROTOCOL_VERSION: Final = Fact(
    "Targets of groups with the protocol version HTTP2 or GRPC are spoken to in HTTP/2.",
    f"{_GUIDE}load-balancer-target-groups.html#target-group-protocol-version",
)
