"""Action: what a rule does with the requests it matches."""

from __future__ import annotations

from typing import Literal

from edgeproxy.model.base import Model


class TargetGroupTuple(Model):
    """One target group of a forward action and its share. Source: API reference, TargetGroupTuple."""

    target_group_arn: str
    weight: int = 1


class TargetGroupStickinessConfig(Model):
    """Whether a client stays with the target group it was first given."""

    enabled: bool = False
    duration_seconds: int | None = None


class ForwardConfig(Model):
    """One to five target groups with weights."""

    target_groups: tuple[TargetGroupTuple, ...]
    target_group_stickiness_config: TargetGroupStickinessConfig | None = None


class RedirectConfig(Model):
    """Where the client is sent. Each part may hold placeholders. Source: API reference, RedirectActionConfig."""

    status_code: Literal["HTTP_301", "HTTP_302"]
    protocol: str = "#{protocol}"
    host: str = "#{host}"
    port: str = "#{port}"
    path: str = "/#{path}"
    query: str = "#{query}"


class FixedResponseConfig(Model):
    """An answer by the load balancer itself. Source: API reference, FixedResponseActionConfig."""

    status_code: str
    content_type: str | None = None
    message_body: str | None = None


class Action(Model):
    """One action. Source: API reference, Action; user guide, rule-action-types."""

    type: Literal["forward", "redirect", "fixed-response"]
    order: int | None = None
    target_group_arn: str | None = None
    forward_config: ForwardConfig | None = None
    redirect_config: RedirectConfig | None = None
    fixed_response_config: FixedResponseConfig | None = None

    @property
    def forward_targets(self) -> tuple[TargetGroupTuple, ...]:
        """The target groups of a forward action, however it was written; empty for other types."""
        if self.forward_config is not None:
            return self.forward_config.target_groups
        if self.target_group_arn is not None:
            return (TargetGroupTuple(target_group_arn=self.target_group_arn),)
        return ()
