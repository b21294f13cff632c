"""A proxy in this process may leave nothing behind."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from tests.helpers.proxies import (
    PATIENT_SECONDS,
    answering_itself,
    forwarding_to,
    no_more_than,
    open_files,
    running,
    topology,
)
from tests.helpers.targets import ScriptedTarget, silent
from tests.helpers.wait import until


async def test_listeners_are_on_free_ports_and_known_by_their_declared_ones() -> None:
    async with running(answering_itself(listeners=(80, 81))) as edgeproxy:
        ports = {edgeproxy.port(80), edgeproxy.port(81)}
        answer = await edgeproxy.ask("GET /", declared=81)

        assert f"http://127.0.0.1:{edgeproxy.port()}/x" == edgeproxy.url("/x")

    assert 2 == len(ports)
    assert not {80, 81} & ports
    assert 200 == answer.status


async def test_clients_that_a_test_leaves_open_are_closed() -> None:
    async with running(answering_itself()) as edgeproxy:
        client = await edgeproxy.connect()
        await client.ask("GET /")

    assert 0 == edgeproxy.client_connections


async def test_the_sweep_is_waited_for() -> None:
    async with running(answering_itself()) as edgeproxy:
        before = len(edgeproxy.proxy._sweep._visitors)
        await edgeproxy.sweeps(2)

        assert before == len(edgeproxy.proxy._sweep._visitors)


async def test_a_target_has_half_a_second_for_its_check_however_quick_time_is() -> None:
    async with (
        ScriptedTarget(silent, health_status=None) as target,
        running(forwarding_to(target.port), time_scale=0.001) as edgeproxy,
    ):
        begun = time.monotonic()
        await until(lambda: ["unhealthy"] == edgeproxy.states())

    assert time.monotonic() - begun > 0.9 * PATIENT_SECONDS


async def test_a_task_or_a_socket_that_is_left_is_named() -> None:
    files, tasks = open_files(), asyncio.all_tasks()
    waiting = asyncio.create_task(asyncio.Event().wait(), name="forgotten")
    with socket.socket(), pytest.raises(AssertionError, match=r"forgotten(.|\n)*socket:"):
        await no_more_than(files, tasks, within=0.05)
    waiting.cancel()
    await asyncio.wait([waiting])
    await no_more_than(files, tasks)


def test_the_configurations_are_what_they_say() -> None:
    text = forwarding_to(1, 2, idle_timeout=7, attributes="client_keep_alive.seconds: 60", group="HealthCheckPath: /h")
    made = topology(text)

    assert [1, 2] == [target.port for target in made.target_groups[0].targets]
    assert "/h" == made.target_groups[0].health_check_path
    settings = made.load_balancers[0].settings
    assert (7, 60) == (settings.idle_timeout_seconds, settings.client_keep_alive_seconds)
    assert [80, 81] == [
        each.port for each in topology(answering_itself(listeners=(80, 81))).load_balancers[0].listeners
    ]
