"""`edgeproxy logs` beside a running `edgeproxy`: what it shows and how it ends."""

from __future__ import annotations

import json
import os
import pty
import queue
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from edgeproxy.control.addresses import Address
from edgeproxy.control.admin_client import NotAnsweredError
from edgeproxy.control.exit_codes import ExitCode
from edgeproxy.control.logs_command import follow, run
from tests.helpers.ports import reserved_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.helpers.process import EdgeProxyProcess

CONFIG = """\
LoadBalancers:
  - Name: dev
    Listeners:
      - Port: 80
        Protocol: HTTP
        DefaultActions: [{Type: fixed-response, FixedResponseConfig: {StatusCode: "404"}}]
        Rules:
          - Priority: 10
            Conditions: [{Field: path-pattern, Values: ["/ok*"]}]
            Actions: [{Type: fixed-response, FixedResponseConfig: {StatusCode: "200"}}]
"""


class Logs:
    """A running `edgeproxy logs`, with its lines read as they come."""

    def __init__(self, admin: str, *arguments: str, terminal: int | None = None, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "edgeproxy", "logs", "--admin", admin, *arguments],
            stdout=subprocess.PIPE if terminal is None else terminal,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | environment,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._readers = []
        if self.process.stdout is not None:
            self._readers.append(threading.Thread(target=self._read, daemon=True))
            self._readers[0].start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))

    def line(self) -> str:
        return self._lines.get(timeout=20)

    def end(self) -> tuple[int, str]:
        """The exit code and what was said at the end, once it has ended."""
        code = self.process.wait(20)
        assert self.process.stderr is not None
        return code, self.process.stderr.read()

    def wait_until_following(self) -> None:
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        assert line.startswith("Following the requests of the edgeproxy at 127.0.0.1:"), line

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for reader in self._readers:
            reader.join()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


class Scene:
    """A running edgeproxy, and who follows it."""

    def __init__(self, edgeproxy: EdgeProxyProcess) -> None:
        self.edgeproxy = edgeproxy
        self.following: list[Logs] = []

    def logs(self, *arguments: str, **settings: object) -> Logs:
        """Starts to follow; what is asked for from now on is shown."""
        self.following.append(Logs(self.edgeproxy.admin, *arguments, **settings))  # type: ignore[arg-type]
        self.following[-1].wait_until_following()
        return self.following[-1]

    def ask(self, path: str) -> None:
        with socket.create_connection(("127.0.0.1", self.edgeproxy.listeners[80]), timeout=20) as client:
            client.sendall(f"GET {path} HTTP/1.0\r\nHost: app.test\r\n\r\n".encode())
            while client.recv(65536):
                pass


@pytest.fixture
def scene(run_edgeproxy: Callable[..., EdgeProxyProcess], tmp_path: Path) -> Iterator[Scene]:
    (tmp_path / "edgeproxy.yaml").write_text(CONFIG)
    made = Scene(run_edgeproxy("run", "--bind", "80=127.0.0.1:0", "--admin", "127.0.0.1:0", "--access-log", "off"))
    yield made
    for each in made.following:
        each.close()


def test_a_pipe_gets_a_line_with_tabs_for_each_request(scene: Scene) -> None:
    logs = scene.logs()
    scene.ask("/ok?x=1")
    scene.ask("/no")
    first, second = logs.line().split("\t"), logs.line().split("\t")

    assert ["GET", "app.test", "/ok?x=1", "10", "-", "200", "-", "-", "-", "fixed-response action"] == first[2:]
    assert ["/no", "default", "-", "404"] == second[4:8]


def test_filters_come_from_the_command_line_and_the_environment(scene: Scene) -> None:
    by_status = scene.logs("--status", "5xx,404")
    by_rule = scene.logs("--rule", "10", EDGEPROXY_PATH="/ok/*")
    for path in ("/ok", "/no", "/ok/1"):
        scene.ask(path)

    assert "/no" == by_status.line().split("\t")[4]
    assert "/ok/1" == by_rule.line().split("\t")[4]


def test_json_lines_are_the_admin_endpoints(scene: Scene) -> None:
    logs = scene.logs("--json")
    scene.ask("/ok")

    line = json.loads(logs.line())

    assert ("/ok", 10, 200) == (line["path"], line["matched_rule_priority"], line["elb_status_code"])


def test_a_terminal_gets_a_heading_and_colours(scene: Scene) -> None:
    ours, theirs = pty.openpty()
    try:
        scene.logs(terminal=theirs)
        scene.ask("/no")
        shown = b""
        while b"app.test" not in shown:
            shown += os.read(ours, 65536)
    finally:
        os.close(theirs)
        os.close(ours)

    assert shown.startswith(b"TIME ")
    assert b"\x1b[33m" in shown


def test_the_end_of_edgeproxy_is_a_good_end(scene: Scene) -> None:
    logs = scene.logs()
    admin = scene.edgeproxy.admin
    scene.edgeproxy.stop()

    assert (0, f"The edgeproxy at {admin} has stopped.\n") == logs.end()


def test_ctrl_c_is_a_good_end(scene: Scene) -> None:
    logs = scene.logs()
    scene.ask("/ok")
    logs.line()
    logs.process.send_signal(signal.SIGINT)

    assert (0, "") == logs.end()


def test_a_reader_that_has_seen_enough_is_a_good_end(scene: Scene) -> None:
    """As `edgeproxy logs | head -1`."""
    read, write = os.pipe()
    logs = scene.logs(terminal=write)
    os.close(write)
    os.close(read)
    scene.ask("/ok")

    assert (0, "") == logs.end()


def test_nothing_running_is_not_fine(capsys: pytest.CaptureFixture[str]) -> None:
    with reserved_port() as port:
        assert ExitCode.NOT_FINE == run(Address("127.0.0.1", port), [], as_json=False)
    assert f"No edgeproxy answers at 127.0.0.1:{port}: Connection refused." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "is not edgeproxy's admin endpoint"),
        (b"SSH-2.0-OpenSSH\r\n", "is not edgeproxy's admin endpoint"),
        (b"HTTP/1.0 200 OK\r\n\r\n[]", "is not edgeproxy's admin endpoint"),
        (b'HTTP/1.0 404 X\r\n\r\n{"Message": "No such path."}', "has no requests to follow: No such path."),
    ],
)
def test_another_program_on_the_port_is_told_apart(answer: bytes, reason: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer_once() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=answer_once)
        thread.start()
        with pytest.raises(NotAnsweredError, match=reason):
            next(follow(Address("127.0.0.1", server.getsockname()[1]), []))
        thread.join()
