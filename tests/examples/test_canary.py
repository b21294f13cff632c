from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.helpers.process import EdgeProxyProcess

CLIENTS = 60


def test_canary(
    run_example: Callable[..., EdgeProxyProcess],
    run_script: Callable[..., int],
    curl: Callable[..., str],
    examples: Path,
    tmp_path: Path,
) -> None:
    """Each client keeps its version; without cookies both versions answer, the canary less often."""
    service = examples / "canary" / "service.py"
    ports = {"STABLE_PORT": str(run_script(service, "stable")), "CANARY_PORT": str(run_script(service, "canary"))}
    edgeproxy = run_example("canary", **ports)
    url = f"http://localhost:{edgeproxy.listeners[80]}/"

    # Sixty clients draw no canary once in 556 runs, so as many more are asked as it takes.
    drawn = curl(*[url] * CLIENTS)
    while "canary" not in drawn:
        drawn += curl(*[url] * CLIENTS)
    assert drawn.count("stable") > drawn.count("canary")

    for number in range(5):
        jar = tmp_path / f"jar{number}"
        answers = curl("--cookie", jar, "--cookie-jar", jar, *[url] * 10).splitlines()
        assert 1 == len(set(answers))

    found = re.search(r"AWSALBTG\t(\S+)", jar.read_text())
    assert found is not None
    command = [sys.executable, "-m", "edgeproxy", "explain", "GET", "http://localhost/"]
    explained = subprocess.run(
        [*command, "-H", f"Cookie: AWSALBTG={found[1]}", "-c", examples / "canary" / "edgeproxy.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert f"target group {answers[0].partition(' ')[0]}: the cookie AWSALBTG names it" in explained
