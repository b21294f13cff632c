"""Faults between an exchange and what it would do, without sockets: what goes on when, and what is left."""

from __future__ import annotations

import pytest

from edgeproxy.exchange.faults import FaultInjector, ListenerFaults, forwards
from edgeproxy.exchange.outcome import Outcome
from edgeproxy.model.action import FixedResponseConfig
from edgeproxy.model.fault import Fault
from tests.helpers.exchange_ports import Stage
from tests.helpers.fault_stage import FaultStage

GET = ("GET / HTTP/1.1", "Host: a")
OK = ("HTTP/1.1 200 OK", "Content-Length: 5")


def test_a_listener_without_faults_keeps_its_context() -> None:
    stage = Stage()
    assert stage.context is FaultInjector(FaultStage().timers).context(stage.context, ListenerFaults())
    assert FaultStage([Fault(status=503)]).plain is not FaultStage([Fault(status=503)]).context


def test_a_request_that_no_fault_takes_has_no_injection() -> None:
    stage = FaultStage([Fault(status=503, count=1)])
    stage.client().sends(*GET)
    stage.client().sends(*GET)
    stage.target.answers(*OK, body="hello")
    assert [True, False] == [record.injection is not None for record in stage.ledger.records]


def test_a_request_waits_for_its_delay_and_nothing_is_left() -> None:
    stage = FaultStage([Fault(delay=2)])
    client = stage.client().sends(*GET)
    stage.timers.passes(1.9)
    assert [] == stage.targets
    stage.timers.passes(0.1)
    stage.target.answers(*OK, body="hello")
    assert client.received.endswith(b"hello")
    assert 2.0 == pytest.approx(stage.record.dispatched - stage.record.arrived)
    assert (0, 0) == (stage.timers.left, stage.state.outstanding)


def test_the_rest_of_a_body_waits_with_the_delay() -> None:
    stage = FaultStage([Fault(delay=2)])
    client = stage.client().sends("POST / HTTP/1.1", "Host: a", "Content-Length: 4", body="ab")
    assert client.is_paused
    stage.timers.passes(2)
    client.sends_bytes("cd")
    assert stage.target.received.endswith(b"\r\n\r\nabcd")


def test_silence_counts_while_a_request_waits() -> None:
    stage = FaultStage([Fault(delay=200)])
    client = stage.client().sends(*GET)
    client.waits(60)
    assert client.received.startswith(b"HTTP/1.1 504 ")
    assert 0 == stage.timers.left


@pytest.mark.parametrize("at_group", [False, True])
def test_a_client_that_leaves_takes_its_timers_along(at_group: bool) -> None:
    faults = [Fault(delay=100, status=503)]
    stage = FaultStage(at_group=faults) if at_group else FaultStage(faults)
    stage.client().sends(*GET).leaves()
    assert (Outcome.CLIENT_LEFT, 0, 0) == (stage.record.outcome, stage.timers.left, stage.state.outstanding)


def test_the_first_that_ends_a_request_keeps_it_from_the_others() -> None:
    stage = FaultStage([Fault(status=503), Fault(reset=True)], at_group=[Fault(status=500)])
    client = stage.client().sends(*GET)
    assert client.received.startswith(b"HTTP/1.1 503 ")
    assert [1, 0, 0] == [fault.seen for fault in stage.faults]


def test_delays_add_up() -> None:
    stage = FaultStage([Fault(delay=2), Fault(delay=3)])
    stage.client().sends(*GET)
    stage.timers.passes(4.9)
    assert [] == stage.targets
    stage.timers.passes(0.1)
    assert 1 == len(stage.targets)


def test_what_needs_a_target_does_not_look_at_fixed_responses() -> None:
    faults = [Fault(truncate=1), Fault(bandwidth=1), Fault(close_before_send=True), Fault(delay=1)]
    stage = FaultStage(faults, action=FixedResponseConfig(status_code="200", message_body="hello"))
    client = stage.client().sends(*GET)
    stage.timers.passes(1)
    assert client.received.endswith(b"hello")
    assert [0, 0, 0, 1] == [fault.seen for fault in stage.faults]
    assert not forwards(stage.plain.routing.match(stage.record.head))  # type: ignore[arg-type]


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_status_at_a_group_that_is_not_connected_dials_nobody(status: int) -> None:
    stage = FaultStage(at_group=[Fault(status=status)], is_connected=False)
    client = stage.client().sends(*GET)
    assert client.received.startswith(b"HTTP/1.1 %d " % status)
    assert ([], 0) == (stage._connecting, stage.state.outstanding)


def test_the_header_lists_all_that_had_an_effect() -> None:
    stage = FaultStage([Fault(delay=1, name="a")], at_group=[Fault(status=503, name="b")], tells_client=True)
    client = stage.client().sends(*GET)
    stage.timers.passes(1)
    assert b"\r\nX-Edgeproxy-Fault: a, b\r\n" in client.received
    assert "a, b" == stage.record.injected


def test_a_reset_in_the_middle_of_a_response_keeps_its_status() -> None:
    stage = FaultStage([Fault(reset=True, after=3)])
    client = stage.client().sends(*GET)
    stage.target.answers(*OK, body="he")
    stage.timers.passes(3)
    assert ["reset"] == client.events
    assert (200, Outcome.FAULT_CUT) == (stage.record.status, stage.record.outcome)
    assert ["abort"] == stage.target.events


def test_a_reset_that_comes_too_late_does_nothing() -> None:
    stage = FaultStage([Fault(reset=True, after=3)])
    client = stage.client().sends(*GET)
    stage.target.answers(*OK, body="hello")
    stage.timers.passes(3)
    assert ["keep-alive"] == client.events
