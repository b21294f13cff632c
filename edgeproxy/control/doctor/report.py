"""The findings, for people and for programs."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from edgeproxy.control.doctor.examine import Report
    from edgeproxy.control.doctor.finding import Finding

Style = Callable[[str, str], str]
"""Gives a text the looks of a severity."""

WIDTH: Final = 110
TICK: Final = "✓"
_SIGNS: Final[dict[str, str]] = {"problem": "!", "advice": "~", "good": TICK, "skipped": "-"}
_COLOURS: Final[dict[str, str]] = {
    "problem": "red",
    "advice": "yellow",
    "good": "green",
    "skipped": "bright_black",
}
_INDENT: Final = " " * 4


def plain(text: str, severity: str) -> str:  # noqa: ARG001 - a Style
    """For files and programs."""
    return text


def coloured(text: str, severity: str) -> str:
    """For terminals."""
    return click.style(text, fg=_COLOURS[severity], bold=severity == "problem")


def lines_of(reports: Sequence[Report], style: Style = plain) -> Iterator[str]:
    """A block for each target, and the sum."""
    for report in reports:
        subject = report.subject
        group = f" of target group {subject.target_group}" if subject.target_group else ""
        yield f"{subject.label}{group}"
        for finding in report.findings:
            yield from _lines_of_finding(finding, style)
        yield ""
    yield summary(reports)


def _lines_of_finding(finding: Finding, style: Style) -> Iterator[str]:
    sign = style(_SIGNS[finding.severity], finding.severity)
    first, *others = _wrapped(f"{finding.name}: {finding.sentence}")
    yield f"  {sign} {first}"
    yield from (_INDENT + line for line in others)
    if finding.cure:
        yield from (_INDENT + line for line in _wrapped(f"cure: {finding.cure}"))
    if finding.severity in ("problem", "advice"):
        yield from (_INDENT + line for line in _wrapped(f"fact: {finding.fact}"))
        yield f"{_INDENT}page: {finding.page}"


def _wrapped(text: str) -> list[str]:
    """Lines for a terminal; what the app sent must not move its cursor."""
    text = "".join(character if character.isprintable() else "?" for character in text)
    return textwrap.wrap(text, WIDTH - len(_INDENT), break_long_words=False, break_on_hyphens=False)


def summary(reports: Sequence[Report]) -> str:
    """The sum: `2 problems, 1 piece of advice, 1 not looked at.`, without what there is none of."""
    problems, advice, skipped = (count(reports, each) for each in ("problem", "advice", "skipped"))
    parts = [f"{problems or 'No'} problem{'' if problems == 1 else 's'}"]
    parts += [f"{advice} piece{'' if advice == 1 else 's'} of advice"] if advice else []
    parts += [f"{skipped} not looked at"] if skipped else []
    return ", ".join(parts) + "."


def count(reports: Sequence[Report], severity: str) -> int:
    """How many findings there are of one severity."""
    return sum(finding.severity == severity for report in reports for finding in report.findings)


def document(reports: Sequence[Report]) -> dict[str, Any]:
    """The same for programs."""
    return {
        "Problems": count(reports, "problem"),
        "Advice": count(reports, "advice"),
        "Skipped": count(reports, "skipped"),
        "Targets": [
            {
                "Target": report.subject.label,
                **({"TargetGroupName": report.subject.target_group} if report.subject.target_group else {}),
                "Findings": msgspec.to_builtins(report.findings),
            }
            for report in reports
        ],
    }
