"""Every request is accounted for exactly once, whatever happens to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.soak.__main__ import soak
from tests.end_to_end.soak.ledger import Entry, Ledger, Line, parse_metrics

if TYPE_CHECKING:
    from collections.abc import Callable

LINE = (
    "http 2026-11-22T10:00:00.000000Z app/soak/98e3a879de9d6b42 127.0.0.1:5815 {target} 0.001 0.003 0.000 {status} "
    '{target_status} 153 3860 "GET http://a:80/ok/{number} HTTP/1.1" "-" - - arn:x "Root=1-2-3" "-" "-" 0 '
    '2026-11-22T10:00:00.000000Z "forward" "-" "-" "{target}" "{target_status}" "-" "-" TID_d7 "-" "-" "-" 127.0.0.1'
)


def line(number: int, status: int = 200, target_status: int | str = 200, target: str = "10.0.2.37:80") -> Line:
    return Line.parse(LINE.format(number=number, status=status, target_status=target_status, target=target))


def metrics(**more: float) -> dict[str, float]:
    found = {"request_count_total": 1, "processed_bytes_total": 153 + 3860, "httpcode_target_2xx_count_total": 1}
    return {f"aws_applicationelb_{name}": value for name, value in (found | more).items()}


@pytest.mark.usefixtures("enough_files")
async def test_a_few_thousand_requests_under_faults_are_each_accounted_for_once() -> None:
    """`python -m tests.end_to_end.soak` runs as many as one likes."""
    report = await soak(requests=3000, seed=1)

    assert [] == report.problems
    assert {101, 200, 204, 302, 400, 404, 408, 500, 502, 503, 504} <= set(report.statuses)
    assert report.statuses[200] > 1000
    assert min(report.kills, report.reloads) > 0
    assert (0, 0) == (report.lost_files, report.lost_connections)
    assert report.races < 30


def test_what_fits_is_no_problem() -> None:
    ledger = Ledger({7: Entry(status=200, sent=3860, received=153), 8: Entry(least=0), 9: Entry(least=0, most=0)})

    assert [] == list(ledger.problems([line(7)], metrics()))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda ledger, lines: lines.append(line(7)), "request 7 was logged 2 times"),
        (lambda ledger, lines: lines.clear(), "request 7 was logged 0 times"),
        (lambda ledger, lines: lines.append(line(6)), "request 6 was logged and never sent"),
        (lambda ledger, lines: ledger.entries.update({7: Entry(status=502)}), "answered with 502 and logged with 200"),
        (lambda ledger, lines: ledger.entries.update({7: Entry(sent=1)}), "got 1 bytes and 3860 were logged"),
        (lambda ledger, lines: ledger.entries.update({7: Entry(received=1)}), "sent 1 bytes and 153 were logged"),
        (lambda ledger, lines: ledger.hung.append(7), "request 7 was neither answered nor ended"),
        (lambda ledger, lines: lines.append(line(7)), "the metric request_count_total is 1, and the log says 2"),
        (lambda ledger, lines: setattr(ledger, "unreadable", 1), "1 unreadable requests were sent and 0 were logged"),
    ],
)
def test_what_does_not_fit_is_said(change: Callable[[Ledger, list[Line]], object], problem: str) -> None:
    ledger, lines = Ledger({7: Entry(status=200)}), [line(7)]
    change(ledger, lines)

    assert any(problem in each for each in ledger.problems(lines, metrics()))


def test_a_code_that_only_the_metrics_know_is_a_problem() -> None:
    ledger = Ledger({7: Entry()})

    assert ["the metric httpcode_elb_5xx_count_total is 3, and the log has no such line"] == list(
        ledger.problems([line(7)], metrics(httpcode_elb_5xx_count_total=3))
    )


def test_metrics_are_summed_over_their_labels() -> None:
    assert {"a_total": 5.0, "b": 1.0} == parse_metrics('# HELP a\na_total{x="1"} 2.0\na_total{x="2"} 3.0\nb 1.0\n')
