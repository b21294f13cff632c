"""Which faults a request may meet on its way: a configuration's, and those that were added to one that runs."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from edgeproxy.control.fault_document import read_fault
from edgeproxy.errors import ConfigError
from edgeproxy.model import ids
from edgeproxy.runtime.fault_places import place_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from edgeproxy.exchange.fault_draws import FaultPlace
    from edgeproxy.model.fault import Fault
    from edgeproxy.model.listener import Listener
    from edgeproxy.model.load_balancer import LoadBalancer
    from edgeproxy.model.rule import Rule
    from edgeproxy.model.target_group import TargetGroup
    from edgeproxy.model.topology import Topology


class AddedFault(NamedTuple):
    """A fault that stands in no file, and where it stands instead."""

    place: FaultPlace
    fault: Fault


class Way(NamedTuple):
    """Of a request: what it comes by. `groups` are those that it may be forwarded to; None is the default rule."""

    load_balancer: LoadBalancer
    listener: Listener
    rule: Rule | None
    groups: Sequence[TargetGroup]

    def comes_by(self, place: FaultPlace) -> bool:
        """Whether faults there may take the request."""
        if place.is_at_targets:
            found = [group for group in self.groups if group.name == place.group]
            return any(
                not place.target_id or place.has_target(target.id, group.port_of(target))
                for group in found
                for target in group.targets
            )
        priority = "0" if self.rule is None else str(self.rule.priority)
        return (place.load_balancer, place.port) in (("", 0), (self.load_balancer.name, self.listener.port)) and (
            place.priority in ("", priority)
        )


def fault_lines(way: Way, added: Sequence[AddedFault] = ()) -> Iterator[str]:
    """A line each: those of the file in the order in which they take the request, then those that were added."""
    _, listener, rule, groups = way
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
    for each in added:
        if way.comes_by(each.place) and (groups or not each.fault.needs_target):
            yield f"added at {each.place}: {fault_text(each.fault)}"


def added_faults(answer: Mapping[str, Any], topology: Topology) -> list[AddedFault]:
    """Those of `GET /_edgeproxy/faults` that were added and are not over, at their places in this configuration."""
    found = []
    for each in answer.get("Faults", []):
        if each["Source"] == "added" and each["State"] == "active":
            fault = read_fault(json.dumps({**each["Fault"], "Where": each["Where"]}).encode())
            with contextlib.suppress(ConfigError):  # the file is not the one that runs
                found.append(AddedFault(place_of(fault, topology), fault))
    return found


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
