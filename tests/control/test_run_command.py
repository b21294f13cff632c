from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest

from edgeproxy.control.addresses import Address
from edgeproxy.control.exit_codes import ExitCode
from edgeproxy.control.run_command import RunOptions, run_until_stopped
from tests.helpers.wait import until_blocking

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.helpers.process import EdgeProxyProcess

APP = Address("127.0.0.1", 8080)


def options(**changed: Any) -> RunOptions:
    defaults: dict[str, Any] = {
        "config": None,
        "target": (),
        "health_path": None,
        "health_codes": None,
        "cert": None,
        "key": None,
        "name": (),
        "bind": (),
        "time_scale": 1.0,
        "no_watch": False,
        "admin": None,
        "access_log": "off",
        "certs_dir": Path("certs"),
        "drain_seconds": 0.0,
        "log_format": "text",
    }
    return RunOptions(**defaults | changed)


def test_a_file_and_targets_contradict_each_other() -> None:
    with pytest.raises(click.UsageError, match="--target runs without a file"):
        options(config=Path("edgeproxy.yaml"), target=[APP]).check()


@pytest.mark.parametrize("name", ["health_path", "health_codes", "cert", "key"])
def test_what_belongs_to_targets_needs_one(name: str) -> None:
    with pytest.raises(click.UsageError, match=f"--{name.replace('_', '-')} belongs to --target"):
        options(config=Path("edgeproxy.yaml"), **{name: "x"}).check()


def test_a_key_needs_its_certificate() -> None:
    with pytest.raises(click.UsageError, match="--key belongs to --cert"):
        options(target=[APP], key=Path("app.key")).check()


def test_a_file_with_mistakes_is_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "edgeproxy.yaml"
    file.write_text("LoadBalancers: 1")

    assert ExitCode.NOT_FINE == run_until_stopped(options(config=file))
    assert f"{file}:1:16: LoadBalancers: " in capsys.readouterr().err


def test_a_quick_configuration_with_mistakes_is_not_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert ExitCode.NOT_FINE == run_until_stopped(options(target=[APP], health_codes="all"))
    assert "all" in capsys.readouterr().err


def test_the_health_check_log_is_written_to_its_file(
    run_edgeproxy: Callable[..., EdgeProxyProcess], run_script: Callable[..., int], tmp_path: Path
) -> None:
    port = run_script(Path(__file__).resolve().parents[2] / "examples" / "two-services" / "service.py", "app")
    log = tmp_path / "health.log"
    edgeproxy = run_edgeproxy(
        *("run", "--target", f"127.0.0.1:{port}", "--bind", "80=127.0.0.1:0", "--bind", "443=127.0.0.1:0"),
        *("--admin", "off", "--time-scale", "0.1", "--health-check-log", log),
    )
    until_blocking(log.read_text)  # it is flushed with the next deadline sweep
    edgeproxy.stop()

    line = log.read_text().splitlines()[0].split(" ")
    assert ["http", f"127.0.0.1:{port}", "PASS", "200", "-", "127.0.0.1"] == [line[i] for i in (0, 3, 5, 6, 7, 9)]


def test_the_connection_log_is_written_to_its_file(
    run_edgeproxy: Callable[..., EdgeProxyProcess], tmp_path: Path
) -> None:
    log = tmp_path / "connections.log"
    edgeproxy = run_edgeproxy(
        *("run", "--target", "127.0.0.1:1", "--bind", "80=127.0.0.1:0", "--bind", "443=127.0.0.1:0"),
        *("--admin", "off", "--connection-log", log),
    )
    for port in (80, 443):
        with socket.create_connection(("127.0.0.1", edgeproxy.listeners[port])) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            while client.recv(65536):
                pass
    edgeproxy.stop()

    plain, failed = (line.split(" ") for line in log.read_text().splitlines())
    assert ["80", "-", "-"] == [plain[i] for i in (3, 4, 10)]
    assert ["443", "-", "Failed:UnmappedConnectionError"] == [failed[i] for i in (3, 4, 10)]
