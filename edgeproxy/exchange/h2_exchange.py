"""H2Exchange: an exchange whose client speaks HTTP/2.

Routing, forwarding, time and endings are `Exchange`'s; only what goes to the client differs: heads are header blocks,
bodies are not framed here, and a response that breaks off is a reset of its stream.

gRPC (user guide, load-balancer-target-groups): a request whose Content-Type begins with `application/grpc` may not go
to an HTTP1 target group, and gets the load balancer's errors as one header block that ends the stream, with the HTTP
status and gRPC's beside it (observed for 502; the other rows of the table are nginx's template).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edgeproxy.exchange.exchange import Exchange
from edgeproxy.exchange.forwarding import BodyMode, encode_response_head, remember_encoding, response_lines
from edgeproxy.exchange.outcome import Outcome
from edgeproxy.exchange.phase import TargetPhase
from edgeproxy.exchange.replies import reply_lines
from edgeproxy.exchange.response_headers import OVER_HTTP2

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgeproxy.balancing.target_state import TargetState
    from edgeproxy.exchange.ports import StreamPort
    from edgeproxy.exchange.replies import Reply
    from edgeproxy.protocol.message import ResponseHead

FRAME_HEADER_SIZE: Final = 9

_UNAVAILABLE: Final = ("14", "unavailable")
_INTERNAL: Final = ("13", "internal error")
_UNKNOWN: Final = ("2", "unknown")
GRPC_STATUSES: Final = {
    400: _INTERNAL,
    401: ("16", "unauthenticated"),
    403: ("7", "permission denied"),
    404: ("12", "unimplemented"),
    405: _INTERNAL,
    408: ("4", "deadline exceeded"),
    413: ("8", "resource exhausted"),
    414: ("8", "resource exhausted"),
    415: _INTERNAL,
    429: _UNAVAILABLE,
    500: _INTERNAL,
    501: _INTERNAL,
    502: _UNAVAILABLE,
    503: _UNAVAILABLE,
    504: _UNAVAILABLE,
}
"""HTTP status to grpc-status and grpc-message of an answer by the load balancer. 502 is observed, the rest
unconfirmed."""

_IN_HTTPS_OWN_WORDS: Final = frozenset({Outcome.VERSION_REFUSED, Outcome.REDIRECTED, Outcome.FIXED_RESPONSE})
"""Answers that gRPC's clients get as everybody else does: 464 (observed), and what a rule says (unconfirmed)."""


class H2Exchange(Exchange):  # hot path
    """One request on one stream."""

    __slots__ = ()

    client: StreamPort

    @property
    def is_grpc(self) -> bool:
        """Whether this is a call of gRPC, which are all POST."""
        head = self.head
        return head is not None and head.method == "POST" and is_grpc(head.header_values("content-type"))

    @property
    def keeps_client(self) -> bool:
        """A stream ends with its response, and its connection does not."""
        return self._is_sent

    # ---- the target's events

    def forward_to(self, target: TargetState) -> None:
        """Sends the request to this target, if its group takes such requests."""
        if self.is_grpc:
            self.fail(Outcome.VERSION_REFUSED)
            return
        super().forward_to(target)

    def on_response(self, head: ResponseHead, data: bytes, is_complete: bool, now: float) -> None:
        """The target's response head, with the part of its body that came along."""
        self.phase = TargetPhase.RESPONDING
        self.answered = now
        self.status = self.target_status = head.status
        block = self._encode_head(head)
        self.sent_bytes += FRAME_HEADER_SIZE + len(block)
        self._count(data)
        self.client.send_head(block, data, is_complete)
        if is_complete:
            self._complete()

    def _encode_head(self, head: ResponseHead) -> bytes:
        context = self.context
        added = context.response_headers
        if self.sticky is not None:
            # Each response has its own cookies; they are put in their places once, for both versions of HTTP.
            encoded = encode_response_head(head, BodyMode.AS_RECEIVED, True, context.clock, added)
            lines = self.sticky.add_cookies(encoded, head).decode("latin-1").split("\r\n")
            return context.h2_encoder.encode_response(head.status, lines[1:-2])
        if head.derived is None:
            head.derived = {}
        key = added.keys[OVER_HTTP2]
        block: bytes | None = head.derived.get(key)
        if block is None:
            # What belongs to an HTTP/1.1 connection among the lines is left out by the encoder.
            lines, is_constant = response_lines(head, BodyMode.AS_RECEIVED, context.clock.http_date(), added, "")
            block = context.h2_encoder.encode_response(head.status, filter(None, lines))
            if is_constant:
                remember_encoding(head.derived, key, block)
        return block

    def on_response_body(self, data: bytes, is_complete: bool) -> None:
        """More of the response's body."""
        self._count(data)
        self.client.send_data(data, is_complete)
        if is_complete:
            self._complete()

    def _count(self, data: bytes) -> None:
        if data:
            self.sent_bytes += FRAME_HEADER_SIZE + len(data)

    # ---- endings

    def _answer(self, reply: Reply, outcome: Outcome, *, keep: bool) -> None:
        self.status = reply.status
        self.outcome = outcome
        is_head = self.head is not None and self.head.method == "HEAD"
        context = self.context
        grpc: list[str] = []
        if self.is_grpc and outcome not in _IN_HTTPS_OWN_WORDS:
            status, message = GRPC_STATUSES.get(reply.status, _UNKNOWN)
            grpc = [f"grpc-status: {status}", f"grpc-message: {message}"]
            reply = reply._replace(content_type="application/grpc", body=b"")
        lines = reply_lines(reply, date=context.clock.http_date(), added=context.response_headers)
        block = context.h2_encoder.encode_response(reply.status, lines + grpc)
        body = b"" if is_head else reply.body
        self.sent_bytes += FRAME_HEADER_SIZE + len(block)
        self._count(body)
        self.client.send_head(block, body, True)
        self._close()
        self.client.end_response(keep)


def is_grpc(content_types: Sequence[str]) -> bool:
    """Whether a request's Content-Type says gRPC (what exactly the ALB looks at is unconfirmed)."""
    return bool(content_types) and content_types[0].lower().startswith("application/grpc")
