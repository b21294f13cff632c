"""Target groups that live through changes of the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeproxy.model.target import TargetHealthState
from tests.helpers.proxies import QUICK, answering_itself, forwarding_to, running
from tests.helpers.targets import ScriptedTarget, answering
from tests.helpers.wait import until

if TYPE_CHECKING:
    from edgeproxy.runtime.live_groups import LiveGroups
    from tests.helpers.proxies import RunningProxy


def groups_of(edgeproxy: RunningProxy) -> LiveGroups:
    return edgeproxy.proxy._groups


async def test_a_target_that_stays_forgets_nothing() -> None:
    """Neither its health nor its connections, when the group gets new settings and another target."""
    async with (
        ScriptedTarget(answering(b"ok")) as target,
        ScriptedTarget(answering(b"ok")) as other,
        running(forwarding_to(target.port)) as edgeproxy,
    ):
        groups = groups_of(edgeproxy)
        await edgeproxy.healthy()
        await edgeproxy.ask()
        before, pool = groups["app"], groups.pools._pools[next(iter(groups["app"].targets.values()))]
        await edgeproxy.apply(forwarding_to(target.port, other.port, idle_timeout=30))

        state = groups["app"].targets["127.0.0.1", target.port]
        assert before is groups["app"]
        assert (pool, TargetHealthState.HEALTHY) == (groups.pools._pools[state], state.health.state)
        assert (1, 30 * QUICK) == (len(pool.connections), pool.idle_timeout)


async def test_a_group_that_goes_takes_its_checks_and_connections_along() -> None:
    async with ScriptedTarget(answering(b"ok")) as target, running(forwarding_to(target.port)) as edgeproxy:
        groups = groups_of(edgeproxy)
        await edgeproxy.ask()
        (pool,) = groups.pools._pools.values()
        await edgeproxy.apply(answering_itself())
        await until(lambda: not pool.connections)

        assert ({}, {}, {}) == (dict(groups), groups.checkers, groups.pools._pools)


async def test_closing_ends_every_check() -> None:
    async with ScriptedTarget(answering(b"ok")) as target, running(forwarding_to(target.port)) as edgeproxy:
        groups = groups_of(edgeproxy)
        assert ["app"] == list(groups.checkers)
        await groups.close()

        assert ({}, {}) == (groups.checkers, groups.pools._pools)
