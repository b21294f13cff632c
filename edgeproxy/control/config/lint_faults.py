"""Faults that stand where they cannot have an effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from edgeproxy.model.fault import Fault
    from edgeproxy.model.load_balancer import LoadBalancer
    from edgeproxy.model.topology import Topology


def fault_findings(topology: Topology) -> Iterator[tuple[str, str]]:
    """Paths from the topology, and sentences."""
    for index, load_balancer in enumerate(topology.load_balancers):
        for number, listener in enumerate(load_balancer.listeners):
            path = f"LoadBalancers[{index}].Listeners[{number}]"
            actions = [*listener.default_actions, *(action for rule in listener.rules for action in rule.actions)]
            does_forward = any(action.type == "forward" for action in actions)
            yield from _findings(path, listener.faults, load_balancer, does_forward=does_forward)
            for position, rule in enumerate(listener.rules):
                does_forward = rule.routing_action.type == "forward"
                yield from _findings(f"{path}.Rules[{position}]", rule.faults, load_balancer, does_forward=does_forward)
    for index, group in enumerate(topology.target_groups):
        owner = topology.load_balancer_of(group)
        yield from _findings(f"TargetGroups[{index}]", group.faults, owner, does_forward=True)
        for number, target in enumerate(group.targets):
            yield from _findings(f"TargetGroups[{index}].Targets[{number}]", target.faults, owner, does_forward=True)


def _findings(
    path: str, faults: Sequence[Fault], load_balancer: LoadBalancer | None, *, does_forward: bool
) -> Iterator[tuple[str, str]]:
    for index, fault in enumerate(faults):
        where = f"{path}.Faults[{index}]"
        if fault.needs_target and not does_forward:
            yield where, f"the fault '{fault.label}' has no effect, because no request here is forwarded to a target"
        if fault.idle_timeout is None or load_balancer is None:
            continue
        idle_timeout = load_balancer.settings.idle_timeout_seconds
        if fault.idle_timeout >= idle_timeout:
            reason = f"the fault '{fault.label}' has no effect: the idle timeout is {idle_timeout} seconds already"
            yield f"{where}.IdleTimeout", reason
