"""Rule: priority, conditions, transforms and actions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeproxy.errors import ConfigError
from edgeproxy.model import validate
from edgeproxy.model.action import Action, action_list_problems
from edgeproxy.model.attributes import Attributes  # noqa: TC001 - the decoder reads the annotations
from edgeproxy.model.base import Model, sentences
from edgeproxy.model.condition import RuleCondition  # noqa: TC001 - the decoder reads the annotations
from edgeproxy.model.fault import Fault, fault_list_problems
from edgeproxy.model.transform import RuleTransform, transform_list_problems

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_PRIORITY = 50000
MAX_VALUES = 5
MAX_WILDCARDS = 6
_ONCE = ("host-header", "path-pattern", "http-request-method", "source-ip")


class Rule(Model, frozen=True):
    """A listener rule. Source: API reference, CreateRule; user guide, listener-rules and load-balancer-limits."""

    missing_sentences = sentences(
        Priority="A rule priority must be specified", Conditions="A rule needs at least one condition"
    )

    priority: int
    """1-50000, unique on the listener; the lowest number is asked first."""
    conditions: tuple[RuleCondition, ...]
    """All of them have to hold; at most 5 values and 6 wildcards together."""
    actions: tuple[Action, ...]
    """What happens with the requests that match."""
    transforms: tuple[RuleTransform, ...] = ()
    """What is rewritten before the actions; conditions see the request as it came."""
    tags: Attributes = ()
    """Kept and echoed."""
    faults: tuple[Fault, ...] = ()
    """Failures on purpose for the rule's requests (our extension)."""

    @property
    def routing_action(self) -> Action:
        """The action that answers the request: the one with the highest order."""
        return max(self.actions, key=lambda action: action.order or 0)

    def problems(self) -> Iterator[ConfigError]:
        """ELBv2's laws for one rule."""
        yield from validate.between("Priority", self.priority, 1, MAX_PRIORITY)
        if not self.conditions:
            yield ConfigError("Conditions", None, "A rule needs at least one condition")
        yield from self._quota_problems()
        for field in _ONCE:
            places = [index for index, condition in enumerate(self.conditions) if condition.field == field]
            for index in places[1:]:
                reason = f"A rule can only have one '{field}' condition"
                yield ConfigError(f"Conditions[{index}].Field", field, reason)
        yield from transform_list_problems("Transforms", self.transforms)
        yield from action_list_problems("Actions", self.actions)
        yield from fault_list_problems(self.faults, marks_targets=False)

    def _quota_problems(self) -> Iterator[ConfigError]:
        values = sum(condition.value_count for condition in self.conditions)
        wildcards = sum(condition.wildcard_count for condition in self.conditions)
        sentence = "A rule can only have '{limit}' condition values"
        yield from validate.at_most("Conditions", values, MAX_VALUES, sentence)
        sentence = "A rule can only have '{limit}' condition wildcards; this one has {count}"
        yield from validate.at_most("Conditions", wildcards, MAX_WILDCARDS, sentence)
