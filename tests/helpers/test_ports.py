"""A reserved port refuses until a server listens there, and is nobody else's."""

from __future__ import annotations

import asyncio
import socket

import pytest

from tests.helpers.ports import reserved_port, reserved_ports


def test_a_reserved_port_refuses() -> None:
    with reserved_port() as port, pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_server_may_listen_on_a_reserved_port(host: str) -> None:
    with reserved_port() as port, socket.create_server((host, port)):
        socket.create_connection(("127.0.0.1", port)).close()


async def test_a_server_may_listen_on_a_reserved_port_of_every_address() -> None:
    with reserved_port() as port:
        server = await asyncio.get_running_loop().create_server(asyncio.Protocol, None, port)
        assert {port} == {each.getsockname()[1] for each in server.sockets}
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1"])
def test_reserved_ports_are_given_to_nobody_who_asks_for_any_port(host: str) -> None:
    """Of two hundred that were merely free, many are given away by then."""
    with reserved_ports(200) as reserved:
        given = set()
        for _ in range(3000):
            with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind((host, 0))
                given.add(sock.getsockname()[1])

    assert 200 == len(set(reserved))
    assert not given & set(reserved)
