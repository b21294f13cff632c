"""A shell session as a page shows it: its files, its commands, and whether they print what stands there.

How it works
    Each page gets a folder of its own. `edgeproxy`, `python3` and `pip` are this project's. The ports that the pages
    use are replaced by free ones on the way in and put back on the way out, so that tests run beside one another and
    beside a real edgeproxy.

    A command that goes on (`edgeproxy run`, `demo`, `logs`, or anything with `&`) runs to the end of the page, or until
    the next `edgeproxy run`, as after Ctrl-C. What it is shown to print must have been printed by then. One that is
    shown to be refused, with `error:`, ends by itself.
    Any other command is run, and again while it does not print what is shown, because targets take a moment to become
    healthy and log lines to be written. Nothing shown: it has to end with 0.

What is shown
    `...` in a line stands for any text, a line `...` for any lines.
"""

from __future__ import annotations

import contextlib
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Final

from tests.docs.pages import ROOT
from tests.helpers.ports import reserved_ports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.docs.pages import Step

PATIENCE_SECONDS: Final = 60.0
PORTS: Final = ("4580", "8000", "8001", "8002", "8080", "8081", "8443", "9000", "50051")
"""What the pages use and a test must not."""

_PORT = re.compile(rf"(?<![\w.])({'|'.join(PORTS)})(?!\w)")
_GOES_ON = re.compile(r"(\S*/)?edgeproxy (run|demo|logs)\b|make run\b|.*&\Z", re.DOTALL)
_SERVES = re.compile(r"(\S*/)?edgeproxy (run|demo)\b|make run\b")
_READY = "admin endpoint:"

SHIMS: Final = {"edgeproxy": "-m edgeproxy", "python3": "", "python": "", "pip": "-m pip"}
"""Programs that are this project's, whatever else the machine has: what pages install is there already."""
_SHIM = '#!/bin/sh\nexec "{python}" {arguments} "$@"\n'


