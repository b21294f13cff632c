"""Desync mitigation: what each mode makes of each class, on both connections."""

from __future__ import annotations

import pytest

from edgeproxy.exchange.desync_mode import DesyncMode
from edgeproxy.exchange.outcome import Outcome
from edgeproxy.protocol.desync import VERDICTS
from tests.helpers.exchange_ports import ScriptedClient, Stage, message

MODES = [mode.value for mode in DesyncMode]
PAGE = "edit-load-balancer-attributes"

# One request of each class that a parser can make sense of, and its reason.
ACCEPTABLE = message(["GET /a b HTTP/1.1", "Host: a"]), "SpaceInUri"
AMBIGUOUS = (
    message(["POST /a HTTP/1.1", "Host: a", "Content-Length: 3", "Content-Length: 3"], "abc"),
    ("DuplicateContentLength"),
)
SEVERE = message(["GET /a HTTP/1.1", "Host: a", "X-A: b\0c"]), "BadHeader"

FORWARD = "forward"
CLOSE_BOTH = "forward, then close both"
BLOCK = "400, close"


def send(stage: Stage, request: bytes) -> ScriptedClient:
    client = stage.client()
    client.sends_bytes(request)
    return client


@pytest.mark.conformance("Desync mitigation", "the table of modes and classes", PAGE)
@pytest.mark.parametrize(
    ("mode", "request_and_reason", "expected"),
    [
        ("monitor", ACCEPTABLE, FORWARD),
        ("monitor", AMBIGUOUS, FORWARD),
        ("monitor", SEVERE, FORWARD),
        ("defensive", ACCEPTABLE, FORWARD),
        ("defensive", AMBIGUOUS, CLOSE_BOTH),
        ("defensive", SEVERE, BLOCK),
        ("strictest", ACCEPTABLE, BLOCK),
        ("strictest", AMBIGUOUS, BLOCK),
        ("strictest", SEVERE, BLOCK),
    ],
)
def test_what_follows_from_a_class(mode: str, request_and_reason: tuple[bytes, str], expected: str) -> None:
    request, reason = request_and_reason
    stage = Stage(desync_mitigation_mode=mode)
    client = send(stage, request)
    if expected == BLOCK:
        assert [] == stage.targets
        assert client.received.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert b"\r\nConnection: close\r\n" in client.received
    else:
        stage.target.answers("HTTP/1.1 200 OK", "Content-Length: 2", body="ok")
        assert (["abort"] if expected == CLOSE_BOTH else ["release"]) == stage.target.events
    assert (["keep-alive"] if expected == FORWARD else ["close"]) == client.events
    (record,) = stage.ledger.records
    assert record.verdict is VERDICTS[reason]


@pytest.mark.conformance("Desync mitigation", "compliant requests are forwarded in every mode", PAGE)
@pytest.mark.parametrize("mode", MODES)
def test_compliant_requests_pass_in_every_mode(mode: str) -> None:
    stage = Stage(desync_mitigation_mode=mode)
    client = send(stage, message(["POST /a HTTP/1.1", "Host: a", "Content-Length: 3"], "abc"))
    stage.target.answers("HTTP/1.1 200 OK", "Content-Length: 2", body="ok")

    assert (["keep-alive"], ["release"]) == (client.events, stage.target.events)
    assert stage.ledger.records[0].verdict is None


@pytest.mark.conformance("Desync mitigation", "the default mode is defensive", PAGE)
def test_the_mode_is_defensive_unless_told_otherwise() -> None:
    client = send(Stage(), SEVERE[0])
    assert client.received.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["POST / HTTP/1.1", "Host: a", "Content-Length: +5"], "BadContentLength"),
        (["POST / HTTP/1.1", "Host: a", "Content-Length: 5", "Content-Length: 6"], "MultipleContentLength"),
        (["G\x7fT / HTTP/1.1", "Host: a"], "BadMethod"),
        (["GET /\0 HTTP/1.1", "Host: a"], "BadUri"),
        (["GET / HTTP/1.1 HTTP/1.1", "Host: a"], "BadVersion"),
    ],
)
def test_what_no_parser_makes_sense_of_is_a_400_in_every_mode(mode: str, lines: list[str], reason: str) -> None:
    """And the log still says which class it was."""
    stage = Stage(desync_mitigation_mode=mode)
    client = send(stage, message(lines, "abcde"))

    assert client.received.startswith(b"HTTP/1.1 400 ")
    assert (["close"], []) == (client.events, stage.targets)
    (record,) = stage.ledger.records
    assert (VERDICTS[reason], Outcome.BAD_REQUEST) == (record.verdict, record.outcome)


