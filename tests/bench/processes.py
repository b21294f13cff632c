"""Starting and ending the processes of a run: pinned, with their output in a file, never longer than needed."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.bench.machine import pinned_to

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_READY_SECONDS = 20
_END_SECONDS = 5


class ProxyFailedError(Exception):
    """A process did not start, or did not answer; the message ends with the last lines it printed."""


@dataclass(frozen=True)
class Process:
    """A running process, and where its output goes."""

    popen: subprocess.Popen[bytes]
    output: Path

    @property
    def pid(self) -> int:
        return self.popen.pid

    def last_lines(self) -> str:
        """The end of what it printed, for an error message."""
        return "\n".join(self.output.read_text(encoding="utf-8", errors="replace").splitlines()[-8:])

    def wait_until_answers(self, port: int) -> None:
        """Ask `GET /ready` until the answer is 200."""
        deadline = time.monotonic() + _READY_SECONDS
        while not is_answering(port):
            if self.popen.poll() is not None or time.monotonic() > deadline:
                state = "ended" if self.popen.poll() is not None else f"did not answer in {_READY_SECONDS} s"
                raise ProxyFailedError(f"{self.output.stem} {state}:\n{self.last_lines()}")
            time.sleep(0.002)


def is_answering(port: int) -> bool:
    """Whether one plain HTTP request gets a 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/ready", headers={"Host": "app.example.com"})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at this moment."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for sock in sockets:
            sock.bind(("127.0.0.1", 0))
        return [sock.getsockname()[1] for sock in sockets]


@contextlib.contextmanager
def running(command: Sequence[str], *, core: int, folder: Path, name: str) -> Iterator[Process]:
    """A process in a group of its own on `core`, ended (its whole group) when the block is left."""
    output = folder / f"{name}.out"
    with output.open("wb") as out, pinned_to(core):
        popen = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=os.environ | {"GOMAXPROCS": "1", "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)},
        )
    try:
        yield Process(popen, output)
    finally:
        _end(popen)


def _end(popen: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(popen.pid, number)  # the group we made: its id is the pid of its first process
        with contextlib.suppress(subprocess.TimeoutExpired):
            popen.wait(_END_SECONDS)
            return
