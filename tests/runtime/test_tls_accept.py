"""TLS handshakes on real sockets: that they work as the event loop's own, and that failed ones are noticed."""

from __future__ import annotations

import asyncio
import contextlib
import io
import ssl
import warnings
from typing import TYPE_CHECKING

import pytest

from edgeproxy.runtime.access_log import AccessLog
from edgeproxy.runtime.prometheus import render
from tests.helpers.conversation import request
from tests.helpers.https import locator, over_tls, trusting
from tests.helpers.proxies import RunningProxy, answering_itself, forwarding_to, running
from tests.helpers.targets import ROOM, ScriptedTarget, answering, pouring
from tests.helpers.wait import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

pytestmark = pytest.mark.both_loops


@contextlib.asynccontextmanager
async def secure(tmp_path: Path, text: str = "", time_scale: float = 1) -> AsyncIterator[RunningProxy]:
    configuration = over_tls(text or answering_itself(), tmp_path)
    async with running(configuration, certificates=locator(tmp_path), time_scale=time_scale) as edgeproxy:
        yield edgeproxy


def errors(edgeproxy: RunningProxy) -> int:
    return edgeproxy.proxy.metrics.load_balancers["dev"].client_tls_negotiation_errors


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_request_is_answered_and_the_connection_is_kept(newest: ssl.TLSVersion, tmp_path: Path) -> None:
    async with secure(tmp_path) as edgeproxy:
        client = await edgeproxy.connect(443, tls=trusting(newest=newest))
        answers = [(await client.ask("GET /")).status for _ in range(3)]
        counters = edgeproxy.proxy.metrics.load_balancers["dev"]

        assert [200] * 3 == answers
        assert (1, 1, 0) == (
            counters.new_connections,
            counters.active_connections,
            counters.client_tls_negotiation_errors,
        )
        assert set() == edgeproxy.proxy._listeners["dev", 443].handshakes


@pytest.mark.conformance(
    "TLS handshakes",
    "plain HTTP to an HTTPS listener is answered with a 400 page",
    "load-balancer-troubleshooting",
    status="default",
)
@pytest.mark.parametrize("line", [b"GET / HTTP/1.1\r\n", b"PATCH /x HTTP/1.0\r\n", b"d"])
async def test_plain_http_is_answered_in_plain_http(line: bytes, tmp_path: Path) -> None:
    async with secure(tmp_path) as edgeproxy:
        client = await edgeproxy.connect(443)
        await client.send(line)
        answer = await client.read_message()
        assert b"" == await client.read(1)
        counters = edgeproxy.proxy.metrics.load_balancers["dev"]
        await until(lambda: counters.client_tls_negotiation_errors == 1)
        # The next client is none the worse for it.
        assert 200 == (await (await edgeproxy.connect(443, tls=trusting())).ask("GET /")).status

    assert (400, "close", "122") == (answer.status, answer.headers["connection"], answer.headers["content-length"])
    assert b"<title>400 Bad Request</title>" in answer.body
    assert (0, 2) == (counters.active_connections, counters.new_connections)


async def test_a_hello_larger_than_any_buffer_is_refused(tmp_path: Path) -> None:
    """What comes in one piece goes to the TLS layer in as many as that can take."""
    async with secure(tmp_path) as edgeproxy:
        client = await edgeproxy.connect(443)
        await client.send(b"\x16\x03\x01\xff\xff" + bytes(700_000))
        await client.read_until_cut()
        await until(lambda: errors(edgeproxy) == 1)


class EagerClient:
    """A TLS client below sockets: it sends its request in one segment with the handshake's last bytes."""

    def __init__(self, server_name: str = "app.test") -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.side = trusting().wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)

    def take(self, data: bytes) -> bytes:
        """Reads what came; gives what is to be sent."""
        self._incoming.write(data)
        with contextlib.suppress(ssl.SSLWantReadError):
            self.side.do_handshake()
        return self._outgoing.read()

    @property
    def is_done(self) -> bool:
        return self.side.version() is not None and self.side.cipher() is not None

    def read(self) -> bytes:
        with contextlib.suppress(ssl.SSLWantReadError):
            return self.side.read(65536)
        return b""


async def test_a_request_that_comes_with_the_last_bytes_of_the_handshake_is_answered(tmp_path: Path) -> None:
    client = EagerClient()
    async with secure(tmp_path) as edgeproxy:
        connection = await edgeproxy.connect(443)
        to_send = client.take(b"")
        await connection.send(to_send)
        while not (last := client.take(await connection.read(65536))):
            pass
        client.side.write(request("GET /"))
        await connection.send(last + client.take(b""))
        answer = b""
        while b"\r\n\r\nok" not in answer:
            client.take(await connection.read(65536))
            while data := client.read():
                answer += data

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_big_bodies_go_both_ways_with_back_pressure(tmp_path: Path) -> None:
    async with (
        ScriptedTarget(pouring(len(ROOM) * 40)) as target,
        secure(tmp_path, forwarding_to(target.port)) as edgeproxy,
    ):
        client = await edgeproxy.connect(443, tls=trusting(), receive_buffer=4096)
        answer = await client.ask("GET /")

        assert len(ROOM) * 40 == len(answer.body)


