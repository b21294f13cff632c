"""Targets that a reload takes out: they drain, finish what they have, and are cut off when the delay ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from edgeproxy.model.target import TargetHealthState
from edgeproxy.runtime.target_pools import TargetPools
from tests.helpers.conversation import request
from tests.helpers.proxies import RunningProxy, forwarding_to, running
from tests.helpers.targets import ScriptedTarget, answering, gated, saying, silent
from tests.helpers.wait import until

if TYPE_CHECKING:
    from edgeproxy.exchange.exchange import Exchange
    from edgeproxy.runtime.target_connection import TargetConnection
    from edgeproxy.runtime.target_pool import TargetPool

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
PAGE = "edit-target-group-attributes"


def with_delay(*ports: int, seconds: int = 3600) -> str:
    attributes = f"TargetGroupAttributes: {{deregistration_delay.timeout_seconds: {seconds}}}"
    return forwarding_to(*ports, group=attributes)


async def shown(edgeproxy: RunningProxy) -> list[tuple[int, str, str | None]]:
    return [(each.port, each.health.state.value, each.health.reason) for each in edgeproxy.targets()]


@pytest.mark.conformance("deregistration", "shown as draining for the whole delay, even when idle", PAGE)
async def test_a_target_that_leaves_is_shown_as_draining_and_gets_no_more_requests() -> None:
    async with (
        ScriptedTarget(answering(b"1")) as staying,
        ScriptedTarget(answering(b"2")) as leaving,
        running(with_delay(staying.port, leaving.port)) as edgeproxy,
    ):
        await edgeproxy.healthy()
        await edgeproxy.apply(with_delay(staying.port))
        bodies = {(await edgeproxy.ask()).body for _ in range(4)}
        states = await shown(edgeproxy)
        await edgeproxy.sweeps(2)

        assert states == await shown(edgeproxy)

    assert {b"1"} == bodies
    assert [
        (staying.port, "healthy", None),
        (leaving.port, "draining", "Target.DeregistrationInProgress"),
    ] == states


@pytest.mark.conformance("deregistration", "a request that ends within the delay is normal", PAGE)
@pytest.mark.both_loops
async def test_a_running_request_finishes() -> None:
    gate = asyncio.Event()
    async with (
        ScriptedTarget(gated(gate, OK)) as leaving,
        running(with_delay(leaving.port)) as edgeproxy,
    ):
        client = await edgeproxy.connect()
        await client.send(request("GET /"))
        await until(lambda: leaving.heads)
        await edgeproxy.apply(with_delay())
        gate.set()
        answer = await client.read_message()
        await until(lambda: not leaving.open)

    assert (200, b"ok") == (answer.status, answer.body)


@pytest.mark.conformance(
    "deregistration", "a request that outlasts the delay is a 502", "load-balancer-troubleshooting"
)
@pytest.mark.both_loops
@pytest.mark.parametrize("seconds", [2, 0])
async def test_a_request_that_outlasts_the_delay_is_a_502(seconds: int) -> None:
    async with ScriptedTarget(silent) as leaving, running(with_delay(leaving.port, seconds=seconds)) as edgeproxy:
        client = await edgeproxy.connect()
        await client.send(request("GET /"))
        await until(lambda: leaving.heads)
        await edgeproxy.apply(with_delay(seconds=seconds))
        answer = await client.read_message()
        await until(lambda: not edgeproxy.targets())
        again = await client.ask("GET /")

    assert (502, 503) == (answer.status, again.status)


async def test_a_response_that_outlasts_the_delay_is_cut() -> None:
    async with (
        ScriptedTarget(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nsome")) as leaving,
        running(with_delay(leaving.port, seconds=1)) as edgeproxy,
    ):
        client = await edgeproxy.connect()
        await client.send(request("GET /"))
        await client.read_head()
        await edgeproxy.apply(with_delay(seconds=1))
        rest = await client.read_until_cut()

    assert b"some" == rest


async def test_a_request_that_is_still_connecting_is_a_502_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    connecting: list[object] = []

    async def connect_forever(pools: TargetPools, pool: object) -> TargetConnection:
        connecting.append(pool)
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(TargetPools, "_open", connect_forever)
    async with ScriptedTarget(silent) as target, running(with_delay(target.port, seconds=0)) as edgeproxy:
        client = await edgeproxy.connect()
        await client.send(request("GET /"))
        await until(lambda: connecting)
        await edgeproxy.apply(with_delay(seconds=0))
        answer = await client.read_message()

    assert 502 == answer.status


@pytest.mark.conformance("deregistration", "a delay of 0: gone at once", PAGE, status="default")
async def test_without_a_delay_it_is_gone_at_once() -> None:
    async with ScriptedTarget(answering()) as leaving, running(with_delay(leaving.port, seconds=0)) as edgeproxy:
        await edgeproxy.healthy()
        await edgeproxy.apply(with_delay(seconds=0))

        assert [] == edgeproxy.targets()


@pytest.mark.conformance(
    "deregistration", "registered again while draining is initial", "target-group-register-targets", status="default"
)
async def test_registered_again_it_starts_anew_and_keeps_its_running_requests() -> None:
    gate = asyncio.Event()
    async with ScriptedTarget(gated(gate, OK)) as target, running(with_delay(target.port)) as edgeproxy:
        await edgeproxy.healthy()
        client = await edgeproxy.connect()
        await client.send(request("GET /"))
        await until(lambda: target.heads)
        await edgeproxy.apply(with_delay())
        target.health_status = 500
        await edgeproxy.apply(with_delay(target.port))
        state = edgeproxy.states()
        gate.set()
        answer = await client.read_message()
        target.health_status = 200
        await edgeproxy.healthy()
        again = await client.ask("GET /")
        connections = target.accepted

    assert ["initial"] == state
    assert (b"ok", b"ok", 1) == (answer.body, again.body, connections)


async def test_checks_stop_when_draining_begins() -> None:
    async with (
        ScriptedTarget(answering()) as leaving,
        ScriptedTarget(answering()) as staying,
        running(with_delay(leaving.port, staying.port), time_scale=0.001) as edgeproxy,
    ):
        await edgeproxy.healthy()
        await edgeproxy.apply(with_delay(staying.port))
        leaving.health_status = 500
        checks = len(staying.health_checks)
        await until(lambda: len(staying.health_checks) > checks + 3)
        states = {each.port: each.health.state for each in edgeproxy.targets()}

    assert TargetHealthState.DRAINING == states[leaving.port]


async def test_an_exchange_that_has_its_connection_does_not_count_as_connecting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its response may come at once: a 502 behind the head of it would be read as its body."""
    connecting: list[list[object]] = []
    connect = TargetPools._connect

    async def connect_and_look(pools: TargetPools, pool: TargetPool, exchange: Exchange) -> None:
        await connect(pools, pool, exchange)
        connecting.append(list(pool.connecting))

    monkeypatch.setattr(TargetPools, "_connect", connect_and_look)
    async with ScriptedTarget(answering()) as target, running(with_delay(target.port)) as edgeproxy:
        answer = await edgeproxy.ask()

    assert (200, [[]]) == (answer.status, connecting)
