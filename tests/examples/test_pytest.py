from __future__ import annotations

import re
import subprocess
import sys
import time
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def test_pytest(examples: Path) -> None:
    """The sample project's own tests pass, in less than ten seconds together."""
    is_installed = "edgeproxy" in {each.name for each in entry_points(group="pytest11")}
    plugin = [] if is_installed else ["-p", "edgeproxy.testing.plugin"]
    before = time.monotonic()
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugin],
        cwd=examples / "pytest",
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == ran.returncode, ran.stdout + ran.stderr
    assert re.search(r"^10 passed in", ran.stdout, re.MULTILINE)
    assert time.monotonic() - before < 10
