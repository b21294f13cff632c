"""The health of one target: events in, state out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.balancing.target_state import REGISTERING as UNSEEN
from edgeproxy.health.machine import (
    DRAINING,
    FIRST_CHECKS,
    HEALTHY,
    NOT_IN_USE,
    NOT_REGISTERED,
    REGISTERING,
    TargetHealthMachine,
)
from edgeproxy.health.outcome import FAILED, PASSED, TIMED_OUT, CheckResult, response_code_mismatch
from edgeproxy.model.target import TargetHealth, TargetHealthState

PAGE = "target-group-health-checks"
THRESHOLDS = pytest.mark.conformance("health thresholds", "counts are of consecutive results", PAGE)


def new_target(healthy: int = 5, unhealthy: int = 2) -> TargetHealthMachine:
    """A target that was just registered with a group in use."""
    machine = TargetHealthMachine(healthy, unhealthy)
    machine.in_use(True)
    machine.register()
    return machine


def healthy_target(healthy: int = 5, unhealthy: int = 2) -> TargetHealthMachine:
    machine = new_target(healthy, unhealthy)
    machine.on_check(PASSED)
    return machine


def feed(machine: TargetHealthMachine, results: str) -> list[str]:
    """Feed P and F; the state after each."""
    states = []
    for letter in results:
        machine.on_check(PASSED if letter == "P" else FAILED)
        states.append(str(machine.health.state))
    return states


@pytest.mark.conformance("first pass", "a new target is healthy after one pass, whatever the threshold",
                         "load-balancer-target-groups")  # fmt: skip
def test_first_pass_wins() -> None:
    machine = new_target(healthy=10)
    assert machine.on_check(PASSED)
    assert machine.health == HEALTHY


@pytest.mark.conformance("first pass", "failures before it do not raise the bar", "load-balancer-target-groups")
def test_first_pass_wins_after_a_failure_too() -> None:
    assert feed(new_target(unhealthy=3), "FFP") == ["initial", "initial", "healthy"]


@pytest.mark.conformance("new target", "stays initial until the unhealthy threshold", PAGE)
def test_new_target_that_fails_stays_initial_for_a_while() -> None:
    assert feed(new_target(unhealthy=3), "FFF") == ["initial", "initial", "unhealthy"]


@THRESHOLDS
def test_pass_between_failures_starts_the_count_anew() -> None:
    assert feed(healthy_target(), "FPFF") == ["healthy", "healthy", "healthy", "unhealthy"]


@THRESHOLDS
def test_failure_between_passes_starts_the_count_anew() -> None:
    machine = healthy_target()
    feed(machine, "FF")
    assert feed(machine, "PPPPFPPPPP") == ["unhealthy"] * 9 + ["healthy"]


@pytest.mark.conformance("health states", "healthy carries no reason, unhealthy the check's", PAGE)
@pytest.mark.parametrize(
    ("result", "reason", "description"),
    [
        (
            response_code_mismatch(503),
            "Target.ResponseCodeMismatch",
            "Health checks failed with these codes: [503]",
        ),
        (FAILED, "Target.FailedHealthChecks", "Health checks failed"),
        (TIMED_OUT, "Target.Timeout", "Request timed out"),
    ],
)
def test_unhealthy_target_says_why(*, result: CheckResult, reason: str, description: str) -> None:
    machine = new_target()
    machine.on_check(result)
    machine.on_check(result)
    assert TargetHealth(TargetHealthState.UNHEALTHY, reason, description) == machine.health


def test_unhealthy_target_shows_its_latest_failure() -> None:
    """A different failure is a visible change, the same one is not, and a pass on the way up keeps the reason."""
    machine = healthy_target()
    events = [FAILED, FAILED, FAILED, TIMED_OUT, PASSED, TIMED_OUT]
    assert [machine.on_check(event) for event in events] == [False, True, False, True, False, False]
    assert machine.health.reason == "Target.Timeout"


def test_only_visible_changes_are_reported() -> None:
    machine = healthy_target()
    assert [machine.on_check(event) for event in (PASSED, FAILED, PASSED)] == [False, False, False]


@pytest.mark.conformance("health states", "several failed codes stand together", PAGE, status="default")
@pytest.mark.parametrize(
    ("statuses", "codes"),
    [([503, 502], "502, 503"), ([502, 502], "502"), ([404, 503, 502], "502, 503"), ([503, 502, 503, 503], "503")],
)
def test_the_codes_of_the_failures_that_count_are_named(*, statuses: list[int], codes: str) -> None:
    machine = new_target(unhealthy=2)
    for status in statuses:
        machine.on_check(response_code_mismatch(status))
    assert f"Health checks failed with these codes: [{codes}]" == machine.health.description


def test_a_failure_without_a_code_names_none() -> None:
    machine = new_target(unhealthy=2)
    machine.on_check(response_code_mismatch(503))
    machine.on_check(TIMED_OUT)
    assert "Request timed out" == machine.health.description
    machine.on_check(response_code_mismatch(500))
    assert "Health checks failed with these codes: [500]" == machine.health.description


def test_codes_before_a_pass_are_forgotten() -> None:
    machine = new_target(unhealthy=3)
    for result in (response_code_mismatch(500), PASSED, *[response_code_mismatch(503)] * 3):
        machine.on_check(result)
    assert "Health checks failed with these codes: [503]" == machine.health.description


@pytest.mark.conformance("health states", "initial, first registering and then checking", PAGE)
def test_new_target_goes_through_two_initial_reasons() -> None:
    machine = new_target()
    assert machine.health == REGISTERING
    assert machine.on_checking()
    assert machine.health == FIRST_CHECKS
    assert not machine.on_checking()


def test_first_result_implies_that_checks_have_begun() -> None:
    machine = new_target()
    assert machine.on_check(FAILED)
    assert machine.health == FIRST_CHECKS


def test_balancing_and_health_call_a_new_target_the_same() -> None:
    assert UNSEEN == REGISTERING


@pytest.mark.conformance("health states", "unused while no rule refers to the target group", PAGE)
def test_group_that_is_not_in_use_has_unused_targets() -> None:
    machine = TargetHealthMachine(5, 2)
    assert machine.health == NOT_REGISTERED
    assert machine.register()
    assert (machine.health, machine.is_checked) == (NOT_IN_USE, False)
    assert not machine.on_check(PASSED)
    assert machine.in_use(True)
    assert (machine.health, machine.is_checked) == (REGISTERING, True)


@pytest.mark.parametrize("results", ["", "F", "P", "FF", "FFP"])
def test_group_taken_out_of_use_and_back_starts_from_the_beginning(results: str) -> None:
    machine = new_target()
    feed(machine, results)
    assert machine.in_use(False)
    assert machine.health == NOT_IN_USE
    assert machine.in_use(True)
    assert feed(machine, "FF") == ["initial", "unhealthy"]


def test_saying_the_same_twice_changes_nothing() -> None:
    machine = healthy_target()
    assert [machine.register(), machine.in_use(True)] == [False, False]
    assert machine.health == HEALTHY


@pytest.mark.conformance("deregistration", "draining, then not registered", "edit-target-group-attributes")
@pytest.mark.parametrize("results", ["", "P", "FF"])
def test_deregistered_target_drains(results: str) -> None:
    machine = new_target()
    feed(machine, results)
    assert machine.deregister()
    assert (machine.health, machine.is_checked) == (DRAINING, False)
    assert [machine.on_check(PASSED), machine.in_use(False), machine.deregister()] == [False, False, False]
    assert machine.drained()
    assert (machine.health, machine.drained()) == (NOT_REGISTERED, False)


def test_registered_again_while_draining_is_a_new_target() -> None:
    machine = healthy_target(healthy=10)
    machine.deregister()
    assert machine.register()
    assert machine.health == REGISTERING
    assert feed(machine, "P") == ["healthy"]


@pytest.mark.conformance("changed thresholds", "keep the state and count anew", PAGE, status="default")
def test_changed_thresholds_keep_the_state_and_count_anew() -> None:
    machine = healthy_target(unhealthy=3)
    feed(machine, "FF")
    machine.configure(5, 2)
    assert feed(machine, "FF") == ["healthy", "unhealthy"]


def test_unchanged_thresholds_keep_the_count() -> None:
    machine = healthy_target(healthy=5, unhealthy=3)
    feed(machine, "FF")
    machine.configure(5, 3)
    assert feed(machine, "F") == ["unhealthy"]


@given(healthy=st.integers(2, 10), unhealthy=st.integers(2, 10), results=st.text(alphabet="PF", max_size=60))
def test_machine_agrees_with_looking_back_over_all_results(*, healthy: int, unhealthy: int, results: str) -> None:
    """The reference keeps no counters: it looks at the tail of the history since the last change."""
    state = "initial"
    since = ""
    expected = []
    for letter in results:
        since += letter
        if state == "initial" and letter == "P":
            state, since = "healthy", ""
        elif state != "unhealthy" and since.endswith("F" * unhealthy):
            state, since = "unhealthy", ""
        elif state == "unhealthy" and since.endswith("P" * healthy):
            state, since = "healthy", ""
        expected.append(state)
    assert expected == feed(new_target(healthy, unhealthy), results)


def test_repr_tells_an_operator_the_state() -> None:
    machine = healthy_target(unhealthy=3)
    feed(machine, "FF")
    assert repr(machine) == "<TargetHealthMachine healthy 2 failed>"
    assert repr(new_target()) == "<TargetHealthMachine initial>"
