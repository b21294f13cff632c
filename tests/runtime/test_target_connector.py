"""Connecting to a target: what fails, and what that is called."""

from __future__ import annotations

import asyncio

import pytest

from edgeproxy.balancing.target_state import TargetState
from edgeproxy.exchange.outcome import Outcome
from edgeproxy.model.security_policy import policy_for_targets
from edgeproxy.protocol.h1_client import response_head_memo
from edgeproxy.runtime.target_connection import TargetConnection
from edgeproxy.runtime.target_connector import TargetConnector, UnreachableError
from edgeproxy.runtime.target_pool import TargetPool
from edgeproxy.runtime.target_tls import target_context
from tests.helpers.ports import reserved_port
from tests.helpers.targets import ScriptedTarget, silent


async def outcome_of(pool: TargetPool, *, seconds: float = 0.1) -> Outcome:
    with pytest.raises(UnreachableError) as caught:
        await TargetConnector(timeout=seconds, linger_seconds=1).open(pool, asyncio.Protocol)
    return caught.value.outcome


@pytest.mark.both_loops
async def test_nobody_listens() -> None:
    with reserved_port() as port:
        pool = TargetPool(TargetState("app", "127.0.0.1", port), None, idle_timeout=60)

        assert Outcome.CONNECT_FAILED is await outcome_of(pool, seconds=5)
    assert 0 == pool.counters.new_target_connections


async def test_a_name_without_an_address_is_no_place_to_connect_to() -> None:
    pool = TargetPool(TargetState("app", "nowhere.test", 80), None, idle_timeout=60)

    assert Outcome.CONNECT_FAILED is await outcome_of(pool)


@pytest.mark.both_loops
async def test_tls_has_its_own_time_and_the_connection_counts() -> None:
    async with ScriptedTarget(silent, speaks_first=True) as target:
        pool = TargetPool(
            TargetState("app", "127.0.0.1", target.port), target_context(policy_for_targets(None)), idle_timeout=60
        )

        assert Outcome.TARGET_TLS_TIMEOUT is await outcome_of(pool)
        assert 1 == pool.counters.new_target_connections


@pytest.mark.both_loops
async def test_an_attempt_given_up_in_the_moment_of_success_leaves_no_connection_behind() -> None:
    """Its target is deregistered, say, after `connection_made` and before whoever waits has its turn."""

    class GivenUp(TargetConnection):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            attempt.cancel()

    async with ScriptedTarget(silent) as target:
        pool = TargetPool(TargetState("app", "127.0.0.1", target.port), None, idle_timeout=60)
        connector = TargetConnector(timeout=5, linger_seconds=1)
        attempt = asyncio.create_task(connector.open(pool, lambda: GivenUp(pool, response_head_memo())))

        await asyncio.wait([attempt])

        assert attempt.cancelled()
        assert set() == pool.connections
        assert 0 == pool.counters.active_target_connections
