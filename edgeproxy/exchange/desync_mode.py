"""What follows from a desync verdict: the load balancer's mitigation mode.

                  Acceptable   Ambiguous                      Severe
    monitor       forward      forward                        forward, if it can be made sense of
    defensive     forward      forward, then close both ends  400, close
    strictest     400, close   400, close                     400, close

Source: user guide, edit-load-balancer-attributes, desync mitigation mode. In monitor mode connections are used again
like any other; that follows from "forward" without a remark.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from edgeproxy.protocol.desync import Tier

if TYPE_CHECKING:
    from edgeproxy.protocol.desync import Verdict


class DesyncMode(enum.Enum):
    """`routing.http.desync_mitigation_mode`."""

    MONITOR = "monitor"
    DEFENSIVE = "defensive"
    STRICTEST = "strictest"

    def blocks(self, verdict: Verdict) -> bool:
        """Whether the request is answered with 400."""
        match self:
            case DesyncMode.MONITOR:
                return False
            case DesyncMode.DEFENSIVE:
                return verdict.tier >= Tier.SEVERE
            case DesyncMode.STRICTEST:
                return True

    def closes_after(self, verdict: Verdict) -> bool:
        """Whether both connections close behind the response."""
        return self is DesyncMode.DEFENSIVE and verdict.tier >= Tier.AMBIGUOUS
