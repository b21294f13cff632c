"""What an ended exchange adds to the counters and to the log."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from edgeproxy.exchange.outcome import Outcome
from edgeproxy.model.action import FixedResponseConfig, RedirectConfig
from edgeproxy.protocol.desync import Tier, Verdict
from edgeproxy.runtime.clock import Clock
from edgeproxy.runtime.ledger import CountingRules, Ledger
from edgeproxy.runtime.metrics import RESPONSE_TIME_BOUNDS, LoadBalancerCounters, TargetGroupCounters
from edgeproxy.runtime.request_ring import ListenerPlace, RequestRing
from tests.helpers.exchange_ports import EPOCH, START, Stage

NO_RULES = CountingRules()
GET = ("GET / HTTP/1.1", "Host: a")
REDIRECT = RedirectConfig(status_code="HTTP_302", protocol="HTTPS", port="443")


PLACE = ListenerPlace("dev", "http", 80)


class Book:
    """A ledger with the counters and the log lines that it writes."""

    def __init__(self, rules: CountingRules = NO_RULES) -> None:
        self.counters = LoadBalancerCounters()
        self.lines: list[str] = []
        self.ring = RequestRing(Clock(lambda: START + 1, lambda: EPOCH + 1))
        self.ledger = Ledger(
            counters=self.counters,
            log=cast("Any", SimpleNamespace(write=self.lines.append)),
            line_format=cast(
                "Any", SimpleNamespace(render=lambda record, now, offset: f"{record.status} {now + offset}")
            ),
            clock=self.ring.clock,
            ring=self.ring,
            place=PLACE,
            rules=rules,
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


@pytest.mark.conformance(
    "metrics", "TargetConnectionErrorCount, TargetTLSNegotiationErrorCount", "load-balancer-cloudwatch-metrics"
)
@pytest.mark.parametrize(
    ("outcome", "errors"),
    [
        (Outcome.CONNECT_FAILED, (1, 0)),
        (Outcome.CONNECT_TIMEOUT, (1, 0)),
        (Outcome.TARGET_TLS_FAILED, (0, 1)),
        (Outcome.TARGET_TLS_TIMEOUT, (0, 1)),
        (Outcome.SHUTTING_DOWN, (0, 0)),
    ],
)
def test_connections_that_fail_are_counted(outcome: Outcome, errors: tuple[int, int]) -> None:
    book = Book()
    stage = Stage(is_connected=False)
    stage.client().sends(*GET)
    stage.refuses(outcome)

    group = book.enter(stage)

    assert errors == (group.connection_errors, group.tls_errors)


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
    clock = Clock()
    ledger = Ledger(
        counters=counters, log=None, line_format=cast("Any", None), clock=clock, ring=RequestRing(clock), place=PLACE
    )
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
    ("outcome", "errors"),
    [
        (Outcome.CONNECT_FAILED, 1),
        (Outcome.CONNECT_TIMEOUT, 1),
        (Outcome.TARGET_TLS_FAILED, 1),
        (Outcome.TARGET_TLS_TIMEOUT, 1),
        (Outcome.SHUTTING_DOWN, 0),
    ],
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
    assert ([0] * 4, {}, 1) == (group.target_status[2:], book.counters.elb_status, len(book.lines))
    assert stage.record.received_bytes + stage.record.sent_bytes == book.counters.processed_bytes


def _counted(book: Book, group: TargetGroupCounters, stage: Stage) -> tuple[float, ...]:
    return (
        book.counters.request_count,
        group.request_count,
        group.response_samples,
        group.response_seconds,
        stage.state.handled,
    )


@pytest.mark.conformance(
    "metrics", "TargetResponseTime runs until the response begins", "load-balancer-cloudwatch-metrics"
)
def test_response_times_fall_into_buckets_whose_upper_ends_belong_to_them() -> None:
    book = Book()
    group = book.enter(forwarded())

    assert {RESPONSE_TIME_BOUNDS.index(0.5): 1} == {n: count for n, count in enumerate(group.response_buckets) if count}


@pytest.mark.conformance(
    "metrics", "RuleEvaluations leave out the default rule", "load-balancer-cloudwatch-metrics", status="default"
)
@pytest.mark.parametrize(("priority", "evaluations"), [("5", 1), ("10", 2), ("200", 3), ("0", 3), ("-", 0)])
def test_a_rules_position_is_how_many_rules_were_evaluated(priority: str, evaluations: int) -> None:
    book = Book(CountingRules((200, 5, 10)))
    stage = forwarded()
    stage.record.priority = priority
    book.enter(stage)

    assert evaluations == book.counters.rule_evaluations


def test_requests_over_ipv6_are_counted_with_their_bytes() -> None:
    book = Book()
    for source in ("192.0.2.7", "2001:db8::7"):
        stage = Stage()
        stage.client(source_ip=source).sends(*GET)
        stage.target.answers("HTTP/1.1 200 X", "Content-Length: 0")
        book.enter(stage)
    record = stage.record

    assert (1, record.received_bytes + record.sent_bytes) == (book.counters.ipv6_requests, book.counters.ipv6_bytes)
    assert 2 * book.counters.ipv6_bytes == book.counters.processed_bytes


@pytest.mark.conformance(
    "metrics",
    "invalid header names: dropped or forwarded, for requests that reach a target",
    "load-balancer-cloudwatch-metrics",
)
@pytest.mark.parametrize(("drops", "counted"), [(True, (1, 0)), (False, (0, 1))])
@pytest.mark.parametrize("is_websocket", [False, True])
def test_requests_with_invalid_header_names_are_counted(
    drops: bool, is_websocket: bool, counted: tuple[int, int]
) -> None:
    book = Book(CountingRules(drops_invalid_headers=drops))
    routed = forwarded()
    refused = Stage(targets=())
    refused.client().sends(*GET)
    for stage in (routed, refused):
        assert stage.record.head is not None
        stage.record.head.fields.has_invalid_names = True
    if is_websocket:
        routed.record.target_status = 101
        book.ledger.open_tunnel(routed.record)
    book.enter(routed)
    book.enter(refused)

    assert counted == (book.counters.invalid_headers_dropped, book.counters.invalid_headers_forwarded)


@pytest.mark.conformance(
    "metrics", "a classification other than compliant is counted", "load-balancer-cloudwatch-metrics"
)
def test_requests_that_are_classified_are_counted() -> None:
    book = Book()
    book.enter(forwarded())
    stage = forwarded()
    stage.record.verdict = Verdict(Tier.ACCEPTABLE, "Acceptable", "SpaceInUri")
    book.enter(stage)

    assert 1 == book.counters.non_compliant_requests


@pytest.mark.conformance("metrics", "NonStickyRequestCount", "load-balancer-cloudwatch-metrics")
@pytest.mark.parametrize(("missed", "counted"), [("lb_cookie", (1, 0)), ("app_cookie", (0, 1)), (None, (0, 0))])
def test_sessions_that_could_not_be_followed_are_counted(missed: str | None, counted: tuple[int, int]) -> None:
    book = Book()
    stage = forwarded()
    stage.record.sticky = cast("Any", SimpleNamespace(missed=missed))
    book.enter(stage)

    assert counted == (book.counters.sessions_missed, book.counters.application_sessions_missed)


@pytest.mark.conformance("metrics", "HTTP_Redirect_Url_Limit_Exceeded_Count", "load-balancer-cloudwatch-metrics")
def test_a_redirect_that_is_too_long_has_its_own_count() -> None:
    book = Book()
    stage = Stage(action=REDIRECT)
    stage.client().sends(f"GET /{'x' * 8192} HTTP/1.1", "Host: a")
    book.enter(stage)

    assert ({507: 1}, 0, 1) == (book.counters.elb_status, book.counters.redirects, book.counters.redirects_too_long)


def test_live_readers_are_handed_what_has_ended_and_when() -> None:
    book = Book()
    book.enter(forwarded())
    book.ring.recent()
    stage = forwarded()
    book.enter(stage)

    assert [(stage.record, PLACE, START + 1)] == book.ring.recent()
