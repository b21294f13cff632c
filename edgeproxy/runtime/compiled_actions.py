"""Actions of rules, compiled: one `ActionCompiler` for each listener of a topology that is being built aside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeproxy.balancing.stickiness import (
    ApplicationStickiness,
    DurationStickiness,
    GroupStickiness,
    TargetStickiness,
)
from edgeproxy.balancing.weighted import WeightedGroups
from edgeproxy.exchange.actions import (
    CompiledAction,
    FixedResponseAction,
    ForwardAction,
    RedirectAction,
    VersionedForwardAction,
)
from edgeproxy.exchange.sticky import StickyForwardAction
from edgeproxy.exchange.transforming import TransformingAction

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from edgeproxy.balancing.group import TargetGroupState
    from edgeproxy.balancing.token_sealer import TokenSealer
    from edgeproxy.model.action import Action
    from edgeproxy.model.listener import Listener
    from edgeproxy.model.rule import Rule
    from edgeproxy.model.target_group_settings import TargetGroupSettings
    from edgeproxy.model.topology import Topology

DEFAULT_PRIORITY = "0"
"""What logs call the default rule."""


class ActionCompiler:
    """Compiles the actions of one listener."""

    def __init__(
        self,
        topology: Topology,
        groups: Mapping[str, TargetGroupState],
        listener: Listener,
        *,
        dns_name: str,
        draw: Callable[[], float],
        sealer: Callable[[], TokenSealer],
        time_scale: float,
    ) -> None:
        """For one listener.

        Args:
            topology: What is being compiled.
            groups: The live states of its target groups, by name.
            listener: The listener.
            dns_name: The load balancer's; redirects lead there where a request names no host.
            draw: Gives numbers from 0 up to 1.
            sealer: Gives what cookies are sealed with; asked only where there are some.
            time_scale: Every duration times this.
        """
        self._topology = topology
        self._groups = groups
        self._listener = listener
        self._dns_name = dns_name
        self._draw = draw
        self._sealer = sealer
        self._time_scale = time_scale
        self._is_https = listener.protocol == "HTTPS"

    def of_rule(self, rule: Rule) -> CompiledAction:
        """What a rule does."""
        routed = self._of(str(rule.priority), rule.actions)
        return TransformingAction(routed, rule.transforms) if rule.transforms else routed

    def of_default(self) -> CompiledAction:
        """What the default rule does."""
        return self._of(DEFAULT_PRIORITY, self._listener.default_actions)

    def _of(self, priority: str, actions: tuple[Action, ...]) -> CompiledAction:
        routing = max(actions, key=lambda each: each.order or 0)
        if routing.redirect_config is not None:
            return RedirectAction(
                priority,
                routing.redirect_config,
                protocol=self._listener.protocol,
                port=self._listener.port,
                default_host=self._dns_name,
            )
        if routing.fixed_response_config is not None:
            return FixedResponseAction(priority, routing.fixed_response_config)
        return self._forward(priority, routing)

    def _forward(self, priority: str, action: Action) -> CompiledAction:
        groups = self._groups
        named = [(self._topology.target_group(each.target_group_arn), each.weight) for each in action.forward_targets]
        choose = WeightedGroups([(groups[group.name], weight) for group, weight in named], self._draw).choose
        has_versions = any(group.protocol_version != "HTTP1" for group, _ in named)
        between_groups = self._group_stickiness(action, [groups[group.name] for group, _ in named])
        sticky = [group for group, _ in named if group.settings.stickiness_enabled]
        if not sticky and between_groups is None:
            return (VersionedForwardAction if has_versions else ForwardAction)(priority, choose)
        targets = {
            groups[group.name]: target_stickiness(
                groups[group.name],
                group.settings,
                self._sealer(),
                time_scale=self._time_scale,
                is_https=self._is_https,
            )
            for group in sticky
        }
        return StickyForwardAction(priority, choose, groups=between_groups, targets=targets, has_versions=has_versions)

    def _group_stickiness(self, action: Action, states: list[TargetGroupState]) -> GroupStickiness | None:
        config = action.forward_config.target_group_stickiness_config if action.forward_config is not None else None
        if config is None or not config.enabled:
            return None
        duration = (config.duration_seconds or 0) * self._time_scale
        return GroupStickiness(states, self._sealer(), duration, is_https=self._is_https)


def target_stickiness(
    state: TargetGroupState,
    settings: TargetGroupSettings,
    sealer: TokenSealer,
    *,
    time_scale: float = 1.0,
    is_https: bool,
) -> TargetStickiness:
    """The stickiness that a target group's attributes ask for."""
    if settings.stickiness_type == "app_cookie":
        duration = settings.app_cookie_duration_seconds * time_scale
        return ApplicationStickiness(state, sealer, settings.app_cookie_name, duration)
    return DurationStickiness(state, sealer, settings.lb_cookie_duration_seconds * time_scale, is_https=is_https)
