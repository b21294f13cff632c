"""ExchangeRecord: the facts of one exchange, for the access log and the metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeproxy.exchange.outcome import Outcome

if TYPE_CHECKING:
    from edgeproxy.balancing.group import TargetGroupState
    from edgeproxy.balancing.target_state import TargetState
    from edgeproxy.exchange.injection import Injection
    from edgeproxy.exchange.ports import ClientPort
    from edgeproxy.exchange.sticky import StickySession
    from edgeproxy.protocol.desync import Verdict
    from edgeproxy.protocol.message import RequestHead
    from edgeproxy.rules.transform import Transformed


class ExchangeRecord:  # hot path
    """What happened. All times are in seconds on the clock of whoever drives the exchange; 0.0 means "did not happen".

    Attributes:
        client: The connection that the request came on.
        head: The request, or None when it could not be read.
        arrived: When the head was complete.
        dispatched: When it was sent to the target.
        answered: When the target's response head came.
        priority: The matched rule's priority; "0" for the default rule, "-" when no rule was asked.
        actions: The actions executed, as the access log lists them, or "".
        group: The target group chosen, if any.
        target: The target chosen, if any.
        status: The status given to the client; 460 when it had left.
        target_status: The target's status, or 0.
        received_bytes: Request bytes, head and body as received.
        sent_bytes: Response bytes, head and body.
        trace_id: X-Amzn-Trace-Id as sent to the target, or "".
        transformed: What the rule's transforms made of the request; None where it has none.
        redirect_url: The Location of a redirect action, or "".
        sticky: What stickiness decided and adds to the response; None where nothing is sticky.
        verdict: What the desync classifier says; None for a compliant request.
        outcome: How it ended.
    """

    __slots__ = (
        "_fault",
        "_injection",
        "actions",
        "answered",
        "arrived",
        "client",
        "dispatched",
        "group",
        "head",
        "outcome",
        "priority",
        "received_bytes",
        "redirect_url",
        "sent_bytes",
        "status",
        "sticky",
        "target",
        "target_status",
        "trace_id",
        "transformed",
        "verdict",
    )

    def __init__(self, client: ClientPort, head: RequestHead | None, arrived: float) -> None:
        self.client = client
        self.head = head
        self.arrived = arrived
        self.dispatched = 0.0
        self.answered = 0.0
        self.priority = "-"
        self.actions = ""
        self.group: TargetGroupState | None = None
        self.target: TargetState | None = None
        self.status = 0
        self.target_status = 0
        self.received_bytes = 0
        self.sent_bytes = 0
        self.trace_id = ""
        self.redirect_url = ""
        self.transformed: Transformed | None = None
        self.sticky: StickySession | None = None
        self.verdict: Verdict | None = None
        self.outcome = Outcome.FORWARDED

    def note_fault(self, fault: str) -> None:
        """The request breaks the protocol, and how."""
        self._fault = fault

    def note_injection(self, injection: Injection) -> None:
        """A fault on purpose has taken the exchange."""
        self._injection = injection

    @property
    def injection(self) -> Injection | None:
        """What faults on purpose do to it; None for most, which would pay for a field that says so."""
        return getattr(self, "_injection", None)

    @property
    def injected(self) -> str:
        """The names of the faults on purpose that had an effect, with commas between them; "" for most."""
        injection = self.injection
        return "" if injection is None else ", ".join(injection.names)

    @property
    def fault(self) -> str:
        """How the request breaks the protocol, as a phrase for people; "" for one that does not."""
        # Not there before it is noted: most requests have none, and would pay for an empty one.
        return getattr(self, "_fault", "")
