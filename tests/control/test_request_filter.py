"""Which requests a filter lets through, and how a wrong one is refused."""

from __future__ import annotations

import pytest

from edgeproxy.control.request_filter import FILTERS, RequestFilter, host_of, parse_duration, parse_rule, parse_statuses
from edgeproxy.model.fault import Fault
from edgeproxy.runtime.request_ring import Entry, ListenerPlace
from tests.helpers.exchange_ports import START, Stage
from tests.helpers.fault_stage import FaultStage

PLACE = ListenerPlace("dev", "http", 80)


def entry(line: str = "GET /api/users?x=1 HTTP/1.1", host: str = "App.test:8080", status: int = 200) -> Entry:
    """A request that was answered with this status by 10.0.2.37:8080 of group app, 0.25 s after it came."""
    stage = Stage()
    stage.client().sends(line, f"Host: {host}")
    stage.target.answers(f"HTTP/1.1 {status} X", "Content-Length: 0")
    return Entry(stage.record, PLACE, START + 0.25)


def unreadable() -> Entry:
    stage = Stage()
    stage.client().sends("nonsense")
    return Entry(stage.record, PLACE, START)


@pytest.mark.parametrize(
    ("name", "value", "holds"),
    [
        ("status", "200", True),
        ("status", "2xx", True),
        ("status", "2XX", True),
        ("status", "404, 200-299", True),
        ("status", "201-299", False),
        ("status", "5xx,404", False),
        ("method", "post,get", True),
        ("method", "POST", False),
        ("host", "app.test", True),
        ("host", "*.TEST", True),
        ("host", "app", False),
        ("path", "/api/users", True),
        ("path", "/api/*", True),
        ("path", "/API/*", False),
        ("rule", "default", True),
        ("rule", "0", True),
        ("rule", "10,default", True),
        ("rule", "10", False),
        ("target", "10.0.2.37:8080", True),
        ("target", "10.0.2.*", True),
        ("target", "app", True),
        ("target", "api,10.0.2.38:8080", False),
        ("slow", "250ms", True),
        ("slow", ".2", True),
        ("slow", "0.3s", False),
    ],
)
def test_a_filter_lets_through_what_it_names(name: str, value: str, holds: bool) -> None:
    assert holds == RequestFilter([(name, value)]).holds(entry())


@pytest.mark.parametrize(("value", "holds"), [("slow", True), ("s*,x", True), ("flaky", True), ("fast", False)])
def test_the_names_of_faults_are_looked_at_one_by_one(value: str, holds: bool) -> None:
    stage = FaultStage([Fault(delay=1, name="slow"), Fault(status=503, name="flaky")])
    stage.client().sends("GET / HTTP/1.1", "Host: a")
    stage.timers.passes(1)
    assert holds == RequestFilter([("fault", value)]).holds(Entry(stage.record, PLACE, stage.now))
    assert not RequestFilter([("fault", value)]).holds(entry())


def test_filters_of_one_kind_add_up_and_different_kinds_must_all_hold() -> None:
    both = [("status", "404"), ("status", "200")]

    assert RequestFilter(both).holds(entry())
    assert RequestFilter([*both, ("method", "GET")]).holds(entry())
    assert not RequestFilter([*both, ("method", "PUT")]).holds(entry())


def test_without_filters_everything_is_let_through() -> None:
    assert RequestFilter([]).holds(unreadable())


def test_a_request_that_could_not_be_read_has_a_status_and_no_more() -> None:
    held = {
        name
        for name, value in zip(FILTERS, ("400", "GET", "*", "*", "default", "*", "*", "0"), strict=True)
        if RequestFilter([(name, value)]).holds(unreadable())
    }

    assert {"status", "slow"} == held


@pytest.mark.parametrize(
    ("text", "seconds"), [("100ms", 0.1), ("1.5s", 1.5), ("2m", 120.0), ("3", 3.0), ("0", 0.0), (".5s", 0.5)]
)
def test_durations_have_units(text: str, seconds: float) -> None:
    assert seconds == pytest.approx(parse_duration(text))


@pytest.mark.parametrize("text", ["", "ms", "1h", "-1s", "1 s", "1e3", "nan", "1s2"])
def test_what_is_no_duration_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="it must be a number with ms, s or m"):
        parse_duration(text)


def test_statuses_are_one_a_class_or_a_range() -> None:
    assert [range(404, 405), range(500, 600), range(200, 300)] == list(map(parse_statuses, ("404", "5xx", "200-299")))


@pytest.mark.parametrize("text", ["", "4", "xxx", "40x", "200-", "-200", "5xx-6xx", "0xx", "2000", "5xx1"])
def test_what_is_no_status_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="it must be like 404, 5xx or 200-299"):
        parse_statuses(text)


def test_a_range_that_holds_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="'599-500' holds no status: the lower one comes first"):
        parse_statuses("599-500")


@pytest.mark.parametrize("text", ["", "-1", "50001", "first", "\N{ARABIC-INDIC DIGIT ONE}"])
def test_what_is_no_rule_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="it must be a priority from 1 to 50000, or default"):
        parse_rule(text)


def test_a_filter_that_does_not_exist_is_told_those_that_do() -> None:
    with pytest.raises(ValueError, match="'stat' is not a filter: there are status, method, host, path, rule"):
        RequestFilter([("stat", "404")])


@pytest.mark.parametrize(
    ("line", "host", "expected"),
    [
        ("GET / HTTP/1.1", "App.Test:80", "app.test"),
        ("GET http://Other.test:81/ HTTP/1.1", "app.test", "other.test"),
        ("GET / HTTP/1.1", "[::1]:80", "[::1]"),
    ],
)
def test_the_host_is_the_one_that_was_asked_for(line: str, host: str, expected: str) -> None:
    assert expected == host_of(entry(line, host).record)
