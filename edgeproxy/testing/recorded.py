"""The requests that came, and what became of each.

They are the proxy's own records, kept as they ended; what a target got is encoded again by the code that encoded it.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections import deque
from typing import TYPE_CHECKING, Final, cast

from edgeproxy.control.request_document import request_document
from edgeproxy.exchange.h2_exchange import H2Exchange
from edgeproxy.runtime.request_ring import Entry, ListenerPlace
from edgeproxy.testing.headers import Headers
from edgeproxy.testing.sent import sent_in_h1, sent_in_h2

if TYPE_CHECKING:
    from edgeproxy.exchange.exchange import Exchange
    from edgeproxy.exchange.record import ExchangeRecord
    from edgeproxy.runtime.clock import Clock

CAPACITY: Final = 10_000
"""Requests; each keeps its head and its connection's facts alive, a few kilobytes."""


class RecordedRequest:
    """One request that has ended.

    Attributes:
        method: As sent.
        scheme: `http` or `https`.
        version: `HTTP/1.1`, `HTTP/2.0`, …
        host: The name asked for, without port.
        path: As rules saw it.
        query: Undecoded.
        listener_port: The declared one.
        rule: The priority of the rule that answered, `default`, or None when no rule was asked.
        actions: As the access log lists them.
        target_group: Its name, if a target group was chosen.
        target: `ADDRESS:PORT`, if a target was chosen.
        status: What the client got; 460 when it had left, None when it was reset before.
        target_status: What the target answered, if it did.
        transformed_host: What a transform made of the host.
        transformed_path: What a transform made of path and query.
        redirect_url: The Location of a redirect action.
        outcome: How it ended, such as `FORWARDED` or `TARGET_CLOSED`.
        why: The same in words.
        error_reason: The access log's.
        fault: The names of the faults on purpose that had an effect, with commas between them.
        classification: Desync mitigation's, None for a compliant request.
        started: When its head was complete.
        duration: Seconds from then to the end.
        request_time: Seconds until it was sent to the target.
        target_time: Seconds until the target's response head was there.
        received_bytes: Head and body.
        sent_bytes: Head and body.
        trace_id: X-Amzn-Trace-Id as the target got it.
        client: `ADDRESS:PORT`.
        document: All that and more, with the access log's names.
    """

    def __init__(self, entry: Entry, clock_offset: float) -> None:
        record = entry.record
        found = self.document = request_document(entry, clock_offset)
        self._exchange = cast("Exchange", record)
        self.method: str | None = found["method"]
        self.scheme: str = found["scheme"]
        self.version: str | None = found["version"]
        self.host: str | None = found["host"]
        self.path: str | None = found["path"]
        self.query: str | None = found["query"]
        self.listener_port: int = found["listener_port"]
        priority: int | None = found["matched_rule_priority"]
        self.rule: int | str | None = "default" if priority == 0 else priority
        self.actions: str | None = found["actions_executed"]
        self.target_group: str | None = found["target_group"]
        self.target: str | None = found["target"]
        self.status: int | None = found["elb_status_code"]
        self.target_status: int | None = found["target_status_code"]
        self.transformed_host: str | None = found["transformed_host"]
        self.transformed_path: str | None = None if record.transformed is None else record.transformed.target
        self.redirect_url: str | None = found["redirect_url"]
        self.outcome: str = found["outcome"]
        self.why: str = found["why"]
        self.error_reason: str | None = found["error_reason"]
        self.fault: str | None = found["fault"]
        self.classification: str | None = found["classification"]
        self.started = dt.datetime.fromtimestamp(record.arrived + clock_offset, dt.UTC)
        self.duration: float = found["duration"]
        self.request_time: float | None = found["request_processing_time"]
        self.target_time: float | None = found["target_processing_time"]
        self.received_bytes: int = found["received_bytes"]
        self.sent_bytes: int = found["sent_bytes"]
        self.trace_id: str | None = found["trace_id"]
        self.client: str = found["client"]

    @property
    def headers(self) -> Headers:
        """As the client sent them."""
        head = self._exchange.head
        return Headers([] if head is None else head.fields.fields)

    @functools.cached_property
    def _sent(self) -> tuple[str | None, Headers]:
        exchange = self._exchange
        if exchange.head is None or not exchange.dispatched:
            return None, Headers([])
        if isinstance(exchange, H2Exchange) and (scheme := exchange.target_scheme):
            return sent_in_h2(exchange, scheme)
        return sent_in_h1(exchange)

    @property
    def target_line(self) -> str | None:
        """The request line as the target got it; made of pseudo-headers if that was HTTP/2."""
        return self._sent[0]

    @property
    def target_headers(self) -> Headers:
        """The headers as the target got them; in HTTP/2 with `:scheme` and `:authority`."""
        return self._sent[1]

    @property
    def target_head(self) -> list[str]:
        """That line and those headers, one each; empty if no target was reached."""
        line, headers = self._sent
        return [] if line is None else [line, *(f"{name}: {value}" for name, value in headers)]

    def __repr__(self) -> str:
        where = f" -> {self.target_group} {self.target}" if self.target else ""
        said = "" if self.target_status in (None, self.status) else f" (the target said {self.target_status})"
        query = f"?{self.query}" if self.query else ""
        why = "" if self.outcome == "FORWARDED" else f": {self.why}"
        url = f"{self.scheme}://{self.host}{self.path}{query}"
        fault = f" (fault {self.fault})" if self.fault else ""
        return f"{self.method} {url} rule {self.rule}{where} {self.status or '-'}{said}{why}{fault}"


class Recorder:
    """Keeps what ends; for `RequestRing.keep`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: deque[Entry] = deque(maxlen=CAPACITY)
        self.missed = 0

    def keep(self, record: ExchangeRecord, place: ListenerPlace, ended: float) -> None:
        """An exchange has ended."""
        if len(self._entries) == CAPACITY:
            self.missed += 1
        self._entries.append(Entry(record, place, ended))

    def clear(self) -> None:
        """Forgets everything."""
        self._entries.clear()
        self.missed = 0

    def requests(self) -> list[RecordedRequest]:
        """What is kept, in the order in which it ended."""
        return [RecordedRequest(entry, self._clock.offset) for entry in self._entries]
