from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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

    rows = render(claims).splitlines()[-2:]

    assert [
        "| hosts | fact | listener-rules | `tests/a.py::test_a` | default |",
        "| paths | a \\| b | rule-condition-types | `tests/b.py::test_b` | holds |",
    ] == rows
