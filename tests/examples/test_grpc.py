from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.helpers.process import EdgeProxyProcess


def test_grpc(
    run_example: Callable[..., EdgeProxyProcess],
    run_script: Callable[..., int],
    ask_health: Callable[[EdgeProxyProcess], tuple[int, str]],
    curl: Callable[..., str],
    examples: Path,
    tmp_path: Path,
) -> None:
    """The README's calls give the README's answers, and the service is healthy without knowing of checks."""
    folder = examples / "grpc"
    port = run_script(folder / "service.py")
    edgeproxy = run_example("grpc", GREETER_PORT=str(port))
    address = f"localhost:{edgeproxy.listeners[443]}"
    readme = (folder / "README.md").read_text()

    assert (0, f"greeter\t127.0.0.1:{port}\t{port}\thealthy\t-\t-\t-\n") == ask_health(edgeproxy)

    for arguments, answer in re.findall(
        r"^\$ python3 client\.py localhost:8443 (.+)\n((?:.+\n)+?)```", readme, re.MULTILINE
    ):
        called = subprocess.run(
            [sys.executable, folder / "client.py", address, *arguments.split()],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert answer == called

    authority = tmp_path / "certs" / "ca.pem"
    refused = curl("--cacert", authority, "--http1.1", "-w", "%{http_code}", f"https://{address}/hello.Greeter/Greet")
    assert "464" == refused
    edgeproxy.stop()
    assert ["grpcs", "grpcs", "grpcs", "https"] == [line.split(" ")[0] for line in edgeproxy.access_log()]
