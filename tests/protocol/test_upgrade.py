"""Which requests open a WebSocket, and what the codecs make of the bytes around a switch."""

from __future__ import annotations

import pytest

from edgeproxy.protocol.h1_server import MAX_PIPELINED
from edgeproxy.protocol.upgrade import accepts_websocket, asks_for_websocket
from tests.helpers.recording import RecordedRequests, ResponseFacts, bytewise, feed_requests, feed_response

UPGRADE = b"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
PAGE = "load-balancer-listeners"


def asks(line: str, *fields: str) -> bool:
    data = "\r\n".join([line, "Host: a", *fields, "", ""]).encode()
    return asks_for_websocket(feed_requests([data]).heads[0])


@pytest.mark.conformance("WebSocket", "opened by an HTTP/1.1 GET with Upgrade: websocket", PAGE)
@pytest.mark.parametrize(
    "fields",
    [
        ("Connection: Upgrade", "Upgrade: websocket"),
        ("connection: keep-alive, upgrade", "UPGRADE: WebSocket"),
        ("Connection: keep-alive", "Connection: Upgrade", "Upgrade: websocket"),
        ("Connection: Upgrade", "Upgrade: websocket", "Content-Length: 0"),
        ("Connection: Upgrade", "Upgrade: websocket", "no colon"),
        ("Connection: Upgrade", "Upgrade: websocket", "A: \x01"),
    ],
)
def test_a_get_with_both_headers_asks_for_a_websocket(fields: tuple[str, ...]) -> None:
    assert asks("GET / HTTP/1.1", *fields)


@pytest.mark.conformance("WebSocket", "any other upgrade does not happen", PAGE)
@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("POST / HTTP/1.1", ("Connection: Upgrade", "Upgrade: websocket")),
        ("GET / HTTP/1.0", ("Connection: Upgrade", "Upgrade: websocket")),
        ("GET / HTTP/1.1", ("Connection: keep-alive", "Upgrade: websocket")),
        ("GET / HTTP/1.1", ("Upgrade: websocket",)),
        ("GET / HTTP/1.1", ("Connection: Upgrade",)),
        ("GET / HTTP/1.1", ("Connection: Upgrade", "Upgrade: h2c")),
        ("GET / HTTP/1.1", ("Connection: Upgrade", "Upgrade: websocket, h2c")),
        ("GET / HTTP/1.1", ("Connection: Upgrade", "Upgrade: h2c", "Upgrade: websocket")),
        ("GET / HTTP/1.1", ("Connection: Upgrade", "Upgrade: websocket", "Content-Length: 1")),
        ("GET / HTTP/1.1", ("Connection: Upgrade", "Upgrade: websocket", "Transfer-Encoding: chunked")),
        ("GET / HTTP/1.1", ("Connection: Upgrade", "Upgrade: websocket", "Transfer-Encoding: identity")),
        ("GET / HTTP/1.1", ("Connection: Upgrade", "Upgrade: websocket", "Content-Length: 0", "Content-Length: 0")),
        ("GET / HTTP/1.1", ("Connection: Upgrade", "Upgrade: websocket", "Content_Length: 5")),
        ("GET / HTTP/1.1", ("Connection: Upgrade", "Upgrade: websocket", "Transfer-Encoding : chunked")),
        ("GET / HTTP/1.1", ("Connection: Upgrade", "Upgrade: websocket", ": no name")),
        ("GET / HTTP/1.1", ("Connection: Upgrade", "Upgrade: websocket", "A: \0")),
        ("GET /\x01 HTTP/1.1", ("Connection: Upgrade", "Upgrade: websocket")),
    ],
)
def test_nothing_else_does(line: str, fields: tuple[str, ...]) -> None:
    assert not asks(line, *fields)


@pytest.mark.parametrize(
    ("fields", "accepts"),
    [
        ("Upgrade: websocket\r\n", True),
        ("upgrade: WebSocket\r\n", True),
        ("", False),
        ("Upgrade: h2c\r\n", False),
        ("Upgrade: websocket\r\nUpgrade: h2c\r\n", False),
    ],
)
def test_only_a_switch_to_websocket_is_one(fields: str, accepts: bool) -> None:
    recorded = feed_response([f"HTTP/1.1 101 Switching\r\n{fields}\r\n".encode()], is_upgrade=True)

    assert ([] if accepts else [502]) == recorded.error_statuses
    assert accepts == bool(recorded.heads and accepts_websocket(recorded.heads[0]))


# ---- a client's bytes


@pytest.mark.parametrize("pieces", [[UPGRADE + b"early"], bytewise(UPGRADE + b"early")])
def test_bytes_behind_the_request_wait_for_the_tunnel(pieces: list[bytes]) -> None:
    recorded = RecordedRequests(answers_at_once=False)
    for piece in pieces:
        recorded.codec.feed(piece)
    assert ("tunnel", b"early") not in recorded.events
    recorded.codec.start_tunnel()
    recorded.codec.feed(b" and late")

    assert 1 == recorded.events.count(("early bytes",))
    assert ("tunnel", b"early and late") == recorded.events[-1]


def test_bytes_behind_the_request_are_never_read_as_a_request() -> None:
    recorded = RecordedRequests(answers_at_once=False)
    recorded.codec.feed(UPGRADE + b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
    recorded.answer()
    recorded.codec.feed(b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n")

    assert ["/chat", "/next"] == [head.target for head in recorded.heads]
    assert ("early bytes",) in recorded.events


def test_what_waits_for_the_tunnel_is_bounded() -> None:
    recorded = RecordedRequests(answers_at_once=False)
    recorded.codec.feed(UPGRADE)
    recorded.codec.feed(b"x" * MAX_PIPELINED)
    assert ("pipeline full",) not in recorded.events
    recorded.codec.feed(b"x")

    assert ("pipeline full",) in recorded.events


def test_a_tunnel_is_not_parsed() -> None:
    recorded = RecordedRequests(answers_at_once=False)
    recorded.codec.feed(UPGRADE)
    recorded.codec.start_tunnel()
    recorded.codec.feed(b"\x00 no HTTP\r\n\r\n")

    assert ("tunnel", b"\x00 no HTTP\r\n\r\n") == recorded.events[-1]


# ---- a target's bytes


@pytest.mark.parametrize("is_split", [False, True])
def test_a_switch_opens_the_tunnel_and_its_end_closes_it(is_split: bool) -> None:
    data = b"HTTP/1.1 100 Continue\r\n\r\n" + SWITCHING + b"\x81\x02hi\r\n\r\n"
    recorded = feed_response(bytewise(data) if is_split else [data], is_upgrade=True, closes=True)
    facts = ResponseFacts(
        101, "101 Switching Protocols", [("Upgrade", "websocket"), ("Connection", "Upgrade")], is_reusable=True
    )

    assert [("switch", facts), ("tunnel", b"\x81\x02hi\r\n\r\n"), ("tunnel end",)] == recorded.events


@pytest.mark.conformance("WebSocket", "an answer other than 101 is an ordinary response", "load-balancer-access-logs")
def test_any_other_answer_is_an_ordinary_response_and_the_next_one_may_not_switch() -> None:
    recorded = feed_response([b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"], is_upgrade=True)
    recorded.codec.start("GET")
    recorded.codec.feed(SWITCHING)

    assert ["response", "body", "end", "error"] == [event[0] for event in recorded.events]
