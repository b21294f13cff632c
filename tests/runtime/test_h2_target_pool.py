"""Which connection a request's stream is on, when another is made, and how they end."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any, cast

import pytest
from h2.settings import SettingCodes

from edgeproxy.balancing.target_state import TargetState
from edgeproxy.exchange.outcome import Outcome
from edgeproxy.protocol.h1_client import response_head_memo
from edgeproxy.runtime.clock import Clock
from edgeproxy.runtime.h2_target_pool import H2TargetPool
from edgeproxy.runtime.target_connector import TargetConnector, UnreachableError
from tests.helpers.h2_peer import H2Stream, H2Target, answering_h2, h2_client, silent_h2
from tests.helpers.https import locator, over_tls
from tests.helpers.ports import reserved_port
from tests.helpers.proxies import forwarding_to, running
from tests.helpers.targets import ScriptedTarget, answering
from tests.helpers.wait import until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from edgeproxy.exchange.exchange import Exchange
    from edgeproxy.runtime.target_pool import TargetPool
    from tests.helpers.proxies import RunningProxy

PAGE = "load-balancer-target-groups"


def configured(*ports: int, folder: Path, group: str = "", idle_timeout: int = 60, version: str = "HTTP2") -> str:
    more = f"ProtocolVersion: {version}" + (f", {group}" if group else "")
    return over_tls(forwarding_to(*ports, group=more, idle_timeout=idle_timeout), folder)


def served(
    *ports: int, folder: Path, group: str = "", idle_timeout: int = 60, time_scale: float = 0.1
) -> AbstractAsyncContextManager[RunningProxy]:
    """Time is not as quick as elsewhere: a target in Python has to say its SETTINGS within the connect timeout."""
    text = configured(*ports, folder=folder, group=group, idle_timeout=idle_timeout)
    return running(text, certificates=locator(folder), time_scale=time_scale)


def pool_of(edgeproxy: RunningProxy) -> H2TargetPool:
    (pool,) = edgeproxy.proxy._pools._pools.values()
    assert isinstance(pool, H2TargetPool)
    return pool


def gated_h2(gate: asyncio.Event) -> Callable[[H2Stream], Awaitable[None]]:
    async def script(stream: H2Stream) -> None:
        await gate.wait()
        await answering_h2()(stream)

    return script


@pytest.mark.conformance("HTTP/2 to targets", "several requests on one connection", "observed")
@pytest.mark.both_loops
async def test_requests_at_the_same_time_share_a_connection_also_before_there_is_one(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with (
        H2Target(gated_h2(gate)) as target,
        served(target.port, folder=tmp_path) as edgeproxy,
        h2_client(edgeproxy.port(443)) as one,
        h2_client(edgeproxy.port(443)) as other,
    ):
        streams = [await client.begin("GET", "/") for client in (one, other) for _ in range(20)]
        await until(lambda: 40 == len(target.requests))
        assert repr(pool_of(edgeproxy)) == f"<H2TargetPool 127.0.0.1:{target.port} streams=40 open=1>"
        gate.set()
        bodies = [await stream.read_all() for stream in streams]
        again = await (await one.begin("GET", "/")).read_all()

    assert ([b"ok"] * 40, b"ok", 1) == (bodies, again, len(target.peers))


@pytest.mark.both_loops
async def test_a_connection_has_no_more_streams_than_its_target_allows(tmp_path: Path) -> None:
    """The library counts: a stream too many would be the connection's end."""
    gate = asyncio.Event()
    async with (
        H2Target(gated_h2(gate), settings={SettingCodes.MAX_CONCURRENT_STREAMS: 2}) as target,
        served(target.port, folder=tmp_path) as edgeproxy,
        h2_client(edgeproxy.port(443)) as client,
    ):
        streams = [await client.begin("GET", "/") for _ in range(5)]
        await until(lambda: 5 == len(target.requests))
        connections = len(pool_of(edgeproxy).connections)
        gate.set()
        bodies = [await stream.read_all() for stream in streams]

    assert (3, [b"ok"] * 5) == (connections, bodies)


