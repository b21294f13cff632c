"""Anomalies: targets that fail more often than the others of their group, and what mitigation makes of their share.

Detection runs in every group with at least three healthy targets and cannot be switched off. What counts as an error is
a 5XX response of the target and a connection to it that could not be made. Every five seconds each target's share of
errors is compared with that of all the others together, and the result is `normal` or `anomalous`. It has nothing to do
with the health that checks find.

Mitigation needs the weighted_random algorithm and `load_balancing.algorithm.anomaly_mitigation` set to `on`. Then every
evaluation lowers the weight of an anomalous target, down to a floor, and raises the weight of one that is normal again,
until it is at parity.

    anomalous  weight 1 -> 0.5 -> 0.25 -> 0.125 -> 0.1 (floor)
    normal     weight 0.1 -> 0.2 -> 0.3 -> ... -> 1

Rules of this file:

* Each evaluation looks at what came in since the one before and then forgets it.
* A target that got no request keeps its result: there is no evidence for another. Its weight follows the result.
* A target that is not healthy, or in a group that has become too small, is normal.

Source: user guide, edit-target-group-attributes, section automatic target weights. AWS publishes neither its statistics
nor the floor: the numbers in `TUNING` are ours (unconfirmed).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgeproxy.balancing.target_state import TargetState

EVALUATION_SECONDS: Final = 5.0
"""How often shares are adjusted. Source: user guide, edit-target-group-attributes."""

LEAST_TARGETS: Final = 3
"""Healthy targets that detection needs. Source: user guide, edit-target-group-attributes."""


class Tuning(NamedTuple):
    """What AWS does not publish.

    Attributes:
        least_errors: Fewer errors in one evaluation's time are an accident.
        margin: How much higher than the others' the share of errors must be, as a fraction of the requests.
        factor: How many times higher it must be as well.
        floor: The least weight.
        decline: What an anomalous target's weight is multiplied with.
        recovery: What is added to a normal target's weight.
    """

    least_errors: int = 3
    margin: float = 0.1
    factor: float = 2.0
    floor: float = 0.1
    decline: float = 0.5
    recovery: float = 0.1


TUNING: Final = Tuning()


def evaluate(healthy: Sequence[TargetState], tuning: Tuning = TUNING) -> None:
    """Settle `is_anomalous` of a group's healthy targets by their counters, and set the counters back."""
    handled = sum(target.handled for target in healthy)
    errors = sum(target.errors for target in healthy)
    for target in healthy:
        if len(healthy) < LEAST_TARGETS:
            target.is_anomalous = False
        elif target.handled:
            others = handled - target.handled
            rate = (errors - target.errors) / others if others else 0.0
            own = target.errors / target.handled
            target.is_anomalous = (
                # One error is enough to stay anomalous: under mitigation few requests come.
                target.errors >= (1 if target.is_anomalous else tuning.least_errors)
                and own > rate + tuning.margin
                and own > rate * tuning.factor
            )
    for target in healthy:
        target.handled = target.errors = 0


def mitigate(targets: Sequence[TargetState], tuning: Tuning = TUNING) -> bool:
    """Move every weight one step; whether any has changed."""
    before = [target.weight for target in targets]
    for target in targets:
        if target.is_anomalous:
            target.weight = max(tuning.floor, target.weight * tuning.decline)
        else:
            target.weight = min(1.0, round(target.weight + tuning.recovery, 6))
    return before != [target.weight for target in targets]
