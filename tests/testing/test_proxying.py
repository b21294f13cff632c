"""The proxy behind a load balancer under test."""

from __future__ import annotations

from edgeproxy.runtime.proxy import Bind
from edgeproxy.testing import Alb, targets
from edgeproxy.testing.configuration import default_topology
from edgeproxy.testing.proxying import FreePorts, without_groups


def test_every_port_is_a_free_one_of_the_loopback() -> None:
    ports = FreePorts()

    assert {Bind("127.0.0.1", 0)} == {ports[80], ports[443], ports[65535]}
    assert (65535, True) == (len(ports), 8080 in ports)


def test_without_groups_the_same_listeners_answer_503() -> None:
    before = default_topology()
    after = without_groups(before)

    assert () == after.target_groups
    listeners = [(each.port, each.protocol) for each in after.load_balancers[0].listeners]
    assert [(80, "HTTP"), (443, "HTTPS")] == listeners
    assert {"503"} == {
        action.fixed_response_config.status_code
        for listener in after.load_balancers[0].listeners
        for action in listener.default_actions
        if action.fixed_response_config is not None
    }


def test_targets_that_are_not_in_use_are_not_waited_for() -> None:
    """Nobody checks them."""
    with Alb() as alb:
        alb.add_target_group("unused", targets.answering())
        alb.wait_healthy()

        assert ["unused"] == [each.state for each in alb.target_health("unused")]


def test_health_is_waited_for_group_by_group() -> None:
    with Alb(targets=[targets.answering(health_status=500)]) as alb:
        alb.add_target_group("fit", targets.answering())
        alb.add_rule(path="/fit", forward="fit")
        alb.wait_healthy("fit")

        assert ["healthy"] == [each.state for each in alb.target_health("fit")]
        assert "healthy" not in [each.state for each in alb.target_health("app")]
