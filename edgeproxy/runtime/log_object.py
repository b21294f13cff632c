"""The names under which the load balancer's logs are stored: three families, one layout.

    [PREFIX/]AWSLogs/ACCOUNT/elasticloadbalancing/REGION/YYYY/MM/DD/
        [MARKER]ACCOUNT_elasticloadbalancing_REGION_app.NAME.ID_END_NODE_RANDOM.log.gz
    [PREFIX/]AWSLogs/ACCOUNT/ELBAccessLogTestFile

END is the end of the five minutes that the object is about, as YYYYMMDDTHHMMZ; the folders are the day of delivery;
NODE is the address of the load balancer's node; RANDOM is eight lower-case letters and digits. Source: user guide,
load-balancer-access-logs, load-balancer-connection-logs, load-balancer-health-check-logs.
"""

from __future__ import annotations

import math
import random
import string
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from edgeproxy.model import ids

if TYPE_CHECKING:
    from edgeproxy.model.load_balancer import LogName

INTERVAL_SECONDS: Final = 300
"""Of the wall clock, whatever the time scale: the lines carry the wall clock's time, and their objects' names have
minutes. Who does not want to wait asks for delivery."""

RANDOM_LENGTH: Final = 8

UNKNOWN_NODE: Final = "127.0.0.1"
"""The node in an object's name while no line has told an IPv4 address of the load balancer; real nodes have one."""

_RANDOM_SIGNS: Final = string.ascii_lowercase + string.digits


class LogFamily(NamedTuple):
    """One of the three logs.

    Attributes:
        name: The beginning of its attributes' keys.
        words: What it is called in a sentence.
        marker: The beginning of its objects' names.
        test_file: The object that is written when the log is switched on.
        time_field: Where its lines carry their time, counted from 0.
    """

    name: LogName
    words: str
    marker: str
    test_file: str
    time_field: int


ACCESS: Final = LogFamily("access_logs", "access log", "", "ELBAccessLogTestFile", 1)
CONNECTION: Final = LogFamily("connection_logs", "connection log", "conn_log_", "ELBConnectionLogTestFile", 0)
HEALTH_CHECK: Final = LogFamily(
    "health_check_logs", "health check log", "health_check_log_", "ELBHealthCheckLogTestFile", 1
)


class LogOwner(NamedTuple):
    """The load balancer that a log is about."""

    account: str
    region: str
    load_balancer: str


def interval_end(moment: float) -> int:
    """The end of the interval that a moment lies in; both in seconds since 1970."""
    return (math.floor(moment) // INTERVAL_SECONDS + 1) * INTERVAL_SECONDS


def random_part() -> str:
    """What makes a name unique."""
    return "".join(random.choices(_RANDOM_SIGNS, k=RANDOM_LENGTH))  # noqa: S311 - told apart, not kept secret


def object_key(
    family: LogFamily, owner: LogOwner, *, prefix: str, delivered: float, end: float, node: str, unique: str
) -> str:
    """The key of an object with lines; `delivered` and `end` are in seconds since 1970."""
    folders = time.strftime("%Y/%m/%d", time.gmtime(delivered))
    ended = time.strftime("%Y%m%dT%H%MZ", time.gmtime(end))
    resource = ids.load_balancer_resource(owner.load_balancer).replace("/", ".")
    name = f"{owner.account}_elasticloadbalancing_{owner.region}_{resource}_{ended}_{node}_{unique}.log.gz"
    return f"{_root(prefix, owner)}/elasticloadbalancing/{owner.region}/{folders}/{family.marker}{name}"


def test_object_key(family: LogFamily, owner: LogOwner, *, prefix: str) -> str:
    """The key of the object that tells that the log was switched on."""
    return f"{_root(prefix, owner)}/{family.test_file}"


def _root(prefix: str, owner: LogOwner) -> str:
    prefix = prefix.strip("/")
    return f"{prefix}/AWSLogs/{owner.account}" if prefix else f"AWSLogs/{owner.account}"
