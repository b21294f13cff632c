"""The ledger of one listener: where every exchange ends, once, as a log line, in the counters, and before live readers.

What one request adds, by how it ends (user guide, load-balancer-cloudwatch-metrics; `tests/runtime/test_counting.py`
holds it through a whole proxy):

    a target was chosen           RequestCount, whatever became of it
    the target answered           HTTPCode_Target_NXX, TargetResponseTime; a WebSocket has no status class
    the load balancer answered    HTTPCode_ELB_NXX, 460 included; redirects and fixed responses also their own count
    no connection to the target   TargetConnectionErrorCount, or with TCP but without TLS TargetTLSNegotiationErrorCount

Bytes are counted when an exchange ends, those of a WebSocket with all that it carried. A request is counted when its
exchange ends as well, a WebSocket when it opens.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from edgeproxy.exchange.outcome import Outcome
from edgeproxy.runtime.metrics import RESPONSE_TIME_BOUNDS

if TYPE_CHECKING:
    from edgeproxy.exchange.record import ExchangeRecord
    from edgeproxy.runtime.access_log import AccessLog
    from edgeproxy.runtime.access_log_line import LineFormat
    from edgeproxy.runtime.clock import Clock
    from edgeproxy.runtime.log_outlets import LogOutlet
    from edgeproxy.runtime.metrics import LoadBalancerCounters
    from edgeproxy.runtime.request_ring import ListenerPlace, RequestRing

SWITCHED: Final = 101

_NOT_CONNECTED = frozenset({Outcome.CONNECT_FAILED, Outcome.CONNECT_TIMEOUT})
_WITHOUT_TLS = frozenset({Outcome.TARGET_TLS_FAILED, Outcome.TARGET_TLS_TIMEOUT})


class CountingRules(NamedTuple):
    """What counting has to know of a listener's configuration.

    Attributes:
        priorities: The rules' priorities, the default rule's not among them, in any order.
        drops_invalid_headers: `routing.http.drop_invalid_header_fields.enabled`.
    """

    priorities: tuple[int, ...] = ()
    drops_invalid_headers: bool = False

    def evaluations(self) -> defaultdict[str, int]:
        """How many rules a request has been through, by the priority of the one that answered.

        Rules are tried in order of priority and the default rule is not counted, so that is the rule's position, or
        all of them for the default. The routing table asks fewer, but a real load balancer is billed like this.
        """
        ordered = sorted(self.priorities)
        positions = {str(priority): position for position, priority in enumerate(ordered, start=1)}
        return defaultdict(int, positions | {"0": len(ordered)})


class Ledger:  # hot path
    """Implements `ExchangeLedger`."""

    __slots__ = ("_clock", "_counters", "_drops", "_evaluations", "_format", "_log", "_place", "_ring")

    def __init__(
        self,
        *,
        counters: LoadBalancerCounters,
        log: LogOutlet | AccessLog | None,
        line_format: LineFormat,
        clock: Clock,
        ring: RequestRing,
        place: ListenerPlace,
        rules: CountingRules = CountingRules(),  # noqa: B008 - an immutable value
    ) -> None:
        self._counters = counters
        self._log = log
        self._format = line_format
        self._clock = clock
        self._ring = ring
        self._place = place
        self._evaluations = rules.evaluations()
        self._drops = rules.drops_invalid_headers

    def close(self, record: ExchangeRecord) -> None:
        """An exchange has ended."""
        counters = self._counters
        size = record.received_bytes + record.sent_bytes
        counters.processed_bytes += size
        is_tunnel = record.target_status == SWITCHED
        if ":" in record.client.source_ip:
            counters.ipv6_bytes += size
            counters.ipv6_requests += not is_tunnel
        if not is_tunnel:
            self._count_request(record)
        keep = self._ring.keep
        if keep is not None:
            keep(record, self._place, self._clock.now())
        log = self._log
        if log is not None and (write := log.write) is not None:
            clock = self._clock
            write(self._format.render(record, clock.now(), clock.offset))

    def count_grpc(self, record: ExchangeRecord) -> None:
        """A call of gRPC ends; counted where a target was chosen, like a request."""
        if record.target is not None and record.group is not None:
            self._counters.groups[record.group.name].grpc_request_count += 1

    def open_tunnel(self, record: ExchangeRecord) -> None:
        """A WebSocket is open: it counts as a request now, its bytes when it ends.

        No metric has a 101 by its status (user guide, load-balancer-cloudwatch-metrics).
        """
        self._counters.ipv6_requests += ":" in record.client.source_ip
        self._count_request(record)

    def _count_request(self, record: ExchangeRecord) -> None:
        """Everything but bytes and IPv6."""
        counters = self._counters
        counters.rule_evaluations += self._evaluations[record.priority]
        status = record.target_status
        target = record.target
        if target is None or not status:
            self._count_unanswered(record)
        else:
            state = record.group
            assert state is not None
            group = counters.groups[state.name]
            group.request_count += 1
            group.target_status[status // 100 if status < 600 else 0] += 1
            elapsed = record.answered - record.dispatched
            group.response_seconds += elapsed
            group.response_buckets[bisect_left(RESPONSE_TIME_BOUNDS, elapsed)] += 1
            target.handled += 1
            if status >= 500:
                target.errors += 1
        head = record.head
        if (
            record.verdict is not None
            or record.sticky is not None
            or (head is not None and head.fields.has_invalid_names)
        ):
            self._count_special(record)

    def _count_unanswered(self, record: ExchangeRecord) -> None:
        """What has no status of a target has one of the load balancer."""
        counters = self._counters
        outcome = record.outcome
        counters.elb_status[record.status] += 1
        if outcome is Outcome.REDIRECTED:
            counters.redirects += 1
        elif outcome is Outcome.FIXED_RESPONSE:
            counters.fixed_responses += 1
        elif outcome is Outcome.REDIRECT_TOO_LONG:
            counters.redirects_too_long += 1
        if record.target is not None and record.group is not None:
            group = counters.groups[record.group.name]
            group.request_count += 1
            group.connection_errors += outcome in _NOT_CONNECTED
            group.tls_errors += outcome in _WITHOUT_TLS
            record.target.handled += 1
            record.target.errors += outcome in _NOT_CONNECTED or outcome in _WITHOUT_TLS

    def _count_special(self, record: ExchangeRecord) -> None:
        """What most requests are not."""
        counters = self._counters
        if record.verdict is not None:
            counters.non_compliant_requests += 1
        if record.target is None or record.head is None:
            return
        missed = None if record.sticky is None else record.sticky.missed
        if missed == "lb_cookie":
            counters.sessions_missed += 1
        elif missed == "app_cookie":
            counters.application_sessions_missed += 1
        if record.head.fields.has_invalid_names and self._drops:
            counters.invalid_headers_dropped += 1
        elif record.head.fields.has_invalid_names:
            counters.invalid_headers_forwarded += 1
