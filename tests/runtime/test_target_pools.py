"""Connections to targets: reused, let go, refused, and never retried."""

from __future__ import annotations

import asyncio
import socket
import ssl
from time import monotonic
from typing import TYPE_CHECKING

import pytest
import trustme

from edgeproxy.balancing.target_state import TargetState
from edgeproxy.runtime.clock import Clock
from edgeproxy.runtime.target_pools import TargetPools
from tests.helpers.conversation import request
from tests.helpers.ports import reserved_port
from tests.helpers.proxies import forwarding_to, running
from tests.helpers.targets import (
    Script,
    ScriptedTarget,
    answering,
    gated,
    leaving_after,
    resetting_after,
    saying,
    silent,
)
from tests.helpers.wait import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgeproxy.runtime.target_connection import TargetConnection
    from edgeproxy.runtime.target_pool import TargetPool
    from tests.helpers.proxies import RunningProxy

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def pool_of(edgeproxy: RunningProxy) -> TargetPool:
    (pool,) = edgeproxy.proxy._pools._pools.values()
    return pool


def over_tls(configuration: str) -> str:
    """The same with a target group that speaks HTTPS."""
    return configuration.replace("{Name: app, Protocol: HTTP,", "{Name: app, Protocol: HTTPS,")


@pytest.mark.both_loops
async def test_a_connection_is_used_again_also_for_another_client() -> None:
    async with ScriptedTarget(answering()) as target, running(forwarding_to(target.port)) as edgeproxy:
        for _ in range(5):
            await edgeproxy.ask()

    assert (1, 5) == (target.accepted, len(target.heads))


async def test_requests_at_the_same_time_have_a_connection_each_and_all_are_kept() -> None:
    gate = asyncio.Event()
    async with ScriptedTarget(gated(gate, OK)) as target, running(forwarding_to(target.port)) as edgeproxy:
        clients = [await edgeproxy.connect() for _ in range(3)]
        for client in clients:
            await client.send(request("GET /"))
        await until(lambda: 3 == len(target.heads))
        gate.set()
        for client in clients:
            await client.read_message()

        assert 3 == len(pool_of(edgeproxy).idle)
        assert repr(pool_of(edgeproxy)).startswith(f"<TargetPool 127.0.0.1:{target.port} idle=3 ")


@pytest.mark.conformance(
    "idle timeout", "an idle connection to a target is closed after the idle timeout", "edit-load-balancer-attributes"
)
@pytest.mark.both_loops
async def test_an_idle_connection_is_closed_after_the_idle_timeout_and_the_next_request_makes_another() -> None:
    async with ScriptedTarget(answering()) as target, running(forwarding_to(target.port, idle_timeout=5)) as edgeproxy:
        await edgeproxy.ask()
        await until(lambda: not target.open)
        answer = await edgeproxy.ask()

    assert 200 == answer.status
    assert 2 == target.accepted


@pytest.mark.both_loops
async def test_a_connection_that_the_target_has_closed_is_not_used() -> None:
    async with ScriptedTarget(answering()) as target, running(forwarding_to(target.port)) as edgeproxy:
        await edgeproxy.ask()
        await target.stop()
        await until(lambda: not pool_of(edgeproxy).connections)
        async with ScriptedTarget(answering(), port=target.port):
            assert 200 == (await edgeproxy.ask()).status


@pytest.mark.conformance("target failures", "the target refuses the connection", "load-balancer-troubleshooting")
@pytest.mark.both_loops
async def test_a_refused_connection_is_a_502_at_once() -> None:
    with reserved_port() as port:
        async with running(forwarding_to(port)) as edgeproxy:
            answer = await edgeproxy.ask()

    assert 502 == answer.status


