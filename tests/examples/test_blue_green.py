from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

from tests.helpers.wait import until_blocking

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.helpers.process import EdgeProxyProcess


def test_blue_green(  # one example is one story
    run_edgeproxy: Callable[..., EdgeProxyProcess],
    run_script: Callable[..., int],
    curl: Callable[..., str],
    ask_health: Callable[[EdgeProxyProcess], tuple[int, str]],
    examples: Path,
    tmp_path: Path,
) -> None:
    """The README's `sed` moves all requests from blue to green, and green was checked before it got any."""
    folder = shutil.copytree(examples / "blue-green", tmp_path / "blue-green")
    blue, green = run_script(folder / "service.py", "blue"), run_script(folder / "service.py", "green")
    edgeproxy = run_edgeproxy(
        *("run", "-c", folder / "edgeproxy.yaml", "--time-scale", "0.1"),
        *("--bind", "80=127.0.0.1:0", "--admin", "127.0.0.1:0"),
        environment={"BLUE_PORT": str(blue), "GREEN_PORT": str(green)},
    )
    url = f"http://localhost:{edgeproxy.listeners[80]}/"
    until_blocking(lambda: ask_health(edgeproxy)[0] == 0)

    assert ["blue answers /\n"] * 5 == [curl(url) for _ in range(5)]

    (sed,) = [line.removeprefix("$ ") for line in (folder / "README.md").read_text().splitlines() if "sed -i" in line]
    subprocess.run(sed, shell=True, cwd=folder, check=True)
    edgeproxy.wait_for("reloaded")

    assert ["green answers /\n"] * 5 == [curl(url) for _ in range(5)]
