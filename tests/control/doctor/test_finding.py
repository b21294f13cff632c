from __future__ import annotations

import msgspec
import pytest

from edgeproxy.control.doctor import facts
from edgeproxy.control.doctor.finding import Finding, duration, found


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.0124, "12 ms"),
        (0.4, "0.4 s"),
        (5.04, "5 s"),
        (5.2, "5.2 s"),
        (63.4, "63 s"),
        (-0.001, "0 ms"),
    ],
)
def test_durations_are_as_exact_as_a_reader_wants_them(seconds: float, text: str) -> None:
    assert text == duration(seconds)


def test_a_finding_names_its_fact_and_page_and_what_was_measured() -> None:
    finding = found("keep-alive", "problem", "Too short.", facts.KEEP_ALIVE, "Longer.", keep_alive_seconds=5.00049)

    assert {
        "Name": "keep-alive",
        "Severity": "problem",
        "Sentence": "Too short.",
        "Cure": "Longer.",
        "Fact": facts.KEEP_ALIVE.text,
        "Page": facts.KEEP_ALIVE.page,
        "Measured": {"KeepAliveSeconds": 5.0},
    } == msgspec.to_builtins(finding)


def test_what_says_nothing_is_left_out() -> None:
    finding = Finding(name="a", severity="good", sentence="b")

    assert {"Name": "a", "Severity": "good", "Sentence": "b"} == msgspec.to_builtins(finding)