class Session:
    """One page's shell.

    Attributes:
        folder: Where the page's files are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._reserved = contextlib.ExitStack()
        ports = self._reserved.enter_context(reserved_ports(len(PORTS)))
        self._ports = dict(zip(PORTS, map(str, ports), strict=True))
        self._running: list[Program] = []
        self._last_status = 0
        self._environment = self._prepare()

    def close(self) -> None:
        """End what still runs."""
        for program in self._running:
            program.close()
        self._reserved.close()

    def write(self, name: str, text: str) -> None:
        """A file that the page shows."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self._here(text))

    def copy(self, folder: Path) -> None:
        """The files of an example, without what an earlier run has made there."""
        for path in folder.iterdir():
            if path.is_file():
                self.write(path.name, path.read_text())

    def run(self, step: Step) -> None:
        """One command.

        Raises:
            AssertionError: It fails, or does not print what is shown.
        """
        command = self._here(step.command).removeprefix("sudo ")
        is_refused = step.shown and step.shown[0].startswith(("error:", "Usage:"))
        if _GOES_ON.match(command) and not is_refused:
            self._start(command, step.shown)
        else:
            self._finish(command, step.shown)

    def output(self) -> str:
        """What the last command that goes on has printed so far."""
        return self._there(self._running[-1].output)

    def in_terminal(self, command: str, columns: int) -> str:
        """What a command prints at a terminal of that width, colours included."""
        ours, its = pty.openpty()
        environment = self._environment | {"COLUMNS": str(columns), "TERM": "xterm-256color"}
        with os.fdopen(ours, "rb", buffering=0) as screen:
            done = subprocess.Popen(
                ["bash", "-c", self._here(command)], cwd=self.folder, env=environment, stdout=its, stderr=its
            )
            os.close(its)
            printed = b""
            with contextlib.suppress(OSError):  # the end of a terminal, on Linux
                while data := screen.read(4096):
                    printed += data
            done.wait()
        text = printed.decode().replace("\r", "")
        for shown, real in self._ports.items():
            text = text.replace(f"{real}  ", f"{shown.ljust(len(real))}  ")  # columns stay columns
        return self._there(text)

    def check_the_running(self) -> None:
        """What goes on has printed by now what is shown.

        Raises:
            AssertionError: It has not.
        """
        for program in self._running:
            self._await_output(program)

    def _start(self, command: str, shown: Sequence[str]) -> None:
        if _SERVES.match(command):
            self._end_the_serving()
        program = Program(command.removesuffix("&"), shown, self.folder, self._environment)
        self._running.append(program)
        if _SERVES.match(command):
            program.wait_for(lambda output: _READY in output)
        else:
            asked = [int(port) for port in re.findall(r"\b[0-9]{4,5}\b", command) if port in self._ports.values()]
            program.wait_for(lambda _: all(map(_listens, asked)))

    def _end_the_serving(self) -> None:
        for program in [each for each in self._running if _SERVES.match(each.command)]:
            self._await_output(program)
            program.close()
            self._running.remove(program)

    def _await_output(self, program: Program) -> None:
        shown = (*program.shown, "...")
        try:
            program.wait_for(lambda output: matches(shown, self._there(output)), may_have_ended=True)
        except AssertionError as error:
            raise AssertionError(_difference(program.command, program.shown, self._there(program.output))) from error

    def _finish(self, command: str, shown: Sequence[str]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            done = subprocess.run(
                ["bash", "-c", f"(exit {self._last_status}); {command}"],
                cwd=self.folder,
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                text=True,
                timeout=120,
                check=False,
            )
            output = self._there(done.stdout)
            is_fine = matches(shown, output) if shown else done.returncode == 0
            if is_fine:
                self._last_status = done.returncode
                return
            if time.monotonic() > deadline or not shown:
                raise AssertionError(_difference(command, shown, output))

    def _prepare(self) -> dict[str, str]:
        programs = self.folder / ".venv" / "bin"
        programs.mkdir(parents=True)
        for name, arguments in SHIMS.items():
            (programs / name).write_text(_SHIM.format(python=sys.executable, arguments=arguments))
            (programs / name).chmod(0o755)
        # What `make run` would install is there already.
        for name in ("Makefile", "pyproject.toml"):
            (self.folder / name).write_bytes((ROOT / name).read_bytes())
        (programs.parent / "installed").touch()
        (self.folder / ".curlrc").write_text("silent\nshow-error\nmax-time = 60\n")
        without = {name: value for name, value in os.environ.items() if not name.startswith("EDGEPROXY_")}
        return without | {
            "HOME": str(self.folder),
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "EDGEPROXY_ADMIN": f"127.0.0.1:{self._ports['4580']}",
            "EDGEPROXY_DRAIN_SECONDS": "0.5",
            "COLUMNS": "110",
        }

    def _here(self, text: str) -> str:
        return _PORT.sub(lambda match: self._ports[match[0]], text)

    def _there(self, text: str) -> str:
        for shown, real in self._ports.items():
            text = re.sub(rf"(?<!\d){real}(?!\d)", shown, text)
        text = text.rstrip("\n")
        return text.replace(str(self.folder), "~") + "\n" if text else ""


class Program:
    """A command that goes on, and what it has printed so far.

    Attributes:
        command: As it was started.
        shown: What the page says that it prints.
        output: Standard output and standard error.
    """

    def __init__(self, command: str, shown: Sequence[str], folder: Path, environment: dict[str, str]) -> None:
        self.command = command
        self.shown = shown
        self.output = ""
        self._changed = threading.Condition()
        self._process = subprocess.Popen(
            ["bash", "-c", f"exec {command}" if "\n" not in command and ";" not in command else command],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for(self, is_there: Callable[[str], bool], *, may_have_ended: bool = False) -> None:
        """Until the output, or something else, is as it should be.

        Raises:
            AssertionError: It ended first, or it took too long.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        with self._changed:
            while not is_there(self.output):
                has_ended = self._process.poll() is not None and not self._reader.is_alive()
                assert not has_ended or may_have_ended, f"`{self.command}` has ended: {self.output}"
                assert not has_ended or is_there(self.output), f"`{self.command}` has ended: {self.output}"
                assert time.monotonic() < deadline, f"`{self.command}` took too long: {self.output}"
                self._changed.wait(0.02)

    def close(self) -> None:
        """End it and what it has started."""
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(self._process.pid, signal.SIGTERM)
            self._process.wait(5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self.output += line
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()


@contextlib.contextmanager
def session(folder: Path) -> Iterator[Session]:
    """A shell that ends what it has started."""
    folder.mkdir(parents=True, exist_ok=True)
    one = Session(folder)
    try:
        yield one
        one.check_the_running()
    finally:
        one.close()


def _pattern(shown: Sequence[str]) -> str:
    parts = []
    for line in shown:
        if line.strip() == "...":
            parts.append(r"(?:[^\n]*\n)*?")
        else:
            parts.append(r"[^\n]*".join(map(re.escape, line.split("..."))) + r"[ ]*\r?\n")
    return "".join(parts)


def matches(shown: Sequence[str], output: str) -> bool:
    """Whether output is what a page shows."""
    return re.fullmatch(_pattern(shown), output) is not None


def _difference(command: str, shown: Sequence[str], output: str) -> str:
    return "\n".join([f"$ {command}", "is shown to print", *shown, "and prints", output])


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
