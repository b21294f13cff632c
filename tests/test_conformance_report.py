from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from edgeproxy.runtime.metric_names import METRICS
from edgeproxy.runtime.metric_row import Unpublished
from tests.conformance_gaps import GAPS, Gap
from tests.conformance_report import claim, render

SCRIPT = Path(__file__).with_name("conformance_report.py")


def test_the_committed_report_is_what_the_markers_say() -> None:
    """Collected by a process of its own: pytest does not nest."""
    check = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False)

    assert (0, "") == (check.returncode, check.stderr)


def test_rows_are_sorted_and_pipes_are_escaped() -> None:
    claims = {
        claim("tests/b.py::test_b", "paths", "a | b", "rule-condition-types"),
        claim("tests/a.py::test_a", "hosts", "fact", "listener-rules", status="default"),
    }

    gaps = [Gap("logs", "b", "page", "Why not."), Gap("logs", "a", "page", "Why not.")]
    rows = [line for line in render(claims, gaps).splitlines() if line.startswith(("| hosts", "| paths", "| logs"))]

    assert [
        "| hosts | fact | listener-rules | `tests/a.py::test_a` | default |",
        "| paths | a \\| b | rule-condition-types | `tests/b.py::test_b` | holds |",
        "| logs | a | page | Why not. |",
        "| logs | b | page | Why not. |",
    ] == rows


def test_a_gap_has_a_reason_and_stands_once() -> None:
    facts = [(gap.section, gap.fact) for gap in GAPS]

    assert len(set(facts)) == len(facts)
    assert [] == [gap for gap in GAPS if not (gap.page and gap.reason.endswith("."))]


def test_metrics_that_are_not_published_are_gaps() -> None:
    """So that nobody has to write them down twice."""
    missing = {name for row in METRICS if isinstance(row, Unpublished) for name in row.cloudwatch}

    assert missing <= {name for gap in GAPS if gap.section == "metrics" for name in gap.fact.split(", ")}
