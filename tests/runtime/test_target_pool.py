"""The connections to one target, one exchange on each."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from edgeproxy.balancing.target_state import TargetState
from edgeproxy.runtime.metrics import LoadBalancerCounters
from edgeproxy.runtime.target_pool import TargetPool
from tests.helpers.proxies import forwarding_to, running
from tests.helpers.targets import ScriptedTarget, answering

if TYPE_CHECKING:
    from edgeproxy.runtime.target_connection import TargetConnection


async def test_the_connection_that_was_used_last_is_handed_out_first() -> None:
    async with ScriptedTarget(answering()) as target, running(forwarding_to(target.port)) as edgeproxy:
        (pool,) = edgeproxy.proxy._pools._pools.values()
        first, second = [await edgeproxy.proxy._pools._open(pool) for _ in range(2)]
        pool.put(first)
        pool.put(second)

        assert second is pool.take()
        assert first is pool.take()
        assert pool.take() is None
        first.close()
        second.close()


def test_open_connections_move_with_their_group_to_another_load_balancer() -> None:
    before, after = LoadBalancerCounters(), LoadBalancerCounters()
    pool = TargetPool(TargetState("app", "10.0.0.1", 80), None, idle_timeout=60, counters=before)
    connection = cast("TargetConnection", object())
    pool.on_opened(connection)
    pool.count_for(after)
    moved = (before.active_target_connections, after.active_target_connections)
    pool.on_closed(connection)
    pool.on_closed(connection)

    assert [(0, 1), (0, 0)] == [moved, (before.active_target_connections, after.active_target_connections)]
