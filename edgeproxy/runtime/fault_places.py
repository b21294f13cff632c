"""Where faults stand: those of a configuration by their place in it, others by what their `Where` says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeproxy.errors import ConfigError
from edgeproxy.exchange.fault_draws import FaultPlace
from edgeproxy.model import ids
from edgeproxy.model.fault import ONLY_AT_TARGETS, FaultWhere
from edgeproxy.model.topology import Topology

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgeproxy.model.fault import Fault
    from edgeproxy.model.listener import Listener
    from edgeproxy.model.load_balancer import LoadBalancer
    from edgeproxy.model.target_group import TargetGroup


def configured_faults(topology: Topology) -> Iterator[tuple[FaultPlace, Fault]]:
    """Every fault of a configuration with its place, in the order of the file."""
    for balancer in topology.load_balancers:
        for listener in balancer.listeners:
            place = FaultPlace(load_balancer=balancer.name, port=listener.port)
            yield from ((place, fault) for fault in listener.faults)
            for rule in listener.rules:
                yield from ((place._replace(priority=str(rule.priority)), fault) for fault in rule.faults)
    for group in topology.target_groups:
        place = FaultPlace(group=group.name)
        yield from ((place, fault) for fault in group.faults)
        for target in group.targets:
            exact = place._replace(target_id=target.id, target_port=group.port_of(target))
            yield from ((exact, fault) for fault in target.faults)


def place_of(fault: Fault, topology: Topology | None) -> FaultPlace:
    """The place that a fault's `Where` means.

    Raises:
        ConfigError: There is no such place, or the fault cannot stand there.
    """
    topology = topology or Topology()
    where = fault.where or FaultWhere()
    if where.target_group is not None:
        return _at_targets(where.target_group, where.target, topology)
    if fault.target is not None:
        raise ConfigError("Target", fault.target, ONLY_AT_TARGETS)
    if where.listener is None and where.rule is None:
        return FaultPlace()
    if where.listener is None:
        return _rule_by_arn(str(where.rule), topology)
    balancer, listener = _listener(str(where.listener), topology)
    place = FaultPlace(load_balancer=balancer.name, port=listener.port)
    return place if where.rule is None else place._replace(priority=_priority(str(where.rule), listener))


def exists(place: FaultPlace, topology: Topology) -> bool:
    """Whether the configuration has the place."""
    if place.is_at_targets:
        groups = [group for group in topology.target_groups if group.name == place.group]
        return any(not place.target_id or _has_target(place, group) for group in groups)
    listeners = [
        listener
        for balancer, listener in _listeners(topology)
        if not place.port or (balancer.name, listener.port) == (place.load_balancer, place.port)
    ]
    if place.priority in ("", "0"):
        return bool(listeners)
    return any(place.priority == str(rule.priority) for listener in listeners for rule in listener.rules)


def _listeners(topology: Topology) -> Iterator[tuple[LoadBalancer, Listener]]:
    for balancer in topology.load_balancers:
        for listener in balancer.listeners:
            yield balancer, listener


def _listener(ref: str, topology: Topology) -> tuple[LoadBalancer, Listener]:
    found = [
        (balancer, listener)
        for balancer, listener in _listeners(topology)
        if ref in (str(listener.port), f"{balancer.name}:{listener.port}", topology.listener_arn(balancer, listener))
    ]
    if len(found) == 1:
        return found[0]
    known = ", ".join(f"{balancer.name}:{listener.port}" for balancer, listener in _listeners(topology)) or "none"
    if found:
        reason = f"Several listeners have the port '{ref}'; say which with its load balancer: {known}"
    else:
        reason = f"Listener '{ref}' not found. The listeners are: {known}"
    raise ConfigError("Where.Listener", ref, reason, code="ListenerNotFound")


def _priority(ref: str, listener: Listener) -> str:
    """A rule's priority as records have it."""
    if ref == "default":
        return "0"
    if ref not in {str(rule.priority) for rule in listener.rules}:
        known = ", ".join(str(rule.priority) for rule in listener.rules)
        reason = f"Rule '{ref}' not found. The listener's rules are: {', '.join(filter(None, (known, 'default')))}"
        raise ConfigError("Where.Rule", ref, reason, code="RuleNotFound")
    return ref


def _rule_by_arn(arn: str, topology: Topology) -> FaultPlace:
    for balancer, listener in _listeners(topology):
        place = FaultPlace(load_balancer=balancer.name, port=listener.port)
        if arn == topology.rule_arn(balancer, listener, ids.DEFAULT_RULE):
            return place._replace(priority="0")
        for rule in listener.rules:
            if arn == topology.rule_arn(balancer, listener, rule.priority):
                return place._replace(priority=str(rule.priority))
    raise ConfigError("Where.Rule", arn, f"Rule '{arn}' not found", code="RuleNotFound")


def _at_targets(group_ref: str, target_ref: str | None, topology: Topology) -> FaultPlace:
    try:
        group = topology.target_group(group_ref)
    except ConfigError as error:
        raise error.at("Where.TargetGroup") from None
    if target_ref is None:
        return FaultPlace(group=group.name)
    for target in group.targets:
        port = group.port_of(target)
        if target_ref == target.id:
            return FaultPlace(group=group.name, target_id=target.id)
        if target_ref == ids.endpoint(target.id, port):
            return FaultPlace(group=group.name, target_id=target.id, target_port=port)
    known = ", ".join(ids.endpoint(target.id, group.port_of(target)) for target in group.targets) or "none"
    reason = f"Target '{target_ref}' is not registered in '{group.name}'. Its targets are: {known}"
    raise ConfigError("Where.Target", target_ref, reason, code="InvalidTarget")


def _has_target(place: FaultPlace, group: TargetGroup) -> bool:
    return any(place.has_target(target.id, group.port_of(target)) for target in group.targets)
