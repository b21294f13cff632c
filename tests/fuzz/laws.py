"""What leaves the load balancer, whatever came in: checks over a whole listener without sockets.

Each takes any bytes and raises only if a promise is broken; `checks.py` gives them their names.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

import h11

from tests.exchange.test_smuggling import READERS
from tests.helpers.exchange_ports import ScriptedClient, ScriptedTarget, Stage

if TYPE_CHECKING:
    from edgeproxy.protocol.desync import Verdict

_ROOM = 1 << 20
_WHITE_FOR_HYPHEN = re.compile(rb"(transfer|content)[\x00-\x20]+(encoding|length)", re.IGNORECASE)


def check_forwarding(data: bytes) -> None:
    """One request in, one request out: for every reader if the connection is used again, for h11 if it is compliant.

    Every request ends once, and what the client gets is as many whole responses.
    """
    if not data:
        return
    stage = Stage()
    client = stage.client()
    client.sends_bytes(data)
    while client.exchange is not None and client.exchange.port is not None:
        verdict = client.exchange.verdict
        is_sent = client.exchange._is_sent
        target = stage.target
        sent = target.took()
        target.answers("HTTP/1.1 200 OK", "Content-Length: 0")
        is_released = target.events[-1] == "release"
        _check_forwarded(sent, verdict=verdict, is_sent=is_sent, is_released=is_released)
    if client.is_open:
        client.leaves()
    assert len(stage.exchanges) == len(stage.ledger.records)


def _check_forwarded(sent: bytes, *, verdict: Verdict | None, is_sent: bool, is_released: bool) -> None:
    if is_released:
        # The classifier's comparison skips white space before it looks for the hyphen, so it finds `Transfer Encoding`
        # unrelated and the request acceptable. No server is known that reads it as the header; these readers would.
        known = _WHITE_FOR_HYPHEN.sub(rb"\1 x \2", sent)
        seen = {reader: list(reader.requests(known)) for reader in READERS}
        assert [] == [(reader, lines) for reader, lines in seen.items() if len(lines) != 1]
    if verdict is None and is_sent:
        assert (1, b"") == _requests_by_h11(sent)


def _requests_by_h11(sent: bytes) -> tuple[int, bytes]:
    """How many requests h11 reads, and the bytes behind them; it refuses to read what breaks RFC 9112."""
    line, separator, rest = sent.partition(b"\r\n")
    # The load balancer calls bytes above 0x7f in targets compliant; h11 does not read them.
    line = bytes(byte if byte < 0x80 else 0x61 for byte in line)
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=_ROOM)
    connection.receive_data(line + separator + rest)
    count = 0
    while (event := connection.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
        count += isinstance(event, h11.EndOfMessage)
    return count, connection.trailing_data[0]


def check_relay(data: bytes) -> None:
    """What a target sends becomes one whole response, or one that the client can see was cut.

    A client connection that stays open carried exactly one response, for h11 as well, and its own opinion of the
    body is that of h11 on what the target sent, wherever h11 reads that.
    """
    for line in ("GET / HTTP/1.1", "HEAD / HTTP/1.1", "GET / HTTP/1.0"):
        stage = Stage()
        client = stage.client()
        client.sends(line, "Host: x")
        target = stage.target
        target.answers_bytes(data)
        if target.exchange is not None:
            target.closes()
        _check_relayed(client, target, line.partition(" ")[0], data)
        assert 1 == len(stage.ledger.records)


def _check_relayed(client: ScriptedClient, target: ScriptedTarget, method: str, data: bytes) -> None:
    assert 1 == len([event for event in client.events if event in {"keep-alive", "close", "abort"}])
    if client.events[-1] == "abort":
        return
    status, body, behind = _response_by_h11(client.received, method)
    assert b"" == behind
    with contextlib.suppress(h11.RemoteProtocolError, _UnreadError):
        original, original_body, _ = _response_by_h11(data, method)
        if status not in (original, 502):
            raise AssertionError(f"{original} became {status}")
        assert status == 502 or body == original_body


class _UnreadError(Exception):
    """h11 has not seen the end of a response."""


def _response_by_h11(data: bytes, method: str) -> tuple[int, bytes, bytes]:
    """Status, body and the bytes behind; the connection is closed after them."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_ROOM)
    connection.send(h11.Request(method=method, target="/", headers=[("Host", "x")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    connection.receive_data(b"")
    status, body = 0, b""
    while True:
        event = connection.next_event()
        match event:
            case h11.InformationalResponse():
                continue
            case h11.Response():
                status = event.status_code
            case h11.Data():
                body += event.data
            case h11.EndOfMessage():
                return status, body, connection.trailing_data[0]
            case _:
                raise _UnreadError
