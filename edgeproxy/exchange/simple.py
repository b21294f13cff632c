"""SimpleExchange: a request of HTTP/0.9, whose answer is a body and nothing else (RFC 1945 section 6, Simple-Response).

It is routed and forwarded like any other, as HTTP/1.1 and under the load balancer's own name, because it names no host
(user guide, how-elastic-load-balancing-works, for HTTP/1.0 without Host). Error pages come without a head too, as from
nginx.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeproxy.exchange.exchange import Exchange
from edgeproxy.exchange.forwarding import BodyMode
from edgeproxy.exchange.phase import TargetPhase

if TYPE_CHECKING:
    from edgeproxy.exchange.replies import Reply
    from edgeproxy.protocol.message import ResponseHead


class SimpleExchange(Exchange):
    """One request of HTTP/0.9. Its connection ends with it."""

    __slots__ = ()

    def on_response(self, head: ResponseHead, data: bytes, is_complete: bool, now: float) -> None:
        """The target's response: its body is passed on until the connection closes."""
        self.phase = TargetPhase.RESPONDING
        self.answered = now
        self.status = self.target_status = head.status
        self._mode = BodyMode.UNTIL_CLOSE
        self._is_kept = False
        self.on_response_body(data, is_complete)

    def _encode_reply(self, reply: Reply, *, keep: bool) -> bytes:
        return reply.body
