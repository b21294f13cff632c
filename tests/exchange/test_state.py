"""Where an exchange stands, and whether its client may ask again."""

from __future__ import annotations

import pytest

from edgeproxy.exchange.phase import TargetPhase
from tests.helpers.exchange_ports import Stage


@pytest.mark.parametrize(
    ("version", "fields", "keeps"),
    [
        ("HTTP/1.1", (), True),
        ("HTTP/1.1", ("Connection: close",), False),
        ("HTTP/1.0", (), False),
        ("HTTP/1.0", ("Connection: keep-alive",), True),
    ],
)
def test_who_may_ask_again(version: str, fields: tuple[str, ...], *, keeps: bool) -> None:
    client = Stage().client().sends(f"GET / {version}", "Host: a", *fields)

    assert client.exchange is not None
    assert keeps == client.exchange.keeps_client


def test_a_request_that_has_not_come_whole_keeps_nobody() -> None:
    """What is left of it would be taken for the next one."""
    client = Stage().client().sends("POST / HTTP/1.1", "Host: a", "Content-Length: 9", body="part")
    assert client.exchange is not None
    assert not client.exchange.keeps_client

    client.sends_bytes("the rest"[:5])
    assert client.exchange.keeps_client


def test_it_ends_once_and_gives_its_target_free() -> None:
    stage = Stage()
    stage.client().sends("GET / HTTP/1.1", "Host: a")
    (exchange,) = stage.exchanges
    target = exchange.target
    assert target is not None
    assert (1, TargetPhase.WAITING) == (target.outstanding, exchange.phase)
    assert "<Exchange 'GET / HTTP/1.1' waiting for the response>" == repr(exchange)

    stage.target.answers("HTTP/1.1 204 No Content")

    assert (0, TargetPhase.DONE, None) == (target.outstanding, exchange.phase, exchange.port)
    assert [exchange] == stage.ledger.records


def test_the_moment_of_arrival_is_told_in_seconds_since_1970() -> None:
    stage = Stage()
    stage.client().sends("GET / HTTP/1.1", "Host: a")
    (exchange,) = stage.exchanges

    assert exchange.arrived + stage.context.clock.offset == exchange.epoch