async def test_a_request_that_waits_takes_the_first_stream_that_gets_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the second connection is being made, which a target that is full of them never accepts."""
    gate = asyncio.Event()
    async with (
        H2Target(gated_h2(gate), settings={SettingCodes.MAX_CONCURRENT_STREAMS: 1}) as target,
        served(target.port, folder=tmp_path) as edgeproxy,
        h2_client(edgeproxy.port(443)) as client,
    ):
        first = await client.begin("GET", "/")
        await until(lambda: target.requests)
        pool = pool_of(edgeproxy)

        async def connect_forever(pool: object) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr(H2TargetPool, "_connected", connect_forever)
        second = await client.begin("GET", "/")
        await until(lambda: pool._waiting)
        gate.set()
        bodies = [await first.read_all(), await second.read_all()]

    assert ([b"ok"] * 2, 1) == (bodies, len(target.peers))


async def test_a_target_that_allows_no_stream_is_a_502_and_is_not_asked_again_and_again(tmp_path: Path) -> None:
    async with (
        H2Target(answering_h2(), settings={SettingCodes.MAX_CONCURRENT_STREAMS: 0}) as target,
        served(target.port, folder=tmp_path) as edgeproxy,
        h2_client(edgeproxy.port(443)) as client,
    ):
        stream = await client.begin("GET", "/")
        await stream.ended()
        counters = edgeproxy.proxy.metrics.load_balancers["dev"]

        assert ("502", 1) == (stream.value(":status"), counters.new_target_connections)


@pytest.mark.conformance("target failures", "the target refuses the connection", "load-balancer-troubleshooting")
@pytest.mark.both_loops
async def test_a_refused_connection_is_a_502_for_everybody_who_waits(tmp_path: Path) -> None:
    with reserved_port() as port:
        async with served(port, folder=tmp_path) as edgeproxy, h2_client(edgeproxy.port(443)) as client:
            streams = [await client.begin("GET", "/") for _ in range(3)]
            for stream in streams:
                await stream.ended()
            counters = edgeproxy.proxy.metrics.load_balancers["dev"].groups["app"]

            assert ["502"] * 3 == [stream.value(":status") for stream in streams]
            assert (3, 0) == (counters.connection_errors, pool_of(edgeproxy).target.outstanding)


@pytest.mark.conformance("target failures", "the TLS handshake with the target fails", "load-balancer-troubleshooting")
async def test_a_target_without_tls_is_a_tls_failure(tmp_path: Path) -> None:
    async with H2Target(answering_h2()) as target:
        text = configured(target.port, folder=tmp_path).replace("app, Protocol: HTTP,", "app, Protocol: HTTPS,")
        async with (
            running(text, certificates=locator(tmp_path), time_scale=0.1) as edgeproxy,
            h2_client(edgeproxy.port(443)) as client,
        ):
            stream = await client.begin("GET", "/")
            await stream.ended()
            counters = edgeproxy.proxy.metrics.load_balancers["dev"].groups["app"]

    assert ("502", 1) == (stream.value(":status"), counters.tls_errors)


@pytest.mark.conformance(
    "idle timeout", "an idle connection to a target is closed after the idle timeout", "edit-load-balancer-attributes"
)
@pytest.mark.both_loops
async def test_an_idle_connection_is_closed_after_the_idle_timeout_and_the_next_request_makes_another(
    tmp_path: Path,
) -> None:
    async with (
        H2Target(answering_h2()) as target,
        served(target.port, folder=tmp_path, idle_timeout=2) as edgeproxy,
        h2_client(edgeproxy.port(443)) as client,
    ):
        await (await client.begin("GET", "/")).read_all()
        await until(lambda: not target.open & set(target.peers))
        async with h2_client(edgeproxy.port(443)) as later:
            assert b"ok" == await (await later.begin("GET", "/")).read_all()

    assert 2 == len(target.peers)


async def test_a_connection_with_a_stream_is_not_idle(tmp_path: Path) -> None:
    gate = asyncio.Event()

    async def script(stream: H2Stream) -> None:
        await stream.send_head([(":status", "200")])
        while not gate.is_set():
            await stream.send(b"x")
            await edgeproxy.sweeps(1)
        await stream.send(b"", end=True)

    async with (
        H2Target(script) as target,
        served(target.port, folder=tmp_path, idle_timeout=5) as edgeproxy,
        h2_client(edgeproxy.port(443)) as client,
    ):
        stream = await client.begin("GET", "/")
        reading = asyncio.create_task(stream.read_all())
        await edgeproxy.sweeps(12)
        gate.set()
        body = await reading

    assert {b"x"[0]} == set(body)
    assert stream.reset_code is None


@pytest.mark.conformance("deregistration", "what is in flight may finish", "edit-target-group-attributes")
@pytest.mark.both_loops
async def test_a_target_that_leaves_finishes_what_it_has_and_its_connection_closes_behind_it(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with (
        H2Target(gated_h2(gate)) as leaving,
        H2Target(answering_h2(b"new")) as staying,
        served(leaving.port, folder=tmp_path) as edgeproxy,
        h2_client(edgeproxy.port(443)) as client,
    ):
        busy = await client.begin("GET", "/")
        await until(lambda: leaving.requests)
        await edgeproxy.apply(configured(staying.port, folder=tmp_path))
        answer = await (await client.begin("GET", "/")).read_all()
        assert leaving.open & set(leaving.peers)
        gate.set()
        finished = await busy.read_all()
        await until(lambda: not leaving.open & set(leaving.peers))

    assert (b"new", b"ok") == (answer, finished)


@pytest.mark.conformance(
    "deregistration", "what is still running after the delay is a 502", "load-balancer-troubleshooting"
)
async def test_behind_the_deregistration_delay_what_is_left_is_a_502(tmp_path: Path) -> None:
    delay = "TargetGroupAttributes: {deregistration_delay.timeout_seconds: 1}"
    async with (
        H2Target(silent_h2) as target,
        served(target.port, folder=tmp_path, group=delay) as edgeproxy,
        h2_client(edgeproxy.port(443)) as client,
    ):
        stream = await client.begin("GET", "/")
        await until(lambda: target.requests)
        await edgeproxy.apply(configured(folder=tmp_path, group=delay))
        await stream.ended()

    assert "502" == stream.value(":status")


@pytest.mark.both_loops
async def test_a_group_that_changes_its_version_speaks_it_to_the_targets_that_stay(tmp_path: Path) -> None:
    async with H2Target(answering_h2(b"two")) as target:
        new = configured(target.port, folder=tmp_path)
        async with (
            running(new, certificates=locator(tmp_path), time_scale=0.1) as edgeproxy,
            h2_client(edgeproxy.port(443)) as client,
        ):
            first = await (await client.begin("GET", "/")).read_all()
            await target.stop()
            async with ScriptedTarget(answering(b"one"), port=target.port):
                await edgeproxy.apply(new.replace("ProtocolVersion: HTTP2", "ProtocolVersion: HTTP1"))
                second = await (await client.begin("GET", "/")).read_all()

    assert (b"two", b"one") == (first, second)


@pytest.mark.conformance("metrics", "connections to targets are counted", "load-balancer-cloudwatch-metrics")
async def test_a_connection_counts_once_however_many_streams_it_has(tmp_path: Path) -> None:
    async with (
        H2Target(answering_h2()) as target,
        served(target.port, folder=tmp_path) as edgeproxy,
        h2_client(edgeproxy.port(443)) as client,
    ):
        counters = edgeproxy.proxy.metrics.load_balancers["dev"]
        for _ in range(5):
            await (await client.begin("GET", "/")).read_all()
        busy = (counters.new_target_connections, counters.active_target_connections)
        await target.stop()
        await until(lambda: not counters.active_target_connections)

    assert (1, 1) == busy


@pytest.mark.conformance(
    "least outstanding requests", "a stream is a request that is outstanding", PAGE, status="default"
)
async def test_least_outstanding_requests_counts_streams(tmp_path: Path) -> None:
    """One target holds its streams; the others go to the one that answers."""
    algorithm = "TargetGroupAttributes: {load_balancing.algorithm.type: least_outstanding_requests}"
    async with (
        H2Target(silent_h2) as silent,
        H2Target(answering_h2()) as quick,
        served(silent.port, quick.port, folder=tmp_path, group=algorithm) as edgeproxy,
        h2_client(edgeproxy.port(443)) as client,
    ):
        await edgeproxy.healthy()
        for _ in range(2):
            await client.begin("GET", "/")
        await until(lambda: (1, 1) == (len(silent.requests), len(quick.requests)))
        bodies = [await (await client.begin("GET", "/")).read_all() for _ in range(6)]

    assert ([b"ok"] * 6, 1) == (bodies, len(silent.requests))


async def test_a_client_that_leaves_while_it_waits_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        H2Target(answering_h2()) as target,
        served(target.port, folder=tmp_path) as edgeproxy,
        h2_client(edgeproxy.port(443)) as client,
    ):
        pool, gate = pool_of(edgeproxy), asyncio.Event()
        really = H2TargetPool._connected

        async def connect_late(pool: H2TargetPool) -> object:
            await gate.wait()
            return await really(pool)

        monkeypatch.setattr(H2TargetPool, "_connected", connect_late)
        stream = await client.begin("GET", "/")
        await until(lambda: pool._waiting)
        await stream.reset()
        await until(lambda: not pool.target.outstanding)
        gate.set()
        assert b"ok" == await (await client.begin("GET", "/")).read_all()

    assert (1, 1) == (len(target.requests), len(target.peers))


async def test_stopping_while_connecting_answers_and_ends(tmp_path: Path) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        async with (
            served(full.getsockname()[1], folder=tmp_path, time_scale=1) as edgeproxy,
            h2_client(edgeproxy.port(443)) as client,
        ):
            stream = await client.begin("GET", "/")
            await until(lambda: pool_of(edgeproxy)._waiting)
            await edgeproxy.proxy.stop(0)
            await stream.ended()
        for each in waiting:
            each.close()

    assert stream.value(":status") in ("502", None)


async def test_a_target_whose_name_moves_is_left_when_its_streams_have_ended(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with (
        H2Target(gated_h2(gate)) as target,
        served(target.port, folder=tmp_path) as edgeproxy,
        h2_client(edgeproxy.port(443)) as client,
    ):
        busy = await client.begin("GET", "/")
        await until(lambda: target.requests)
        edgeproxy.proxy._groups.on_moved(pool_of(edgeproxy).target)
        gate.set()
        bodies = [await (await client.begin("GET", "/")).read_all(), await busy.read_all()]
        await until(lambda: 1 == len(pool_of(edgeproxy).connections))

    assert ([b"ok"] * 2, 2) == (bodies, len(target.peers))


async def test_a_burst_is_spread_over_as_many_connections_as_the_targets_limit_asks_for(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with (
        H2Target(gated_h2(gate), settings={SettingCodes.MAX_CONCURRENT_STREAMS: 10}) as target,
        served(target.port, folder=tmp_path) as edgeproxy,
        h2_client(edgeproxy.port(443)) as client,
    ):
        streams = [await client.begin("GET", "/") for _ in range(100)]
        await until(lambda: 100 == len(target.requests))
        gate.set()
        bodies = [await stream.read_all() for stream in streams]

    assert ([b"ok"] * 100, 10) == (bodies, len(target.peers))


async def test_who_comes_in_the_moment_when_an_attempt_fails_gets_an_attempt_of_his_own() -> None:
    """Before the loop has told that the task is over."""
    attempts = 0

    class Waiting:
        outcome: Outcome | None = None

        def on_target_failed(self, outcome: Outcome) -> None:
            self.outcome = outcome
            if self is first:
                pool.connect(cast("Exchange", second))

    class Failing(TargetConnector):
        async def open(self, pool: TargetPool, make: Any) -> Any:
            nonlocal attempts
            attempts += 1
            raise UnreachableError(Outcome.CONNECT_TIMEOUT)

    first, second = Waiting(), Waiting()
    pool = H2TargetPool(
        TargetState("app", "127.0.0.1", 1),
        None,
        idle_timeout=60,
        connector=Failing(timeout=1, linger_seconds=1),
        memo=response_head_memo(),
        clock=Clock(),
        spawn=asyncio.ensure_future,
    )
    pool.connect(cast("Exchange", first))
    await until(lambda: second.outcome)

    assert (2, Outcome.CONNECT_TIMEOUT) == (attempts, second.outcome)
