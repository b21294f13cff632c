"""A WebSocket's life, as scripts: the upgrade, the tunnel, and how it can end."""

from __future__ import annotations

import pytest

from edgeproxy.exchange.outcome import Outcome
from edgeproxy.exchange.phase import TargetPhase
from edgeproxy.exchange.response_headers import ResponseHeaders
from tests.helpers.exchange_ports import DATE, START, TRACE, ScriptedClient, Stage

UPGRADE = (
    "GET /chat HTTP/1.1",
    "Host: a",
    "upgrade: WebSocket",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Connection: keep-alive, Upgrade",
    "Sec-WebSocket-Version: 13",
)
SWITCHING = (
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
)
PAGE = "load-balancer-listeners"


def opened(**options: object) -> tuple[Stage, ScriptedClient]:
    """A stage with an open tunnel; nothing that was said so far is left in the way."""
    stage = Stage(**options)  # type: ignore[arg-type]
    client = stage.client().sends(*UPGRADE)
    stage.target.answers(*SWITCHING)
    client.took()
    stage.target.took()
    return stage, client


@pytest.mark.conformance("WebSocket", "the upgrade request carries the usual headers and its own", PAGE)
def test_the_request_is_forwarded_with_its_upgrade() -> None:
    stage = Stage()
    stage.client().sends(*UPGRADE)

    assert [
        "GET /chat HTTP/1.1",
        "X-Forwarded-For: 192.0.2.7",
        "X-Forwarded-Proto: http",
        "X-Forwarded-Port: 80",
        "Host: a",
        f"X-Amzn-Trace-Id: Root={TRACE}",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        "Connection: Upgrade",
        "upgrade: WebSocket",
        "",
        "",
    ] == stage.target.received.decode().split("\r\n")


@pytest.mark.conformance("WebSocket", "any other upgrade is stripped", PAGE)
@pytest.mark.parametrize("line", ["POST /chat HTTP/1.1", "GET /chat HTTP/1.0"])
def test_a_request_that_may_not_upgrade_is_forwarded_without(line: str) -> None:
    """Also when the same headers came with a request that may."""
    stage = Stage()
    stage.client().sends(*UPGRADE)
    stage.client().sends(line, *UPGRADE[1:])

    assert b"upgrade" not in stage.target.received.lower()


