"""Each example is run as its README says, on free ports, and asked with curl."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.helpers.wait import until_blocking

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.helpers.process import EdgeProxyProcess

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def examples() -> Path:
    """The folder of the examples."""
    return EXAMPLES


@pytest.fixture
def run_example(run_edgeproxy: Callable[..., EdgeProxyProcess]) -> Callable[..., EdgeProxyProcess]:
    """Starts an example's configuration on free ports and returns once every target group has a healthy target."""

    def run(name: str, **environment: str) -> EdgeProxyProcess:
        process = run_edgeproxy(
            *("run", "-c", EXAMPLES / name / "edgeproxy.yaml", "--time-scale", "0.1"),
            *("--bind", "80=127.0.0.1:0", "--bind", "443=127.0.0.1:0", "--admin", "127.0.0.1:0"),
            environment=environment,
        )
        until_blocking(lambda: health(process)[0] == 0)
        return process

    return run


def health(process: EdgeProxyProcess) -> tuple[int, str]:
    command = [sys.executable, "-m", "edgeproxy", "health", "--admin", process.admin]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    return asked.returncode, asked.stdout


@pytest.fixture
def ask_health() -> Callable[[EdgeProxyProcess], tuple[int, str]]:
    """`edgeproxy health` of a running example: its exit code and what it prints."""
    return health


@pytest.fixture
def curl() -> Callable[..., str]:
    """What curl prints; an error of curl's fails the test."""

    def run(*arguments: str | Path) -> str:
        return subprocess.run(
            ["curl", "--silent", "--show-error", "--max-time", "60", *arguments],
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    return run
