from __future__ import annotations

from tests.helpers.fault_stage import FaultStage


def test_timers_go_off_in_their_order_unless_they_are_cancelled() -> None:
    stage = FaultStage()
    seen: list[str] = []
    stage.timers.call_later(2, lambda: seen.append("two"))
    stage.timers.call_later(1, lambda: seen.append("one"))
    stage.timers.call_later(1.5, lambda: seen.append("never")).cancel()
    begun = stage.now
    stage.timers.passes(1.9)
    assert (["one"], 1) == (seen, stage.timers.left)
    stage.timers.passes(0.1)
    assert (["one", "two"], begun + 2, 0) == (seen, stage.now, stage.timers.left)