def test_the_answer_is_passed_on_and_then_bytes_both_ways() -> None:
    stage = Stage(response_headers=ResponseHeaders([("X-Added", "1")]))
    client = stage.client().sends(*UPGRADE)
    stage.now += 0.25
    stage.target.answers(*SWITCHING, body="from the target")
    head, _, rest = client.took().partition(b"\r\n\r\n")

    assert [
        "HTTP/1.1 101 Switching Protocols",
        f"Date: {DATE}",
        "Connection: upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        "X-Added: 1",
    ] == head.decode().split("\r\n")
    assert b"from the target" == rest
    stage.target.took()
    client.sends_bytes("GET / HTTP/1.1\r\n\r\n")
    stage.target.answers_bytes("HTTP/1.1 200 OK\r\n\r\n")

    assert (b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n") == (stage.target.took(), client.took())
    assert (TargetPhase.TUNNELLING, 1, []) == (stage.exchanges[0].phase, stage.state.outstanding, stage.ledger.records)
    assert stage.exchanges == stage.ledger.tunnels
    assert START + 0.25 == stage.exchanges[0].answered


def test_bytes_that_came_before_the_answer_are_delivered_after_it() -> None:
    stage = Stage()
    client = stage.client().sends(*UPGRADE, body="early")
    client.sends_bytes(" and more")
    assert stage.target.took().endswith(b"\r\n\r\n")
    stage.target.answers(*SWITCHING)

    assert b"early and more" == stage.target.took()


def test_without_a_tunnel_they_are_dropped_with_the_connection() -> None:
    stage = Stage()
    client = stage.client().sends(*UPGRADE, body="GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
    stage.target.answers("HTTP/1.1 403 Forbidden", "Content-Length: 0")

    assert (["close"], 1) == (client.events, len(stage.exchanges))
    assert b"Connection: close" in client.received


@pytest.mark.conformance("WebSocket", "an answer other than 101 is an ordinary response", "load-balancer-access-logs")
@pytest.mark.parametrize("status", [200, 403, 426])
def test_a_refused_upgrade_is_an_ordinary_response(status: int) -> None:
    stage = Stage()
    client = stage.client().sends(*UPGRADE)
    stage.target.answers(f"HTTP/1.1 {status} X", "Upgrade: websocket", "Content-Length: 2", body="no")
    client.sends("GET /next HTTP/1.1", "Host: a")

    assert (["keep-alive"], ["release"], []) == (client.events, stage.targets[0].events, stage.ledger.tunnels)
    assert (status, status) == (stage.record.status, stage.record.target_status)
    assert 2 == len(stage.exchanges)


@pytest.mark.parametrize("upgrade", ["Upgrade: h2c", "X: y"])
def test_a_switch_to_something_else_is_a_502(upgrade: str) -> None:
    stage = Stage()
    client = stage.client().sends(*UPGRADE)
    stage.target.answers("HTTP/1.1 101 Switching Protocols", upgrade)

    assert client.received.startswith(b"HTTP/1.1 502 ")
    assert (Outcome.TARGET_MALFORMED, 0) == (stage.record.outcome, stage.record.target_status)


def test_a_switch_that_was_not_asked_for_is_a_502() -> None:
    stage = Stage()
    client = stage.client().sends("GET / HTTP/1.1", "Host: a")
    stage.target.answers(*SWITCHING)

    assert client.received.startswith(b"HTTP/1.1 502 ")


# ---- backpressure


def test_each_end_is_paused_while_the_other_does_not_read() -> None:
    stage, client = opened()
    target = stage.target
    target.fills_up = True
    client.sends_bytes("x").sends_bytes("y")
    assert (True, b"x") == (client.is_paused, target.took())
    target.reads_on()
    client.stops_reading()
    target.answers_bytes("z")
    assert (False, True, b"") == (client.is_paused, target.is_paused, client.took())
    client.reads_on()
    client.sends_bytes("")
    target.answers_bytes("")

    assert (b"y", b"z") == (target.took(), client.took())


# ---- endings


@pytest.mark.conformance(
    "WebSocket", "one log line at the end, with all bytes of both directions", "load-balancer-access-logs"
)
@pytest.mark.parametrize("first", ["client", "target"])
def test_when_one_end_closes_the_other_is_closed_after_delivery(first: str) -> None:
    stage, client = opened()
    before = stage.exchanges[0].received_bytes, stage.exchanges[0].sent_bytes
    client.sends_bytes("123")
    stage.target.answers_bytes("12345")
    if first == "client":
        client.leaves()
    else:
        stage.target.closes()

    record = stage.record
    assert (before[0] + 3, before[1] + 5) == (record.received_bytes, record.sent_bytes)
    assert (101, 101, Outcome.FORWARDED, 0) == (
        record.status,
        record.target_status,
        record.outcome,
        stage.state.outstanding,
    )
    assert ["end tunnel"] == stage.target.events
    assert ["tunnel"] + ["close"] * (first == "target") == client.events


@pytest.mark.conformance("WebSocket", "cut by the idle timeout", "how-elastic-load-balancing-works")
def test_a_silent_tunnel_is_cut_at_both_ends() -> None:
    stage, client = opened()
    client.waits(60)

    assert (["tunnel", "abort"], ["abort"]) == (client.events, stage.target.events)
    assert (101, Outcome.TARGET_SILENT, 0) == (stage.record.status, stage.record.outcome, stage.state.outstanding)


@pytest.mark.parametrize("outcome", [Outcome.SHUTTING_DOWN, Outcome.DEREGISTERED, Outcome.TARGET_CLOSED])
def test_a_tunnel_that_must_end_is_cut_and_keeps_its_status(outcome: Outcome) -> None:
    stage, client = opened()
    if outcome is Outcome.SHUTTING_DOWN:
        stage.exchanges[0].on_shutdown()
    else:
        stage.exchanges[0].on_target_lost(outcome)

    assert ["tunnel", "abort"] == client.events
    assert (101, 101, outcome) == (stage.record.status, stage.record.target_status, stage.record.outcome)
