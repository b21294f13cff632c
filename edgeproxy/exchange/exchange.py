"""Exchange: one request and its response, from the head's last byte to the log line.

Two sides move on their own, and each has a state:

    client side:  SENDING --last body byte--> SENT
    target side:  NONE --dial--> CONNECTING --ready--> WAITING --response head--> RESPONDING
                                                       WAITING --101 to a WebSocket--> TUNNELLING

An exchange ends once, by one of: the response is complete; the load balancer answers by itself (`reply`, `fail`); the
client leaves; the response breaks off, and then the client connection is cut, because padding it would make it look
complete. `state.py` holds where it stands, `tunnel.py` what follows a 101.

Rules of this file:

* No I/O and no clock: ports do, times are handed in.
* Nothing is retried. A pooled connection that the target closed in the same moment is a 502, as on a real load
  balancer.
* Every path ends in `ExchangeState._close`, which tells the ledger once.
* Backpressure is passed straight on: a client that does not read pauses its target, and the other way round.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edgeproxy.exchange.forwarding import BodyMode, body_mode, encode_response_head
from edgeproxy.exchange.outcome import CLOSES_CLIENT, STATUS, Outcome
from edgeproxy.exchange.phase import BEGUN, TargetPhase
from edgeproxy.exchange.refusal import REFUSED_METHODS, refusal_of
from edgeproxy.exchange.replies import encode_reply, page
from edgeproxy.exchange.tunnel import Tunnel
from edgeproxy.protocol.body import encode_chunks
from edgeproxy.protocol.judgement import UnreadableRequestError
from edgeproxy.protocol.message import CHUNKED, ONCE, ResponseHead
from edgeproxy.protocol.upgrade import asks_for_websocket
from edgeproxy.rules.normalise import normalise_path

if TYPE_CHECKING:
    from edgeproxy.balancing.target_state import TargetState
    from edgeproxy.errors import ProtocolError
    from edgeproxy.exchange.actions import CompiledAction
    from edgeproxy.exchange.ports import TargetPort
    from edgeproxy.exchange.replies import Reply
    from edgeproxy.exchange.versions import ProtocolVersion

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class Exchange(Tunnel):  # hot path
    """One request's life. The record that it is at the bottom is what remains of it."""

    __slots__ = ()

    # ---- the client's events

    def begin(self, data: bytes, is_complete: bool) -> None:
        """The request's head is there, with the part of its body that came along."""
        head = self.head
        assert head is not None
        fields = head.fields
        self.received_bytes = head.size + len(data)
        self._is_sent = is_complete
        self._pending = data
        context = self.context
        if head.verdict is not None or not fields.is_plain or head.method in REFUSED_METHODS:
            self.verdict = head.verdict
            refusal = refusal_of(
                head, allows_several_hosts=context.allows_several_hosts, desync_mode=context.desync_mode
            )
            if refusal is not None:
                self.fail(refusal)
                return
        epoch = self.arrived + context.clock.offset
        self.trace_id = context.forwarding.trace_ids.header(fields.trace_id, epoch, fields.size)
        if "%" in head.path or "/." in head.path:
            path = normalise_path(head.path)
            if path is None:
                self.fail(Outcome.PATH_REFUSED)
                return
            head.path = path
        if fields.expects_continue and head.version == "HTTP/1.1":
            # At once, whatever Content-Length says (user guide, how-elastic-load-balancing-works).
            self.sent_bytes = len(CONTINUE)
            self.client.write(CONTINUE)
        routing = context.routing
        # A section that is remembered knows where it led last. Rules look at nothing but it, the line and the address.
        routed = fields.routed
        if (
            routed is not None
            and routed[0] == head.line
            and routed[1] == head.source_ip
            and routed[2] is routing.identity
        ):
            action: CompiledAction = routed[3]
        else:
            action = routing.match(head)
            # Not the table: the memory of sections outlives it.
            fields.routed = ONCE if routed is None else (head.line, head.source_ip, routing.identity, action)
        self.priority = action.priority
        action.perform(self)

    def on_request_body(self, data: bytes, size: int, is_complete: bool) -> None:
        """More of the request's body, and how many bytes it took on the wire."""
        self.received_bytes += size
        self._is_sent = is_complete
        port = self._port
        if port is None:
            self._pending += data
            return
        framed = self._frame_request_body(data)
        if framed:
            port.write(framed)

    def _frame_request_body(self, data: bytes) -> bytes:
        assert self.head is not None
        if self.head.fields.body_length != CHUNKED:
            return data
        return encode_chunks(data, is_last=self._is_sent)

    def on_request_error(self, error: ProtocolError) -> None:
        """The request's body breaks the protocol."""
        self.note_fault(error.fault)
        self._drop_port()
        if self.phase in BEGUN:
            self._break_off(Outcome.BAD_REQUEST)
        else:
            self.answer_page(error.status, Outcome.BAD_REQUEST)

    def refuse(self, error: ProtocolError) -> None:
        """The request's head could not be read: there is no request, only an answer."""
        self.note_fault(error.fault)
        if isinstance(error, UnreadableRequestError):
            self.verdict = error.verdict
        self.answer_page(error.status, Outcome.BAD_REQUEST, is_head=error.is_head)

    def on_client_lost(self) -> None:
        """The client has closed its connection."""
        if self.phase is TargetPhase.DONE:
            return
        if self.phase is TargetPhase.TUNNELLING:
            self._end_tunnel()
            return
        self._drop_port()
        self.outcome = Outcome.CLIENT_LEFT if self._is_sent else Outcome.CLIENT_LEFT_SENDING
        if self.phase is not TargetPhase.RESPONDING:
            self.status = STATUS[self.outcome]
        self._close()

    def on_client_blocked(self) -> None:
        """The client does not read as fast as the target answers."""
        if self._port is not None:
            self._is_target_held = True
            self._port.pause_reading()

    def on_client_drained(self) -> None:
        """The client has caught up."""
        if self._port is not None:
            self._is_target_held = False
            self._port.resume_reading()

    # ---- the target's events

    def is_taken_by(self, version: ProtocolVersion) -> bool:
        """Whether a target group of this protocol version takes such requests; asked where it is not HTTP1."""
        return version == "HTTP1"

    def forward_to(self, target: TargetState) -> None:
        """Sends the request to this target, now or when a connection is there."""
        self.target = target
        target.outstanding += 1
        port = self.context.dialer.dial(target, self)
        if port is not None:
            self.on_target_ready(port, self.arrived)
        elif self.phase is TargetPhase.NONE:
            self.phase = TargetPhase.CONNECTING
            if not self._is_sent:
                self.client.pause_reading()

    def on_target_ready(self, port: TargetPort, now: float) -> None:
        """A connection to the target is at hand."""
        if self.phase is TargetPhase.DONE:
            # The client left while we connected; the connection is good for the next request.
            port.release()
            return
        head = self.head
        assert head is not None
        self._port = port
        self.dispatched = now
        client = self.client
        forwarding = self.context.forwarding
        prefix = client.forwarded_prefix(forwarding)
        data = forwarding.encode(head, prefix, client.source_port, self.trace_id, self.transformed)
        if head.fields.body_length:
            data += self._frame_request_body(self._pending)
            self._pending = b""
        if self.phase is TargetPhase.CONNECTING and not self._is_sent:
            # Before sending: if the target cannot take it all, it pauses the client again.
            client.resume_reading()
        self.phase = TargetPhase.WAITING
        if head.fields.wants_websocket and asks_for_websocket(head):
            port.send_upgrade(forwarding.encode_upgrade(data, head.fields))
        else:
            port.send_request(head.method, data)

    def on_target_failed(self, outcome: Outcome) -> None:
        """No connection to the target could be made."""
        self.fail(outcome)

    def on_response(self, head: ResponseHead, data: bytes, is_complete: bool, now: float) -> None:
        """The target's response head, with the part of its body that came along."""
        self.phase = TargetPhase.RESPONDING
        self.answered = now
        self.status = self.target_status = head.status
        request = self.head
        assert request is not None
        context = self.context
        mode = body_mode(head, request)
        keep = self.keeps_client and mode is not BodyMode.UNTIL_CLOSE
        self._mode = mode
        self._is_kept = keep
        encoded = encode_response_head(head, mode, keep, context.clock, context.response_headers)
        if self.sticky is not None:
            encoded = self.sticky.add_cookies(encoded, head)
        if mode is BodyMode.CHUNKED:
            encoded += encode_chunks(data, is_last=is_complete)
        else:
            encoded += data
        self.sent_bytes += len(encoded)
        self.client.write(encoded)
        if is_complete:
            self._complete()

    def on_response_body(self, data: bytes, is_complete: bool) -> None:
        """More of the response's body."""
        framed = encode_chunks(data, is_last=is_complete) if self._mode is BodyMode.CHUNKED else data
        if framed:
            self.sent_bytes += len(framed)
            self.client.write(framed)
        if is_complete:
            self._complete()

    def on_target_lost(self, outcome: Outcome) -> None:
        """The target closed the connection, or what it sent cannot be understood, with the request outstanding."""
        self._drop_port()
        if self.phase in BEGUN:
            self._break_off(outcome)
        elif self.phase is not TargetPhase.DONE:
            self.fail(outcome)

    def on_target_blocked(self) -> None:
        """The target does not read as fast as the client sends."""
        if not self._is_sent:
            self.client.pause_reading()

    def on_target_drained(self) -> None:
        """The target has caught up."""
        if not self._is_sent:
            self.client.resume_reading()

    # ---- time and shutdown

    def on_idle(self, *, is_client_paused: bool) -> None:
        """No byte moved for the idle timeout. Source: user guide, load-balancer-troubleshooting, HTTP 408 and 504."""
        match self.phase:
            case TargetPhase.RESPONDING | TargetPhase.TUNNELLING:
                self._drop_port()
                self._break_off(Outcome.TARGET_SILENT)
            case TargetPhase.CONNECTING | TargetPhase.DONE:
                return  # the connect timeout decides
            case _:
                self._drop_port()
                is_client_silent = not self._is_sent and not is_client_paused
                self.fail(Outcome.CLIENT_SILENT if is_client_silent else Outcome.TARGET_SILENT)

    def on_shutdown(self) -> None:
        """The time for finishing has run out."""
        if self.phase is not TargetPhase.DONE:
            self.on_target_lost(Outcome.SHUTTING_DOWN)

    # ---- faults on purpose (`faults.py`)

    def hold(self) -> None:
        """Waits before it goes on, and takes no more of the request meanwhile."""
        if not self._is_sent:
            self.client.pause_reading()

    def go_on(self) -> None:
        """Has waited."""
        if not self._is_sent:
            self.client.resume_reading()

    def await_target(self) -> None:
        """Its target is chosen, and the idle timeout decides how long it waits."""
        self.phase = TargetPhase.WAITING

    def forget_target(self, *, keeps_group: bool) -> None:
        """As if no target had been chosen."""
        assert self.target is not None
        self.target.outstanding -= 1
        self.target = None
        if not keeps_group:
            self.group = None

    def reset(self, outcome: Outcome) -> None:
        """Ends with a connection that is reset, however far it has come."""
        if self.phase is not TargetPhase.DONE:
            self._drop_port()
            self.outcome = outcome
            self._close()
            self.client.reset()

    # ---- endings

    def reply(self, reply: Reply, outcome: Outcome) -> None:
        """Ends with an answer by the load balancer."""
        self._answer(reply, outcome, keep=self.keeps_client)

    def fail(self, outcome: Outcome) -> None:
        """Ends with the error page of an outcome; only before a response head was passed on."""
        self.answer_page(STATUS[outcome], outcome)

    def answer_page(self, status: int, outcome: Outcome, *, is_head: bool = False) -> None:
        """Ends with the page of a status; only before a response head was passed on.

        `is_head` says that the request is a HEAD where there is no `head` that would.
        """
        if self.phase is TargetPhase.DONE:
            return
        user_agent = self.head.fields.user_agent if self.head is not None else ""
        reply = page(status, user_agent)._replace(is_head=is_head)
        self._answer(reply, outcome, keep=self.keeps_client and outcome not in CLOSES_CLIENT)

    def _answer(self, reply: Reply, outcome: Outcome, *, keep: bool) -> None:
        self.status = reply.status
        self.outcome = outcome
        encoded = self._encode_reply(reply, keep=keep)
        self.sent_bytes += len(encoded)
        self.client.write(encoded)
        self._close()
        self.client.end_response(keep)

    def _encode_reply(self, reply: Reply, *, keep: bool) -> bytes:
        return encode_reply(
            reply,
            date=self.context.clock.http_date(),
            keep_alive=keep,
            is_head=self.head is not None and self.head.method == "HEAD",
            added=self.context.response_headers,
        )

    def _complete(self) -> None:
        """The response is out."""
        port = self._port
        assert port is not None
        self._port = None
        if self._is_target_held:
            # The client is behind, but the connection's next exchange need not wait for it.
            port.resume_reading()
        if self._is_kept or (self._is_sent and not self._closes_both):
            port.release()
        else:
            # What is left of the body, or of a body whose end is a matter of opinion, must not reach another exchange.
            port.abort()
        self._close()
        self.client.end_response(self._is_kept)

    def _break_off(self, outcome: Outcome) -> None:
        """The response cannot be completed, and part of it is out."""
        self.outcome = outcome
        self._close()
        self.client.abort()
