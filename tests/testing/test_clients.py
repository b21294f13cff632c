"""Clients trust the load balancer, and find it under any name."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from edgeproxy.testing import Alb, targets

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def alb() -> Iterator[Alb]:
    """Says which name it was asked for."""
    with Alb(names=["app.example.com"], targets=[targets.handler(lambda request: request.headers["host"])]) as made:
        yield made


def test_plain_sockets(alb: Alb) -> None:
    secure, plain = alb.clients.connect(host="app.example.com"), alb.clients.connect(port=80)
    assert isinstance(secure, ssl.SSLSocket)
    for sock in (secure, plain):
        sock.sendall(b"GET / HTTP/1.0\r\nHost: app.example.com\r\n\r\n")

    assert b"200" == secure.recv(100).split(b" ")[1]
    assert b"301" == plain.recv(100).split(b" ")[1]


def test_what_a_test_leaves_open_is_closed_with_the_load_balancer() -> None:
    with Alb() as alb:
        sock, client = alb.clients.connect(), alb.clients.httpx()

    assert (-1, True) == (sock.fileno(), client.is_closed)


def test_a_context_of_one_s_own_is_taken(alb: Alb) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        alb.clients.connect(context=ssl.create_default_context())