@pytest.mark.conformance(
    "target failures", "the target does not accept the connection in 10 s", "load-balancer-troubleshooting"
)
@pytest.mark.both_loops
async def test_a_connection_that_is_not_accepted_in_10_seconds_is_a_504() -> None:
    """A full queue of a listener that nobody accepts from drops further attempts."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = []
        for _ in range(4):
            waiting.append(socket.socket())
            waiting[-1].setblocking(False)
            waiting[-1].connect_ex(full.getsockname())
        async with running(forwarding_to(full.getsockname()[1])) as edgeproxy:
            answer = await edgeproxy.ask()
        for each in waiting:
            each.close()

    assert 504 == answer.status


@pytest.mark.conformance("target failures", "the TLS handshake with the target fails", "load-balancer-troubleshooting")
@pytest.mark.both_loops
async def test_a_target_that_does_not_speak_tls_as_its_group_says_is_a_502() -> None:
    refusal = saying(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    async with (
        ScriptedTarget(refusal, speaks_first=True) as target,
        running(over_tls(forwarding_to(target.port))) as edgeproxy,
    ):
        assert 502 == (await edgeproxy.ask()).status


@pytest.mark.conformance(
    "target failures", "a TLS handshake with the target that takes 10 s is a 504", "load-balancer-troubleshooting"
)
@pytest.mark.both_loops
async def test_a_target_that_never_answers_the_tls_handshake_is_a_504() -> None:
    """The idle timeout is far away, and each of TCP and TLS has its own 10 seconds."""
    async with (
        ScriptedTarget(silent, speaks_first=True) as target,
        running(over_tls(forwarding_to(target.port, idle_timeout=4000))) as edgeproxy,
    ):
        started = monotonic()
        answer = await edgeproxy.ask()
        duration = monotonic() - started
        counters = edgeproxy.proxy.metrics.load_balancers["dev"].groups["app"]

    assert 504 == answer.status
    assert duration > 10 * 0.01
    assert (0, 1) == (counters.connection_errors, counters.tls_errors)


@pytest.mark.conformance("target failures", "the TLS handshake with the target fails", "load-balancer-troubleshooting")
@pytest.mark.both_loops
@pytest.mark.parametrize("end", [leaving_after, resetting_after])
async def test_a_target_that_ends_the_tls_handshake_is_a_tls_failure(end: Callable[[bytes], Script]) -> None:
    """Whether it says why, closes or resets: the loop's errors differ, ours does not."""
    async with (
        ScriptedTarget(end(b""), speaks_first=True) as target,
        running(over_tls(forwarding_to(target.port))) as edgeproxy,
    ):
        pools = edgeproxy.proxy._pools
        with pytest.raises(Exception, match=r"^the TLS handshake with the target failed$"):
            await pools._open(pool_of(edgeproxy))
        answer = await edgeproxy.ask()

    assert 502 == answer.status


@pytest.mark.both_loops
@pytest.mark.parametrize("script", [leaving_after(b""), resetting_after(b""), saying(b"no TLS\r\n\r\n")])
async def test_a_target_that_ends_the_tls_handshake_is_counted_as_without_tls(script: Script) -> None:
    async with (
        ScriptedTarget(script, speaks_first=True) as target,
        running(over_tls(forwarding_to(target.port))) as edgeproxy,
    ):
        assert 502 == (await edgeproxy.ask()).status
        counters = edgeproxy.proxy.metrics.load_balancers["dev"].groups["app"]

    assert (0, 1) == (counters.connection_errors, counters.tls_errors)


