"""Rule: priority, conditions and actions."""

from __future__ import annotations

from edgeproxy.model.action import Action
from edgeproxy.model.attributes import Attributes
from edgeproxy.model.base import Model
from edgeproxy.model.condition import RuleCondition


class Rule(Model):
    """A listener rule. Source: API reference, CreateRule."""

    priority: int
    conditions: tuple[RuleCondition, ...]
    actions: tuple[Action, ...]
    tags: Attributes = ()

    @property
    def routing_action(self) -> Action:
        """The action that answers the request: the one with the highest order."""
        return max(self.actions, key=lambda action: action.order or 0)
