"""The requests that came: what became of each, and assertions on them.

They are the proxy's own records, kept as they ended; what a target got is encoded again by the code that encoded it.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections import deque
from typing import TYPE_CHECKING, Any, Final, cast

from edgeproxy.control.request_document import request_document
from edgeproxy.protocol.upgrade import asks_for_websocket
from edgeproxy.rules.wildcard import compile_any
from edgeproxy.runtime.request_ring import Entry, ListenerPlace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edgeproxy.exchange.exchange import Exchange
    from edgeproxy.exchange.record import ExchangeRecord
    from edgeproxy.runtime.clock import Clock

CAPACITY: Final = 10_000
"""Requests; each keeps its head and its connection's facts alive, a few kilobytes."""

_SHOWN = 40
_WILD = ("path", "host", "target", "target_group")


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
        status: What the client got; 460 when it had left.
        target_status: What the target answered, if it did.
        transformed_host: What a transform made of the host.
        transformed_path: What a transform made of path and query.
        redirect_url: The Location of a redirect action.
        outcome: How it ended, such as `FORWARDED` or `TARGET_CLOSED`.
        why: The same in words.
        error_reason: The access log's.
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
        self.status: int = found["elb_status_code"]
        self.target_status: int | None = found["target_status_code"]
        self.transformed_host: str | None = found["transformed_host"]
        self.transformed_path: str | None = None if record.transformed is None else record.transformed.target
        self.redirect_url: str | None = found["redirect_url"]
        self.outcome: str = found["outcome"]
        self.why: str = found["why"]
        self.error_reason: str | None = found["error_reason"]
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
    def target_head(self) -> list[str]:
        """The request line and the headers as the target got them, one each; empty if no target was reached."""
        exchange = self._exchange
        head = exchange.head
        if head is None or not exchange.dispatched:
            return []
        forwarding, client = exchange.context.forwarding, exchange.client
        prefix = client.forwarded_prefix(forwarding)
        data = forwarding.encode(head, prefix, client.source_port, exchange.trace_id, exchange.transformed)
        if head.fields.wants_websocket and asks_for_websocket(head):
            data = forwarding.encode_upgrade(data, head.fields)
        return data.decode("latin-1").rstrip("\r\n").split("\r\n")

    @property
    def target_line(self) -> str | None:
        """The request line as the target got it."""
        return self.target_head[0] if self.target_head else None

    @property
    def target_headers(self) -> Headers:
        """The headers as the target got them."""
        pairs = (line.partition(":") for line in self.target_head[1:])
        return Headers([(name, value.strip()) for name, _, value in pairs])

    def __repr__(self) -> str:
        where = f" -> {self.target_group} {self.target}" if self.target else ""
        said = "" if self.target_status in (None, self.status) else f" (the target said {self.target_status})"
        query = f"?{self.query}" if self.query else ""
        why = "" if self.outcome == "FORWARDED" else f": {self.why}"
        url = f"{self.scheme}://{self.host}{self.path}{query}"
        return f"{self.method} {url} rule {self.rule}{where} {self.status}{said}{why}"


class Headers:
    """Header fields in their order; names do not care for case."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self.pairs = list(pairs)

    def get(self, name: str, default: str | None = None) -> str | None:
        """The first value."""
        return next(iter(self.all(name)), default)

    def all(self, name: str) -> list[str]:
        """All values."""
        return [value for each, value in self.pairs if each.lower() == name.lower()]

    def __getitem__(self, name: str) -> str:
        values = self.all(name)
        if not values:
            names = ", ".join(each for each, _ in self.pairs)
            raise KeyError(f"there is no header {name}; there are: {names}")
        return values[0]

    def __contains__(self, name: object) -> bool:
        return bool(self.all(str(name)))

    def __iter__(self) -> Any:
        return iter(self.pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    def __eq__(self, other: object) -> bool:
        return self.pairs == list(other) if isinstance(other, (Headers, list)) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self.pairs)


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


def matching(requests: Iterable[RecordedRequest], wanted: dict[str, Any]) -> list[RecordedRequest]:
    """The requests that have all that is wanted; texts for path, host, target and target group may hold `*` and `?`.

    Raises:
        TypeError: A request has no such thing.
    """
    unknown = [name for name in wanted if name not in _COMPARED]
    if unknown:
        raise TypeError(f"A request has no '{unknown[0]}'; what can be asked for is: {', '.join(sorted(_COMPARED))}.")
    tests = [_COMPARED[name](name, value) for name, value in wanted.items()]
    return [request for request in requests if all(test(request) for test in tests)]


def failure(requests: list[RecordedRequest], wanted: dict[str, Any], found: int, times: int | None) -> str:
    """What an assertion says that does not hold."""
    expected = "at least one request" if times is None else f"{times} request{'' if times == 1 else 's'}"
    asked = ", ".join(f"{name}={value!r}" for name, value in wanted.items()) or "anything"
    lines = [f"expected {expected} with {asked}, but {found} came."]
    if requests:
        lines.append(f"All {len(requests)} requests, in the order in which they ended:")
        shown = requests[-_SHOWN:]
        if len(shown) < len(requests):
            lines.append(f"  ({len(requests) - len(shown)} earlier ones)")
        chosen = set(map(id, matching(requests, wanted)))
        lines += [f"  {'*' if id(request) in chosen else ' '} {request!r}" for request in shown]
    else:
        lines.append("There were no requests at all.")
    return "\n".join(lines)


def _equal(name: str, value: Any) -> Any:
    return lambda request: getattr(request, name) == value


def _wild(name: str, value: Any) -> Any:
    if value is None:
        return _equal(name, value)
    matches = compile_any([value], ignore_case=name == "host")
    return lambda request: (found := getattr(request, name)) is not None and matches(found)


def _has_headers(name: str, value: Any) -> Any:
    return lambda request: all(wanted in getattr(request, name).all(each) for each, wanted in value.items())


_PLAIN: Final = (
    *("method", "scheme", "version", "query", "listener_port", "rule", "actions", "status", "target_status"),
    *("transformed_host", "transformed_path", "redirect_url", "outcome", "why", "error_reason", "classification"),
    *("trace_id", "client", "target_line"),
)

_COMPARED: Final = {
    **dict.fromkeys(_PLAIN, _equal),
    **dict.fromkeys(_WILD, _wild),
    "headers": _has_headers,
    "target_headers": _has_headers,
}
