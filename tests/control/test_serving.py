"""The whole life of a process: what it says, what it does with signals, how it ends."""

from __future__ import annotations

import signal
import socket
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from edgeproxy.control.serving import access_log_to
from edgeproxy.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from edgeproxy.runtime.access_log import AccessLog

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


def test_without_a_name_the_file_in_the_working_directory_is_run(run_edgeproxy: Callable[..., Any], file: Path) -> None:
    process = run_edgeproxy("run", *FREE_PORTS)

    assert "edgeproxy.yaml" == process.events[0]["source"]
    assert "first" == get(f"http://127.0.0.1:{process.listeners[80]}/")


def test_the_admin_endpoint_knows_the_declared_and_the_real_port(run_edgeproxy: Callable[..., Any], file: Path) -> None:
    process = run_edgeproxy("run", *FREE_PORTS)

    health = get(f"http://{process.admin}/_edgeproxy/health")

    assert '"Port": 80' in health
    assert f'"Port": {process.listeners[80]}' in health
    assert "aws_applicationelb_request_count_total" in get(f"http://{process.admin}/metrics")


def test_a_save_of_the_file_is_applied(run_edgeproxy: Callable[..., Any], file: Path) -> None:
    process = run_edgeproxy("run", *FREE_PORTS)
    file.write_text(CONFIG.format(body="second"))
    process.wait_for("reloaded")

    assert "second" == get(f"http://127.0.0.1:{process.listeners[80]}/")


def test_a_file_with_mistakes_leaves_the_old_one_serving(run_edgeproxy: Callable[..., Any], file: Path) -> None:
    process = run_edgeproxy("run", *FREE_PORTS)
    file.write_text(CONFIG.format(body="second").replace("Port: 80", "Prot: 80"))
    refused = process.wait_for("reload_refused")

    assert any("edgeproxy.yaml:4:9: " in problem for problem in refused["problems"])
    assert "first" == get(f"http://127.0.0.1:{process.listeners[80]}/")


def test_a_hangup_reads_the_file_again(run_edgeproxy: Callable[..., Any], file: Path) -> None:
    process = run_edgeproxy("run", "--no-watch", *FREE_PORTS)
    file.write_text(CONFIG.format(body="second"))
    process.send(signal.SIGHUP)
    process.wait_for("reloaded")

    assert "second" == get(f"http://127.0.0.1:{process.listeners[80]}/")


def test_a_hangup_without_a_file_changes_nothing(run_edgeproxy: Callable[..., Any]) -> None:
    process = run_edgeproxy("run", "--target", "127.0.0.1:1", "--bind", "443=127.0.0.1:0", *FREE_PORTS)
    process.send(signal.SIGHUP)
    process.wait_for("reload_without_file")

    assert 0 == process.stop()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(run_edgeproxy: Callable[..., Any], file: Path, number: signal.Signals) -> None:
    process = run_edgeproxy("run", *FREE_PORTS)
    get(f"http://127.0.0.1:{process.listeners[80]}/")
    process.send(number)

    assert 0 == process.wait()
    assert "edgeproxy has stopped." == process.messages[-1]
    assert 1 == len(process.access_log())


@pytest.fixture
def endless_target() -> Iterator[tuple[int, socket.socket]]:
    """A target that accepts requests and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1], server


def test_a_second_signal_ends_it_at_once(
    run_edgeproxy: Callable[..., Any], endless_target: tuple[int, socket.socket]
) -> None:
    """A request is still waiting for its answer, so the first signal alone would wait, too."""
    port, _ = endless_target
    process = run_edgeproxy("run", "--target", f"127.0.0.1:{port}", "--bind", "443=127.0.0.1:0", *FREE_PORTS)
    with socket.create_connection(("127.0.0.1", process.listeners[80])) as client:
        client.sendall(b"GET /")
        process.send(signal.SIGTERM)
        process.wait_for("stopping")
        process.send(signal.SIGTERM)

        assert process.wait() in (0, 128 + signal.SIGTERM)


def test_a_taken_port_is_exit_code_3_with_a_hint(run_edgeproxy: Callable[..., Any], file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        process = run_edgeproxy("run", "--bind", f"80=127.0.0.1:{port}", "--admin", "off")

        assert 3 == process.wait()
    (message,) = process.messages
    assert message.startswith(f"Port {port} on 127.0.0.1 could not be bound: ")
    assert "--bind 80=0" in message


def test_a_taken_admin_port_is_exit_code_3_with_a_hint(run_edgeproxy: Callable[..., Any], file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        process = run_edgeproxy("run", "--bind", "80=127.0.0.1:0", "--admin", f"127.0.0.1:{port}")

        assert 3 == process.wait()
    assert "--admin off" in process.messages[-1]


def test_a_certificate_that_is_missing_is_exit_code_1(run_edgeproxy: Callable[..., Any], file: Path) -> None:
    file.write_text(
        CONFIG.format(body="x").replace(
            "Protocol: HTTP", "Protocol: HTTPS\n        Certificates: [{CertificateArn: app.pem}]"
        )
    )
    process = run_edgeproxy("run", *FREE_PORTS)

    assert 1 == process.wait()
    assert "app.pem" in process.messages[-1]


def write_through(place: str) -> None:
    with access_log_to(place) as log:
        assert log is not None
        log.write("a line\n")


def test_the_access_log_can_go_to_a_file_which_is_appended_to(tmp_path: Path) -> None:
    place = tmp_path / "access.log"
    write_through(str(place))
    write_through(str(place))

    assert "a line\na line\n" == place.read_text()


def test_the_access_log_can_go_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    write_through("-")

    assert "a line\n" == capsys.readouterr().out


def test_the_access_log_can_be_off() -> None:
    found: list[AccessLog | None] = []
    with access_log_to("off") as log:
        found.append(log)

    assert [None] == found


def test_an_access_log_that_cannot_be_opened_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be opened: Is a directory"), access_log_to(str(tmp_path)):
        pass
