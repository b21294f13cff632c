from __future__ import annotations

from typing import Any

from edgeproxy.control.doctor import facts
from edgeproxy.control.doctor.examine import Report
from edgeproxy.control.doctor.finding import found
from edgeproxy.control.doctor.report import WIDTH, coloured, document, lines_of

FACT = facts.Fact("Idle connections end.", "https://docs.example/idle")
GOOD = found("answers", "good", "GET / is answered.", facts.MALFORMED)
BAD = found("keep-alive", "problem", "Your app closes.", FACT, "Set it.", keep_alive_seconds=5.0)
ADVICE = found("framing", "advice", "No length.", facts.MALFORMED, "Send one.")
SKIPPED = found("websocket", "skipped", "Not tried.", facts.WEBSOCKET)


def test_a_block_for_each_target_and_a_sum(subject_of: Any) -> None:
    reports = [
        Report(subject=subject_of(80), findings=[GOOD, SKIPPED]),
        Report(subject=subject_of(81, target_group="app"), findings=[BAD]),
    ]

    assert [
        "127.0.0.1:80",
        "  ✓ answers: GET / is answered.",
        "  - websocket: Not tried.",
        "",
        "127.0.0.1:81 of target group app",
        "  ! keep-alive: Your app closes.",
        "    cure: Set it.",
        "    fact: Idle connections end.",
        "    page: https://docs.example/idle",
        "",
        "1 problem, 1 not looked at.",
    ] == list(lines_of(reports))


def test_the_sum_counts_each_kind(subject_of: Any) -> None:
    sums = [
        list(lines_of([Report(subject=subject_of(80), findings=findings)]))[-1]
        for findings in ([GOOD], [BAD, BAD, ADVICE], [ADVICE, ADVICE, SKIPPED])
    ]

    assert [
        "No problems.",
        "2 problems, 1 piece of advice.",
        "No problems, 2 pieces of advice, 1 not looked at.",
    ] == sums


def test_lines_are_no_longer_than_a_terminal_but_for_addresses_of_pages(subject_of: Any) -> None:
    long = found("a", "problem", "word " * 100, facts.FORWARDED_PROTO, "word " * 100)
    lines = list(lines_of([Report(subject=subject_of(80), findings=[long])]))

    assert all(len(line) <= WIDTH or "page: " in line for line in lines)


def test_what_an_app_sends_does_not_steer_the_terminal(subject_of: Any) -> None:
    evil = found("a", "problem", "to \x1b[2Jx", facts.MALFORMED)
    lines = list(lines_of([Report(subject=subject_of(80), findings=[evil])]))

    assert "  ! a: to ?[2Jx" == lines[1]


def test_signs_are_coloured_for_terminals(subject_of: Any) -> None:
    lines = list(lines_of([Report(subject=subject_of(80), findings=[BAD])], coloured))

    assert "  \x1b[31m\x1b[1m!\x1b[0m keep-alive: Your app closes." == lines[1]


def test_the_document_holds_everything(subject_of: Any) -> None:
    reports = [Report(subject=subject_of(81, target_group="app"), findings=[GOOD, BAD])]
    shown = document(reports)

    assert (1, 0, 0) == (shown["Problems"], shown["Advice"], shown["Skipped"])
    [target] = shown["Targets"]
    assert ("127.0.0.1:81", "app") == (target["Target"], target["TargetGroupName"])
    assert ["answers", "keep-alive"] == [each["Name"] for each in target["Findings"]]
    assert {"KeepAliveSeconds": 5.0} == target["Findings"][1]["Measured"]
    assert "TargetGroupName" not in document([Report(subject=subject_of(80), findings=[])])["Targets"][0]
