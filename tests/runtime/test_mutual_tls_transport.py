"""The transport between TCP and a connection: what passes, what waits, what ends."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ssl
from typing import TYPE_CHECKING, Any, cast

import pytest
import trustme

from edgeproxy.control.certificate_locator import FileCertificateLocator
from edgeproxy.model.action import Action, FixedResponseConfig
from edgeproxy.model.listener import Certificate, Listener
from edgeproxy.model.mutual_authentication import MutualAuthentication
from edgeproxy.runtime.mutual_tls import ListenerMutualTls
from edgeproxy.runtime.mutual_tls_transport import MutualTlsTransport, suite_of
from tests.helpers.wait import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from edgeproxy.runtime.server_tls import Handshake

CA = trustme.CA()
pytestmark = pytest.mark.both_loops


class Connection(asyncio.Protocol):
    """What is on the decrypted side; does what a test wants with what it is told."""

    def __init__(self) -> None:
        self.transport: MutualTlsTransport
        self.received = bytearray()
        self.events: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, MutualTlsTransport)
        self.transport = transport
        self.events.append("made")

    def data_received(self, data: bytes) -> None:
        self.received += data

    def eof_received(self) -> None:
        self.events.append("eof")

    def connection_lost(self, exc: Exception | None) -> None:
        self.events.append("lost")

    def pause_writing(self) -> None:
        self.events.append("pause")

    def resume_writing(self) -> None:
        self.events.append("resume")


class Listening:
    """A listener that does nothing but listen."""

    def __init__(self, tls: ListenerMutualTls) -> None:
        self.handshakes: set[Handshake] = set()
        self.handshake_seconds = 60.0
        self.failed: list[Handshake] = []
        self.connections: list[Connection] = []
        self.tls = tls
        self.port = 0

    def plain_http_answer(self, data: bytes) -> bytes:
        return b"HTTP/1.1 400 Bad Request\r\n\r\n"

    def make(self) -> Connection:
        self.connections.append(Connection())
        return self.connections[-1]

    def on_handshake_failed(self, handshake: Handshake) -> None:
        self.failed.append(handshake)

    async def connect(self, context: ssl.SSLContext) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, Connection]:
        count = len(self.connections)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=context, server_hostname="a.test")
        await until(lambda: self.connections[count:] and self.connections[count].events)
        return reader, writer, self.connections[count]


@pytest.fixture
async def listening(tmp_path: Path) -> AsyncIterator[Listening]:
    leaf = CA.issue_cert("a.test")
    (tmp_path / "a.pem").write_bytes(leaf.private_key_and_cert_chain_pem.bytes())
    mutual = MutualAuthentication(mode="passthrough")
    found = Listening(ListenerMutualTls(listener(mutual), FileCertificateLocator(tmp_path, tmp_path), mutual))
    make = found.tls.server_side(cast("Any", found), cast("Any", found.make))
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    async with server:
        yield found
        for connection in found.connections:
            if connection.events:
                connection.transport.abort()


def listener(mutual: MutualAuthentication) -> Listener:
    return Listener(
        port=443,
        protocol="HTTPS",
        certificates=(Certificate(certificate_arn="a.pem"),),
        ssl_policy="ELBSecurityPolicy-TLS13-1-2-2021-06",
        mutual_authentication=mutual,
        default_actions=(Action(type="fixed-response", fixed_response_config=FixedResponseConfig(status_code="200")),),
    )


def trusting(**options: Any) -> ssl.SSLContext:
    context = ssl.create_default_context()
    CA.configure_trust(context)
    for name, value in options.items():
        setattr(context, name, value)
    return context


async def test_bytes_pass_both_ways(listening: Listening) -> None:
    reader, writer, connection = await listening.connect(trusting())
    writer.write(b"hello")
    await until(lambda: b"hello" == connection.received)
    for each in (b"bytes", bytearray(b"array"), memoryview(b"view"), b""):
        connection.transport.write(each)

    assert b"bytesarrayview" == await reader.readexactly(14)
    assert ["made"] == connection.events
    writer.close()


async def test_many_bytes_pass_whole(listening: Listening) -> None:
    """In pieces that fit no record, with a receiver that stops now and then."""
    reader, writer, connection = await listening.connect(trusting())
    body = hashlib.shake_256(b"").digest(4_000_003)
    for start in range(0, len(body), 70_001):
        writer.write(body[start : start + 70_001])
        connection.transport.pause_reading()
        connection.transport.resume_reading()
    await until(lambda: len(connection.received) == len(body))
    connection.transport.write(body)

    assert body == connection.received
    assert body == await reader.readexactly(len(body))
    writer.close()


async def test_nothing_is_delivered_while_reading_is_paused(listening: Listening) -> None:
    """Also what is decrypted already: several records come in one piece."""
    _, writer, connection = await listening.connect(trusting())
    connection.transport.pause_reading()
    writer.write(b"x" * 100_000)
    await writer.drain()
    for _ in range(20):
        await asyncio.sleep(0)
    waiting = len(connection.received)
    connection.transport.resume_reading()
    await until(lambda: 100_000 == len(connection.received))

    assert 0 == waiting
    writer.close()


async def test_a_connection_that_pauses_in_the_middle_gets_the_rest_later(listening: Listening) -> None:
    _, writer, connection = await listening.connect(trusting())
    receive = connection.data_received

    def receive_and_pause(data: bytes) -> None:
        receive(data)
        connection.transport.pause_reading()

    connection.data_received = receive_and_pause  # type: ignore[method-assign]
    writer.write(b"x" * 60_000)
    await until(lambda: connection.received)
    assert 16384 >= len(connection.received)
    while len(connection.received) < 60_000:
        before = len(connection.received)
        connection.transport.resume_reading()
        await until(lambda: len(connection.received) > before)  # noqa: B023 - called before the next round
    writer.close()


async def test_a_full_buffer_is_told_and_so_is_its_end(listening: Listening) -> None:
    reader, writer, connection = await listening.connect(trusting())
    connection.transport.set_write_buffer_limits(high=1000)
    connection.transport.write(b"x" * 30_000_000)
    await until(lambda: "pause" in connection.events)
    assert connection.transport.get_write_buffer_size() > 1000
    await reader.readexactly(30_000_000)
    await until(lambda: "resume" in connection.events)

    assert ["made", "pause", "resume"] == connection.events
    writer.close()


async def test_closing_delivers_what_was_written_and_says_goodbye(listening: Listening) -> None:
    reader, writer, connection = await listening.connect(trusting())
    connection.transport.write(b"last words")
    connection.transport.close()
    connection.transport.write(b"too late")
    connection.transport.close()

    assert b"last words" == await reader.read()
    await until(lambda: "lost" in connection.events)
    assert connection.transport.is_closing()
    writer.close()


async def test_a_client_that_says_goodbye_ends_the_connection(listening: Listening) -> None:
    _, writer, connection = await listening.connect(trusting())
    writer.close()
    await until(lambda: "lost" in connection.events)

    assert ["made", "eof", "lost"] == connection.events


async def test_a_client_that_just_leaves_ends_the_connection(listening: Listening) -> None:
    _, writer, connection = await listening.connect(trusting())
    writer.transport.abort()
    await until(lambda: "lost" in connection.events)
    assert [] == listening.failed


async def test_what_is_known_of_a_connection(listening: Listening) -> None:
    context = trusting()
    context.set_alpn_protocols(["h2", "http/1.1"])
    _, writer, connection = await listening.connect(context)
    transport = connection.transport
    tls = transport.get_extra_info("ssl_object")
    facts = listening.tls.describe(tls)

    assert ("h2", "h2") == (
        tls.selected_alpn_protocol(),
        writer.get_extra_info("ssl_object").selected_alpn_protocol(),
    )
    assert ("TLSv1.3", "TLS_AES_128_GCM_SHA256", "Success") == (facts.protocol, facts.cipher, facts.verify_status)
    assert "-" != facts.key_exchange
    assert ("127.0.0.1", listening.port) == transport.get_extra_info("sockname")
    assert "default" == transport.get_extra_info("nothing", "default")
    assert (connection, False) == (transport.get_protocol(), transport.can_write_eof())
    other = Connection()
    transport.set_protocol(other)
    writer.write(b"hello")
    await until(lambda: b"hello" == other.received)
    other.events.append("made")
    writer.close()
    await until(lambda: "lost" in other.events)


async def test_unknown_alpn_ids_do_not_fail_the_handshake(listening: Listening) -> None:
    context = trusting()
    context.set_alpn_protocols(["spdy/3"])
    _, writer, connection = await listening.connect(context)
    assert connection.transport.get_extra_info("ssl_object").selected_alpn_protocol() is None
    writer.close()


# ---- handshakes that come to nothing


async def test_a_client_that_leaves_before_it_has_said_anything_is_told_of(listening: Listening) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", listening.port)
    await until(lambda: listening.handshakes)
    port = writer.get_extra_info("sockname")[1]
    writer.close()
    await until(lambda: listening.failed)
    (handshake,) = listening.failed

    assert ("127.0.0.1", port) == handshake.client
    assert ("the client left", "Failed:UnmappedConnectionError") == (handshake.reason, handshake.facts.verify_status)
    assert ("-", "-") == (handshake.facts.protocol, handshake.facts.cipher)
    assert not listening.handshakes


async def test_plain_http_is_answered_and_told_of(listening: Listening) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", listening.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
    answer = await reader.read()
    writer.close()
    (handshake,) = listening.failed

    assert listening.plain_http_answer(b"") == answer
    assert "the client speaks plain HTTP" == handshake.reason
    assert "-" == handshake.facts.cipher


async def test_a_client_without_a_common_suite_is_told_of(listening: Listening) -> None:
    context = trusting(maximum_version=ssl.TLSVersion.TLSv1_2)
    context.set_ciphers("ECDHE-ECDSA-CHACHA20-POLY1305")
    with pytest.raises(ssl.SSLError):
        await listening.connect(context)
    assert ["no shared cipher"] == [handshake.reason for handshake in listening.failed]


async def test_a_handshake_may_not_take_for_ever(listening: Listening) -> None:
    listening.handshake_seconds = 0.01
    reader, writer = await asyncio.open_connection("127.0.0.1", listening.port)
    with contextlib.suppress(ConnectionResetError):  # uvloop closes in order
        assert b"" == await reader.read()
    writer.close()
    assert ["the handshake took too long"] == [handshake.reason for handshake in listening.failed]


async def test_a_handshake_that_is_aborted_is_nobodys_failure(listening: Listening) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", listening.port)
    await until(lambda: listening.handshakes)
    (handshake,) = listening.handshakes
    handshake.abort()
    writer.close()
    await until(lambda: not listening.handshakes)
    assert [] == listening.failed


SERVER_HELLO = b"\x16\x03\x03\x00\x51\x02\x00\x00\x4d\x03\x03" + bytes(32)


@pytest.mark.parametrize(
    ("hello", "expected"),
    [
        (b"", "-"),
        (b"\x15\x03\x03\x00\x02\x02\x28", "-"),
        (SERVER_HELLO + b"\x00\xc0\x2f\x00", "ECDHE-RSA-AES128-GCM-SHA256"),
        (SERVER_HELLO + b"\x20" + bytes(32) + b"\x13\x01", "TLS_AES_128_GCM_SHA256"),
        (SERVER_HELLO + b"\x20", "-"),
    ],
)
async def test_the_suite_stands_in_the_server_hello(hello: bytes, expected: str) -> None:
    assert expected == suite_of(hello)
