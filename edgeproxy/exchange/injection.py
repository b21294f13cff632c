"""Injection: what faults do to one exchange, and the timers that it needs for that.

Only exchanges that some fault has taken have one. Every timer ends with the exchange, however that ends: the ledger
tells (`faults.py`). So nothing is left of a request whose client has gone, and nothing of a load balancer that stops.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from edgeproxy.exchange.outcome import Outcome
from edgeproxy.exchange.phase import TargetPhase

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgeproxy.exchange.exchange import Exchange
    from edgeproxy.exchange.fault_draws import ActiveFault
    from edgeproxy.exchange.ports import Timer, Timers

HEADER: Final = "X-Edgeproxy-Fault"
"""On responses of exchanges that a fault has taken, if whoever runs the load balancer asks for it."""

SHORTEST_WAIT: Final = 0.01
"""Seconds; what is looked at again and again is looked at no more often."""


class Answer(NamedTuple):
    """How the load balancer comes to answer with a status.

    Attributes:
        outcome: What is counted and logged; the one that the status really has.
        has_group: A target group is chosen then.
        has_target: A target as well.
    """

    outcome: Outcome
    has_group: bool = False
    has_target: bool = False


ANSWERS: Final = {
    400: Answer(Outcome.BAD_REQUEST),
    405: Answer(Outcome.METHOD_REFUSED),
    408: Answer(Outcome.CLIENT_SILENT),
    413: Answer(Outcome.BAD_REQUEST),
    414: Answer(Outcome.BAD_REQUEST),
    463: Answer(Outcome.TOO_MANY_ADDRESSES),
    464: Answer(Outcome.VERSION_REFUSED, has_group=True),
    500: Answer(Outcome.TRANSFORM_FAILED),
    501: Answer(Outcome.CODING_REFUSED),
    502: Answer(Outcome.TARGET_CLOSED, has_group=True, has_target=True),
    503: Answer(Outcome.NO_TARGET, has_group=True),
    504: Answer(Outcome.TARGET_SILENT, has_group=True, has_target=True),
    505: Answer(Outcome.BAD_REQUEST),
    507: Answer(Outcome.REDIRECT_TOO_LONG),
}
"""The statuses that have an outcome of their own; the others are `Outcome.FAULT_ANSWERED`."""

_OTHERS: Final = Answer(Outcome.FAULT_ANSWERED)


def answer_of(status: int) -> Answer:
    """How the load balancer comes to a status."""
    return ANSWERS.get(status, _OTHERS)


class Injection:
    """See the top of this file.

    Attributes:
        names: Of the faults that took the exchange and had an effect, in order.
        pending: Faults that took it and wait for a target.
    """

    __slots__ = ("_exchange", "_is_told", "_response_headers", "_timers", "_waiting", "names", "pending")

    def __init__(self, exchange: Exchange, timers: Timers, *, tells_client: bool) -> None:
        self._exchange = exchange
        self._timers = timers
        self._is_told = tells_client
        self._response_headers = exchange.context.response_headers
        self._waiting: set[Timer] = set()
        self.names: list[str] = []
        self.pending: list[ActiveFault] = []

    # ---- time

    @property
    def now(self) -> float:
        """The time."""
        return self._timers.now()

    def after(self, seconds: float, act: Callable[[], None]) -> Timer:
        """Does something later, unless the exchange has ended."""

        def run() -> None:
            self._waiting.discard(timer)
            act()

        timer = self._timers.call_later(seconds, run)
        self._waiting.add(timer)
        return timer

    def end(self) -> None:
        """The exchange has ended."""
        waiting, self._waiting = self._waiting, set()
        for timer in waiting:
            timer.cancel()

    # ---- what is said about it

    def note(self, fault: ActiveFault) -> None:
        """A fault has an effect on the exchange."""
        if fault.name in self.names:
            return
        self.names.append(fault.name)
        if self._is_told:
            exchange = self._exchange
            headers = self._response_headers.plus(HEADER, ", ".join(self.names))
            exchange.context = exchange.context.with_response_headers(headers)

    # ---- what is done to it

    def watch(self, fault: ActiveFault) -> None:
        """Begins what goes on beside the request: a shorter idle timeout, a reset that comes later."""
        wanted = fault.fault
        if wanted.idle_timeout is not None:
            self.note(fault)
            self._watch_silence(fault.scaled(wanted.idle_timeout))
        elif wanted.after is not None:
            self.note(fault)
            self.after(fault.scaled(wanted.after), lambda: self._exchange.reset(Outcome.FAULT_CUT))

    def _watch_silence(self, idle_timeout: float) -> None:
        """Asks the connection what the deadline sweep asks it, at the second and with the timeout of the fault."""
        exchange = self._exchange
        port = exchange.port
        last = exchange.client.last_activity
        if port is not None:
            last = max(last, port.last_activity)

        def look() -> None:
            exchange.client.check(self.now, idle_timeout)
            if exchange.phase is not TargetPhase.DONE:
                self._watch_silence(idle_timeout)

        self.after(max(last + idle_timeout - self.now, SHORTEST_WAIT), look)

    def hold(self, seconds: float, then: Callable[[], None]) -> None:
        """Lets the request wait, and its client with the rest of it."""
        exchange = self._exchange
        exchange.hold()

        def go_on() -> None:
            exchange.go_on()
            then()

        self.after(seconds, go_on)
