from __future__ import annotations

import re
import resource
import subprocess
import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def test_pytest(examples: Path) -> None:
    """The sample project's own tests pass, in less than ten seconds together where nothing else runs."""
    is_installed = "edgeproxy" in {each.name for each in entry_points(group="pytest11")}
    plugin = [] if is_installed else ["-p", "edgeproxy.testing.plugin"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugin],
        cwd=examples / "pytest",
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == ran.returncode, ran.stdout + ran.stderr
    assert re.search(r"^10 passed in ", ran.stdout, re.MULTILINE), ran.stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 10