@pytest.mark.conformance(
    "Transfer-Encoding",
    "unknown codings are a 400 where they are severe, and else a 501",
    "load-balancer-troubleshooting",
)
@pytest.mark.parametrize(
    ("mode", "coding", "status"),
    [
        ("defensive", "xchunked", b"400"),
        ("strictest", "xchunked", b"400"),
        ("monitor", "xchunked", b"501"),
        ("monitor", "chunked, chunked", b"501"),
        ("defensive", "gzip, chunked", b"501"),
        ("strictest", "gzip", b"501"),
    ],
)
def test_transfer_codings_that_cannot_be_undone(mode: str, coding: str, status: bytes) -> None:
    stage = Stage(desync_mitigation_mode=mode)
    client = send(stage, message(["POST / HTTP/1.1", "Host: a", f"Transfer-Encoding: {coding}"], "0\r\n\r\n"))

    assert status == client.received[9:12]
    assert (["close"], []) == (client.events, stage.targets)


@pytest.mark.conformance(
    "Desync mitigation", "bad headers are not forwarded", "load-balancer-access-logs", status="default"
)
def test_headers_that_break_lines_never_reach_a_target() -> None:
    stage = Stage(desync_mitigation_mode="monitor")
    send(stage, b"GET / HTTP/1.1\r\nHost: a\r\nX-A: b\0c\r\nX\rY: z\r\n: nameless\r\nX-B: d\r\n\r\n")
    lines = stage.target.received.split(b"\r\n")

    assert b"X-B: d" in lines
    assert [] == [line for line in lines if b"\0" in line or b"\r" in line or b"nameless" in line]


@pytest.mark.parametrize(
    "lines",
    [
        ["POST / HTTP/1.1", "Host: a", "Content-Length: 3", "Transfer-Encoding: chunked"],
        ["POST / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked", "Content-Length: 3", "Content-Length: 3"],
    ],
)
@pytest.mark.parametrize("mode", ["monitor", "defensive"])
def test_a_target_is_told_one_length(mode: str, lines: list[str]) -> None:
    stage = Stage(desync_mitigation_mode=mode)
    send(stage, message(lines, "3\r\nabc\r\n0\r\n\r\n"))
    head, _, body = stage.target.received.partition(b"\r\n\r\n")

    framing = [line for line in head.split(b"\r\n") if b"ength" in line or b"ncoding" in line]
    assert ([b"Transfer-Encoding: chunked"], b"3\r\nabc\r\n0\r\n\r\n") == (framing, body)


@pytest.mark.conformance(
    "Desync mitigation",
    "requests are classified whether invalid headers are dropped or not",
    "application-load-balancers",
)
@pytest.mark.parametrize("drops", [False, True])
def test_headers_that_will_be_dropped_are_classified(drops: bool) -> None:
    stage = Stage(drop_invalid_header_fields=drops)
    send(stage, message(["GET / HTTP/1.1", "Host: a", "Content_Length: 5"]))
    stage.target.answers("HTTP/1.1 200 OK", "Content-Length: 0")

    assert VERDICTS["SuspiciousHeader"] == stage.record.verdict
    assert drops is (b"Content_Length" not in stage.target.received)


@pytest.mark.conformance(
    "Desync mitigation", "suspicious names are forwarded as they came", "load-balancer-access-logs", status="default"
)
def test_a_lookalike_is_forwarded_and_both_connections_end() -> None:
    """The target may read it as the real one; nothing else ever passes on the two connections."""
    stage = Stage()
    client = send(stage, message(["POST / HTTP/1.1", "Host: a", "Transfer_Encoding: chunked"], "0\r\n\r\nGET /2"))
    assert b"\r\nTransfer_Encoding: chunked\r\n" in stage.target.received
    assert stage.target.received.endswith(b"\r\n\r\n")

    stage.target.answers("HTTP/1.1 200 OK", "Content-Length: 0")
    assert (["close"], ["abort"], 1) == (client.events, stage.target.events, len(stage.exchanges))


def test_a_websocket_is_not_opened_on_a_doubtful_request() -> None:
    """Where the tunnel begins must be beyond doubt."""
    stage = Stage()
    lines = ["Host: a", "Connection: Upgrade", "Upgrade: websocket", "Content_Length: 5"]
    send(stage, message(["GET / HTTP/1.1", *lines]))
    assert b"Upgrade: websocket" not in stage.target.received
