"""Connecting to a target: what fails, and what that is called."""

from __future__ import annotations

import asyncio
import socket

import pytest

from edgeproxy.balancing.target_state import TargetState
from edgeproxy.exchange.outcome import Outcome
from edgeproxy.model.security_policy import policy_for_targets
from edgeproxy.runtime.target_connector import TargetConnector, UnreachableError
from edgeproxy.runtime.target_pool import TargetPool
from edgeproxy.runtime.target_tls import target_context
from tests.helpers.targets import ScriptedTarget, silent


async def outcome_of(pool: TargetPool, *, seconds: float = 0.1) -> Outcome:
    with pytest.raises(UnreachableError) as caught:
        await TargetConnector(timeout=seconds, linger_seconds=1).open(pool, asyncio.Protocol)
    return caught.value.outcome


@pytest.mark.both_loops
async def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
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
