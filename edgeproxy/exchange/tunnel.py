"""Tunnel: what an exchange does once the target has opened the WebSocket that the client asked for.

Bytes are counted and passed on, both ways; rules and headers are over (user guide,
how-elastic-load-balancing-works). It ends when either end closes, after delivery to the other; its status is 101,
however it ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeproxy.exchange.forwarding import encode_switch_head
from edgeproxy.exchange.phase import TargetPhase
from edgeproxy.exchange.state import ExchangeState

if TYPE_CHECKING:
    from edgeproxy.protocol.message import ResponseHead


class Tunnel(ExchangeState):
    """The part of an exchange that is about WebSockets."""

    __slots__ = ()

    def on_switch(self, head: ResponseHead, data: bytes, now: float) -> None:
        """The target has opened the WebSocket that the client asked for."""
        self.phase = TargetPhase.TUNNELLING
        # Backpressure looks at this: from now on there may always be more from the client.
        self._is_sent = False
        self.answered = now
        self.status = self.target_status = head.status
        context = self.context
        encoded = encode_switch_head(head, context.clock, context.response_headers)
        if self.sticky is not None:
            encoded = self.sticky.add_cookies(encoded, head)
        context.ledger.open_tunnel(self)
        self.on_target_bytes(encoded + data)
        self.client.begin_tunnel()

    def on_client_bytes(self, data: bytes) -> None:
        """The client sends through the tunnel."""
        if self._port is not None:
            self.received_bytes += len(data)
            self._port.write(data)

    def on_target_bytes(self, data: bytes) -> None:
        """The target sends through the tunnel."""
        self.sent_bytes += len(data)
        self.client.write(data)

    def on_tunnel_end(self) -> None:
        """The target has closed its side of the tunnel."""
        self._end_tunnel()
        self.client.end_response(keep_alive=False)

    def _end_tunnel(self) -> None:
        port = self._port
        assert port is not None
        self._port = None
        port.end_tunnel()
        self._close()
