"""What is running in this process on behalf of tests: so that somebody can stop what a test has forgotten."""

from __future__ import annotations

from typing import Protocol


class Stoppable(Protocol):
    """A load balancer or a target."""

    def stop(self) -> None:
        """Ends it; a second time does nothing."""


RUNNING: dict[Stoppable, bool] = {}
"""In the order in which they were started; True for those whose fixture will stop them."""


def stop_forgotten(before: frozenset[Stoppable] = frozenset(), *, also_kept: bool = False) -> list[Stoppable]:
    """Stops what runs and did not before, the last one first.

    Args:
        before: What may go on.
        also_kept: Stop also what a fixture would stop later.
    """
    forgotten = [each for each, is_kept in RUNNING.items() if each not in before and (also_kept or not is_kept)]
    for each in reversed(forgotten):
        each.stop()
    return forgotten
