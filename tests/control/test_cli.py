from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import click
import pytest
from click.testing import CliRunner

from edgeproxy import __version__
from edgeproxy.control.cli import config_file, main

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """\
LoadBalancers:
  - Name: dev
    Listeners:
      - {Port: 80, Protocol: HTTP, DefaultActions: [{Type: forward, TargetGroupArn: app}]}
TargetGroups: [{Name: app, Protocol: HTTP, Port: 8080, Targets: [{Id: 127.0.0.1}]}]
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "edgeproxy.yaml"
    path.write_text(GOOD)
    return path


def invoke(*arguments: str, **environment: str) -> Any:
    return CliRunner().invoke(main, arguments, env=environment)


def verbs(group: click.Group, name: str = "edgeproxy") -> list[tuple[str, click.Command]]:
    """Every command with its full name, groups and their commands included."""
    found = []
    context = click.Context(group)
    for verb in group.list_commands(context):
        command = group.get_command(context, verb)
        assert command is not None
        found.append((f"{name} {verb}", command))
        if isinstance(command, click.Group):
            found += verbs(command, f"{name} {verb}")
    return found


def test_the_verbs_are_those_of_the_readme() -> None:
    assert [
        "certs",
        "check",
        "demo",
        "doctor",
        "explain",
        "fault",
        "health",
        "logs",
        "run",
        "schema",
    ] == main.list_commands(click.Context(main))


def test_every_option_can_come_from_the_environment() -> None:
    """Of some there are two: what `run` forwards to is what `doctor` looks at, but not what `logs` shows."""
    own = {
        ("edgeproxy logs", "target"): "EDGEPROXY_LOGS_TARGET",
        ("edgeproxy doctor", "path"): "EDGEPROXY_DOCTOR_PATH",
        ("edgeproxy doctor", "host"): "EDGEPROXY_DOCTOR_HOST",
    }
    for name, command in verbs(main):
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.is_eager:
                long_name = max(parameter.opts, key=len).removeprefix("--")
                if name.startswith("edgeproxy fault") and long_name not in ("admin", "json"):
                    own[name, long_name] = f"EDGEPROXY_FAULT_{long_name.replace('-', '_').upper()}"
                expected = own.get((name, long_name), "EDGEPROXY_" + long_name.replace("-", "_").upper())
                assert (name, expected) == (name, parameter.envvar)


def test_every_verb_explains_itself() -> None:
    for name, command in verbs(main):
        result = CliRunner().invoke(command, ["--help"])

        assert (name, 0) == (name, result.exit_code)
        assert command.help


def test_the_version_is_told() -> None:
    assert f"edgeproxy, version {__version__}" == invoke("--version").output.removesuffix(" (compiled)\n").strip()


def test_checking_a_good_file_is_fine(file: Path) -> None:
    assert 0 == invoke("check", "edgeproxy.yaml").exit_code
    assert 0 == invoke("check").exit_code


def test_checking_a_bad_file_is_not_fine(file: Path) -> None:
    file.write_text("LoadBalancer: []")
    result = invoke("check", "edgeproxy.yaml")

    assert 1 == result.exit_code
    assert result.output.startswith("edgeproxy.yaml:1:1: ")


def test_a_file_that_does_not_exist_is_wrong_usage(file: Path) -> None:
    assert 2 == invoke("check", "other.yaml").exit_code


def test_no_file_anywhere_is_wrong_usage_with_a_way_out(file: Path) -> None:
    file.unlink()
    result = invoke("run")

    assert 2 == result.exit_code
    assert "edgeproxy run --target 127.0.0.1:8080" in result.output


def test_a_named_file_goes_before_the_usual_places(file: Path, tmp_path: Path) -> None:
    named = tmp_path / "named.yaml"

    assert named == config_file(named)
    assert file.name == str(config_file(None))


def test_explaining_says_which_rule_answers(file: Path) -> None:
    result = invoke("explain", "GET", "http://localhost/", "-H", "X-A: 1", "--source-ip", "10.0.0.1")

    assert 0 == result.exit_code
    assert "GET http://localhost/ from 10.0.0.1" == result.output.splitlines()[0]
    assert "  default rule: answers" in result.output.splitlines()


@pytest.mark.parametrize("arguments", [("GET", "localhost"), ("GET", "http://h/", "--source-ip", "h")])
def test_explaining_what_is_no_request_is_wrong_usage(file: Path, arguments: tuple[str, ...]) -> None:
    assert 2 == invoke("explain", *arguments).exit_code


def test_the_schema_is_json() -> None:
    schema = json.loads(invoke("schema").output)

    assert "LoadBalancers" in schema["properties"]


def test_health_cannot_ask_an_endpoint_that_is_off() -> None:
    result = invoke("health", EDGEPROXY_ADMIN="off")

    assert 1 == result.exit_code
    assert "The admin endpoint is off" in result.output


def test_following_an_endpoint_that_is_off_is_not_fine() -> None:
    result = invoke("logs", EDGEPROXY_ADMIN="off")

    assert 1 == result.exit_code
    assert "The admin endpoint is off" in result.output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--status", "abc"), "'abc' is not a status"),
        (("--rule", "first"), "'first' is not a rule"),
        (("--slow", "fast"), "'fast' is not a duration"),
    ],
)
def test_a_wrong_filter_is_wrong_usage(arguments: tuple[str, ...], sentence: str) -> None:
    result = invoke("logs", *arguments)

    assert 2 == result.exit_code
    assert sentence in result.output


def test_asking_for_health_imports_nothing_slow() -> None:
    """It is Docker's HEALTHCHECK, which runs every few seconds."""
    program = (
        "import sys; from edgeproxy.control.cli import main\n"
        "try: main(['health', '--admin', '127.0.0.1:1'])\n"
        "except SystemExit: print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()

    assert {"edgeproxy.control.health_view"} <= set(loaded)
    assert set() == {"aiohttp", "asyncio", "cryptography", "msgspec", "rich", "ssl", "yaml"} & set(loaded)


@pytest.mark.parametrize("name", ["--time-scale", "--drain-seconds"])
@pytest.mark.parametrize("value", ["nan", "inf"])
def test_a_duration_is_of_finite_size(name: str, value: str, file: Path) -> None:
    result = invoke("run", "-c", str(file), name, value)
    assert 2 == result.exit_code
    assert f"{value} is not a number of finite size." in result.output
