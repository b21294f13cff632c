"""The page about tests is made of tests, and they pass."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def test_each_block_of_the_page_is_a_test_module_that_passes(examples: Path, tmp_path: Path) -> None:
    page = (examples.parent / "docs" / "testing.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    for number, block in enumerate(blocks):
        (tmp_path / f"test_block_{number}.py").write_text(block)
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    is_installed = "edgeproxy" in {each.name for each in entry_points(group="pytest11")}
    plugin = [] if is_installed else ["-p", "edgeproxy.testing.plugin"]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugin],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert len(blocks) >= 8
    assert 0 == ran.returncode, ran.stdout + ran.stderr
