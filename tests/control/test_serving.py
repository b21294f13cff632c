"""The whole life of a process: what it says, what it does with signals, how it ends."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import sys
import urllib.request
from typing import TYPE_CHECKING

import pytest

from edgeproxy.control.output import silent_about_server_names
from edgeproxy.control.serving import log_to
from edgeproxy.errors import ConfigError
from tests.helpers.log_bucket import LogBucket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from edgeproxy.runtime.access_log import AccessLog
    from tests.helpers.process import EdgeProxyProcess

CONFIG = """\
LoadBalancers:
  - Name: dev
    Listeners:
      - Port: 80
        Protocol: HTTP
        DefaultActions:
          - Type: fixed-response
            FixedResponseConfig: {{StatusCode: "200", ContentType: text/plain, MessageBody: "{body}"}}
"""
FREE_PORTS = ("--bind", "80=127.0.0.1:0", "--admin", "127.0.0.1:0")


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=20) as response:
        text: str = response.read().decode()
    return text


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "edgeproxy.yaml"
    path.write_text(CONFIG.format(body="first"))
    return path


def test_without_a_name_the_file_in_the_working_directory_is_run(
    run_edgeproxy: Callable[..., EdgeProxyProcess], file: Path
) -> None:
    process = run_edgeproxy("run", *FREE_PORTS)

    assert "edgeproxy.yaml" == process.events[0]["source"]
    assert "first" == get(f"http://127.0.0.1:{process.listeners[80]}/")


def test_a_bind_for_a_port_that_no_listener_has_is_warned_about(
    run_edgeproxy: Callable[..., EdgeProxyProcess], file: Path
) -> None:
    process = run_edgeproxy("run", *FREE_PORTS, "--bind", "81=0")

    expected = "--bind 81=… has no effect: no listener has port 81. The listeners' ports are: 80."
    assert expected in process.messages


def test_the_admin_endpoint_knows_the_declared_and_the_real_port(
    run_edgeproxy: Callable[..., EdgeProxyProcess], file: Path
) -> None:
    process = run_edgeproxy("run", *FREE_PORTS)

    health = get(f"http://{process.admin}/_edgeproxy/health")

    assert '"Port": 80' in health
    assert f'"Port": {process.listeners[80]}' in health
    assert "aws_applicationelb_request_count_total" in get(f"http://{process.admin}/metrics")


def test_a_save_of_the_file_is_applied(run_edgeproxy: Callable[..., EdgeProxyProcess], file: Path) -> None:
    process = run_edgeproxy("run", *FREE_PORTS)
    file.write_text(CONFIG.format(body="second"))
    process.wait_for("reloaded")

    assert "second" == get(f"http://127.0.0.1:{process.listeners[80]}/")


def test_a_file_with_mistakes_leaves_the_old_one_serving(
    run_edgeproxy: Callable[..., EdgeProxyProcess], file: Path
) -> None:
    process = run_edgeproxy("run", *FREE_PORTS)
    file.write_text(CONFIG.format(body="second").replace("Port: 80", "Prot: 80"))
    refused = process.wait_for("reload_refused")

    assert any("edgeproxy.yaml:4:9: " in problem for problem in refused["problems"])
    assert "first" == get(f"http://127.0.0.1:{process.listeners[80]}/")


def test_a_hangup_reads_the_file_again(run_edgeproxy: Callable[..., EdgeProxyProcess], file: Path) -> None:
    process = run_edgeproxy("run", "--no-watch", *FREE_PORTS)
    file.write_text(CONFIG.format(body="second"))
    process.send(signal.SIGHUP)
    process.wait_for("reloaded")

    assert "second" == get(f"http://127.0.0.1:{process.listeners[80]}/")


def test_a_hangup_without_a_file_changes_nothing(run_edgeproxy: Callable[..., EdgeProxyProcess]) -> None:
    process = run_edgeproxy("run", "--target", "127.0.0.1:1", "--bind", "443=127.0.0.1:0", *FREE_PORTS)
    process.send(signal.SIGHUP)
    process.wait_for("reload_without_file")

    assert 0 == process.stop()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(
    run_edgeproxy: Callable[..., EdgeProxyProcess], file: Path, number: signal.Signals
) -> None:
    process = run_edgeproxy("run", *FREE_PORTS)
    get(f"http://127.0.0.1:{process.listeners[80]}/")
    process.send(number)

    assert 0 == process.wait()
    assert "edgeproxy has stopped." == process.messages[-1]
    assert 1 == len(process.access_log())


class SlowTarget:
    """A target that takes a request and answers when the test says so."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._connections: list[socket.socket] = []

    def take_request(self) -> None:
        """Wait for a client's request; health checks are left unanswered."""
        while True:
            connection, _ = self._server.accept()
            self._connections.append(connection)
            if connection.recv(65536).startswith(b"GET /slow "):
                return

    def answer(self) -> None:
        """Answer the request that was taken."""
        self._connections[-1].sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")

    def close(self) -> None:
        for each in (*self._connections, self._server):
            each.close()


