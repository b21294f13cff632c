"""Health checks against real targets: states, reasons, names, and what they do to the requests."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl

import pytest
import trustme

from edgeproxy.model.target import TargetHealth, TargetHealthState
from tests.helpers.ports import reserved_port
from tests.helpers.proxies import RunningProxy, answering_itself, forwarding_to, running
from tests.helpers.targets import ScriptedTarget, answering, garbage, silent
from tests.helpers.wait import until

HEALTHY = TargetHealth(TargetHealthState.HEALTHY)


def unhealthy(reason: str, description: str) -> TargetHealth:
    return TargetHealth(TargetHealthState.UNHEALTHY, reason, description)


async def settled(edgeproxy: RunningProxy) -> TargetHealth:
    """The first health that is not `initial`."""
    await until(lambda: "initial" not in edgeproxy.states())
    return edgeproxy.targets()[0].health


@pytest.mark.conformance("health checks", "one pass makes a new target healthy", "load-balancer-target-groups")
@pytest.mark.both_loops
async def test_one_passed_check_makes_a_new_target_healthy_and_it_goes_out_at_once() -> None:
    async with (
        ScriptedTarget(answering()) as target,
        # Unscaled: the second check would come after 30 seconds.
        running(forwarding_to(target.port, group="HealthyThresholdCount: 10"), time_scale=1) as edgeproxy,
    ):
        assert HEALTHY == await settled(edgeproxy)

    assert 1 == len(target.health_checks)


@pytest.mark.conformance("health checks", "states and reason codes of what fails", "target-group-health-checks")
@pytest.mark.both_loops
@pytest.mark.parametrize("status", [404, 503, 301])
async def test_a_status_that_does_not_match_makes_it_unhealthy_with_the_code(status: int) -> None:
    async with (
        ScriptedTarget(answering(), health_status=status) as target,
        running(forwarding_to(target.port)) as edgeproxy,
    ):
        health = await settled(edgeproxy)

    expected = f"Health checks failed with these codes: [{status}]"
    assert unhealthy("Target.ResponseCodeMismatch", expected) == health


async def test_nobody_listening_makes_it_unhealthy() -> None:
    with reserved_port() as port:
        async with running(forwarding_to(port)) as edgeproxy:
            health = await settled(edgeproxy)

    assert unhealthy("Target.FailedHealthChecks", "Health checks failed") == health


async def test_no_answer_makes_it_unhealthy() -> None:
    async with ScriptedTarget(silent, health_status=None) as target, running(forwarding_to(target.port)) as edgeproxy:
        health = await settled(edgeproxy)

    assert unhealthy("Target.Timeout", "Request timed out") == health


async def test_garbage_makes_it_unhealthy() -> None:
    async with ScriptedTarget(garbage, health_status=None) as target, running(forwarding_to(target.port)) as edgeproxy:
        health = await settled(edgeproxy)

    assert unhealthy("Target.FailedHealthChecks", "Health checks failed") == health


@pytest.mark.conformance("health checks", "thresholds count consecutive results", "target-group-health-checks")
async def test_thresholds_count_results_in_a_row() -> None:
    """U=2, H=3: fail, pass, fail, fail; then pass, pass, fail, pass, pass, pass. States after each check."""
    script = [200, 500, 200, 500, 500, 200, 200, 500, 200, 200, 200]
    expected = ["healthy"] * 4 + ["unhealthy"] * 6 + ["healthy"]
    group = "HealthyThresholdCount: 3, UnhealthyThresholdCount: 2"
    async with (
        ScriptedTarget(answering(), health_status=200) as target,
        running(forwarding_to(target.port, group=group), time_scale=1) as edgeproxy,
    ):
        checker = edgeproxy.proxy._groups.checkers["app"]
        await edgeproxy.healthy()
        (watch,) = checker._watches.values()
        checker._stop(watch)
        watch.machine.deregister()
        watch.machine.drained()
        watch.machine.register()
        states = []
        for status in script:
            target.health_status = status
            watch.machine.on_check(await checker._check(watch.target))
            states.append(watch.machine.health.state.value)

    assert expected == states


@pytest.mark.conformance("health checks", "a group that no rule names is not checked", "target-group-health-checks")
async def test_a_group_that_no_rule_names_is_unused_and_left_alone() -> None:
    async with ScriptedTarget(answering()) as target:
        unused = answering_itself() + forwarding_to(target.port).partition("TargetGroups:")[1]
        unused += forwarding_to(target.port).partition("TargetGroups:")[2]
        async with running(unused, time_scale=0.001) as edgeproxy:
            health = edgeproxy.targets()[0].health
            await edgeproxy.sweeps(20)
            assert [] == target.health_checks
            await edgeproxy.apply(forwarding_to(target.port))
            await edgeproxy.healthy()
            await edgeproxy.apply(unused)
            again = edgeproxy.targets()[0].health

    assert (TargetHealthState.UNUSED, "Target.NotInUse") == (health.state, health.reason)
    assert health == again


@pytest.mark.conformance("fail-open", "all targets unhealthy: requests go to all", "load-balancer-target-groups")
@pytest.mark.both_loops
async def test_when_all_are_unhealthy_requests_go_to_all_and_this_is_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "edgeproxy.health")
    async with (
        ScriptedTarget(answering(b"1"), health_status=500) as one,
        ScriptedTarget(answering(b"2"), health_status=500) as two,
        running(forwarding_to(one.port, two.port)) as edgeproxy,
    ):
        await until(lambda: ["unhealthy", "unhealthy"] == edgeproxy.states())
        bodies = [(await edgeproxy.ask()).body for _ in range(4)]
        failing_open = edgeproxy.proxy.target_groups[0].is_failing_open
        two.health_status = 200
        await until(lambda: ["unhealthy", "healthy"] == edgeproxy.states())
        later = {(await edgeproxy.ask()).body for _ in range(4)}

    assert {b"1", b"2"} == set(bodies)
    assert failing_open
    assert {b"2"} == later
    assert (
        "Target group app has too few healthy targets and fails open: requests go to all its targets."
        in caplog.messages
    )
    assert "Target group app fails open no longer." in caplog.messages


@pytest.mark.conformance("fail-open", "a target that is still initial receives requests", "target-group-health-checks")
async def test_a_target_that_never_passed_gets_requests_while_there_is_no_better_one() -> None:
    async with (
        ScriptedTarget(answering(), health_status=500) as target,
        running(forwarding_to(target.port), time_scale=1) as edgeproxy,
    ):
        await until(lambda: target.health_checks)
        answer = await edgeproxy.ask()
        state = edgeproxy.states()

    assert (200, ["initial"]) == (answer.status, state)


@pytest.mark.conformance("target failures", "a group without targets", "load-balancer-troubleshooting")
async def test_a_group_without_targets_is_a_503() -> None:
    async with running(forwarding_to()) as edgeproxy:
        assert 503 == (await edgeproxy.ask()).status


async def test_a_health_check_port_of_its_own_is_asked_instead() -> None:
    async with (
        ScriptedTarget(answering()) as target,
        ScriptedTarget(silent) as checked,
        running(forwarding_to(target.port, group=f"HealthCheckPort: {checked.port}")) as edgeproxy,
    ):
        await edgeproxy.healthy()
        shown = edgeproxy.targets()[0].health_check_port

    assert str(checked.port) == shown
    assert [] == target.health_checks
    assert f"Host: 127.0.0.1:{checked.port}\r\n".encode() in checked.health_checks[0]


async def test_https_checks_take_any_certificate() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("elsewhere.test").configure_cert(context)
    async with ScriptedTarget(answering(), tls=context) as target:
        configuration = forwarding_to(target.port, group="HealthCheckProtocol: HTTPS, HealthCheckTimeoutSeconds: 29")
        async with running(configuration, time_scale=0.1) as edgeproxy:
            await edgeproxy.healthy()


async def no_address(name: str) -> list[str]:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


async def test_a_name_that_does_not_resolve_is_unhealthy_and_says_so() -> None:
    async with running(forwarding_to(80, host="app.test"), resolve_name=no_address) as edgeproxy:
        health = await settled(edgeproxy)
        answer = await edgeproxy.ask()

    description = "Health checks failed: the name 'app.test' does not resolve on this network"
    assert unhealthy("Target.FailedHealthChecks", description) == health
    assert 502 == answer.status


async def test_a_name_that_has_no_address_yet_is_served_once_it_has() -> None:
    known: list[str] = []

    async def resolve_name(name: str) -> list[str]:
        return known

    async with ScriptedTarget(answering()) as target:
        configuration = forwarding_to(target.port, host="app.test")
        async with running(configuration, time_scale=0.001, resolve_name=resolve_name) as edgeproxy:
            await until(lambda: ["unhealthy"] == edgeproxy.states())
            known.append("127.0.0.1")
            await edgeproxy.healthy()

            assert 200 == (await edgeproxy.ask()).status


@pytest.mark.both_loops
async def test_a_name_that_comes_to_mean_another_address_is_followed() -> None:
    known = ["127.0.0.1"]

    async def resolve_name(name: str) -> list[str]:
        return list(known)

    async with (
        ScriptedTarget(answering(b"old")) as old,
        ScriptedTarget(answering(b"new"), host="127.0.0.2", port=old.port),
    ):
        configuration = forwarding_to(old.port, host="app.test")
        async with running(configuration, time_scale=0.002, resolve_name=resolve_name) as edgeproxy:
            await edgeproxy.healthy()
            first = await edgeproxy.ask()
            known[:] = ["127.0.0.2"]
            await until(lambda: "127.0.0.2" == edgeproxy.targets()[0].address)
            await until(lambda: not old.open)
            second = await edgeproxy.ask()
            known.insert(0, "127.0.0.3")
            checks = len(old.health_checks)
            await edgeproxy.sweeps(5)
            third = edgeproxy.targets()[0].address

    assert (b"old", b"new") == (first.body, second.body)
    assert "127.0.0.2" == third, "an address that is still valid is kept"
    assert checks == len(old.health_checks)


async def test_a_reload_forgets_no_health_and_checks_with_the_new_settings() -> None:
    async with ScriptedTarget(answering()) as target, running(forwarding_to(target.port)) as edgeproxy:
        await edgeproxy.healthy()
        await edgeproxy.apply(forwarding_to(target.port, group="HealthCheckPath: /new"))
        states = edgeproxy.states()
        await until(lambda: target.health_checks[-1].startswith(b"GET /new "))

    assert ["healthy"] == states


async def test_a_target_that_leaves_is_checked_no_more() -> None:
    async with (
        ScriptedTarget(answering()) as leaving,
        ScriptedTarget(answering()) as staying,
        running(forwarding_to(leaving.port, staying.port), time_scale=0.001) as edgeproxy,
    ):
        await edgeproxy.healthy()
        await edgeproxy.apply(forwarding_to(staying.port))
        await asyncio.sleep(0)
        checks = len(leaving.health_checks)
        before = len(staying.health_checks)
        await until(lambda: len(staying.health_checks) > before + 3)

    assert len(leaving.health_checks) <= checks + 1


async def test_a_check_that_goes_wrong_inside_does_not_end_the_checks() -> None:
    answers: list[object] = [ValueError("inside"), UnicodeError("label too long"), ["127.0.0.1"]]

    async def resolve_name(name: str) -> list[str]:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, list)
        return answer

    async with ScriptedTarget(answering()) as target:
        configuration = forwarding_to(target.port, host="app.test")
        async with running(configuration, time_scale=0.001, resolve_name=resolve_name) as edgeproxy:
            await edgeproxy.healthy()


@pytest.mark.conformance("target group health", "thresholds of routing and DNS", "load-balancer-target-groups")
async def test_a_group_below_its_thresholds_says_so_without_any_unhealthy_target(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "edgeproxy.health")
    health = "target_group_health."
    thresholds = (
        f"TargetGroupAttributes: {{{health}unhealthy_state_routing.minimum_healthy_targets.count: 2, "
        f"{health}dns_failover.minimum_healthy_targets.count: 2}}"
    )
    async with (
        ScriptedTarget(answering()) as one,
        ScriptedTarget(answering()) as two,
        running(forwarding_to(one.port, group=thresholds)) as edgeproxy,
    ):
        await edgeproxy.healthy()
        (group,) = edgeproxy.proxy.target_groups
        await edgeproxy.ask()
        (later,) = edgeproxy.proxy.target_groups
        await edgeproxy.apply(forwarding_to(one.port, two.port, group=thresholds))
        await edgeproxy.healthy()
        (again,) = edgeproxy.proxy.target_groups

    assert (True, True) == (group.is_failing_open, group.is_out_of_dns)
    assert 1 == later.unhealthy_routing_requests - group.unhealthy_routing_requests
    assert (False, False) == (again.is_failing_open, again.is_out_of_dns)
    messages = caplog.messages
    assert "Target group app has too few healthy targets and fails open: requests go to all its targets." in messages
    assert (
        "Target group app is below its DNS failover threshold: in AWS the load balancer's node would leave DNS."
        in messages
    )
    assert "Target group app fails open no longer." in messages


async def test_the_first_failed_check_is_said_although_the_state_does_not_change(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", logger="edgeproxy.health")
    async with ScriptedTarget(answering()) as target:
        target.health_status = 500
        async with running(forwarding_to(target.port), time_scale=1.0) as edgeproxy:
            await until(lambda: "The first health check of" in caplog.text)
            assert ["initial"] == edgeproxy.states()

    said = f"127.0.0.1:{target.port} of target group app failed: Health checks failed with these codes: [500]."
    assert said in caplog.text


async def test_a_resolver_that_never_answers_does_not_end_the_checks() -> None:
    asked = 0

    async def resolve_name(name: str) -> list[str]:
        nonlocal asked
        asked += 1
        if asked < 3:
            await asyncio.Event().wait()
        return ["127.0.0.1"]

    async with ScriptedTarget(answering()) as target:
        configuration = forwarding_to(target.port, host="app.test")
        async with running(configuration, time_scale=0.002, resolve_name=resolve_name) as edgeproxy:
            await until(lambda: "does not resolve" in (edgeproxy.targets()[0].health.description or ""))
            await edgeproxy.healthy()
            answer = await edgeproxy.ask()

    assert 200 == answer.status


async def test_a_mark_says_what_a_target_is_until_it_is_taken_off() -> None:
    """Checks go on meanwhile, and their result is what counts afterwards."""
    async with ScriptedTarget(answering()) as target, running(forwarding_to(target.port)) as edgeproxy:
        await edgeproxy.healthy()
        checker = edgeproxy.proxy._groups.checkers["app"]
        mark: list[TargetHealth] = [unhealthy("Target.FailedHealthChecks", "Marked")]
        checker._mark_of = lambda _target: mark[0] if mark else None
        checker.refresh()
        assert mark[0] == edgeproxy.targets()[0].health

        checks = len(target.health_checks)
        await until(lambda: len(target.health_checks) > checks)
        assert mark[0] == edgeproxy.targets()[0].health

        mark.clear()
        checker.refresh()
        assert HEALTHY == edgeproxy.targets()[0].health
