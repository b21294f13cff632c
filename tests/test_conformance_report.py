from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import ModuleType

SCRIPT = Path(__file__).with_name("conformance_report.py")


@pytest.fixture(scope="module")
def report() -> ModuleType:
    specification = importlib.util.spec_from_file_location("conformance_report", SCRIPT)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_the_committed_report_is_what_the_markers_say() -> None:
    """Collected by a process of its own: pytest does not nest."""
    check = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False)

    assert (0, "") == (check.returncode, check.stderr)


def test_rows_are_sorted_and_pipes_are_escaped(report: Any) -> None:
    claims = {
        report.claim("tests/b.py::test_b", "paths", "a | b", "rule-condition-types"),
        report.claim("tests/a.py::test_a", "hosts", "fact", "listener-rules", status="default"),
    }

    rows = report.render(claims).splitlines()[-2:]

    assert [
        "| hosts | fact | listener-rules | `tests/a.py::test_a` | default |",
        "| paths | a \\| b | rule-condition-types | `tests/b.py::test_b` | holds |",
    ] == rows
