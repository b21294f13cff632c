"""How an exchange can end, and what follows from it.

Every way is one `Outcome`; the table says the status the client gets and the log shows. Statuses: user guide,
load-balancer-troubleshooting. Nothing is ever retried on another target: the access log's schema has room for one
target per request, and a connect timeout surfaces as a 504 (user guide, load-balancer-access-logs).
"""

from __future__ import annotations

import enum
from typing import Final


class Outcome(enum.Enum):
    """How an exchange ended. The value is a phrase for people."""

    FORWARDED = "the target answered"
    REDIRECTED = "redirect action"
    FIXED_RESPONSE = "fixed-response action"
    REDIRECT_TOO_LONG = "the Location of a redirect action is longer than 8 K"

    TRANSFORM_FAILED = "a transform matched and its result cannot be used"

    # The client's doing.
    BAD_REQUEST = "the request could not be read"
    HOST_MISSING = "a request of HTTP/1.1 or HTTP/2 needs a Host that is not empty"
    SEVERAL_HOSTS = "the request has more than one Host header"
    PATH_REFUSED = "the path climbs above the root or holds %00"
    DESYNC_BLOCKED = "the desync mitigation mode does not let the request pass"
    VERSION_REFUSED = "the target group's protocol version does not take such requests"
    METHOD_REFUSED = "TRACE and CONNECT are not served"
    TOO_MANY_ADDRESSES = "X-Forwarded-For holds more than 30 addresses"
    CODING_REFUSED = "the transfer coding is not supported"
    CLIENT_SILENT = "the client did not finish its request in time"
    CLIENT_LEFT_SENDING = "the client closed the connection before the request was complete"
    CLIENT_LEFT = "the client closed the connection before the response was complete"

    # The target's doing.
    NO_TARGET = "the target group has no usable target"
    CONNECT_FAILED = "the target refused or reset the connection attempt"
    CONNECT_TIMEOUT = "the target did not accept the connection in time"
    TARGET_TLS_FAILED = "the TLS handshake with the target failed"
    TARGET_TLS_TIMEOUT = "the TLS handshake with the target was not over in time"
    TARGET_CLOSED = "the target closed the connection with a request outstanding"
    TARGET_MALFORMED = "the target's response is malformed"
    TARGET_SILENT = "the target was silent for the idle timeout"
    DEREGISTERED = "the target's deregistration delay ended before the response was complete"

    # Ours.
    FAULT_ANSWERED = "a fault on purpose"
    FAULT_CUT = "a fault on purpose reset the connection"
    SHUTTING_DOWN = "the load balancer stopped before the response was complete"


STATUS: Final[dict[Outcome, int]] = {
    Outcome.REDIRECT_TOO_LONG: 507,
    Outcome.TRANSFORM_FAILED: 500,
    Outcome.BAD_REQUEST: 400,
    Outcome.HOST_MISSING: 400,
    Outcome.SEVERAL_HOSTS: 400,
    Outcome.PATH_REFUSED: 400,
    Outcome.DESYNC_BLOCKED: 400,
    Outcome.VERSION_REFUSED: 464,
    Outcome.METHOD_REFUSED: 405,
    Outcome.TOO_MANY_ADDRESSES: 463,
    Outcome.CODING_REFUSED: 501,
    Outcome.CLIENT_SILENT: 408,
    Outcome.CLIENT_LEFT_SENDING: 400,
    Outcome.CLIENT_LEFT: 460,
    Outcome.NO_TARGET: 503,
    Outcome.CONNECT_FAILED: 502,
    Outcome.CONNECT_TIMEOUT: 504,
    Outcome.TARGET_TLS_FAILED: 502,
    Outcome.TARGET_TLS_TIMEOUT: 504,
    Outcome.TARGET_CLOSED: 502,
    Outcome.TARGET_MALFORMED: 502,
    Outcome.TARGET_SILENT: 504,
    Outcome.DEREGISTERED: 502,
    Outcome.SHUTTING_DOWN: 502,
}
"""The status of each outcome that the load balancer decides; the others carry their own."""

CLOSES_CLIENT: Final = frozenset(
    {
        Outcome.BAD_REQUEST,
        Outcome.HOST_MISSING,
        Outcome.SEVERAL_HOSTS,
        Outcome.PATH_REFUSED,
        Outcome.DESYNC_BLOCKED,
        Outcome.CLIENT_SILENT,
        Outcome.CLIENT_LEFT_SENDING,
        Outcome.CLIENT_LEFT,
        Outcome.CODING_REFUSED,
        Outcome.TRANSFORM_FAILED,
        Outcome.SHUTTING_DOWN,
    }
)
"""Outcomes after which the client connection does not go on: it cannot, or nginx does so for the status (500, 501)."""
