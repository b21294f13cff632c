"""What an ended exchange adds to the counters and to the log."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from edgeproxy.exchange.outcome import Outcome
from edgeproxy.model.action import FixedResponseConfig, RedirectConfig
from edgeproxy.runtime.clock import Clock
from edgeproxy.runtime.ledger import Ledger
from edgeproxy.runtime.metrics import LoadBalancerCounters, TargetGroupCounters
from tests.helpers.exchange_ports import EPOCH, START, Stage

GET = ("GET / HTTP/1.1", "Host: a")
REDIRECT = RedirectConfig(status_code="HTTP_302", protocol="HTTPS", port="443")


class Book:
    """A ledger with the counters and the log lines that it writes."""

    def __init__(self) -> None:
        self.counters = LoadBalancerCounters()
        self.lines: list[str] = []
        self.ledger = Ledger(
            counters=self.counters,
            log=cast("Any", SimpleNamespace(write=self.lines.append)),
            line_format=cast(
                "Any", SimpleNamespace(render=lambda record, now, offset: f"{record.status} {now + offset}")
            ),
            clock=Clock(lambda: START + 1, lambda: EPOCH + 1),
        )

    def enter(self, stage: Stage) -> TargetGroupCounters:
        """Closes the stage's only exchange; returns the counters of its target group."""
        self.ledger.close(stage.record)
        return self.counters.groups["app"]


def forwarded(status: int = 200) -> Stage:
    stage = Stage()
    stage.client().sends(*GET)
    stage.now += 0.5
    stage.target.answers(f"HTTP/1.1 {status} X", "Content-Length: 0")
    return stage


@pytest.mark.conformance("metrics", "a target's answer counts for target and group", "load-balancer-cloudwatch-metrics")
@pytest.mark.parametrize(("status", "digit"), [(200, 2), (302, 3), (404, 4), (502, 5), (599, 5), (999, 0)])
def test_a_targets_answer_counts_by_its_first_digit(status: int, digit: int) -> None:
    book = Book()
    group = book.enter(forwarded(status))

    assert [int(n == digit) for n in range(6)] == group.target_status
    assert (1, 1, 1, 0.5) == (
        book.counters.request_count,
        group.request_count,
        group.response_samples,
        group.response_seconds,
    )
    assert {} == book.counters.elb_status


def test_processed_bytes_are_those_of_both_directions() -> None:
    book = Book()
    stage = forwarded()
    book.enter(stage)

    assert len("GET / HTTP/1.1\r\nHost: a\r\n\r\n") + stage.record.sent_bytes == book.counters.processed_bytes


@pytest.mark.conformance("metrics", "the load balancer's own answers", "load-balancer-cloudwatch-metrics")
@pytest.mark.parametrize(
    ("action", "counted"),
    [
        (REDIRECT, (302, 1, 0)),
        (FixedResponseConfig(status_code="404"), (404, 0, 1)),
    ],
)
def test_own_answers_count_by_status_and_kind(
    action: RedirectConfig | FixedResponseConfig, counted: tuple[int, int, int]
) -> None:
    book = Book()
    stage = Stage(action=action)
    stage.client().sends(*GET)
    book.enter(stage)
    counters = book.counters

    assert ({counted[0]: 1}, *counted[1:]) == (counters.elb_status, counters.redirects, counters.fixed_responses)
    assert 0 == counters.request_count


@pytest.mark.conformance(
    "metrics",
    "RequestCount leaves out what was rejected before a target was chosen",
    "load-balancer-cloudwatch-metrics",
)
@pytest.mark.parametrize("lines", [("nonsense",), ("TRACE / HTTP/1.1", "Host: a"), ("GET / HTTP/1.1",)])
def test_rejected_requests_are_not_requests(lines: tuple[str, ...]) -> None:
    book = Book()
    stage = Stage()
    stage.client().sends(*lines)
    group = book.enter(stage)

    assert (0, 0, 1) == (book.counters.request_count, group.request_count, sum(book.counters.elb_status.values()))


def test_an_empty_group_has_no_request() -> None:
    book = Book()
    stage = Stage(targets=())
    stage.client().sends(*GET)

    assert (0, {503: 1}) == (book.enter(stage).request_count, book.counters.elb_status)


