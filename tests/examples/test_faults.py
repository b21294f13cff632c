from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from edgeproxy.control.config.loader import load_text
from edgeproxy.model.fault import STATUSES, Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.helpers.process import EdgeProxyProcess


MANUAL = (Path(__file__).resolve().parents[2] / "docs" / "faults.md").read_text()


def fault(process: EdgeProxyProcess, *arguments: str) -> str:
    command = [sys.executable, "-m", "edgeproxy", "fault", *arguments, "--admin", process.admin]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def status_of(url: str) -> str:
    command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", url]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def test_faults(
    run_example: Callable[..., EdgeProxyProcess],
    run_script: Callable[..., int],
    curl: Callable[..., str],
    examples: Path,
) -> None:
    """Every path fails as the README says, and the same requests in every run."""
    folder = examples / "faults"
    port = run_script(folder / "service.py", "app")
    edgeproxy = run_example("faults", APP_PORT=str(port), EDGEPROXY_FAULT_HEADER="1")
    http = f"http://localhost:{edgeproxy.listeners[80]}"
    readme = (folder / "README.md").read_text()

    statuses = [status_of(f"{http}/flaky") for _ in range(10)]
    assert f"\n{' '.join(statuses)}\n" in readme

    assert "app answers /slow\n" == curl(f"{http}/slow")

    cut = subprocess.run(["curl", "-sS", f"{http}/cut"], capture_output=True, text=True, check=False)
    assert f"{cut.stderr}{cut.stdout}\n" in readme

    race = re.sub(r"Date: .*", "Date: Sun, 22 Nov 2026 10:00:00 GMT", curl("-i", f"{http}/race").replace("\r", ""))
    assert f"$ curl -i http://localhost:8000/race\n{race}$ curl" in readme
    assert "app answers /race\n" == curl(f"{http}/race")

    rows = [re.split(r"  +", line) for line in readme.splitlines() if line.startswith("file-")]
    assert rows == [line.split("\t") for line in fault(edgeproxy, "list").splitlines()]

    assert "fault-1\n" == fault(edgeproxy, "add", "--target-group", "app", "--mark", "draining", "--name", "deploy")
    assert "503" == status_of(f"{http}/")
    assert "1 removed\n" == fault(edgeproxy, "clear")
    assert "200" == status_of(f"{http}/")


def test_the_configuration_in_the_manual_is_valid() -> None:
    (configuration,) = re.findall(r"```yaml[^\n]*\n(.*?)```", MANUAL, re.DOTALL)
    assert () == load_text(configuration, "faults.md", {}).warnings


def test_the_manual_has_every_key_and_every_status() -> None:
    for field in msgspec.structs.fields(Fault):
        assert f"`{field.encode_name}" in MANUAL or f"{field.encode_name}:" in MANUAL
    assert ", ".join(map(str, STATUSES)) in MANUAL
