"""One listener's sockets: where they are bound, and that they outlive what goes wrong around them."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

import pytest

from edgeproxy.errors import BindError
from edgeproxy.runtime.client_connection import ClientConnection
from edgeproxy.runtime.listener import BACKLOG
from edgeproxy.runtime.proxy import Bind, EdgeProxy
from tests.helpers.conversation import connect
from tests.helpers.proxies import answering_itself, running, topology
from tests.helpers.wait import until

LONGEST_QUEUE = int(Path("/proc/sys/net/core/somaxconn").read_text())


@pytest.mark.both_loops
async def test_a_listener_on_all_interfaces_takes_ipv4_and_ipv6_on_one_port() -> None:
    async with running(answering_itself(), binds={80: Bind(None, 0)}) as edgeproxy:
        (listener,) = edgeproxy.proxy.listeners
        answers = []
        for host in ("127.0.0.1", "::1"):
            client = await connect(host, edgeproxy.port())
            answers.append((await client.ask("GET /")).status)
            await client.close()

    assert [200, 200] == answers
    assert [("0.0.0.0", edgeproxy.proxy.listeners[0].addresses[0][1])] == listener.addresses[:1]
    assert ("::", listener.addresses[0][1]) in listener.addresses


@pytest.mark.both_loops
async def test_the_kernel_queues_as_many_connections_as_it_may() -> None:
    async with running(answering_itself()) as edgeproxy:
        (listener,) = edgeproxy.proxy._listeners.values()
        information = listener._sockets[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        (longest_queue,) = struct.unpack_from("I", information, 28)

    assert min(BACKLOG, LONGEST_QUEUE) == longest_queue


@pytest.mark.both_loops
async def test_a_listener_on_the_ipv6_loopback_serves() -> None:
    async with running(answering_itself(), host="::1") as edgeproxy:
        answer = await edgeproxy.ask()

    assert 200 == answer.status


async def test_clients_of_a_dual_stack_socket_have_their_ipv4_address() -> None:
    async with running(answering_itself(), binds={80: Bind(None, 0)}) as edgeproxy:
        client = await connect("127.0.0.1", edgeproxy.port())
        await until(lambda: edgeproxy.connections)
        (connection,) = edgeproxy.connections
        await client.close()

    assert "127.0.0.1" == connection.source_ip


async def test_an_address_of_another_machine_is_refused_with_a_sentence() -> None:
    proxy = EdgeProxy(binds={80: Bind("192.0.2.1", 8080)})
    with pytest.raises(BindError) as caught:
        await proxy.start(topology(answering_itself()))

    assert "Port 8080 on 192.0.2.1 could not be bound: the address does not belong to this machine" == str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", None])
async def test_a_port_that_is_taken_is_refused_with_a_sentence_and_nothing_stays_open(host: str | None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        proxy = EdgeProxy(binds={80: Bind(host, port), 81: Bind("127.0.0.1", 0)})
        with pytest.raises(BindError, match="it is taken by another process"):
            await proxy.start(topology(answering_itself(listeners=(81, 80))))

    with socket.create_server(("127.0.0.1", port)):
        pass
    assert [] == proxy.listeners


async def test_an_ipv6_port_that_is_taken_is_refused_although_ipv4_is_free() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as other:
        proxy = EdgeProxy(binds={80: Bind(None, other.getsockname()[1])})
        with pytest.raises(BindError, match="it is taken by another process"):
            await proxy.start(topology(answering_itself()))


async def test_a_repr_tells_an_operator_what_it_is() -> None:
    async with running(answering_itself()) as edgeproxy:
        (listener,) = edgeproxy.proxy._listeners.values()

        assert f"<ListenerSocket HTTP:80 at [('127.0.0.1', {edgeproxy.port()})] connections=0>" == repr(listener)


async def test_one_connections_mistake_keeps_no_other_from_its_deadline(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    check = ClientConnection.check

    def failing(connection: ClientConnection, now: float, idle_timeout: float) -> None:
        if connection.source_port == broken:
            raise RuntimeError("a mistake")
        check(connection, now, idle_timeout)

    async with running(answering_itself()) as edgeproxy:
        first, second = await edgeproxy.connect(), await edgeproxy.connect()
        broken = first.local_address[1]
        monkeypatch.setattr(ClientConnection, "check", failing)
        assert b"" == await second.read_to_end()
        assert not first.transport.is_closing()
        monkeypatch.undo()

    assert "could not be checked" in caplog.text