@pytest.mark.conformance("metrics", "TargetConnectionErrorCount", "load-balancer-cloudwatch-metrics")
@pytest.mark.parametrize(
    ("outcome", "errors"),
    [
        (Outcome.CONNECT_FAILED, 1),
        (Outcome.CONNECT_TIMEOUT, 1),
        (Outcome.TARGET_TLS_FAILED, 1),
        (Outcome.SHUTTING_DOWN, 0),
    ],
)
def test_connections_that_fail_are_counted(outcome: Outcome, errors: int) -> None:
    book = Book()
    stage = Stage(is_connected=False)
    stage.client().sends(*GET)
    stage.refuses(outcome)

    assert errors == book.enter(stage).connection_errors


@pytest.mark.conformance("metrics", "460 counts as the load balancer's 4XX", "load-balancer-cloudwatch-metrics")
def test_a_client_that_left_counts_as_460() -> None:
    book = Book()
    stage = Stage()
    stage.client().sends(*GET).leaves()
    book.enter(stage)

    assert {460: 1} == book.counters.elb_status


def test_a_response_that_broke_off_is_the_targets() -> None:
    book = Book()
    stage = Stage()
    stage.client().sends(*GET)
    stage.target.answers("HTTP/1.1 200 OK", "Content-Length: 5").closes()
    group = book.enter(stage)

    assert ({}, 1) == (book.counters.elb_status, group.target_status[2])


def test_each_exchange_is_one_line_with_the_time_of_its_end() -> None:
    book = Book()
    book.enter(forwarded())

    assert [f"200 {EPOCH + 1}"] == book.lines


def test_counting_needs_no_log() -> None:
    counters = LoadBalancerCounters()
    ledger = Ledger(counters=counters, log=None, line_format=cast("Any", None), clock=Clock())
    ledger.close(forwarded().record)

    assert 1 == counters.request_count


@pytest.mark.conformance("anomaly detection", "signals are 5XX of the target", "edit-target-group-attributes")
@pytest.mark.parametrize(("status", "errors"), [(200, 0), (404, 0), (500, 1), (503, 1)])
def test_answers_are_counted_for_anomaly_detection(status: int, errors: int) -> None:
    book = Book()
    stage = forwarded(status)
    book.enter(stage)

    assert (1, errors) == (stage.state.handled, stage.state.errors)


@pytest.mark.conformance("anomaly detection", "signals are failed connections", "edit-target-group-attributes")
@pytest.mark.parametrize(
    ("outcome", "errors"), [(Outcome.CONNECT_FAILED, 1), (Outcome.TARGET_TLS_FAILED, 1), (Outcome.SHUTTING_DOWN, 0)]
)
def test_failed_connections_are_counted_for_anomaly_detection(outcome: Outcome, errors: int) -> None:
    book = Book()
    stage = Stage(is_connected=False)
    stage.client().sends(*GET)
    stage.refuses(outcome)
    book.enter(stage)

    assert (1, errors) == (stage.state.handled, stage.state.errors)


@pytest.mark.conformance(
    "metrics", "a WebSocket is one request, at its upgrade, and no status", "load-balancer-cloudwatch-metrics"
)
def test_a_websocket_counts_when_it_opens_and_its_bytes_when_it_ends() -> None:
    book = Book()
    stage = Stage()
    client = stage.client().sends("GET / HTTP/1.1", "Host: a", "Connection: Upgrade", "Upgrade: websocket")
    stage.now += 0.5
    stage.target.answers("HTTP/1.1 101 X", "Upgrade: websocket")
    book.ledger.open_tunnel(stage.exchanges[0])
    group = book.counters.groups["app"]
    opened = (1, 1, 1, 0.5, 1)
    assert opened == _counted(book, group, stage)
    assert (0, []) == (book.counters.processed_bytes, book.lines)
    client.sends_bytes("12345").leaves()
    book.enter(stage)

    assert opened == _counted(book, group, stage)
    assert ([0] * 6, {}, 1) == (group.target_status, book.counters.elb_status, len(book.lines))
    assert stage.record.received_bytes + stage.record.sent_bytes == book.counters.processed_bytes


def _counted(book: Book, group: TargetGroupCounters, stage: Stage) -> tuple[float, ...]:
    return (
        book.counters.request_count,
        group.request_count,
        group.response_samples,
        group.response_seconds,
        stage.state.handled,
    )
