"""H2Exchange: an exchange whose client speaks HTTP/2; its target speaks HTTP/1.1, or HTTP/2 as well.

Routing, time and endings are `Exchange`'s; only what goes to the client differs: heads are header blocks, bodies are
not framed here, and a response that breaks off is a reset of its stream.

A target that speaks HTTP/2 gets the request the same way, and may send trailers. Both directions move on their own: a
response may begin and flow while the request is being sent, and the exchange is over when the response is. A target
that ends its response before the request has ended wants no more of it: its stream is reset, and the client's too (RFC
9113 section 8.1). Trailers of a request go to such targets only; targets that speak HTTP/1.1 are told none, as from
nginx.

gRPC (user guide, load-balancer-target-groups): a request whose Content-Type is `application/grpc`, with a message
format or without, may not go to an HTTP1 target group (`versions.py`), and gets the load balancer's errors as one
header block that ends the stream, with the HTTP status and gRPC's beside it (observed for 502; the other rows of the
table are nginx's template).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from edgeproxy.exchange.exchange import Exchange
from edgeproxy.exchange.forwarding import BodyMode, encode_response_head, remember_encoding, response_lines
from edgeproxy.exchange.h2_forwarding import encode_request_block
from edgeproxy.exchange.outcome import STATUS, Outcome
from edgeproxy.exchange.phase import TargetPhase
from edgeproxy.exchange.replies import reply_lines
from edgeproxy.exchange.response_headers import OVER_HTTP2
from edgeproxy.exchange.versions import TAKEN, is_grpc, kind_of

if TYPE_CHECKING:
    from edgeproxy.balancing.target_state import TargetState
    from edgeproxy.exchange.context import ExchangeContext
    from edgeproxy.exchange.ports import StreamPort, TargetPort, TargetStreamPort
    from edgeproxy.exchange.replies import Reply
    from edgeproxy.exchange.versions import ProtocolVersion
    from edgeproxy.protocol.h2_frames import H2StreamError
    from edgeproxy.protocol.message import RequestHead, ResponseHead

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

    __slots__ = ("_client_stream", "_is_empty", "_request_trailers", "_target_stream")

    def __init__(self, client: StreamPort, context: ExchangeContext, head: RequestHead | None, arrived: float) -> None:
        super().__init__(client, context, head, arrived)
        self._client_stream = client
        self._target_stream: TargetStreamPort | None = None
        self._request_trailers: list[str] | None = None
        self._is_empty = False

    @property
    def is_grpc(self) -> bool:
        """Whether this is a call of gRPC, which are all POST."""
        head = self.head
        return head is not None and head.method == "POST" and is_grpc(head.header_values("content-type"))

    @property
    def keeps_client(self) -> bool:
        """A stream ends with its response, and its connection does not."""
        return self._is_sent

    @property
    def target_scheme(self) -> str | None:
        """The `:scheme` that the target was told; None where it was told none, as in HTTP/1.1."""
        return None if self._target_stream is None else self._target_stream.scheme

    # ---- the client's events

    def on_request_body(self, data: bytes, size: int, is_complete: bool) -> None:
        """More of the request's body, and how many bytes it took on the wire."""
        stream = self._target_stream
        if stream is None:
            super().on_request_body(data, size, is_complete)
            return
        self.received_bytes += size
        self._is_sent = is_complete
        stream.send_data(data, is_complete)

    def on_request_trailers(self, lines: list[str]) -> None:
        """The request has ended with trailers."""
        stream = self._target_stream
        if stream is None:
            # Until the target is there nobody knows whether it can be told.
            self._request_trailers = lines
            super().on_request_body(b"", 0, is_complete=True)
            return
        self._is_sent = True
        stream.send_trailers(self.context.h2_encoder.encode_lines(lines))

    # ---- the target's events

    def is_taken_by(self, version: ProtocolVersion) -> bool:
        """Whether a target group of this protocol version takes such requests."""
        assert self.head is not None
        return kind_of(self.head) in TAKEN[version]

    def forward_to(self, target: TargetState) -> None:
        """Sends the request to this target, if its group takes such requests."""
        # Rules that lead to nothing but HTTP1 groups do not ask: HTTP/1.1 clients need not.
        if self.is_grpc and self.group is not None and not self.is_taken_by(self.group.protocol_version):
            self.fail(Outcome.VERSION_REFUSED)
            return
        super().forward_to(target)

    def on_target_ready(self, port: TargetPort, now: float) -> None:
        """A connection to the target is at hand, or a stream."""
        if not port.is_stream or self.phase is TargetPhase.DONE:
            super().on_target_ready(port, now)
            return
        head = self.head
        assert head is not None
        stream = cast("TargetStreamPort", port)
        self._port = self._target_stream = stream
        self.dispatched = now
        context, client = self.context, self.client
        block = encode_request_block(
            context.forwarding,
            context.h2_encoder,
            head,
            scheme=stream.scheme,
            prefix=client.forwarded_prefix(context.forwarding),
            source_port=client.source_port,
            trace=self.trace_id,
            transformed=self.transformed,
        )
        if self.phase is TargetPhase.CONNECTING and not self._is_sent:
            client.resume_reading()
        self.phase = TargetPhase.WAITING
        pending, self._pending = self._pending, b""
        trailers = self._request_trailers
        is_complete = self._is_sent and trailers is None
        stream.open(block, pending, is_complete=is_complete, is_head=head.method == "HEAD")
        if trailers is not None:
            stream.send_trailers(context.h2_encoder.encode_lines(trailers))

    def on_response(self, head: ResponseHead, data: bytes, is_complete: bool, now: float) -> None:
        """The target's response head, with the part of its body that came along."""
        self.phase = TargetPhase.RESPONDING
        self.answered = now
        self.status = self.target_status = head.status
        self._is_empty = head.body_length == 0
        block = self._encode_head(head)
        self.sent_bytes += FRAME_HEADER_SIZE + len(block)
        self._count(data)
        self._client_stream.send_head(block, data, is_complete)
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
        self._client_stream.send_data(data, is_complete)
        if is_complete:
            self._complete()

    def on_response_trailers(self, lines: list[str]) -> None:
        """The response has ended with trailers."""
        if self._is_empty:
            # A response that states that it is empty is over with its head: its trailers are lost (observed).
            self.on_response_body(b"", is_complete=True)
            return
        block = self.context.h2_encoder.encode_lines(lines)
        self.sent_bytes += FRAME_HEADER_SIZE + len(block)
        self._client_stream.send_trailers(block)
        self._complete()

    def _count(self, data: bytes) -> None:
        if data:
            self.sent_bytes += FRAME_HEADER_SIZE + len(data)

    # ---- endings

    def drop(self, error: H2StreamError | None) -> None:
        """Ends a request whose stream is reset, and that nobody was told of: malformed, or else given up by the client.

        That the load balancer logs these, and a malformed one as a 400, is unconfirmed.
        """
        self.outcome = Outcome.CLIENT_LEFT_SENDING
        if error is not None:
            self.note_fault(error.fault)
            self.outcome = Outcome.BAD_REQUEST
        if self.head is not None:
            self.received_bytes = self.head.size
        self.status = STATUS[self.outcome]
        self._close()

    def _close(self) -> None:
        if self.is_grpc:
            self.context.ledger.count_grpc(self)
        super()._close()

    def _answer(self, reply: Reply, outcome: Outcome, *, keep: bool) -> None:
        self.status = reply.status
        self.outcome = outcome
        is_head = reply.is_head or (self.head is not None and self.head.method == "HEAD")
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
        self._client_stream.send_head(block, body, True)
        self._close()
        self.client.end_response(keep)
