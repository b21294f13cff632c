"""What becomes of an exchange when a target fails, a client leaves, nobody moves, or the load balancer stops."""

from __future__ import annotations

import pytest

from edgeproxy.exchange.outcome import Outcome
from tests.helpers.exchange_ports import DATE, ScriptedClient, Stage

GET = ("GET /a HTTP/1.1", "Host: a")
POST = ("POST /a HTTP/1.1", "Host: a", "Content-Length: 10")
CHUNKED_POST = ("POST /a HTTP/1.1", "Host: a", "Transfer-Encoding: chunked")
OK = ("HTTP/1.1 200 OK", f"Date: {DATE}", "Content-Length: 2")


def status(client: ScriptedClient) -> int:
    return int(client.received[9:12])


def body(data: bytes) -> bytes:
    return data.partition(b"\r\n\r\n")[2]


# ---- targets that fail


@pytest.mark.conformance(
    "target failures", "refused is 502, too slow is 504, a broken handshake is 502", "load-balancer-troubleshooting"
)
@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Outcome.CONNECT_FAILED, 502),
        (Outcome.CONNECT_TIMEOUT, 504),
        (Outcome.TARGET_TLS_FAILED, 502),
        (Outcome.TARGET_TLS_TIMEOUT, 504),
        (Outcome.NO_TARGET, 503),
    ],
)
def test_a_target_that_cannot_be_reached(outcome: Outcome, expected: int) -> None:
    stage = Stage(is_connected=False)
    client = stage.client().sends(*GET)
    stage.refuses(outcome)

    assert (expected, ["keep-alive"], 0) == (status(client), client.events, stage.state.outstanding)
    assert (expected, outcome, 0) == (stage.record.status, stage.record.outcome, stage.record.target_status)


@pytest.mark.conformance("target failures", "nothing is retried", "load-balancer-access-logs", status="default")
@pytest.mark.parametrize("sent", ["", "HTTP/1.1 200 OK\r\nContent-Le"])
def test_a_target_that_closes_before_its_head_is_complete_is_a_502(sent: str) -> None:
    stage = Stage()
    client = stage.client().sends(*GET)
    stage.target.answers_bytes(sent).closes()

    assert (502, ["keep-alive"], 1) == (status(client), client.events, len(stage.targets))
    assert Outcome.TARGET_CLOSED is stage.record.outcome


@pytest.mark.conformance("target failures", "a malformed response is a 502", "load-balancer-troubleshooting")
@pytest.mark.parametrize(
    "sent",
    [
        "SSH-2.0-OpenSSH_9.6\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-A: " + "x" * 33_000 + "\r\n\r\n",
    ],
)
def test_a_malformed_response_is_a_502(sent: str) -> None:
    stage = Stage()
    client = stage.client().sends(*GET)
    stage.target.answers_bytes(sent)

    assert (502, ["keep-alive"]) == (status(client), client.events)
    assert (Outcome.TARGET_MALFORMED, 0) == (stage.record.outcome, stage.record.target_status)


@pytest.mark.conformance(
    "target failures", "a response that breaks off cuts the client", "load-balancer-troubleshooting", status="default"
)
@pytest.mark.parametrize(
    ("lines", "part"),
    [(("Content-Length: 10",), "12345"), (("Transfer-Encoding: chunked",), "5\r\n12345\r\n")],
)
def test_a_truncated_response_never_looks_complete(lines: tuple[str, ...], part: str) -> None:
    stage = Stage()
    client = stage.client().sends(*GET)
    stage.target.answers("HTTP/1.1 200 OK", *lines, body=part).closes()

    assert (["abort"], True) == (client.events, client.received.endswith(part.encode()))
    assert (200, 200, Outcome.TARGET_CLOSED) == (
        stage.record.status,
        stage.record.target_status,
        stage.record.outcome,
    )


def test_a_chunk_that_cannot_be_read_cuts_the_client() -> None:
    stage = Stage()
    client = stage.client().sends(*GET)
    stage.target.answers("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", body="1\r\na\r\n").answers_bytes("zz\r\n")

    assert (["abort"], Outcome.TARGET_MALFORMED) == (client.events, stage.record.outcome)


def test_a_target_that_fails_while_the_body_comes_answers_and_closes() -> None:
    stage = Stage()
    client = stage.client().sends(*POST, body="123")
    stage.target.closes()

    assert (502, ["close"]) == (status(client), client.events)


