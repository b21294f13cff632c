"""Draws docs/images/terminal.svg, the README's picture, from a real run in front of the app of examples/first-steps.

python -m tests.docs.picture

What is drawn is text, in whatever fixed font the reader has; nothing is fetched.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from tests.docs.pages import DOCS, ROOT, Step
from tests.docs.session import session

if TYPE_CHECKING:
    from collections.abc import Iterator

PICTURE: Final = DOCS / "images" / "terminal.svg"
COLUMNS: Final = 100

SERVE: Final = "edgeproxy run --target 127.0.0.1:8080 --health-codes 200,404 --bind 80=8000 --bind 443=8443"
ASK: Final = (
    "curl -si http://localhost:8000/hello | grep -E 'HTTP|Server|Location'",
    "curl --cacert certs/ca.pem https://localhost:8443/hello",
    "edgeproxy health",
)
_THEME: Final = TerminalTheme(
    (30, 34, 39),
    (215, 218, 224),
    [
        (30, 34, 39),
        (224, 108, 117),
        (152, 195, 121),
        (229, 192, 123),
        (97, 175, 239),
        (198, 120, 221),
        (86, 182, 194),
        (171, 178, 191),
    ],
)

# As rich's own, without its web fonts and without a window's buttons.
_FORMAT: Final = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; \
font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">\
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" /></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def transcript() -> Iterator[tuple[str, str]]:
    """Commands and what they have printed, with the colours of a terminal."""
    with tempfile.TemporaryDirectory() as folder, session(Path(folder) / "run") as shell:
        shell.copy(ROOT / "examples" / "first-steps")
        shell.run(Step("python3 app.py 8080 &", ()))
        shell.run(Step(f"{SERVE} --access-log off", ()))
        shell.run(Step("edgeproxy health", ("app	127.0.0.1:8080	8080	healthy	-	-	-",)))
        lines = shell.output().splitlines()
        # Health and the admin endpoint may come in either order.
        yield SERVE, "\n".join(sorted(lines, key=lambda line: " is healthy." in line))
        for command in ASK:
            yield command, shell.in_terminal(command, COLUMNS)


def draw() -> str:
    """The picture."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    for command, output in transcript():
        console.print(Text.assemble(("$ ", "green"), (command, "bold")), overflow="fold")
        console.print(Text.from_ansi(output.strip("\n")), overflow="fold")
        console.print()
    return console.export_svg(title="", theme=_THEME, code_format=_FORMAT, unique_id="edgeproxy")


if __name__ == "__main__":
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text("".join(f"{line.rstrip()}\n" for line in draw().splitlines()))
    sys.stdout.write(f"{PICTURE}: {PICTURE.stat().st_size} bytes\n")
