from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.helpers.process import EdgeProxyProcess


def test_strip_prefix(
    run_example: Callable[..., EdgeProxyProcess],
    run_script: Callable[..., int],
    curl: Callable[..., str],
    examples: Path,
) -> None:
    """The target gets the path without `/shop`, the access log keeps it with."""
    port = run_script(examples / "strip-prefix" / "service.py", "shop")
    edgeproxy = run_example("strip-prefix", SHOP_PORT=str(port))
    http = f"http://localhost:{edgeproxy.listeners[80]}"

    assert "shop answers /items?page=2\n" == curl(f"{http}/shop/items?page=2")
    assert "shop answers /\n" == curl(f"{http}/shop")
    assert "shop answers /\n" == curl(f"{http}/shop/")
    assert "shop answers /a%20b\n" == curl(f"{http}/shop/a%20b")
    assert "no such page" == curl(f"{http}/items")
    assert "no such page" == curl(f"{http}/shopping")


def test_the_commands_in_the_readme_are_right(examples: Path) -> None:
    folder = examples / "strip-prefix"
    (command,) = re.findall(r"^\$ edgeproxy (explain .*)$", (folder / "README.md").read_text(), re.MULTILINE)

    explained = subprocess.run(
        [sys.executable, "-m", "edgeproxy", *command.split()], cwd=folder, capture_output=True, text=True, check=True
    ).stdout

    assert "url-rewrite: '/shop/items?page=2' becomes '/items?page=2'" in explained.splitlines()
