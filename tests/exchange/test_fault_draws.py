"""Which requests a fault takes: exact counts, honest percentages, and the same in every run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.exchange.fault_draws import ActiveFault, FaultPlace
from edgeproxy.model.fault import Fault

PLACE = FaultPlace(group="app")


def draws(fault: Fault, number: int, *, place: FaultPlace = PLACE) -> list[bool]:
    active = ActiveFault(fault, place, now=0.0)
    return [active.takes(float(moment)) for moment in range(number)]


@given(st.integers(0, 2**62), st.floats(0.5, 99.5), st.integers(0, 300))
def test_the_same_seed_makes_the_same_draws(seed: int, percentage: float, number: int) -> None:
    fault = Fault(status=503, seed=seed, percentage=percentage)
    assert draws(fault, number) == draws(fault, number)


@given(st.text("abcXYZ019._-", min_size=1, max_size=20).filter(lambda name: name[0] not in "._-"))
def test_without_a_seed_name_and_place_decide(name: str) -> None:
    fault = Fault(status=503, percentage=50, name=name)
    elsewhere = draws(fault, 200, place=FaultPlace(group="other"))
    assert draws(fault, 200) == draws(fault, 200) != elsewhere


@given(st.integers(1, 50), st.floats(1, 100), st.integers(0, 2**32))
def test_a_count_is_exact(count: int, percentage: float, seed: int) -> None:
    active = ActiveFault(Fault(status=503, count=count, percentage=percentage, seed=seed), PLACE, now=0.0)
    requests = 0
    while not active.is_over(0.0) and requests < 50_000:
        active.takes(0.0)
        requests += 1
    assert (count, requests) == (active.hits, active.seen)
    assert not active.takes(0.0)
    assert requests == active.seen


@pytest.mark.parametrize("percentage", [1, 10, 50, 90, 99])
def test_percentages_converge(percentage: int) -> None:
    taken = sum(draws(Fault(status=503, percentage=percentage, seed=1), 20_000))
    # Five standard deviations at most.
    assert percentage / 100 == pytest.approx(taken / 20_000, abs=0.018)


def test_a_hundred_percent_is_everybody() -> None:
    assert [True] * 1000 == draws(Fault(status=503), 1000)


def test_a_fault_is_over_at_its_second() -> None:
    active = ActiveFault(Fault(status=503, lasting=10), PLACE, now=5.0, time_scale=0.5)
    assert [True, True, False] == [active.takes(moment) for moment in (5.0, 9.99, 10.0)]
    assert (2, 2) == (active.hits, active.seen)


@given(st.floats(0.1, 1000), st.floats(0, 1), st.integers(0, 2**32))
def test_a_delay_stays_within_its_jitter(delay: float, part: float, seed: int) -> None:
    jitter = delay * part or None
    active = ActiveFault(Fault(delay=delay, jitter=jitter, seed=seed), PLACE, now=0.0, time_scale=2.0)
    for _ in range(20):
        assert 2 * (delay - (jitter or 0)) <= active.delay() + 1e-9 <= 2 * (delay + (jitter or 0)) + 2e-9


def test_time_scales_durations_and_rates() -> None:
    assert 10_000.0 == ActiveFault(Fault(bandwidth=1000), PLACE, now=0.0, time_scale=0.1).rate
    assert 0.0 == ActiveFault(Fault(reset=True), PLACE, now=0.0).rate
    assert 0.0 == ActiveFault(Fault(reset=True), PLACE, now=0.0).delay()


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (FaultPlace(), "all listeners"),
        (FaultPlace("dev", 443), "listener dev:443"),
        (FaultPlace("dev", 443, "10"), "listener dev:443 rule 10"),
        (FaultPlace("dev", 443, "0"), "listener dev:443 rule default"),
        (FaultPlace(group="app"), "target group app"),
        (FaultPlace(group="app", target_id="a"), "target group app target a"),
        (FaultPlace(group="app", target_id="a", target_port=80), "target group app target a:80"),
    ],
)
def test_a_place_has_a_name(place: FaultPlace, text: str) -> None:
    assert text == str(place)


def test_a_place_holds_its_targets() -> None:
    assert FaultPlace(group="app").has_target("a", 80)
    assert FaultPlace(group="app", target_id="a").has_target("a", 80)
    assert not FaultPlace(group="app", target_id="a").has_target("b", 80)
    assert not FaultPlace(group="app", target_id="a", target_port=81).has_target("a", 80)
