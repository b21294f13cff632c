"""What a row of the table of metrics says (`metric_names.py`), and what its number is read from."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

from edgeproxy.model.target import TargetHealthState

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgeproxy.runtime.metrics import LoadBalancerCounters, TargetGroupCounters
    from edgeproxy.runtime.status import TargetGroupStatus, TargetStatus

PREFIX: Final = "aws_applicationelb_"
"""CloudWatch's namespace, `AWS/ApplicationELB`."""

LOAD_BALANCER: Final = ("load_balancer",)
TARGET_GROUP: Final = ("load_balancer", "target_group")


class Kind(enum.Enum):
    """What kind of number it is to Prometheus."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Shown(enum.Enum):
    """When there is a line: CloudWatch's reporting criteria."""

    ALWAYS = "always"
    NON_ZERO = "when it is not zero"
    WITH_TARGETS = "while the target group has registered targets"
    STICKY = "while a target group has stickiness of type lb_cookie"
    APP_STICKY = "while a target group has stickiness of type app_cookie"


class GroupView(NamedTuple):
    """A target group as its metrics see it; `status` is None when the group is no longer configured."""

    counters: TargetGroupCounters
    status: TargetGroupStatus | None

    @property
    def targets(self) -> list[TargetStatus]:
        """All targets, those that drain as well."""
        return self.status.targets if self.status is not None else []

    @property
    def has_targets(self) -> bool:
        """Whether any target is registered; one that drains is not."""
        return any(target.health.state is not TargetHealthState.DRAINING for target in self.targets)

    def count(self, state: TargetHealthState) -> int:
        """How many targets are in a state."""
        return sum(target.health.state is state for target in self.targets)


class BalancerView(NamedTuple):
    """A load balancer as its metrics see it: what was counted, and the stickiness types that its groups have."""

    counters: LoadBalancerCounters
    stickiness: frozenset[str]


View = TypeVar("View")


@dataclass(frozen=True, kw_only=True)
class Published(Generic[View]):
    """A metric that `/metrics` has.

    Attributes:
        cloudwatch: CloudWatch's name.
        name: Ours, without prefix and without the `_total` that Prometheus puts behind counters.
        counts: What it counts here, for people.
        read: The number; for a histogram it is not asked.
        labels: `LOAD_BALANCER` or `TARGET_GROUP`.
        kind: To Prometheus.
        shown: When there is a line.
    """

    cloudwatch: str
    name: str
    counts: str
    read: Callable[[View], float]
    labels: tuple[str, ...]
    kind: Kind = Kind.COUNTER
    shown: Shown = Shown.NON_ZERO

    @property
    def full_name(self) -> str:
        """As it stands in `/metrics`."""
        return f"{PREFIX}{self.name}{'_total' if self.kind is Kind.COUNTER else ''}"


class Unpublished(NamedTuple):
    """Metrics that this proxy cannot know, and why."""

    cloudwatch: tuple[str, ...]
    reason: str
