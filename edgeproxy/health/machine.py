"""The health of one target, as a state machine.

    unused        --register, group in use-->      initial (Elb.RegistrationInProgress)
    unused        --register, group not in use-->  unused (Target.NotInUse)
    initial       --checks begin-->                initial (Elb.InitialHealthChecking)
    initial       --1 pass-->                      healthy
    initial       --U failures in a row-->         unhealthy
    healthy       --U failures in a row-->         unhealthy
    unhealthy     --H passes in a row-->           healthy
    any of these  --group taken out of use-->      unused (Target.NotInUse)
    unused        --group put into use-->          initial (Elb.RegistrationInProgress), if registered
    registered    --deregister-->                  draining (Target.DeregistrationInProgress)
    draining      --drained-->                     unused (Target.NotRegistered)

H and U are the healthy and unhealthy threshold counts of the target group. Rules of this file:

* The first pass wins: H never holds back a new target, only one that was unhealthy.
* Counts are consecutive: a pass forgets the failures, a failure forgets the passes.
* An unhealthy target carries the reason of its latest failure; a pass on the way up does not change it. If the failures
  that count were different status codes, the description names all of them.
* New thresholds keep the state and start counting anew. AWS does not document what a change does to the counts.
* All transitions that checks cause are in `_STEPS`. No clock in here: whoever checks, says so.

Source: user guide, target-group-health-checks and load-balancer-target-groups (registered targets).
"""

from __future__ import annotations

import enum
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from edgeproxy.health.outcome import description_of
from edgeproxy.model.target import TargetHealth, TargetHealthState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgeproxy.health.outcome import CheckResult

HEALTHY: Final = TargetHealth(TargetHealthState.HEALTHY)
REGISTERING: Final = TargetHealth(
    TargetHealthState.INITIAL, "Elb.RegistrationInProgress", "Target registration is in progress"
)
FIRST_CHECKS: Final = TargetHealth(
    TargetHealthState.INITIAL, "Elb.InitialHealthChecking", "Initial health checks in progress"
)
NOT_REGISTERED: Final = TargetHealth(
    TargetHealthState.UNUSED, "Target.NotRegistered", "Target is not registered to the target group"
)
NOT_IN_USE: Final = TargetHealth(
    TargetHealthState.UNUSED,
    "Target.NotInUse",
    "Target group is not configured to receive traffic from the load balancer",
)
DRAINING: Final = TargetHealth(
    TargetHealthState.DRAINING, "Target.DeregistrationInProgress", "Target deregistration is in progress"
)


class _Needed(enum.Enum):
    """How many equal results in a row a transition takes."""

    ONE = "one"
    HEALTHY_THRESHOLD = "healthy threshold"
    UNHEALTHY_THRESHOLD = "unhealthy threshold"


class _Step(NamedTuple):
    needed: _Needed
    leads_to: TargetHealthState


_STEPS: Final[Mapping[tuple[TargetHealthState, bool], _Step]] = {
    # (state, passed): what it takes and where it leads; what is not here stays where it is
    (TargetHealthState.INITIAL, True): _Step(_Needed.ONE, TargetHealthState.HEALTHY),
    (TargetHealthState.INITIAL, False): _Step(_Needed.UNHEALTHY_THRESHOLD, TargetHealthState.UNHEALTHY),
    (TargetHealthState.HEALTHY, False): _Step(_Needed.UNHEALTHY_THRESHOLD, TargetHealthState.UNHEALTHY),
    (TargetHealthState.UNHEALTHY, False): _Step(_Needed.ONE, TargetHealthState.UNHEALTHY),
    (TargetHealthState.UNHEALTHY, True): _Step(_Needed.HEALTHY_THRESHOLD, TargetHealthState.HEALTHY),
}

_CHECKED: Final = frozenset({TargetHealthState.INITIAL, TargetHealthState.HEALTHY, TargetHealthState.UNHEALTHY})


class TargetHealthMachine:
    """One target's health; begins unregistered. Every event returns whether `health` changed visibly.

    Attributes:
        health: State, reason and description, in the API's words.
    """

    __slots__ = ("_failures", "_is_group_in_use", "_is_registered", "_row", "_row_passed", "_thresholds", "health")

    def __init__(self, healthy_threshold: int, unhealthy_threshold: int) -> None:
        self.health = NOT_REGISTERED
        self._is_registered = False
        self._is_group_in_use = False
        self._row = 0  # how many results in a row were equal
        self._row_passed = False  # and what they were
        self._thresholds = _thresholds(healthy_threshold, unhealthy_threshold)
        self._failures: deque[CheckResult] = deque(maxlen=unhealthy_threshold)

    @property
    def is_checked(self) -> bool:
        """Whether checks are sent: registered, in a group that is in use, and not draining."""
        return self.health.state in _CHECKED

    def configure(self, healthy_threshold: int, unhealthy_threshold: int) -> None:
        """Apply changed thresholds from the next check on."""
        thresholds = _thresholds(healthy_threshold, unhealthy_threshold)
        if thresholds != self._thresholds:
            self._thresholds = thresholds
            self._failures = deque(self._failures, maxlen=unhealthy_threshold)
            self._row = 0

    def register(self) -> bool:
        """The target was registered, for the first time or again."""
        if self._is_registered:
            return False
        self._is_registered = True
        return self._become(REGISTERING if self._is_group_in_use else NOT_IN_USE)

    def deregister(self) -> bool:
        """The target was taken out; it drains until `drained`."""
        if not self._is_registered:
            return False
        self._is_registered = False
        return self._become(DRAINING)

    def drained(self) -> bool:
        """The deregistration delay is over."""
        return self.health == DRAINING and self._become(NOT_REGISTERED)

    def in_use(self, is_group_in_use: bool) -> bool:
        """A rule or default action now refers to the target group, or none does any more."""
        if self._is_group_in_use == is_group_in_use:
            return False
        self._is_group_in_use = is_group_in_use
        if not self._is_registered:
            return False
        return self._become(REGISTERING if is_group_in_use else NOT_IN_USE)

    def on_checking(self) -> bool:
        """The first check of a new target is on its way."""
        return self.health == REGISTERING and self._become(FIRST_CHECKS)

    def on_check(self, result: CheckResult) -> bool:
        """A check ended. Results that arrive when no checks are due are ignored."""
        state = self.health.state
        if state not in _CHECKED:
            return False
        self._row = self._row + 1 if result.passed == self._row_passed else 1
        self._row_passed = result.passed
        if result.passed:
            self._failures.clear()
        else:
            self._failures.append(result)
        step = _STEPS.get((state, result.passed))
        if step is None or self._row < self._thresholds[step.needed]:
            return self.on_checking()
        description = None if result.passed else description_of(self._failures)
        return self._become(TargetHealth(step.leads_to, result.reason, description))

    def _become(self, health: TargetHealth) -> bool:
        if health.state is not self.health.state:
            self._row = 0
        is_change = health != self.health
        self.health = health
        return is_change

    def __repr__(self) -> str:
        row = f" {self._row} {'passed' if self._row_passed else 'failed'}" if self._row else ""
        return f"<TargetHealthMachine {self.health.state}{row}>"


def _thresholds(healthy: int, unhealthy: int) -> Mapping[_Needed, int]:
    return {_Needed.ONE: 1, _Needed.HEALTHY_THRESHOLD: healthy, _Needed.UNHEALTHY_THRESHOLD: unhealthy}
