"""Asking an admin endpoint over a socket."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest

from edgeproxy.control.addresses import Address
from edgeproxy.control.admin_client import NotAnsweredError, ask
from tests.helpers.ports import reserved_port

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def answering() -> Callable[[bytes], tuple[Address, list[bytes]]]:
    """Starts a server that answers one request with these bytes; where it is, and what it gets."""

    def start(answer: bytes) -> tuple[Address, list[bytes]]:
        server = socket.create_server(("127.0.0.1", 0))
        received: list[bytes] = []

        def serve() -> None:
            with server, server.accept()[0] as connection:
                received.append(connection.recv(65536))
                connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        return Address("127.0.0.1", server.getsockname()[1]), received

    return start


def test_an_object_goes_and_an_object_comes(answering: Callable[..., tuple[Address, list[bytes]]]) -> None:
    address, received = answering(b'HTTP/1.0 201 Created\r\nA: b\r\n\r\n{"Id": "x"}')
    assert (201, {"Id": "x"}) == ask(address, "POST", "/a", {"Status": 503})
    head, _, body = received[0].partition(b"\r\n\r\n")
    assert b'{"Status": 503}' == body
    assert head.startswith(b"POST /a HTTP/1.0\r\nHost: 127.0.0.1:")
    assert b"Content-Type: application/json" in head


@pytest.mark.parametrize("answer", [b"", b"hello", b"HTTP/1.0 200 OK\r\n\r\n<html>", b"HTTP/1.0 200 OK\r\n\r\n3"])
def test_what_is_no_admin_endpoint_is_said(
    answering: Callable[..., tuple[Address, list[bytes]]], answer: bytes
) -> None:
    address, _ = answering(answer)
    with pytest.raises(NotAnsweredError, match="is not edgeproxy's admin endpoint"):
        ask(address, "GET", "/a")


def test_nobody_there_is_said() -> None:
    with (
        reserved_port() as port,
        pytest.raises(NotAnsweredError, match=f"No edgeproxy answers at 127.0.0.1:{port}: Connection refused"),
    ):
        ask(Address("127.0.0.1", port), "GET", "/a")
