"""What `edgeproxy explain` says about stickiness and the target: where the request's cookies lead, or whose turn it is.

The decisions are `balancing/stickiness.py`'s, made with the key of the development folder. Nothing runs here, so every
registered target counts as healthy, and it is the first request.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, NamedTuple

from edgeproxy.balancing.group import TargetGroupState
from edgeproxy.balancing.stickiness import GroupStickiness, Visit, read_cookies
from edgeproxy.balancing.sticky_token import KEY_BYTES
from edgeproxy.balancing.token_sealer import TokenSealer
from edgeproxy.model.target import TargetHealth, TargetHealthState
from edgeproxy.runtime.compiled_actions import target_stickiness

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from edgeproxy.control.explain_faults import AddedFault
    from edgeproxy.model.action import Action
    from edgeproxy.model.target_group import TargetGroup
    from edgeproxy.model.topology import Topology
    from edgeproxy.protocol.message import RequestHead


class Situation(NamedTuple):
    """What the answer depends on besides the request.

    Attributes:
        topology: What is configured.
        is_https: The listener's protocol.
        key: The key of stickiness cookies, or None: then none can be read.
        epoch: Now, in seconds since 1970.
        added: Faults that stand in no file.
    """

    topology: Topology
    is_https: bool
    key: bytes | None
    epoch: float
    added: Sequence[AddedFault] = ()


def target_lines(action: Action, head: RequestHead, situation: Situation) -> Iterator[str]:
    """The lines under those that name the target groups; none where there is nothing to decide."""
    topology = situation.topology
    groups = {group.name: group for group in map(topology.target_group, _references(action))}
    states = {group.name: _all_healthy(group, topology.target_group_arn(group)) for group in groups.values()}
    sealer = TokenSealer(situation.key or secrets.token_bytes(KEY_BYTES), secrets.token_bytes)
    visit = Visit(read_cookies(head.header_values("cookie")), situation.epoch, head.fields.user_agent)
    config = action.forward_config.target_group_stickiness_config if action.forward_config is not None else None
    if config is not None and config.enabled:
        stickiness = GroupStickiness(states.values(), sealer, config.duration_seconds or 0, is_https=situation.is_https)
        reception = stickiness.receive(visit)
        yield f"target group stickiness for {config.duration_seconds} seconds: {reception.reason}"
        if reception.group is not None:
            yield f"target group {reception.group.name}: {reception.reason}"
            groups = {reception.group.name: groups[reception.group.name]}
    for name, group in groups.items():
        yield from _target_in(group, states[name], sealer, visit, is_https=situation.is_https)


def _references(action: Action) -> list[str]:
    return [entry.target_group_arn for entry in action.forward_targets]


def _all_healthy(group: TargetGroup, arn: str) -> TargetGroupState:
    state = TargetGroupState(group.name, arn, draw=lambda: 0.0)
    state.update((target.id, group.port_of(target)) for target in group.targets)
    for target in state.targets.values():
        target.health = TargetHealth(TargetHealthState.HEALTHY)
    settings = group.settings
    state.configure(
        minimum_healthy_count=settings.minimum_healthy_count,
        minimum_healthy_percentage=settings.minimum_healthy_percentage,
        algorithm=settings.algorithm,
    )
    return state


def _target_in(
    group: TargetGroup, state: TargetGroupState, sealer: TokenSealer, visit: Visit, *, is_https: bool
) -> Iterator[str]:
    settings = group.settings
    target, reason = None, ""
    if settings.stickiness_enabled:
        policy = target_stickiness(state, settings, sealer, is_https=is_https)
        target, reason, *_ = policy.receive(visit)
        is_app = settings.stickiness_type == "app_cookie"
        seconds = settings.app_cookie_duration_seconds if is_app else settings.lb_cookie_duration_seconds
        yield f"stickiness of {group.name}: {settings.stickiness_type} for {seconds} seconds: {reason}"
    elif len(state.targets) < 2:
        return
    if target is not None:
        yield f"target {target.label} of {group.name}: {reason}"
    elif (picked := state.pick()) is not None:
        yield f"target {picked.label} of {group.name}: the first choice of {settings.algorithm} while all are healthy"
