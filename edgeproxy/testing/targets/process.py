"""A process as a target: the app as it is started in production."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from edgeproxy.testing.targets.base import HOST, LocalTarget

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

START_SECONDS = 20.0
STOP_SECONDS = 5.0
_SHOWN = 4000


class ProcessTarget(LocalTarget):
    """Runs a command, and waits until something listens on its port.

    `{port}` in an argument becomes the port, which is also in the environment as `PORT`.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | Path | None = None,
        within: float = START_SECONDS,
    ) -> None:
        """A process that is not started.

        Args:
            command: The program and its arguments; `python` is the interpreter of the tests.
            env: Added to the environment.
            cwd: Where it runs.
            within: Real seconds until it has to listen.
        """
        super().__init__()
        self._command = [str(each) for each in command]
        self._env = dict(env or {})
        self._cwd = cwd
        self._within = within
        self._process: subprocess.Popen[bytes] | None = None
        self._output: Path | None = None

    @property
    def pid(self) -> int:
        """Of the process."""
        if self._process is None:
            raise RuntimeError("The process does not run.")
        return self._process.pid

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return "" if self._output is None else self._output.read_text(errors="replace")

    def _serve(self, listening: socket.socket) -> None:
        listening.close()  # the process takes the port, which nobody else is given that soon
        number, name = tempfile.mkstemp(prefix="edgeproxy-target-")
        self._output = Path(name)
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the test says what to run
                self._arguments(),
                env={**os.environ, "PORT": str(self.port), **self._env},
                cwd=self._cwd,
                stdin=subprocess.DEVNULL,
                stdout=number,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        finally:
            os.close(number)
        self._wait_until_it_listens()

    def _arguments(self) -> list[str]:
        program, *rest = (each.replace("{port}", str(self.port)) for each in self._command)
        return [sys.executable if program == "python" else program, *rest]

    def _wait_until_it_listens(self) -> None:
        assert self._process is not None
        until = time.monotonic() + self._within
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise RuntimeError(f"{self._said()} ended with {self._process.returncode}: {self.output[-_SHOWN:]}")
            with contextlib.suppress(OSError), socket.create_connection((HOST, self.port), timeout=1):
                return
            time.sleep(0.01)
        raise RuntimeError(
            f"{self._said()} does not listen on port {self.port} after {self._within:g} s: {self.output[-_SHOWN:]}"
        )

    def _said(self) -> str:
        return " ".join(self._arguments())

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            # All of it: a shell or a reloader has children that hold the port.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if self._output is not None:
            self._output.unlink(missing_ok=True)
            self._output = None