@pytest.fixture
def slow_target() -> Iterator[SlowTarget]:
    target = SlowTarget()
    yield target
    target.close()


@pytest.fixture
def request_under_way(
    run_edgeproxy: Callable[..., EdgeProxyProcess], slow_target: SlowTarget, tmp_path: Path
) -> Iterator[Callable[..., tuple[EdgeProxyProcess, socket.socket]]]:
    """Starts edgeproxy before the slow target, sends a request, and tells it to stop while that waits."""
    clients: list[socket.socket] = []

    def start(*options: str) -> tuple[EdgeProxyProcess, socket.socket]:
        forward = "Type: forward\n            TargetGroupArn: app\n"
        config = CONFIG.partition("Type:")[0].format() + forward
        groups = (
            f"TargetGroups: [{{Name: app, Protocol: HTTP, Port: {slow_target.port}, Targets: [{{Id: 127.0.0.1}}]}}]\n"
        )
        (tmp_path / "edgeproxy.yaml").write_text(config + groups)
        process = run_edgeproxy("run", *FREE_PORTS, *options)
        client = socket.create_connection(("127.0.0.1", process.listeners[80]))
        clients.append(client)
        client.sendall(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        slow_target.take_request()
        process.send(signal.SIGTERM)
        process.wait_for("stopping")
        return process, client

    yield start
    for client in clients:
        client.close()


def test_a_request_under_way_is_finished(
    request_under_way: Callable[..., tuple[EdgeProxyProcess, socket.socket]], slow_target: SlowTarget
) -> None:
    process, client = request_under_way()
    slow_target.answer()
    answer = b"".join(iter(lambda: client.recv(65536), b""))

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"done")
    assert 0 == process.wait()


def test_a_request_that_takes_too_long_is_cut(
    request_under_way: Callable[..., tuple[EdgeProxyProcess, socket.socket]],
) -> None:
    process, _ = request_under_way("--drain-seconds", "0.1")

    assert 0 == process.wait()


def test_a_second_signal_ends_it_at_once(
    request_under_way: Callable[..., tuple[EdgeProxyProcess, socket.socket]],
) -> None:
    process, _ = request_under_way("--drain-seconds", "1000")
    process.send(signal.SIGTERM)

    assert 128 + signal.SIGTERM == process.wait()


