from __future__ import annotations

from edgeproxy.testing.running import RUNNING, stop_forgotten


class Thing:
    """Notes when it is stopped."""

    def __init__(self, stopped: list[Thing]) -> None:
        self._stopped = stopped

    def stop(self) -> None:
        RUNNING.pop(self)
        self._stopped.append(self)


def test_what_is_forgotten_is_stopped_the_last_one_first() -> None:
    stopped: list[Thing] = []
    before = frozenset(RUNNING)
    first, second = Thing(stopped), Thing(stopped)
    RUNNING[first] = RUNNING[second] = False

    assert [first, second] == stop_forgotten(before)
    assert [second, first] == stopped
    assert before == frozenset(RUNNING)


def test_what_a_fixture_will_stop_is_left_until_the_end() -> None:
    stopped: list[Thing] = []
    before = frozenset(RUNNING)
    kept = Thing(stopped)
    RUNNING[kept] = True
    stop_forgotten(before)
    assert [] == stopped

    stop_forgotten(before, also_kept=True)
    assert [kept] == stopped
