"""The table of answers, and the bookkeeping of one exchange's faults."""

from __future__ import annotations

import pytest

from edgeproxy.exchange.injection import ANSWERS, Injection, answer_of
from edgeproxy.exchange.outcome import STATUS, Outcome
from edgeproxy.model.fault import STATUSES, Fault
from tests.helpers.fault_stage import FaultStage


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_has_an_answer_that_is_counted_as_what_it_is(status: int) -> None:
    outcome = answer_of(status).outcome
    # What cannot be read has several statuses.
    assert STATUS.get(outcome, status) == status or outcome is Outcome.BAD_REQUEST


def test_nothing_else_is_in_the_table() -> None:
    assert set(ANSWERS) <= set(STATUSES)
    assert all(answer.has_group for answer in ANSWERS.values() if answer.has_target)


def test_timers_end_with_the_exchange() -> None:
    stage = FaultStage()
    stage.client().sends("GET / HTTP/1.1", "Host: a")
    injection = Injection(stage.exchanges[0], stage.timers, tells_client=False)
    seen: list[int] = []
    injection.after(1, lambda: seen.append(1))
    injection.after(3, lambda: seen.append(3))
    stage.timers.passes(2)
    assert ([1], 1) == (seen, stage.timers.left)
    injection.end()
    assert 0 == stage.timers.left


def test_a_name_is_noted_once() -> None:
    stage = FaultStage([Fault(status=503)])
    stage.client().sends("GET / HTTP/1.1", "Host: a")
    injection = Injection(stage.exchanges[0], stage.timers, tells_client=True)
    injection.note(stage.faults[0])
    injection.note(stage.faults[0])
    assert ["status-503"] == injection.names
