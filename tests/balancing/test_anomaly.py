"""Anomalies: who is one, and what mitigation does about it."""

from __future__ import annotations

import pytest

from edgeproxy.balancing.anomaly import TUNING, evaluate, mitigate
from edgeproxy.balancing.target_state import TargetState

PAGE = "edit-target-group-attributes"


def pool_of(*seen: tuple[int, int]) -> list[TargetState]:
    """Targets that handled so many requests with so many errors."""
    pool = [TargetState("api", f"10.0.0.{number}", 80) for number in range(len(seen))]
    saw(pool, *seen)
    return pool


def saw(pool: list[TargetState], *seen: tuple[int, int]) -> None:
    for target, (handled, errors) in zip(pool, seen, strict=True):
        target.handled, target.errors = handled, errors


def results(pool: list[TargetState]) -> str:
    evaluate(pool)
    return "".join("A" if target.is_anomalous else "n" for target in pool)


@pytest.mark.conformance("anomaly detection", "compares a target's errors with the others', from 3 targets", PAGE)
@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ([(100, 40), (100, 0), (100, 1)], "Ann"),
        ([(100, 40), (100, 0)], "nn"),
        ([(100, 40), (100, 40), (100, 40)], "nnn"),
        ([(100, 0), (100, 0), (100, 0)], "nnn"),
        ([(100, 60), (100, 50), (100, 0), (100, 0), (100, 0)], "AAnnn"),
        ([(0, 0), (0, 0), (0, 0)], "nnn"),
        ([], ""),
    ],
)
def test_who_is_anomalous(seen: list[tuple[int, int]], expected: str) -> None:
    assert expected == results(pool_of(*seen))


@pytest.mark.conformance("anomaly detection", "a few errors are an accident", PAGE, status="default")
def test_a_single_error_is_an_accident() -> None:
    assert "nnn" == results(pool_of((2, 2), (100, 0), (100, 0)))


def test_each_evaluation_begins_anew() -> None:
    pool = pool_of((100, 40), (100, 0), (100, 0))
    assert "Ann" == results(pool)
    assert [(0, 0)] * 3 == [(target.handled, target.errors) for target in pool]
    saw(pool, (10, 0), (100, 0), (100, 0))
    assert "nnn" == results(pool)


def test_without_requests_nothing_is_known_anew() -> None:
    pool = pool_of((100, 40), (100, 0), (100, 0))
    assert "Ann" == results(pool)
    saw(pool, (0, 0), (100, 0), (100, 0))
    assert "Ann" == results(pool)


def test_one_error_keeps_an_anomaly_alive() -> None:
    pool = pool_of((100, 40), (100, 0), (100, 0))
    evaluate(pool)
    saw(pool, (2, 1), (100, 0), (100, 0))
    assert "Ann" == results(pool)


@pytest.mark.conformance("anomaly mitigation", "the share falls to a floor and recovers step by step", PAGE)
def test_weights_fall_to_the_floor_and_recover_step_by_step() -> None:
    target = TargetState("api", "10.0.0.1", 80)
    target.is_anomalous = True
    falling = []
    while mitigate([target]):
        falling.append(target.weight)
    assert [0.5, 0.25, 0.125, TUNING.floor] == falling
    target.is_anomalous = False
    rising = []
    while mitigate([target]):
        rising.append(target.weight)
    assert [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0] == rising
