"""What a running proxy says about itself."""

from __future__ import annotations

from edgeproxy.model.target import TargetHealth, TargetHealthState
from edgeproxy.runtime.proxy import EdgeProxy
from edgeproxy.runtime.status import ListenerStatus, ProxyState, TargetStatus
from tests.helpers.proxies import answering_itself, forwarding_to, running, topology
from tests.helpers.targets import ScriptedTarget, answering


async def test_a_proxy_goes_from_starting_over_running_to_stopped() -> None:
    proxy = EdgeProxy()
    states = [proxy.state]
    async with running(answering_itself()) as edgeproxy:
        states.append(edgeproxy.proxy.state)
    states.append(edgeproxy.proxy.state)

    assert [ProxyState.STARTING, ProxyState.RUNNING, ProxyState.STOPPED] == states


async def test_a_proxy_that_never_started_answers_all_questions() -> None:
    proxy = EdgeProxy()

    assert ([], [], topology("{}")) == (proxy.listeners, proxy.target_groups, proxy.topology)


async def test_listeners_stand_in_the_order_of_the_topology_with_declared_and_real_port() -> None:
    async with running(answering_itself(listeners=(8080, 80))) as edgeproxy:
        expected = [ListenerStatus("dev", "HTTP", port, [("127.0.0.1", edgeproxy.port(port))]) for port in (8080, 80)]

        assert expected == edgeproxy.proxy.listeners


async def test_target_groups_show_their_targets_as_describe_target_health_does() -> None:
    async with ScriptedTarget(answering()) as target, running(forwarding_to(target.port)) as edgeproxy:
        await edgeproxy.healthy()
        (group,) = edgeproxy.proxy.target_groups

    assert ("app", False) == (group.name, group.is_failing_open)
    assert group.arn.startswith("arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/app/")
    healthy = TargetHealth(TargetHealthState.HEALTHY)
    assert [TargetStatus("127.0.0.1", target.port, str(target.port), healthy, "127.0.0.1")] == group.targets


async def test_a_repr_tells_an_operator_what_runs() -> None:
    async with running(answering_itself()) as edgeproxy:
        assert repr(edgeproxy.proxy).startswith("<EdgeProxy running [<ListenerSocket HTTP:80 at ")
