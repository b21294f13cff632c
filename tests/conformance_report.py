"""Writes CONFORMANCE.md: every documented behaviour of the ALB that a test shows, with the page and the test.

Behind it stands what is not covered, with the reason (`conformance_gaps.py`).

A test claims a behaviour by its marker:

    @pytest.mark.conformance("path conditions", "paths are case-sensitive", "rule-condition-types")

The tests are collected, not run; `make test` runs them, and one of its tests fails if the committed file is not what
this script writes. `status="default"` marks a fact that AWS does not document and for which edgeproxy chose a default.

    python tests/conformance_report.py           writes the file
    python tests/conformance_report.py --check   exit code 1 if the file is out of date
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.conformance_gaps import Gap

ROOT = Path(__file__).resolve().parent.parent
REPORT = ROOT / "CONFORMANCE.md"

_PAGES = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/"
_OPENING = f"""# Conformance

What edgeproxy does like the Application Load Balancer, and the test that shows it. Made by `make conformance` from the
tests' markers; all of these tests run in `make test`.

*Page* is a page of [the user guide]({_PAGES})
or of the API reference. *Status* is `holds` where a page says so, and `default` where none does and edgeproxy had to
choose.

"""
_GAPS_OPENING = """
## What is not covered

What the user guide says of requests, answers, logs and metrics and edgeproxy does not do, and why.

"""
_GAP_HEADINGS = ("Section", "Fact", "AWS page", "Reason")
_HEADINGS = ("Section", "Fact", "AWS page", "Test", "Status")


class Claim(NamedTuple):
    """One documented behaviour and the test that shows it."""

    section: str
    fact: str
    page: str
    test: str
    status: str


class ClaimCollector:
    """A pytest plugin that reads the markers of the collected tests."""

    def __init__(self) -> None:
        self.claims: set[Claim] = set()
        self.errors: list[str] = []

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Called by pytest for each file."""
        if report.failed:
            self.errors.append(report.longreprtext)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Called by pytest once all tests are known."""
        for item in session.items:
            test = item.nodeid.partition("[")[0]
            for marker in item.iter_markers("conformance"):
                self.claims.add(claim(test, *marker.args, **marker.kwargs))


def claim(test: str, section: str, fact: str, page: str, status: str = "holds") -> Claim:
    """A claim as its marker makes it: `conformance(section, fact, page, status='holds')`."""
    return Claim(section, fact, page, test, status)


def collect(paths: Sequence[str] = ()) -> set[Claim]:
    """The claims of all tests.

    Raises:
        RuntimeError: A test file could not be collected.
    """
    collector = ClaimCollector()
    # the project's own options hold some of the terminal's, which is left out to keep quiet
    own_options = ["-o", "addopts=--import-mode=importlib --strict-markers -p no:cacheprovider"]
    options = [
        "--collect-only",
        "--assert=plain",  # nothing is run, and this process has imported the plugin's package already
        "-p",
        "no:terminal",
        "-p",
        "no:xdist",
        "-c",
        str(ROOT / "pyproject.toml"),
        *own_options,
    ]
    outcome = pytest.main([*options, *(paths or [str(ROOT / "tests")])], plugins=[collector])
    if outcome not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise RuntimeError("\n\n".join(["The tests could not be collected.", *collector.errors]))
    return collector.claims


def render(claims: Iterable[Claim], gaps: Iterable[Gap]) -> str:
    """The whole file."""
    shown = [(each.section, each.fact, each.page, f"`{each.test}`", each.status) for each in sorted(claims)]
    return _OPENING + _table(_HEADINGS, shown) + _GAPS_OPENING + _table(_GAP_HEADINGS, sorted(gaps))


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = map(_row, (headings, ["---"] * len(headings), *rows))
    return "".join(f"{line}\n" for line in lines)


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def main(arguments: Sequence[str]) -> int:
    """See the module; the exit code."""
    # Run as a script, this file does not find the packages beside its own folder.
    sys.path.insert(0, str(ROOT))
    from tests.conformance_gaps import GAPS  # noqa: PLC0415

    text = render(collect(), GAPS)
    if "--check" not in arguments:
        REPORT.write_text(text)
        return 0
    if REPORT.is_file() and REPORT.read_text() == text:
        return 0
    sys.stderr.write("CONFORMANCE.md is not what the tests' markers say: run `make conformance` and commit it.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