@pytest.mark.parametrize("rest", ["", "67890"])
def test_a_response_that_comes_before_the_body_closes_what_is_not_clean(rest: str) -> None:
    """What is left of the body must not be read as the next request, by the target or by us."""
    stage = Stage()
    client = stage.client().sends(*POST, body="12345")
    stage.target.answers("HTTP/1.1 413 Content Too Large", "Content-Length: 2", body="n")
    client.sends_bytes(rest)
    stage.target.answers_bytes("o")

    assert (413, ["close"]) == (status(client), client.events)
    assert b"\r\nConnection: close\r\n" in client.received
    assert ["release" if rest else "abort"] == stage.target.events


# ---- clients that leave


@pytest.mark.conformance("clients that leave", "460 in the log, nothing sent", "load-balancer-troubleshooting")
def test_a_client_that_leaves_while_the_target_thinks_is_a_460() -> None:
    stage = Stage()
    client = stage.client().sends(*GET)
    client.leaves()

    assert (b"", ["abort"], 0) == (client.received, stage.target.events, stage.state.outstanding)
    assert (460, 0, Outcome.CLIENT_LEFT) == (stage.record.status, stage.record.sent_bytes, stage.record.outcome)


@pytest.mark.conformance(
    "clients that leave", "before the whole body was sent it is a 400", "load-balancer-troubleshooting"
)
def test_a_client_that_leaves_while_sending_is_a_400() -> None:
    stage = Stage()
    stage.client().sends(*POST, body="123").leaves()

    assert (400, Outcome.CLIENT_LEFT_SENDING, ["abort"]) == (
        stage.record.status,
        stage.record.outcome,
        stage.target.events,
    )


@pytest.mark.parametrize("lines", [GET, POST])
def test_a_connection_that_comes_when_the_client_is_gone_is_kept(lines: tuple[str, ...]) -> None:
    stage = Stage(is_connected=False)
    stage.client().sends(*lines).leaves()
    port = stage.connects()

    assert (b"", ["release"], 0) == (port.received, port.events, stage.state.outstanding)
    assert 1 == len(stage.ledger.records)


def test_a_failure_to_connect_after_the_client_left_changes_nothing() -> None:
    stage = Stage(is_connected=False)
    stage.client().sends(*GET).leaves()
    stage.refuses()

    assert 460 == stage.record.status


def test_a_client_that_leaves_during_the_response_keeps_the_targets_status() -> None:
    stage = Stage()
    client = stage.client().sends(*GET)
    stage.target.answers("HTTP/1.1 200 OK", "Content-Length: 10", body="12345")
    client.leaves()

    assert (200, 200, Outcome.CLIENT_LEFT, ["abort"]) == (
        stage.record.status,
        stage.record.target_status,
        stage.record.outcome,
        stage.target.events,
    )


# ---- bodies that break the protocol


def test_a_bad_chunk_is_a_400_and_ends_the_target_connection() -> None:
    stage = Stage()
    client = stage.client().sends(*CHUNKED_POST, body="3\r\nabc\r\n").sends_bytes("zz\r\n")

    assert (400, ["close"], ["abort"]) == (status(client), client.events, stage.target.events)
    assert Outcome.BAD_REQUEST is stage.record.outcome


def test_a_bad_chunk_during_the_response_cuts_the_client() -> None:
    stage = Stage()
    client = stage.client().sends(*CHUNKED_POST)
    stage.target.answers("HTTP/1.1 200 OK", "Content-Length: 10", body="1")
    client.sends_bytes("zz\r\n")

    assert (["abort"], ["abort"], 200) == (client.events, stage.target.events, stage.record.status)


def test_a_bad_chunk_while_connecting_is_a_400() -> None:
    stage = Stage(is_connected=False)
    client = stage.client().sends(*CHUNKED_POST)
    client.is_paused = False
    client.sends_bytes("zz\r\n")
    port = stage.connects()

    assert (400, ["release"]) == (status(client), port.events)


# ---- backpressure


def test_a_slow_client_pauses_the_target_and_resumes_it() -> None:
    stage = Stage()
    client = stage.client().sends(*GET)
    stage.target.answers("HTTP/1.1 200 OK", "Content-Length: 10", body="123")
    client.stops_reading()
    assert stage.target.is_paused
    client.reads_on()

    assert (["pause", "resume"], False) == (stage.target.events, stage.target.is_paused)


def test_a_connection_paused_for_a_slow_client_is_not_paused_for_the_next() -> None:
    """The last bytes of a response may be those that fill the client's buffer."""
    stage = Stage()
    slow = stage.client().sends(*GET)
    stage.target.answers("HTTP/1.1 200 OK", "Content-Length: 10", body="123")
    slow.fills_up = True
    stage.target.answers_bytes("4567890")
    assert ["pause", "resume", "release"] == stage.target.events
    other = stage.client().sends(*GET)
    stage.target.answers(*OK, body="ok")

    assert 200 == status(other)


