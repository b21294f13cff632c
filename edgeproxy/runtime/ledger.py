"""The ledger of one listener: where every exchange ends, once, as a log line and in the counters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edgeproxy.exchange.outcome import Outcome

if TYPE_CHECKING:
    from edgeproxy.exchange.record import ExchangeRecord
    from edgeproxy.runtime.access_log import AccessLog, LineFormat
    from edgeproxy.runtime.clock import Clock
    from edgeproxy.runtime.metrics import LoadBalancerCounters

SWITCHED: Final = 101

_TARGET_UNREACHABLE = frozenset(
    {Outcome.CONNECT_FAILED, Outcome.CONNECT_TIMEOUT, Outcome.TARGET_TLS_FAILED, Outcome.TARGET_TLS_TIMEOUT}
)


class Ledger:  # hot path
    """Implements `ExchangeLedger`."""

    __slots__ = ("_clock", "_counters", "_format", "_log")

    def __init__(
        self, *, counters: LoadBalancerCounters, log: AccessLog | None, line_format: LineFormat, clock: Clock
    ) -> None:
        self._counters = counters
        self._log = log
        self._format = line_format
        self._clock = clock

    def close(self, record: ExchangeRecord) -> None:
        """An exchange has ended."""
        counters = self._counters
        counters.processed_bytes += record.received_bytes + record.sent_bytes
        target_status = record.target_status
        if target_status == 0:
            self._count_own_answer(record)
        if record.target is not None and record.group is not None and target_status != SWITCHED:
            # RequestCount holds the requests for which a target could be chosen.
            counters.request_count += 1
            group = counters.groups[record.group.name]
            group.request_count += 1
            record.target.handled += 1
            if target_status:
                if target_status >= 500:
                    record.target.errors += 1
                group.target_status[target_status // 100 if target_status < 600 else 0] += 1
                group.response_seconds += record.answered - record.dispatched
                group.response_samples += 1
            elif record.outcome in _TARGET_UNREACHABLE:
                group.connection_errors += 1
                record.target.errors += 1
        if self._log is not None:
            clock = self._clock
            self._log.write(self._format.render(record, clock.now(), clock.offset))

    def open_tunnel(self, record: ExchangeRecord) -> None:
        """A WebSocket is open: it counts as a request now, its bytes when it ends.

        No metric counts a 101 by its status (user guide, load-balancer-cloudwatch-metrics).
        """
        counters = self._counters
        if record.target is not None and record.group is not None:
            counters.request_count += 1
            group = counters.groups[record.group.name]
            group.request_count += 1
            record.target.handled += 1
            group.response_seconds += record.answered - record.dispatched
            group.response_samples += 1

    def _count_own_answer(self, record: ExchangeRecord) -> None:
        counters = self._counters
        counters.elb_status[record.status] += 1
        if record.outcome is Outcome.REDIRECTED:
            counters.redirects += 1
        elif record.outcome is Outcome.FIXED_RESPONSE:
            counters.fixed_responses += 1