@pytest.fixture
def server_context() -> ssl.SSLContext:
    """For a certificate that nobody trusts and that is for another name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("elsewhere.test").configure_cert(context)
    return context


@pytest.mark.conformance("targets", "certificates of HTTPS targets are not validated", "load-balancer-target-groups")
@pytest.mark.both_loops
async def test_an_https_target_is_spoken_to_without_a_look_at_its_certificate(server_context: ssl.SSLContext) -> None:
    async with (
        ScriptedTarget(answering(b"secret"), tls=server_context) as target,
        running(over_tls(forwarding_to(target.port))) as edgeproxy,
    ):
        answers = [(await edgeproxy.ask()).body for _ in range(2)]
        await edgeproxy.healthy()

    assert [b"secret"] * 2 == answers
    assert 1 == target.accepted


@pytest.mark.both_loops
async def test_a_group_that_changes_to_https_speaks_tls_to_the_targets_that_stay(
    server_context: ssl.SSLContext,
) -> None:
    async with ScriptedTarget(answering(b"plain")) as target:
        plain = forwarding_to(target.port)
        async with running(plain) as edgeproxy:
            first = await edgeproxy.ask()
            await target.stop()
            async with ScriptedTarget(answering(b"secret"), tls=server_context, port=target.port):
                await edgeproxy.apply(over_tls(plain))
                second = await edgeproxy.ask()
                await until(lambda: len(pool_of(edgeproxy).idle) == 1)
            async with ScriptedTarget(answering(b"plain"), port=target.port):
                await edgeproxy.apply(plain)
                third = await edgeproxy.ask()

    assert [b"plain", b"secret", b"plain"] == [first.body, second.body, third.body]


@pytest.mark.both_loops
async def test_a_target_that_leaves_finishes_what_it_has_and_keeps_no_connection() -> None:
    gate = asyncio.Event()
    async with (
        ScriptedTarget(gated(gate, OK)) as leaving,
        ScriptedTarget(answering(b"new")) as staying,
        running(forwarding_to(leaving.port)) as edgeproxy,
    ):
        busy = await edgeproxy.connect()
        await busy.send(request("GET /"))
        await until(lambda: leaving.heads)
        await edgeproxy.apply(forwarding_to(staying.port))
        answer = await edgeproxy.ask()
        gate.set()
        finished = await busy.read_message()
        await until(lambda: not leaving.open)

    assert (b"new", 200, b"ok") == (answer.body, finished.status, finished.body)


async def test_a_client_that_leaves_while_we_connect_costs_nothing_and_the_connection_is_kept() -> None:
    async with ScriptedTarget(answering()) as target, running(forwarding_to(target.port)) as edgeproxy:
        pools, gate = edgeproxy.proxy._pools, asyncio.Event()
        open_really = pools._open

        async def open_late(pool: TargetPool) -> TargetConnection:
            connection = await open_really(pool)
            await gate.wait()
            return connection

        pools._open = open_late  # type: ignore[method-assign]
        client = await edgeproxy.connect()
        await client.send(request("GET /"))
        await until(lambda: pools._connecting)
        client.reset()
        await until(lambda: 0 == edgeproxy.client_connections)
        gate.set()
        await until(lambda: pool_of(edgeproxy).idle)

        assert 0 == pool_of(edgeproxy).target.outstanding
        assert 200 == (await edgeproxy.ask()).status

    assert 1 == target.accepted


async def test_a_connection_that_is_lost_before_it_is_used_is_a_502_and_not_a_silence() -> None:
    async with ScriptedTarget(silent) as target, running(forwarding_to(target.port)) as edgeproxy:
        pools = edgeproxy.proxy._pools
        open_really = pools._open

        async def open_and_lose(pool: TargetPool) -> TargetConnection:
            connection = await open_really(pool)
            connection.abort()
            await until(lambda: connection._transport is None)
            return connection

        pools._open = open_and_lose  # type: ignore[method-assign]
        answer = await edgeproxy.ask()

    assert 502 == answer.status


async def test_stopping_while_connecting_answers_and_ends() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        async with running(forwarding_to(full.getsockname()[1]), time_scale=1) as edgeproxy:
            client = await edgeproxy.connect()
            await client.send(request("GET /"))
            await until(lambda: edgeproxy.proxy._pools._connecting)
            await edgeproxy.proxy.stop(0)
            everything = await client.read_until_cut()
        for each in waiting:
            each.close()

    assert not everything or everything.startswith(b"HTTP/1.1 502 ")


async def test_a_target_that_was_taken_out_in_the_meantime_is_a_503() -> None:
    class Waiting:
        outcome: object = None

        def on_target_failed(self, outcome: object) -> None:
            self.outcome = outcome

    exchange = Waiting()
    connection = TargetPools(Clock()).dial(TargetState("app", "127.0.0.1", 1), exchange)  # type: ignore[arg-type]

    assert connection is None
    assert "NO_TARGET" == getattr(exchange.outcome, "name", None)


@pytest.mark.conformance(
    "idle timeout", "each load balancer's own holds for its connections to targets", "edit-load-balancer-attributes"
)
@pytest.mark.both_loops
async def test_idle_connections_live_as_long_as_their_own_load_balancer_says() -> None:
    """Another load balancer with a longer idle timeout keeps none of them; a reload changes it for open ones."""
    async with ScriptedTarget(answering()) as short, ScriptedTarget(answering()) as long:
        text = two_load_balancers(short.port, 5, long.port, 4000)
        async with running(text) as edgeproxy:
            for declared in (80, 81):
                await edgeproxy.ask(declared=declared)
            await until(lambda: not short.open)
            assert 1 == len(long.open)
            await edgeproxy.apply(two_load_balancers(short.port, 4000, long.port, 5))
            await edgeproxy.ask(declared=80)
            await until(lambda: not long.open)

            assert 1 == len(short.open)


def two_load_balancers(one_port: int, one_timeout: int, other_port: int, other_timeout: int) -> str:
    one = forwarding_to(one_port, idle_timeout=one_timeout)
    other = forwarding_to(other_port, idle_timeout=other_timeout)
    for old, new in (("dev", "other"), ("app", "others"), ("Port: 80\n", "Port: 81\n")):
        other = other.replace(old, new)
    (balancer, group), (other_balancer, other_group) = (each.split("TargetGroups:\n") for each in (one, other))
    return balancer + other_balancer.removeprefix("LoadBalancers:\n") + "TargetGroups:\n" + group + other_group


@pytest.mark.conformance(
    "metrics",
    "ActiveConnectionCount, NewConnectionCount: connections to targets as well",
    "load-balancer-cloudwatch-metrics",
)
@pytest.mark.both_loops
async def test_connections_to_targets_are_counted_for_the_load_balancer() -> None:
    async with ScriptedTarget(answering()) as target, running(forwarding_to(target.port)) as edgeproxy:
        counters = edgeproxy.proxy.metrics.load_balancers["dev"]
        for _ in range(2):
            await edgeproxy.ask()
        busy = (counters.new_target_connections, counters.active_target_connections)
        await target.stop()
        await until(lambda: not counters.active_target_connections)
        async with ScriptedTarget(answering(), port=target.port):
            await edgeproxy.ask()
    after = (counters.new_target_connections, counters.active_target_connections)

    assert [(1, 1), (2, 0)] == [busy, after]


async def test_a_drain_that_is_taken_back_keeps_connections_again() -> None:
    async with ScriptedTarget(answering()) as target, running(forwarding_to(target.port)) as edgeproxy:
        await edgeproxy.healthy()
        pools, pool = edgeproxy.proxy._pools, pool_of(edgeproxy)
        pools.drain(pool.target)
        await edgeproxy.ask()
        assert [] == pool.idle
        pools.revive(pool.target)
        await edgeproxy.ask()
        await until(lambda: 1 == len(pool.idle))
