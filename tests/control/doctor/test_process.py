from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from edgeproxy.control.doctor.process import AppProcess

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    yield process
    process.kill()
    process.wait()
    assert process.stdin is not None
    process.stdin.close()


def test_exactly_that_process_gets_the_signal(child: subprocess.Popen[bytes]) -> None:
    process = AppProcess(child.pid)
    assert ("", True) == (process.problem(), process.is_running())

    process.terminate()
    assert -signal.SIGTERM == child.wait(20)
    assert not process.is_running()
    assert f"There is no process {child.pid}." == process.problem()


def test_a_process_that_nobody_has_waited_for_has_ended(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    assert not AppProcess(child.pid).is_running()


def test_the_doctor_does_not_end_itself() -> None:
    assert "is this one" in AppProcess(os.getpid()).problem()
