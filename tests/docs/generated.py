"""What the pages that programs write have in common: how they are written, and how it is found that they are old."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from tests.docs.pages import DOCS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


class Generated(NamedTuple):
    """A page of the documentation and the program that writes it.

    Attributes:
        name: The file's name in `docs/`.
        render: Makes its whole text.
    """

    name: str
    render: Callable[[], str]

    def main(self, arguments: Sequence[str]) -> int:
        """Write the page, or with `--check` say whether it is what would be written; the exit code."""
        path, text = DOCS / self.name, self.render()
        if "--check" not in arguments:
            path.write_text(text)
            return 0
        if path.is_file() and path.read_text() == text:
            return 0
        sys.stderr.write(f"docs/{self.name} is not what the code says: run `make reference` and commit it.\n")
        return 1


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = (headings, ["---"] * len(headings), *rows)
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)
