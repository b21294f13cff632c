"""Everything that takes time at a load balancer happens when a test says so."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import grpc
import pytest

from edgeproxy.testing import Alb, targets
from tests.helpers.h2_wire import GOAWAY, PREFACE, settings
from tests.helpers.wait import until_blocking

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def alb() -> Iterator[Alb]:
    with Alb() as made:
        yield made


def status(alb: Alb, path: str = "/") -> int:
    return alb.clients.urllib3().request("GET", alb.url(path)).status


def test_the_idle_timeout_needs_no_waiting(alb: Alb) -> None:
    alb.register(targets.silent())
    sock = alb.clients.connect()
    sock.sendall(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
    alb.advance(59)
    assert [] == alb.requests

    alb.advance(3)

    assert b"504" == sock.recv(1000).split(b" ")[1]
    alb.expect(path="/slow", status=504)


def test_an_idle_client_connection_is_closed(alb: Alb) -> None:
    sock = alb.clients.connect()
    alb.advance(62)

    assert b"" == sock.recv(1)


def test_scaled_time_passes_in_the_load_balancer_s_own_seconds() -> None:
    with Alb(time_scale=0.1) as alb:
        sock = alb.clients.connect()
        alb.advance(40)
        sock.setblocking(False)
        with pytest.raises((BlockingIOError, OSError)):
            sock.recv(1)
        sock.settimeout(5)
        alb.advance(30)
        assert b"" == sock.recv(1)


def test_every_health_check_on_the_way_is_made(alb: Alb) -> None:
    target = targets.answering()
    alb.register(target)
    alb.wait_healthy()
    before = target.health_checks

    alb.advance(300)

    assert 10 == target.health_checks - before


def test_a_target_that_does_not_answer_its_checks_times_out_in_moved_time(alb: Alb) -> None:
    target = targets.scripted(targets.silent()._script, health_status=None)
    alb.register(target)

    alb.advance(40)

    assert ("unhealthy", "Target.Timeout") == alb.target_health()[0][2:4]


def test_waiting_for_health_takes_the_checks_that_it_takes_and_no_time(alb: Alb) -> None:
    """Five passes in a row, thirty seconds apart."""
    target = targets.answering(health_status=500)
    alb.register(target)
    alb.advance(60)
    assert ["unhealthy"] == [each.state for each in alb.target_health()]
    target.health_status = 200

    alb.wait_healthy()

    assert ["healthy"] == [each.state for each in alb.target_health("app")]


def test_waiting_in_vain_says_what_is_wrong(alb: Alb) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        alb.register(port)
        with pytest.raises(TimeoutError, match=rf"127\.0\.0\.1:{port} of app is unhealthy, Target.FailedHealthChecks"):
            alb.wait_healthy(within=2)


def test_a_deregistered_target_is_gone_after_its_delay(alb: Alb) -> None:
    target = targets.answering()
    alb.register(target)
    alb.deregister(target)
    alb.advance(298)
    assert ["draining"] == [each.state for each in alb.target_health()]
    alb.advance(4)

    assert [] == alb.target_health()


def test_slow_start_takes_its_time_without_waiting(alb: Alb) -> None:
    """A target that joins others gets its share little by little."""
    group = {"TargetGroupAttributes": {"slow_start.duration_seconds": "100"}}
    alb.add_target_group("slow", targets.answering("old"), **group)
    alb.add_rule(path="/*", forward="slow")
    alb.wait_healthy("slow")
    alb.advance(101)
    alb.register(targets.answering("new"), group="slow")
    alb.wait_healthy("slow")
    client = alb.clients.urllib3()

    def share() -> int:
        return sum(client.request("GET", alb.url("/x")).data == b"new" for _ in range(40))

    assert share() < 10
    alb.advance(101)
    assert 20 == share()


def test_dates_follow(alb: Alb) -> None:
    status(alb)
    alb.advance(86400)
    status(alb)
    first, second = alb.requests

    assert 86400 <= (second.started - first.started).total_seconds() < 86460
    assert first.started.date() != second.started.date()
    assert second.started.date().isoformat() in alb.access_log[1]


async def test_in_an_asynchronous_test_what_depends_on_targets_is_awaited() -> None:
    """The target answers on the loop that waits for it."""
    checks = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal checks
        await reader.readuntil(b"\r\n\r\n")
        checks += 1
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1") as server, Alb() as alb:
        alb.register(server.sockets[0].getsockname()[1])
        await alb.wait_healthy()
        await alb.advance(60)
        assert ["healthy"] == [each.state for each in alb.target_health()]

    assert 3 == checks


# ---- HTTP/2


def test_an_idle_client_of_http2_is_told_to_go(alb: Alb) -> None:
    """GOAWAY behind the idle timeout; a client that stays is left a little later."""
    sock = alb.clients.connect(context=alb.ca.client_context(alpn=["h2"]))
    sock.sendall(PREFACE + settings())
    alb.advance(59)
    assert GOAWAY not in frame_types(sock)

    alb.advance(40)

    assert GOAWAY in frame_types(sock)
    assert b"" == sock.recv(1)


def test_a_silent_stream_of_http2_is_a_504_after_the_idle_timeout(alb: Alb) -> None:
    target = targets.silent()
    alb.register(target)
    with ThreadPoolExecutor(1) as pool:
        client = alb.clients.httpx(http2=True, timeout=30)
        asked = pool.submit(client.get, "https://localhost/slow")
        until_blocking(lambda: outstanding(alb, target.port) == 1)
        alb.advance(59)
        assert not asked.done()
        alb.advance(3)

        assert (504, "HTTP/2") == (asked.result(10).status_code, asked.result().http_version)
    alb.expect(path="/slow", version="HTTP/2.0", outcome="TARGET_SILENT")


def test_an_idle_connection_to_a_target_of_http2_is_closed(alb: Alb) -> None:
    """The next call has another one."""
    handler = grpc.unary_unary_rpc_method_handler(lambda message, context: context.peer().encode())
    service = grpc.method_handlers_generic_handler("test.Service", {"Peer": handler})
    target = targets.grpc(lambda server: server.add_generic_rpc_handlers([service]))
    alb.add_target_group("grpc", target, ProtocolVersion="GRPC", HealthCheckIntervalSeconds=300)
    alb.add_rule(path="/*", forward="grpc")
    alb.wait_healthy("grpc")

    def peer() -> bytes:
        # A channel of its own: the client's connections are idle as well.
        answer: bytes = alb.clients.grpc().unary_unary("/test.Service/Peer")(b"", timeout=10)
        return answer

    first = peer()
    alb.advance(50)
    assert first == peer()

    def is_another_after_the_timeout() -> bool:
        # A window that the target gives back late begins the wait anew.
        alb.advance(65)
        return first != peer()

    until_blocking(is_another_after_the_timeout)


# ---- WebSockets, cookies, and requests under way


def test_a_silent_websocket_is_cut_after_the_idle_timeout(alb: Alb) -> None:
    async def script(side: targets.TargetSide) -> None:
        request = await side.read_request()
        assert request is not None
        await side.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        await side.wait_closed()

    alb.register(targets.scripted(script))
    sock = alb.clients.connect()
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAA\r\n"
    sock.sendall(b"GET /chat HTTP/1.1\r\nHost: localhost\r\n" + upgrade + b"\r\n")
    assert b"101" == sock.recv(1000).split(b" ")[1]
    alb.advance(59)
    assert [] == alb.requests

    alb.advance(3)

    assert b"" == sock.recv(1)
    alb.expect(path="/chat", status=101, times=1)


def test_a_sticky_cookie_expires(alb: Alb) -> None:
    attributes = {"stickiness.enabled": "true", "stickiness.lb_cookie.duration_seconds": "60"}
    members = [targets.answering(name) for name in "ab"]
    alb.add_target_group("sticky", *members, TargetGroupAttributes=attributes)
    alb.add_rule(path="/*", forward="sticky")
    client = alb.clients.urllib3()
    cookie = client.request("GET", alb.url()).headers["Set-Cookie"].partition(";")[0]

    def answers() -> set[bytes]:
        return {client.request("GET", alb.url(), headers={"Cookie": cookie}).data for _ in range(4)}

    alb.advance(59)
    assert 1 == len(answers())
    alb.advance(2)
    assert {b"a", b"b"} == answers()


def test_a_request_that_outlives_the_deregistration_delay_is_a_502(alb: Alb) -> None:
    group = {"TargetGroupAttributes": {"deregistration_delay.timeout_seconds": "30"}}
    target = targets.silent()
    alb.add_target_group("leaving", target, **group)
    alb.add_rule(path="/*", forward="leaving")
    sock = alb.clients.connect()
    sock.sendall(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
    until_blocking(lambda: target.requests)
    alb.deregister(target)
    alb.advance(28)
    assert [] == alb.requests

    alb.advance(4)

    assert b"502" == sock.recv(1000).split(b" ")[1]
    alb.expect(path="/slow", status=502, outcome="DEREGISTERED")


def outstanding(alb: Alb, port: int) -> int:
    """How many requests a target of the first target group has under way."""
    thread, proxying = alb._running()
    state = proxying.proxy._groups["app"].targets["127.0.0.1", port]
    return thread.call(lambda: state.outstanding)


def frame_types(sock: socket.socket) -> set[int]:
    """The types of the HTTP/2 frames that have come, or come within a moment."""
    sock.settimeout(0.2)
    received = b""
    try:
        while data := sock.recv(1 << 16):
            received += data
    except TimeoutError:
        pass
    finally:
        sock.settimeout(5)
    found = set()
    while received:
        size = int.from_bytes(received[:3], "big")
        found.add(received[3])
        received = received[9 + size :]
    return found
