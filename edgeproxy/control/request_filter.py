"""Which requests somebody wants to see: the filters of `edgeproxy logs` and of `/_edgeproxy/requests`.

| filter | holds for |
| --- | --- |
| `status` | the status given to the client: `404`, `5xx`, `200-299` |
| `method` | the method, `GET` |
| `host` | the host name without port; `*` and `?` as in a rule's conditions |
| `path` | the path as rules see it; `*` and `?` as well |
| `rule` | the priority of the rule that answered, or `default` |
| `target` | the target as `ADDRESS:PORT`, or the name of the target group; `*` and `?` as well |
| `fault` | the name of a fault on purpose that took the request; `*` and `?` as well |
| `slow` | at least so long from arrival to end: `100ms`, `1.5s`, `2m`; a number alone is seconds |

All but `slow`, `host` and `path` take lists with commas. Filters of one kind add up, different kinds must all hold. The
same code checks what was typed and what was asked, so that both are refused with the same sentence.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeAlias

from edgeproxy.exchange.forwarding import split_host
from edgeproxy.rules.wildcard import compile_any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from edgeproxy.exchange.record import ExchangeRecord
    from edgeproxy.runtime.request_ring import Entry

    Holds: TypeAlias = Callable[[Entry], bool]

_DURATION: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?|\.[0-9]+)(ms|s|m|)\Z")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0}
_STATUSES: Final = re.compile(r"([1-9])xx|([1-9][0-9]{2})(?:-([1-9][0-9]{2}))?\Z", re.IGNORECASE)


def parse_duration(text: str) -> float:
    """Seconds.

    Raises:
        ValueError: The text is no duration; the message is a full sentence.
    """
    found = _DURATION.match(text)
    if found is None:
        raise ValueError(f"'{text}' is not a duration: it must be a number with ms, s or m, as in 100ms or 1.5s.")
    return float(found[1]) * _SECONDS[found[2]]


def parse_statuses(text: str) -> range:
    """The statuses that `404`, `5xx` or `200-299` stands for.

    Raises:
        ValueError: The text is none of them; the message is a full sentence.
    """
    found = _STATUSES.fullmatch(text)
    if found is None:
        raise ValueError(f"'{text}' is not a status: it must be like 404, 5xx or 200-299.")
    if found[1]:
        return range(int(found[1]) * 100, int(found[1]) * 100 + 100)
    statuses = range(int(found[2]), int(found[3] or found[2]) + 1)
    if not statuses:
        raise ValueError(f"'{text}' holds no status: the lower one comes first, as in 200-299.")
    return statuses


def parse_rule(text: str) -> str:
    """A rule's priority as records have it; `default` is "0".

    Raises:
        ValueError: The text is neither; the message is a full sentence.
    """
    if text == "default":
        return "0"
    if not (text.isascii() and text.isdigit() and int(text) <= 50000):
        raise ValueError(f"'{text}' is not a rule: it must be a priority from 1 to 50000, or default.")
    return str(int(text))


def _by_status(values: Sequence[str]) -> Holds:
    wanted = frozenset(status for text in _listed(values) for status in parse_statuses(text))
    return lambda entry: entry.record.status in wanted


def _by_method(values: Sequence[str]) -> Holds:
    wanted = frozenset(text.upper() for text in _listed(values))
    return lambda entry: entry.record.head is not None and entry.record.head.method in wanted


def _by_host(values: Sequence[str]) -> Holds:
    matches = compile_any(values, ignore_case=True)
    return lambda entry: entry.record.head is not None and matches(host_of(entry.record))


def _by_path(values: Sequence[str]) -> Holds:
    matches = compile_any(values)
    return lambda entry: entry.record.head is not None and matches(entry.record.head.path)


def _by_rule(values: Sequence[str]) -> Holds:
    wanted = frozenset(map(parse_rule, _listed(values)))
    return lambda entry: entry.record.priority in wanted


def _by_target(values: Sequence[str]) -> Holds:
    matches = compile_any(_listed(values))

    def holds(entry: Entry) -> bool:
        target, group = entry.record.target, entry.record.group
        return (target is not None and matches(target.label)) or (group is not None and matches(group.name))

    return holds


def _by_fault(values: Sequence[str]) -> Holds:
    matches = compile_any(_listed(values))

    def holds(entry: Entry) -> bool:
        injection = entry.record.injection
        return injection is not None and any(map(matches, injection.names))

    return holds


def _by_duration(values: Sequence[str]) -> Holds:
    least = max(map(parse_duration, values))
    return lambda entry: entry.ended - entry.record.arrived >= least


_FILTERS: Final[dict[str, Callable[[Sequence[str]], Holds]]] = {
    "status": _by_status,
    "method": _by_method,
    "host": _by_host,
    "path": _by_path,
    "rule": _by_rule,
    "target": _by_target,
    "fault": _by_fault,
    "slow": _by_duration,
}

FILTERS: Final = tuple(_FILTERS)
"""Their names, for options and query parameters."""


class RequestFilter:
    """Compiled filters."""

    def __init__(self, wanted: Iterable[tuple[str, str]]) -> None:
        """Compiles pairs of a filter's name and a value; the same name may come several times.

        Raises:
            ValueError: There is no such filter, or it cannot take the value; the message is a full sentence.
        """
        values: dict[str, list[str]] = {}
        for name, value in wanted:
            if name not in _FILTERS:
                raise ValueError(f"'{name}' is not a filter: there are {', '.join(FILTERS)}.")
            values.setdefault(name, []).append(value)
        self._tests = [_FILTERS[name](texts) for name, texts in values.items()]

    def holds(self, entry: Entry) -> bool:
        """Whether the request is wanted."""
        return all(test(entry) for test in self._tests)


def host_of(record: ExchangeRecord) -> str:
    """The name that the client asked for, in lower case and without port; "" without one."""
    head = record.head
    return "" if head is None else split_host((head.authority or head.fields.host).lower())[0]


def _listed(values: Sequence[str]) -> list[str]:
    """The values with commas taken apart; at least one is asked for."""
    return [part.strip() for value in values for part in value.split(",")]
