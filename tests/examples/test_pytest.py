from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def test_pytest(examples: Path) -> None:
    """The sample project's own tests pass, in less than ten seconds together."""
    is_installed = "edgeproxy" in {each.name for each in entry_points(group="pytest11")}
    plugin = [] if is_installed else ["-p", "edgeproxy.testing.plugin"]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugin],
        cwd=examples / "pytest",
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == ran.returncode, ran.stdout + ran.stderr
    said = re.search(r"^10 passed in ([0-9.]+)s", ran.stdout, re.MULTILINE)
    assert said is not None, ran.stdout
    assert float(said[1]) < 10