def test_a_taken_port_is_exit_code_3_with_a_hint(run_edgeproxy: Callable[..., EdgeProxyProcess], file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        process = run_edgeproxy("run", "--bind", f"80=127.0.0.1:{port}", "--admin", "off")

        assert 3 == process.wait()
    (message,) = process.messages
    assert message.startswith(f"Port {port} on 127.0.0.1 could not be bound: ")
    assert "--bind 80=0" in message


def test_a_taken_admin_port_is_exit_code_3_with_a_hint(
    run_edgeproxy: Callable[..., EdgeProxyProcess], file: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        process = run_edgeproxy("run", "--bind", "80=127.0.0.1:0", "--admin", f"127.0.0.1:{port}")

        assert 3 == process.wait()
    assert "--admin off" in process.messages[-1]


def test_a_certificate_that_is_missing_is_exit_code_1(
    run_edgeproxy: Callable[..., EdgeProxyProcess], file: Path
) -> None:
    file.write_text(
        CONFIG.format(body="x").replace(
            "Protocol: HTTP", "Protocol: HTTPS\n        Certificates: [{CertificateArn: app.pem}]"
        )
    )
    process = run_edgeproxy("run", *FREE_PORTS)

    assert 1 == process.wait()
    assert "app.pem" in process.messages[-1]


def write_through(place: str) -> None:
    with log_to("--access-log", place) as log:
        assert log is not None
        log.write("a line\n")


def test_the_access_log_can_go_to_a_file_which_is_appended_to(tmp_path: Path) -> None:
    place = tmp_path / "access.log"
    write_through(str(place))
    write_through(str(place))

    assert "a line\na line\n" == place.read_text()


def test_the_access_log_can_go_to_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    write_through("-")

    assert "a line\n" == capfd.readouterr().out


def test_the_access_log_can_be_off() -> None:
    found: list[AccessLog | None] = []
    with log_to("--access-log", "off") as log:
        found.append(log)

    assert [None] == found


def test_an_access_log_that_cannot_be_opened_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be opened: Is a directory"), log_to("--access-log", str(tmp_path)):
        pass


def with_attributes(attributes: str) -> str:
    return CONFIG.format(body="x").replace(
        "    Listeners", f"    LoadBalancerAttributes: {{{attributes}}}\n    Listeners"
    )


def test_sigusr1_completes_the_logs_and_a_stop_loses_nothing(
    run_edgeproxy: Callable[..., EdgeProxyProcess], file: Path, tmp_path: Path
) -> None:
    bucket = LogBucket(tmp_path / "bucket")
    logs = ("access_logs", "connection_logs")
    file.write_text(
        with_attributes(", ".join(f"{log}.s3.enabled: true, {log}.s3.bucket: '{bucket.url}'" for log in logs))
    )
    process = run_edgeproxy("run", *FREE_PORTS)
    url = f"http://127.0.0.1:{process.listeners[80]}/"
    get(url)
    assert [] == bucket.objects()
    process.send(signal.SIGUSR1)
    process.wait_for("logs_delivered")
    assert [1, 1] == [len(bucket.lines(log)) for log in logs]
    get(url)
    assert 0 == process.stop()

    assert [2, 2] == [len(bucket.lines(log)) for log in logs]
    assert sorted(bucket.lines()) == process.access_log()


def test_a_save_of_the_file_switches_a_log_on(
    run_edgeproxy: Callable[..., EdgeProxyProcess], file: Path, tmp_path: Path
) -> None:
    bucket = LogBucket(tmp_path / "bucket")
    process = run_edgeproxy("run", *FREE_PORTS)
    get(f"http://127.0.0.1:{process.listeners[80]}/")
    file.write_text(with_attributes(f"access_logs.s3.enabled: true, access_logs.s3.bucket: '{bucket.url}'"))
    process.wait_for("reloaded")
    get(f"http://127.0.0.1:{process.listeners[80]}/")
    process.stop()

    assert (1, 2) == (len(bucket.lines()), len(process.access_log()))


def test_a_log_that_would_go_to_s3_is_warned_about(run_edgeproxy: Callable[..., EdgeProxyProcess], file: Path) -> None:
    file.write_text(with_attributes("access_logs.s3.enabled: true, access_logs.s3.bucket: my-logs"))
    process = run_edgeproxy("run", *FREE_PORTS)

    assert 1 == len([message for message in process.messages if "nothing is stored in 'my-logs'" in message])


def test_a_pipe_that_nobody_reads_does_not_keep_it_from_ending(
    run_edgeproxy: Callable[..., EdgeProxyProcess], file: Path, tmp_path: Path
) -> None:
    """As with a pager that was left open; the process gives up on it and ends as always."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    file.write_text(CONFIG.format(body="x"))
    process = run_edgeproxy("run", *FREE_PORTS, "--access-log", pipe)
    with socket.create_connection(("127.0.0.1", process.listeners[80])) as client:
        for _ in range(40):
            client.sendall(b"GET /" + b"x" * 8000 + b" HTTP/1.1\r\nHost: a\r\n\r\n")
            client.recv(65536)
    code = process.stop()
    os.close(reader)

    assert 0 == code


def client_hello(server_name: bytes) -> bytes:
    """The first bytes of a TLS client that asks for this name, of whatever bytes."""
    context, sent = ssl.create_default_context(), ssl.MemoryBIO()
    stand_in = "x" * len(server_name)
    client = context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname=stand_in)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return sent.read().replace(stand_in.encode(), server_name)


def test_a_server_name_that_is_not_ascii_leaves_no_traceback(run_edgeproxy: Callable[..., EdgeProxyProcess]) -> None:
    """Otherwise clients could fill standard error."""
    process = run_edgeproxy("run", "--target", "127.0.0.1:1", "--bind", "443=127.0.0.1:0", *FREE_PORTS)
    with socket.create_connection(("127.0.0.1", process.listeners[443]), timeout=20) as client:
        client.sendall(client_hello(b"caf\xc3\xa9-of-many-letters.test"))
        while client.recv(100):
            pass

    assert 0 == process.stop()
    assert [] == [message for message in process.messages if "Exception" in message or "Traceback" in message]


def test_other_things_that_nobody_can_catch_are_still_said() -> None:
    class Broken:
        def __del__(self) -> None:
            raise ValueError("not to be hidden")

    said = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "unraisablehook", lambda unraisable: said.append(str(unraisable.exc_value)))
        with silent_about_server_names():
            Broken()

    assert ["not to be hidden"] == said
