"""What stands between an exchange and its target: pieces, their times, cuts, and who waits for whom."""

from __future__ import annotations

from edgeproxy.exchange.outcome import Outcome
from edgeproxy.model.fault import Fault
from tests.helpers.fault_stage import FaultStage

GET = ("GET / HTTP/1.1", "Host: a")


def bodies(client_received: bytes) -> bytes:
    return client_received.partition(b"\r\n\r\n")[2]


def test_a_response_comes_piece_by_piece_and_its_target_is_held() -> None:
    stage = FaultStage([Fault(bandwidth=100)])
    client = stage.client().sends(*GET)
    stage.target.answers("HTTP/1.1 200 OK", "Content-Length: 100", body="x" * 100)
    assert (5, True) == (len(bodies(client.received)), stage.target.is_paused)
    stage.timers.passes(0.5)
    assert 55 == len(bodies(client.received))
    stage.timers.passes(0.45)
    assert 100 == len(bodies(client.received))
    assert (["keep-alive"], False) == (client.events, stage.target.is_paused)
    assert "release" == stage.target.events[-1]


def test_a_client_that_does_not_read_stops_the_pieces() -> None:
    stage = FaultStage([Fault(bandwidth=100)])
    client = stage.client().sends(*GET)
    stage.target.answers("HTTP/1.1 200 OK", "Content-Length: 100", body="x" * 100)
    client.stops_reading()
    stage.timers.passes(10)
    assert 10 >= len(bodies(client.received))
    client.reads_on()
    stage.timers.passes(10)
    assert 100 == len(bodies(client.received))


def test_a_target_that_leaves_behind_its_response_is_not_missed() -> None:
    stage = FaultStage([Fault(bandwidth=100)])
    client = stage.client().sends(*GET)
    stage.target.answers("HTTP/1.1 200 OK", "Content-Length: 20", body="x" * 20)
    between = stage.target.exchange
    assert between is not None
    between.on_target_lost(Outcome.TARGET_CLOSED)
    stage.timers.passes(1)
    assert 20 == len(bodies(client.received))
    assert Outcome.FORWARDED is stage.record.outcome


def test_a_target_that_leaves_in_the_middle_is_missed_there() -> None:
    stage = FaultStage([Fault(bandwidth=100)])
    client = stage.client().sends(*GET)
    stage.target.answers("HTTP/1.1 200 OK", "Content-Length: 50", body="x" * 20)
    between = stage.target.exchange
    assert between is not None
    between.on_target_lost(Outcome.TARGET_CLOSED)
    stage.timers.passes(1)
    assert (20, ["abort"]) == (len(bodies(client.received)), client.events)
    assert Outcome.TARGET_CLOSED is stage.record.outcome


def test_a_held_response_is_still_under_the_idle_timeout() -> None:
    stage = FaultStage(at_group=[Fault(delay=100)])
    client = stage.client().sends(*GET)
    stage.target.answers("HTTP/1.1 200 OK", "Content-Length: 5", body="hello")
    client.waits(60)
    assert client.received.startswith(b"HTTP/1.1 504 ")
    assert (0, "abort") == (stage.timers.left, stage.target.events[-1])


def test_a_cut_waits_for_a_moment_and_gives_the_connection_up() -> None:
    stage = FaultStage([Fault(truncate=3)])
    client = stage.client().sends(*GET)
    stage.target.answers("HTTP/1.1 200 OK", "Content-Length: 5", body="hello")
    assert (b"hel", True) == (bodies(client.received), client.is_open)
    stage.timers.passes(0.01)
    assert (["abort"], "abort", 0) == (client.events, stage.target.events[-1], stage.timers.left)


def test_a_client_that_leaves_behind_the_cut_leaves_nothing() -> None:
    stage = FaultStage([Fault(truncate=3)])
    client = stage.client().sends(*GET)
    stage.target.answers("HTTP/1.1 200 OK", "Content-Length: 5", body="hello")
    client.leaves()
    assert (Outcome.CLIENT_LEFT, 0) == (stage.record.outcome, stage.timers.left)


def test_a_request_comes_piece_by_piece_and_its_client_is_held() -> None:
    stage = FaultStage(at_group=[Fault(bandwidth=100)])
    client = stage.client().sends("POST / HTTP/1.1", "Host: a", "Content-Length: 120", body="x" * 100)
    assert (5, True) == (len(bodies(stage.target.received)), client.is_paused)
    stage.timers.passes(2)
    assert (100, False) == (len(bodies(stage.target.received)), client.is_paused)


def test_a_target_that_does_not_read_holds_the_client_whatever_the_rate_allows() -> None:
    stage = FaultStage(at_group=[Fault(bandwidth=100)])
    client = stage.client().sends("POST / HTTP/1.1", "Host: a", "Content-Length: 120", body="x" * 20)
    stage.target.stops_reading()
    stage.timers.passes(1)
    assert client.is_paused
    stage.target.reads_on()
    assert not client.is_paused


def test_a_target_that_answers_before_the_request_is_out_is_not_kept() -> None:
    stage = FaultStage(at_group=[Fault(bandwidth=100)])
    stage.client().sends("POST / HTTP/1.1", "Host: a", "Content-Length: 100", body="x" * 100)
    stage.target.answers("HTTP/1.1 200 OK", "Content-Length: 0")
    assert "abort" == stage.target.events[-1]
    assert 0 == stage.timers.left


def test_a_connection_that_comes_too_late_goes_to_the_next() -> None:
    stage = FaultStage([Fault(truncate=3)], is_connected=False)
    stage.client().sends(*GET).leaves()
    stage.connects()
    assert ["release"] == stage.target.events


def test_a_connection_that_cannot_be_made_is_a_502() -> None:
    stage = FaultStage([Fault(truncate=3)], is_connected=False)
    client = stage.client().sends(*GET)
    stage.refuses()
    assert client.received.startswith(b"HTTP/1.1 502 ")


def test_a_connection_closes_in_the_moment_of_sending() -> None:
    stage = FaultStage(at_group=[Fault(close_before_send=True, delay=2)])
    client = stage.client().sends(*GET)
    assert (b"", ["abort"]) == (stage.target.received, stage.target.events)
    stage.timers.passes(2)
    assert client.received.startswith(b"HTTP/1.1 502 ")
