"""Which of a configuration's faults a request may meet on its way. Those that were added at run time are not in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from edgeproxy.model import ids

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from edgeproxy.model.fault import Fault
    from edgeproxy.model.listener import Listener
    from edgeproxy.model.rule import Rule
    from edgeproxy.model.target_group import TargetGroup


def fault_lines(listener: Listener, rule: Rule | None, groups: Sequence[TargetGroup]) -> Iterator[str]:
    """A line each, in the order in which they take the request; `groups` are those that it may be forwarded to."""
    for fault in listener.faults:
        if groups or not fault.needs_target:
            yield f"the listener's {fault_text(fault)}"
    for fault in rule.faults if rule is not None else ():
        if groups or not fault.needs_target:
            yield f"the rule's {fault_text(fault)}"
    for group in groups:
        for fault in group.faults:
            yield f"target group {group.name}'s {fault_text(fault)}"
        for target in group.targets:
            for fault in target.faults:
                yield f"target {ids.endpoint(target.id, group.port_of(target))}'s {fault_text(fault)}"


def fault_text(fault: Fault) -> str:
    """`'slow': Delay: 1.5, Jitter: 0.5`."""
    given: dict[str, Any] = msgspec.to_builtins(fault)
    parts = [f"{key}: {value_text(value)}" for key, value in given.items() if key not in ("Name", "Where")]
    return f"'{fault.label}': {', '.join(parts)}"


def value_text(value: object) -> str:
    """As it would stand in a file."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
