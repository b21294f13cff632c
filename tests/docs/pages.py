"""The pages and what stands in their fences.

A fence says by its language what is done with it:

    console     commands behind `$ `, and what they print; run in order, see `session.py`
    yaml        with `title="name.yaml"` a configuration, which must be fine; it is there for the commands behind it
    python      with a title a file as well; without one a script that is run; with tests in it, run by pytest
    json        must be JSON
    text        a drawing, or what something looks like; not looked at

A fence that cannot be run has the reason above it, in a comment that readers do not see:

    <!-- not run: there is no Docker in the tests -->

and a page whose fences somebody else's tests run says whose: `<!-- run by: tests/control/test_doctor_page.py -->`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[2]
DOCS: Final = ROOT / "docs"

_FENCE = re.compile(
    r"""(?:^<!--\ not\ run:\ (?P<reason>[^\n]*?)\ -->\n+)?
        ^```(?P<language>\w*)(?P<settings>[^\n]*)\n
        (?P<text>.*?)
        ^```$""",
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)
_TITLE = re.compile(r'title="([^"]+)"')
_RUN_BY = re.compile(r"^<!-- run by: (\S+) -->$", re.MULTILINE)


class Fence(NamedTuple):
    """One fenced block.

    Attributes:
        page: The page's path from the project's folder.
        line: Where its text begins, counted from 1.
        language: `console`, `yaml`, …
        title: The file that it is, or "".
        text: What stands in it.
        why_not_run: The reason in the comment above it, or "".
    """

    page: str
    line: int
    language: str
    title: str
    text: str
    why_not_run: str

    @property
    def place(self) -> str:
        """For messages: `docs/docker.md:12`."""
        return f"{self.page}:{self.line}"


class Step(NamedTuple):
    """A command and the lines that are shown behind it."""

    command: str
    shown: tuple[str, ...]


def pages() -> list[Path]:
    """README.md, the documentation's pages and the examples' READMEs."""
    return [ROOT / "README.md", *sorted(DOCS.glob("*.md")), *sorted((ROOT / "examples").glob("*/README.md"))]


def name_of(page: Path) -> str:
    """The page's path from the project's folder."""
    return page.relative_to(ROOT).as_posix()


def run_by(page: Path) -> str:
    """The test file that runs the page's fences in place of this folder's; "" where there is none."""
    found = _RUN_BY.search(page.read_text())
    return found[1] if found else ""


def fences(page: Path) -> list[Fence]:
    """The fenced blocks of a page, in order."""
    return fences_in(page.read_text(), name_of(page))


def fences_in(text: str, page: str) -> list[Fence]:
    """The fenced blocks of a page's text."""
    found = []
    for match in _FENCE.finditer(text):
        title = _TITLE.search(match["settings"])
        found.append(
            Fence(
                page=page,
                line=text.count("\n", 0, match.start("text")) + 1,
                language=match["language"],
                title=title[1] if title else "",
                text=match["text"],
                why_not_run=match["reason"] or "",
            )
        )
    return found


def steps(text: str) -> list[Step]:
    """The commands of a console fence; one that ends with a backslash goes on in the next line."""
    found: list[Step] = []
    goes_on = False
    for line in text.splitlines():
        if goes_on:
            found[-1] = Step(f"{found[-1].command}\n{line}", ())
            goes_on = line.endswith("\\")
        elif line.startswith("$ "):
            found.append(Step(line[2:], ()))
            goes_on = line.endswith("\\")
        elif found:
            found[-1] = Step(found[-1].command, (*found[-1].shown, line))
    return [Step(step.command, _without_blank_end(step.shown)) for step in found]


def _without_blank_end(lines: tuple[str, ...]) -> tuple[str, ...]:
    # a blank line in front of the next prompt is the reader's rest, not output
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    return lines