# ---- handshakes that fail


async def _speaks_http(edgeproxy: RunningProxy) -> None:
    client = await edgeproxy.connect(443)
    await client.send(request("GET /"))
    await client.read_until_cut()


async def _leaves_at_once(edgeproxy: RunningProxy) -> None:
    await (await edgeproxy.connect(443)).close()


async def _resets_after_its_hello(edgeproxy: RunningProxy) -> None:
    client = await edgeproxy.connect(443)
    await client.send(EagerClient().take(b""))
    await client.read(1)
    client.reset()


async def _distrusts(edgeproxy: RunningProxy) -> None:
    # With TLS 1.3 the server's part of the handshake is over before the client says what it thinks of it.
    context = ssl.create_default_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLCertVerificationError):
        await edgeproxy.connect(443, tls=context, server_name="app.test")


async def _has_no_common_version(edgeproxy: RunningProxy) -> None:
    context = trusting()
    with warnings.catch_warnings(action="ignore"):
        context.minimum_version = ssl.TLSVersion.TLSv1_1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await edgeproxy.connect(443, tls=context)


@pytest.mark.conformance("metrics", "failed TLS handshakes of clients are counted", "load-balancer-cloudwatch-metrics")
@pytest.mark.parametrize(
    "client", [_speaks_http, _leaves_at_once, _resets_after_its_hello, _distrusts, _has_no_common_version]
)
async def test_a_handshake_that_fails_is_noticed_and_leaves_nothing(
    client: Callable[[RunningProxy], Awaitable[None]], tmp_path: Path
) -> None:
    async with secure(tmp_path) as edgeproxy:
        await client(edgeproxy)
        await until(lambda: errors(edgeproxy))
        listener = edgeproxy.proxy._listeners["dev", 443]

        assert (1, 1, 0) == (errors(edgeproxy), listener.counters.new_connections, listener.counters.active_connections)
        assert (set(), set()) == (listener.handshakes, listener.connections)
        published = render(edgeproxy.proxy.metrics, edgeproxy.proxy.target_groups, edgeproxy.proxy.topology)
        assert b'new_connection_count_total{load_balancer="dev"} 1.0\n' in published
        answer = await (await edgeproxy.connect(443, tls=trusting())).ask("GET /")
        assert 200 == answer.status


async def test_a_server_name_cannot_end_its_field_or_its_line(tmp_path: Path) -> None:
    """TLS carries any bytes as a name, and a wildcard certificate stands for any label."""
    stream = io.StringIO()
    log = AccessLog(stream)
    configuration = over_tls(answering_itself(), tmp_path, "*.example.com")
    async with running(configuration, certificates=locator(tmp_path), access_log=log) as edgeproxy:
        client = await edgeproxy.connect(443, tls=trusting(), server_name='a" "b\n\x7f.example.com')
        await client.ask("GET /", "Host: a")
    log.close()

    (line,) = stream.getvalue().splitlines()
    assert r' "a\x22 \x22b\x0A\x7F.example.com" ' in line


async def test_a_client_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    """At a sixtieth of the time a handshake has one second."""
    async with secure(tmp_path, time_scale=1 / 60) as edgeproxy:
        client = await edgeproxy.connect(443)

        assert b"" == await client.read_until_cut()
        await until(lambda: errors(edgeproxy) == 1)


async def test_a_stop_ends_handshakes_that_are_under_way_and_does_not_count_them(tmp_path: Path) -> None:
    async with secure(tmp_path) as edgeproxy:
        client = await edgeproxy.connect(443)
        listener = edgeproxy.proxy._listeners["dev", 443]
        await until(lambda: listener.handshakes)
        await edgeproxy.proxy.stop(0)

        assert b"" == await client.read_until_cut()
        await asyncio.sleep(0)
        assert 0 == errors(edgeproxy)


async def test_a_handshake_begun_before_a_reload_is_finished_after_it(tmp_path: Path) -> None:
    client = EagerClient()
    async with ScriptedTarget(answering()) as target, secure(tmp_path) as edgeproxy:
        connection = await edgeproxy.connect(443)
        await connection.send(client.take(b""))
        listener = edgeproxy.proxy._listeners["dev", 443]
        await until(lambda: listener.handshakes)
        await edgeproxy.apply(over_tls(forwarding_to(target.port), tmp_path, "new.test"))
        while not (last := client.take(await connection.read(65536))):
            pass
        client.side.write(request("GET /"))
        await connection.send(last + client.take(b""))
        await until(lambda: target.heads)
