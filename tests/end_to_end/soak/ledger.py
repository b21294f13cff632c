"""What clients saw against what the load balancer says: every request stands in the access log exactly once.

A client notes for each request what it knows for certain; `problems` compares. Pure: lines and numbers in, sentences
out. A client that was answered knows the status, and the size if the answer was complete. One that left, or was cut
off, knows only that there is a line. What nobody can know is whether a request on a connection that was used before,
and that closed without a word, had arrived when the load balancer closed it as idle. Such races are counted.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_FIELD = re.compile(r'"[^"]*"|\S+')
_NUMBER = re.compile(r"/[a-z-]+/(\d+) ")
METRIC = "aws_applicationelb_"


class Line(NamedTuple):
    """What matters of an access log line."""

    number: int | None
    """The request's number; None for one that could not be read."""
    kind: str
    target: str
    status: int
    target_status: int
    received: int
    sent: int

    @classmethod
    def parse(cls, text: str) -> Line:
        """Reads a line.

        Raises:
            ValueError: It has not 34 fields.
        """
        fields = _FIELD.findall(text)
        if len(fields) != 34:
            raise ValueError(f"{len(fields)} fields instead of 34: {text}")
        number = _NUMBER.search(fields[12])
        return cls(
            number=int(number[1]) if number is not None else None,
            kind=fields[0],
            target=fields[4],
            status=int(fields[8]),
            target_status=0 if fields[9] == "-" else int(fields[9]),
            received=int(fields[10]),
            sent=int(fields[11]),
        )


@dataclass(slots=True)
class Entry:
    """What a client knows of one request."""

    least: int = 1
    most: int = 1
    status: int = 0
    """The status it was given; 0 when there was no answer."""
    sent: int | None = None
    """How many bytes the load balancer has sent; None when the client may have missed some."""
    received: int | None = None
    """How many bytes it has sent itself, if all of them must have arrived."""


@dataclass(slots=True)
class Ledger:
    """The clients' side."""

    entries: dict[int, Entry] = field(default_factory=dict)
    unreadable: int = 0
    """Requests without a number that must be in the log all the same."""
    hung: list[int] = field(default_factory=list)
    """Requests that were neither answered nor ended."""

    def statuses(self) -> Counter[int]:
        """What clients were given."""
        return Counter(entry.status for entry in self.entries.values())

    def races(self) -> int:
        """Requests that may or may not have arrived."""
        return sum(entry.least != entry.most for entry in self.entries.values())

    def problems(self, lines: Iterable[Line], metrics: Mapping[str, float]) -> Iterator[str]:
        """Everything that does not fit, a sentence each."""
        lines = list(lines)
        by_number: dict[int | None, list[Line]] = {}
        for line in lines:
            by_number.setdefault(line.number, []).append(line)
        for number in self.hung:
            yield f"request {number} was neither answered nor ended"
        unreadable = len(by_number.pop(None, []))
        if unreadable != self.unreadable:
            yield f"{self.unreadable} unreadable requests were sent and {unreadable} were logged"
        for unknown in by_number.keys() - self.entries.keys():
            yield f"request {unknown} was logged and never sent"
        for number, entry in self.entries.items():
            yield from _entry_problems(number, entry, by_number.get(number, []))
        yield from _metric_problems(lines, metrics)


def _entry_problems(number: int, entry: Entry, lines: list[Line]) -> Iterator[str]:
    if not entry.least <= len(lines) <= entry.most:
        yield f"request {number} was logged {len(lines)} times, expected {entry.least} to {entry.most}: {lines}"
        return
    for line in lines:
        if entry.status and entry.status != line.status:
            yield f"request {number} was answered with {entry.status} and logged with {line.status}"
        if entry.sent is not None and entry.sent != line.sent:
            yield f"request {number} got {entry.sent} bytes and {line.sent} were logged: {line}"
        if entry.received is not None and entry.received != line.received:
            yield f"request {number} sent {entry.received} bytes and {line.received} were logged: {line}"


def _metric_problems(lines: list[Line], metrics: Mapping[str, float]) -> Iterator[str]:
    """What one request adds to which metric (user guide, load-balancer-cloudwatch-metrics)."""
    expected: Counter[str] = Counter()
    for line in lines:
        if line.target != "-":
            expected["request_count_total"] += 1
        if line.target_status == 0:
            expected[f"httpcode_elb_{line.status // 100}xx_count_total"] += 1
            if line.status in (500, 502, 503, 504):
                expected[f"httpcode_elb_{line.status}_count_total"] += 1
        elif line.target_status != 101:
            expected[f"httpcode_target_{line.target_status // 100}xx_count_total"] += 1
    # A fixed response with 2XX counts among no codes.
    expected.pop("httpcode_elb_2xx_count_total", None)
    expected["processed_bytes_total"] = sum(line.received + line.sent for line in lines)
    for name, count in expected.items():
        if metrics.get(METRIC + name, 0) != count:
            yield f"the metric {name} is {metrics.get(METRIC + name, 0):.0f}, and the log says {count}"
    codes = {name.removeprefix(METRIC) for name, count in metrics.items() if "httpcode" in name and count}
    for name in codes - expected.keys():
        yield f"the metric {name} is {metrics[METRIC + name]:.0f}, and the log has no such line"


def parse_metrics(text: str) -> dict[str, float]:
    """Prometheus's text format, summed over all labels."""
    found: Counter[str] = Counter()
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            found[name.partition("{")[0]] += float(value)  # type: ignore[assignment]
    return dict(found)