def test_a_slow_target_pauses_the_client_and_resumes_it() -> None:
    stage = Stage()
    client = stage.client().sends(*POST, body="123")
    stage.target.stops_reading()
    client.sends_bytes("45678")
    assert (True, b"123") == (client.is_paused, body(stage.target.received))
    stage.target.reads_on()
    client.sends_bytes("90")

    assert b"1234567890" == body(stage.target.received)


def test_a_target_that_the_first_bytes_fill_keeps_the_client_paused() -> None:
    stage = Stage(is_connected=False)
    client = stage.client().sends(*POST, body="12345")
    stage.connects(fills_up=True)

    assert client.is_paused


def test_a_slow_target_does_not_hold_a_client_that_has_sent_everything() -> None:
    stage = Stage()
    client = stage.client().sends(*POST, body="1234567890")
    stage.target.stops_reading()
    stage.target.reads_on()

    assert [] == client.events


# ---- time


@pytest.mark.conformance("idle timeout", "a silent client is a 408 that closes", "load-balancer-troubleshooting")
def test_a_client_that_stops_sending_is_a_408() -> None:
    stage = Stage()
    client = stage.client().sends(*POST, body="123")
    client.waits(60)

    assert (408, ["close"], ["abort"]) == (status(client), client.events, stage.target.events)
    assert Outcome.CLIENT_SILENT is stage.record.outcome


@pytest.mark.conformance("idle timeout", "a silent target is a 504", "load-balancer-troubleshooting")
def test_a_target_that_does_not_answer_is_a_504() -> None:
    stage = Stage()
    client = stage.client().sends(*GET)
    client.waits(60)

    assert (504, ["keep-alive"], ["abort"]) == (status(client), client.events, stage.target.events)
    assert Outcome.TARGET_SILENT is stage.record.outcome


def test_a_client_that_was_not_allowed_to_send_is_not_to_blame() -> None:
    stage = Stage()
    client = stage.client().sends(*POST, body="123")
    stage.target.stops_reading()
    client.waits(60)

    assert (504, ["pause", "close"]) == (status(client), client.events)


@pytest.mark.conformance(
    "idle timeout", "silence in the middle of a response cuts it", "load-balancer-troubleshooting", status="default"
)
def test_silence_in_the_middle_of_a_response_cuts_it() -> None:
    stage = Stage()
    client = stage.client().sends(*GET)
    stage.target.answers("HTTP/1.1 200 OK", "Content-Length: 10", body="12345")
    client.waits(60)

    assert (["abort"], ["abort"], 200, Outcome.TARGET_SILENT) == (
        client.events,
        stage.target.events,
        stage.record.status,
        stage.record.outcome,
    )


def test_connecting_has_a_timeout_of_its_own() -> None:
    stage = Stage(is_connected=False)
    client = stage.client().sends(*GET)
    client.waits(60)
    stage.connects().answers(*OK, body="ok")

    assert 200 == status(client)


# ---- shutdown


@pytest.mark.conformance(
    "deregistration", "what is left when the time is over is a 502", "load-balancer-troubleshooting"
)
@pytest.mark.parametrize("is_connected", [True, False])
def test_shutdown_answers_what_has_no_answer_yet(is_connected: bool) -> None:
    stage = Stage(is_connected=is_connected)
    client = stage.client().sends(*GET)
    stage.exchanges[0].on_shutdown()

    assert (502, ["close"], Outcome.SHUTTING_DOWN) == (status(client), client.events, stage.record.outcome)


def test_shutdown_cuts_a_response() -> None:
    stage = Stage()
    client = stage.client().sends(*GET)
    stage.target.answers("HTTP/1.1 200 OK", "Content-Length: 10", body="12345")
    stage.exchanges[0].on_shutdown()

    assert (["abort"], ["abort"]) == (client.events, stage.target.events)


@pytest.mark.parametrize("event", ["on_shutdown", "on_client_lost"])
def test_what_has_ended_does_not_end_again(event: str) -> None:
    stage = Stage()
    client = stage.client().sends(*GET)
    stage.target.answers(*OK, body="ok")
    getattr(stage.exchanges[0], event)()
    stage.exchanges[0].on_idle(is_client_paused=False)

    assert (1, ["keep-alive"], 0) == (len(stage.ledger.records), client.events, stage.state.outstanding)
