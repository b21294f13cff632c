"""A test asks for failures, and takes them back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests

from edgeproxy.errors import ConfigError
from edgeproxy.testing import Alb, targets

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def alb() -> Iterator[Alb]:
    with Alb(targets=[targets.answering("blue"), targets.answering("green")], fault_header=True) as made:
        made.add_rule(path="/fixed", fixed_response=200)
        yield made


def statuses(alb: Alb, path: str = "/", *, count: int = 4) -> list[int]:
    session = alb.clients.requests()
    return [session.get(f"https://localhost{path}").status_code for _ in range(count)]


def test_a_fault_takes_so_many_requests_and_is_counted() -> None:
    with Alb(targets=[targets.answering()]) as alb:
        fault = alb.fault(status=503, count=2, name="outage")
        assert [503, 503, 200, 200] == statuses(alb)
        assert (2, "over") == (fault.hits, fault.status.state)
        alb.expect(status=503, fault="outage", times=2)
        assert "(fault outage)" in repr(alb.requests[0])


def test_a_fault_ends_with_its_block(alb: Alb) -> None:
    with alb.fault(status=502, group="app") as fault:
        assert [502] * 4 == statuses(alb)
    assert [200] * 4 == statuses(alb)
    with pytest.raises(LookupError, match="was removed"):
        assert fault.hits
    fault.remove()


def test_a_fault_ends_with_its_time(alb: Alb) -> None:
    alb.fault(status=504, lasting=60)
    assert 504 == statuses(alb, count=1)[0]
    alb.advance(61)
    assert 200 == statuses(alb, count=1)[0]


@pytest.mark.parametrize(
    ("where", "hit"),
    [
        ({"listener": 443}, ["/", "/fixed"]),
        ({"rule": 10}, ["/fixed"]),
        ({"rule": "default", "listener": 443}, ["/"]),
        ({"group": "app"}, ["/"]),
    ],
    ids=str,
)
def test_a_fault_stands_where_it_is_put(alb: Alb, where: dict[str, int | str], hit: list[str]) -> None:
    alb.fault(status=500, **where)  # type: ignore[arg-type]
    assert hit == [path for path in ("/", "/fixed") if statuses(alb, path, count=1) == [500]]


def test_a_fault_at_a_target_takes_its_requests_only() -> None:
    with targets.answering("blue") as blue, Alb(targets=[blue, targets.answering("green")]) as alb:
        alb.fault(status=502, target=blue)
        assert [200, 200, 502, 502] == sorted(statuses(alb))
        assert f"{blue.host}:{blue.port}" == alb.expect(status=502, times=2)[0].target


def test_a_marked_target_is_out_whatever_its_checks_say() -> None:
    with targets.answering("blue") as blue, Alb(targets=[blue, targets.answering("green")]) as alb:
        alb.wait_healthy()
        with alb.fault(target=blue, marks="unhealthy"):
            assert {"unhealthy", "healthy"} == {each.state for each in alb.target_health()}
            session = alb.clients.requests()
            assert {"green"} == {session.get("https://localhost/").text for _ in range(4)}
        assert {"healthy"} == {each.state for each in alb.target_health()}


def test_a_reset_reaches_the_client(alb: Alb) -> None:
    alb.fault(reset=True, count=1)
    with pytest.raises(requests.ConnectionError):
        alb.clients.requests().get("https://localhost/")
    assert alb.expect(fault="reset")[0].status is None


def test_a_response_says_so_if_it_shall(alb: Alb) -> None:
    session = alb.clients.requests()
    with alb.fault(status=503, listener=443, name="first"):
        assert "first" == session.get("https://localhost/fixed").headers["X-Edgeproxy-Fault"]
    assert "X-Edgeproxy-Fault" not in session.get("https://localhost/fixed").headers


def test_a_reset_of_the_load_balancer_ends_all_faults(alb: Alb) -> None:
    alb.fault(status=503)
    alb.reset()
    assert [200] == statuses(alb, count=1)


def test_what_is_no_fault_is_refused(alb: Alb) -> None:
    with pytest.raises(ConfigError, match="'Status' value '200' must be one"):
        alb.fault(status=200)
    with pytest.raises(ConfigError, match="nowhere"):
        alb.fault(status=503, group="nowhere")
    with pytest.raises(TypeError, match="A fault has no 'sttus'; what it can have is: delay, jitter"):
        alb.fault(sttus=503)
    with pytest.raises(ConfigError, match="'Status' value '503' is not of its kind: Expected `int"):
        alb.fault(status="503")


def test_a_target_is_found_in_whichever_group_has_it(alb: Alb) -> None:
    red = targets.answering("red")
    alb.add_target_group("red", red)
    alb.add_rule(path="/red", forward="red")
    alb.fault(target=red, status=502)

    assert [[502], [200]] == [statuses(alb, path, count=1) for path in ("/red", "/")]
