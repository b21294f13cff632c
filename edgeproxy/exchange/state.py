"""ExchangeState: where an exchange stands, what may be asked of it, and its one way to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeproxy.exchange.forwarding import BodyMode
from edgeproxy.exchange.phase import TargetPhase
from edgeproxy.exchange.record import ExchangeRecord

if TYPE_CHECKING:
    from edgeproxy.exchange.context import ExchangeContext
    from edgeproxy.exchange.ports import ClientPort, TargetPort
    from edgeproxy.protocol.message import RequestHead


class ExchangeState(ExchangeRecord):  # hot path
    """See the top of this file."""

    __slots__ = ("_is_kept", "_is_sent", "_is_target_held", "_mode", "_pending", "_port", "context", "phase")

    def __init__(self, client: ClientPort, context: ExchangeContext, head: RequestHead | None, arrived: float) -> None:
        # Not super(), which CPython 3.11 makes an object for (700 instructions).
        ExchangeRecord.__init__(self, client, head, arrived)
        self.context = context
        self._port: TargetPort | None = None
        self._pending = b""
        self._is_sent = True
        self._is_kept = False
        self._is_target_held = False
        self._mode = BodyMode.AS_RECEIVED
        self.phase = TargetPhase.NONE

    @property
    def epoch(self) -> float:
        """When the request arrived, in seconds since 1970."""
        return self.arrived + self.context.clock.offset

    @property
    def keeps_client(self) -> bool:
        """Whether the client connection stays open after this response."""
        head = self.head
        return (
            self._is_sent
            and head is not None
            and (head.version == "HTTP/1.1" or (head.version == "HTTP/1.0" and head.fields.wants_keep_alive))
            and not head.fields.wants_close
            and (self.verdict is None or not self._closes_both)
            and not self.client.must_close
        )

    @property
    def _closes_both(self) -> bool:
        """Whether no connection that this request was seen on may serve another one."""
        return self.verdict is not None and self.context.desync_mode.closes_after(self.verdict)

    @property
    def port(self) -> TargetPort | None:
        """The connection to the target, while there is one."""
        return self._port

    def _drop_port(self) -> None:
        port = self._port
        if port is not None:
            self._port = None
            port.abort()

    def _close(self) -> None:
        self.phase = TargetPhase.DONE
        self._pending = b""
        if self.target is not None:
            self.target.outstanding -= 1
        self.context.ledger.close(self)

    def __repr__(self) -> str:
        line = self.head.line if self.head is not None else "unreadable"
        return f"<Exchange {line!r} {self.phase.value}>"
