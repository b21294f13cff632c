"""FaultedTarget: stands between an exchange and its connection to a target, and lets pass what its faults let pass.

To the exchange it is the connection (`TargetPort`, `TargetStreamPort`), to the connection it is the exchange:

    exchange  --send_request, write, ...-->  FaultedTarget  --the same, at most so fast-->      connection
    exchange  <--on_response, ...----------  FaultedTarget  <--held back, so fast, cut there--  connection

What cannot pass yet waits here, and meanwhile the side that it came from is paused: no more waits than what one read of
a socket, or the windows of HTTP/2, have brought. A response that waits counts as one that has not come, so the idle
timeout decides over it as over that of a slow target; one that trickles is not silent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from edgeproxy.exchange.fault_lane import Lane, Piece
from edgeproxy.exchange.injection import SHORTEST_WAIT
from edgeproxy.exchange.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edgeproxy.exchange.exchange import Exchange
    from edgeproxy.exchange.fault_draws import ActiveFault
    from edgeproxy.exchange.h2_exchange import H2Exchange
    from edgeproxy.exchange.injection import Injection
    from edgeproxy.exchange.ports import TargetPort, TargetStreamPort, Timer
    from edgeproxy.protocol.message import ResponseHead

DELIVERY_SECONDS: Final = 5.0
"""How long a cut waits for the client to take what came before it."""

_HEAD_END: Final = b"\r\n\r\n"


class FaultedTarget:
    """See the top of this file."""

    def __init__(
        self,
        exchange: Exchange,
        injection: Injection,
        *,
        pending: Sequence[ActiveFault],
        taken: Sequence[ActiveFault],
    ) -> None:
        """`pending` are faults that have delayed the request before; `taken` have not."""
        faults = (*pending, *taken)
        rates = [each.rate for each in faults if each.rate]
        cuts = [each.fault.truncate for each in faults if each.fault.truncate is not None]
        self._exchange = exchange
        self._injection = injection
        self._closes = any(each.fault.close_before_send for each in faults)
        self._delay = sum(each.delay() for each in taken)
        self._in = Lane(min(rates, default=0.0), min(cuts, default=None))
        self._out = Lane(min(rates, default=0.0))
        self._port: TargetPort | None = None
        self._activity = 0.0
        self._timers: dict[Lane, Timer] = {}
        self._is_pumping = False
        self._is_client_blocked = False
        self._is_held = False
        self._is_sender_blocked = False
        self._is_port_blocked = False
        self._is_over = False

    # ---- what the connection says: there is one, or none

    def on_target_ready(self, port: TargetPort, now: float) -> None:
        """A connection is at hand."""
        self._port = port
        self._exchange.on_target_ready(self, now)

    def on_target_failed(self, outcome: Outcome) -> None:
        """There is none."""
        self._exchange.on_target_failed(outcome)

    def on_target_lost(self, outcome: Outcome) -> None:
        """It is gone; what of the response has come still passes."""
        waiting = self._in.waiting
        if not waiting:
            self._lose(outcome)
        elif not waiting[-1].is_complete:

            def lose(_data: bytes, _is_complete: bool) -> None:
                self._lose(outcome)

            waiting.append(Piece(lose, lose, is_complete=True))

    def _lose(self, outcome: Outcome) -> None:
        if not self._is_over:
            self._exchange.on_target_lost(outcome)

    def on_target_blocked(self) -> None:
        """It does not read as fast as the client sends."""
        self._is_port_blocked = True
        self._exchange.on_target_blocked()

    def on_target_drained(self) -> None:
        """It has caught up."""
        self._is_port_blocked = False
        if not self._is_sender_blocked:
            self._exchange.on_target_drained()

    # ---- what the connection says: the response

    def on_response(self, head: ResponseHead, data: bytes, is_complete: bool, now: float) -> None:
        """Its head."""
        exchange = self._exchange

        def respond(data: bytes, is_complete: bool) -> None:
            exchange.on_response(head, data, is_complete, self._injection.now)

        self._arrive(Piece(respond, exchange.on_response_body, data, is_complete))

    def on_response_body(self, data: bytes, is_complete: bool) -> None:
        """More of its body."""
        pass_on = self._exchange.on_response_body
        self._arrive(Piece(pass_on, pass_on, data, is_complete))

    def on_response_trailers(self, lines: list[str]) -> None:
        """Its end."""

        def end(_data: bytes, _is_complete: bool) -> None:
            # Only exchanges of HTTP/2 come to targets that send these.
            cast("H2Exchange", self._exchange).on_response_trailers(lines)

        self._arrive(Piece(end, end, is_complete=True))

    def on_switch(self, head: ResponseHead, data: bytes, now: float) -> None:
        """A WebSocket is open."""

        def switch(data: bytes, _is_complete: bool) -> None:
            self._exchange.on_switch(head, data, self._injection.now)

        self._arrive(Piece(switch, self._tunnel, data))

    def on_target_bytes(self, data: bytes) -> None:
        """Bytes of a WebSocket."""
        self._arrive(Piece(self._tunnel, self._tunnel, data))

    def _tunnel(self, data: bytes, _is_complete: bool) -> None:
        self._exchange.on_target_bytes(data)

    def on_tunnel_end(self) -> None:
        """Its end."""

        def end(_data: bytes, _is_complete: bool) -> None:
            self._exchange.on_tunnel_end()

        self._arrive(Piece(end, end, is_complete=True))

    def _arrive(self, piece: Piece) -> None:
        if self._is_over:
            return
        if self._delay:
            self._in.may_pass = self._injection.now + self._delay
            self._delay = 0.0
        self._in.waiting.append(piece)
        self._pump()

    def _pump(self) -> None:
        """Passes on what may pass now, and comes back for the rest."""
        if self._is_pumping:
            return
        self._is_pumping = True
        lane = self._in
        while lane.waiting and not self._is_client_blocked and not self._is_over:
            now = self._injection.now
            if lane.may_pass > now:
                self._come_back(lane, self._pump)
                break
            piece = lane.next(now)
            last = lane.cut(piece)
            self._activity = now
            (last or piece).act((last or piece).data, (last or piece).is_complete)
            if last is not None:
                self._cut()
        self._is_pumping = False
        self._hold_target()

    def _come_back(self, lane: Lane, act: Callable[[], None]) -> None:
        if lane in self._timers:
            return

        def come() -> None:
            del self._timers[lane]
            # Timers may be a little early, or on a clock of their own.
            lane.may_pass = min(lane.may_pass, self._injection.now)
            act()

        self._timers[lane] = self._injection.after(max(lane.may_pass - self._injection.now, 0.0), come)

    def _hold_target(self) -> None:
        """The target is paused as long as something of it waits."""
        port = self._port
        wanted = self._is_client_blocked or bool(self._in.waiting)
        if port is None or self._is_over or wanted is self._is_held:
            return
        self._is_held = wanted
        if wanted:
            port.pause_reading()
        else:
            port.resume_reading()

    def _cut(self) -> None:
        """The response ends here, once the client has what came before."""
        if self._is_over:
            return
        port, until = self._port, self._injection.now + DELIVERY_SECONDS
        self._in.waiting.clear()
        self._is_held = self._is_client_blocked = True
        if port is not None:
            port.abort()
        self._port = None

        def look() -> None:
            if self._exchange.client.unsent and self._injection.now < until:
                self._injection.after(SHORTEST_WAIT, look)
            else:
                self._lose(Outcome.TARGET_CLOSED)

        # Never at once: some event loops only begin to send when everything else is done.
        self._injection.after(SHORTEST_WAIT, look)

    # ---- what the exchange says: the request

    @property
    def is_stream(self) -> bool:
        """As the connection."""
        return self._port is not None and self._port.is_stream

    def leave(self) -> None:
        """As the connection."""
        self._finish(lambda port: cast("TargetStreamPort", port).leave())

    @property
    def scheme(self) -> str:
        """As the connection."""
        return self._stream.scheme

    @property
    def last_activity(self) -> float:
        """When a byte last passed, or came."""
        return self._activity if self._port is None else max(self._activity, self._port.last_activity)

    @property
    def _stream(self) -> TargetStreamPort:
        return cast("TargetStreamPort", self._port)

    def send_request(self, method: str, data: bytes) -> None:
        """Sends a head with what there is of the body."""
        assert self._port is not None
        if self._closes:
            self._close_before_send()
            return
        end = data.find(_HEAD_END) + len(_HEAD_END) if self._out.is_limited() else len(data)
        self._port.send_request(method, data[:end])
        if data[end:]:
            self.write(data[end:])

    def send_upgrade(self, data: bytes) -> None:
        """Sends the head of a request for a WebSocket."""
        assert self._port is not None
        if self._closes:
            self._close_before_send()
        else:
            self._port.send_upgrade(data)

    def open(self, block: bytes, data: bytes, *, is_complete: bool, is_head: bool) -> None:
        """Sends a head over HTTP/2."""
        if self._closes:
            self._close_before_send()
        elif self._out.is_limited() and data:
            self._stream.open(block, b"", is_complete=False, is_head=is_head)
            self.send_data(data, is_complete)
        else:
            self._stream.open(block, data, is_complete=is_complete, is_head=is_head)

    def _close_before_send(self) -> None:
        """The target has closed the connection, and nobody knew when the request was written to it.

        Over HTTP/2 it does so while nobody uses it: a connection with other streams goes on until they have ended.
        """
        assert self._port is not None
        if self._port.is_stream:
            self._stream.leave()
        else:
            self._port.abort()
        self._port = None
        if self._delay:
            self._injection.after(self._delay, lambda: self._lose(Outcome.TARGET_CLOSED))
        else:
            self._lose(Outcome.TARGET_CLOSED)

    def write(self, data: bytes) -> None:
        """Sends more of the body, or of the tunnel."""

        def pass_on(data: bytes, _is_complete: bool) -> None:
            if self._port is not None:
                self._port.write(data)

        self._send(Piece(pass_on, pass_on, data))

    def send_data(self, data: bytes, is_complete: bool) -> None:
        """The same over HTTP/2."""

        def pass_on(data: bytes, is_complete: bool) -> None:
            if self._port is not None:
                self._stream.send_data(data, is_complete)

        self._send(Piece(pass_on, pass_on, data, is_complete))

    def send_trailers(self, block: bytes) -> None:
        """Ends the request with trailers."""

        def end(_data: bytes, _is_complete: bool) -> None:
            if self._port is not None:
                self._stream.send_trailers(block)

        self._send(Piece(end, end, is_complete=True))

    def _send(self, piece: Piece) -> None:
        if not self._out.is_limited():
            piece.act(piece.data, piece.is_complete)
            return
        self._out.waiting.append(piece)
        self._pump_out()

    def _pump_out(self) -> None:
        lane = self._out
        while lane.waiting and not self._is_over:
            now = self._injection.now
            if lane.may_pass > now:
                self._come_back(lane, self._pump_out)
                break
            piece = lane.next(now)
            self._activity = now
            piece.act(piece.data, piece.is_complete)
        wanted = bool(lane.waiting)
        if self._is_over or wanted is self._is_sender_blocked:
            return
        self._is_sender_blocked = wanted
        if wanted:
            self._exchange.on_target_blocked()
        elif not self._is_port_blocked:
            self._exchange.on_target_drained()

    # ---- what the exchange says: the end

    def release(self) -> None:
        """The response is out."""
        self._finish(lambda port: port.abort() if self._out.waiting else port.release())

    def end_tunnel(self) -> None:
        """The client has left a WebSocket, or the target has ended it."""
        self._finish(lambda port: port.end_tunnel())

    def abort(self) -> None:
        """Nothing passes any more."""
        self._finish(lambda port: port.abort())

    def _finish(self, how: Callable[[TargetPort], Any]) -> None:
        if self._is_over:
            return
        self._is_over = True
        port, self._port = self._port, None
        if port is None:
            return
        if self._is_held:
            # The connection may serve another exchange.
            port.resume_reading()
        how(port)

    def pause_reading(self) -> None:
        """The client does not read as fast as the response comes."""
        self._is_client_blocked = True
        self._hold_target()

    def resume_reading(self) -> None:
        """It has caught up."""
        if self._port is None:
            return
        self._is_client_blocked = False
        self._pump()
