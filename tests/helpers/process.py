"""Programs as processes of their own: what a test waits for is what they say, never a time."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

from tests.helpers.ports import reserved_port

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

TIMEOUT_SECONDS = 60.0
Event = dict[str, Any]


class EdgeProxyProcess:
    """A running `edgeproxy`, with its events read from standard error as JSON.

    Attributes:
        events: Everything that it has said so far.
        listeners: Declared port -> the port where it is really bound, once it has started.
        admin: The admin endpoint's address as HOST:PORT, once it has started.
    """

    def __init__(
        self,
        arguments: Sequence[str | Path],
        *,
        working_directory: Path,
        environment: Mapping[str, str] | None = None,
        until: str = "ready",
    ) -> None:
        """Start it and wait for an event, or for its end."""
        self.events: list[Event] = []
        self.listeners: dict[int, int] = {}
        self.admin = ""
        self._arriving: queue.Queue[Event | None] = queue.Queue()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "edgeproxy", *map(str, arguments), "--log-format", "json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=working_directory,
            env=os.environ | dict(environment or {}),
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.wait_for(until, or_end=True)

    def wait_for(self, name: str, *, or_end: bool = False, when: Callable[[Event], bool] = lambda _: True) -> Event:
        """Read on until an event of that name arrives for which `when` holds.

        Raises:
            AssertionError: It ended first, unless that is fine as well; the message holds what it said.
        """
        while (event := self._arriving.get(timeout=TIMEOUT_SECONDS)) is not None:
            self.events.append(event)
            self._remember(event)
            if event.get("event") == name and when(event):
                return event
        self._arriving.put(None)
        assert or_end, f"edgeproxy ended without '{name}': {self.messages}"
        return {}

    @property
    def messages(self) -> list[str]:
        """The sentences that it has said so far."""
        return [event["message"] for event in self.events]

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def wait(self) -> int:
        """Its exit code, once it has ended by itself."""
        code = self.process.wait(TIMEOUT_SECONDS)
        self._reader.join()
        while (event := self._arriving.get()) is not None:
            self.events.append(event)
        return code

    def stop(self) -> int:
        """End it as `docker stop` does; its exit code."""
        self.send(signal.SIGTERM)
        return self.wait()

    def access_log(self) -> list[str]:
        """The lines on standard output; to be called after it has ended."""
        assert self.process.stdout is not None
        return self.process.stdout.read().splitlines()

    def close(self) -> None:
        """End it whatever it does."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        self._reader.join()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            # click's own errors and tracebacks are no JSON
            is_event = line.startswith("{")
            self._arriving.put(json.loads(line) if is_event else {"event": None, "message": line.rstrip("\n")})
        self._arriving.put(None)

    def _remember(self, event: Event) -> None:
        if event.get("event") == "listening":
            self.listeners[event["port"]] = int(event["addresses"][0].rpartition(":")[2])
        elif event.get("event") == "ready":
            self.admin = event.get("admin", "").removeprefix("http://").partition("/")[0]


class ListeningScript:
    """A Python script that takes the port to listen on as its last argument.

    Attributes:
        port: Where it listens, on 127.0.0.1.
    """

    def __init__(self, script: Path, arguments: Sequence[str]) -> None:
        self._reserved = contextlib.ExitStack()
        self.port = self._reserved.enter_context(reserved_port())
        self._process = subprocess.Popen(
            [sys.executable, script, *arguments, str(self.port)], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        while self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
        self._reserved.close()
        raise AssertionError(f"{script} ended with {self._process.returncode}")

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        self._reserved.close()
