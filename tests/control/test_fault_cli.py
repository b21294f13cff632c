"""`edgeproxy fault` against an edgeproxy that runs as a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from edgeproxy.control import fault_cli
from edgeproxy.control.admin_client import AdminAnswer
from edgeproxy.control.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.helpers.process import EdgeProxyProcess

CONFIG = """\
LoadBalancers:
  - Name: dev
    Listeners:
      - Port: 80
        Protocol: HTTP
        DefaultActions: [{Type: fixed-response, FixedResponseConfig: {StatusCode: "200", MessageBody: hello}}]
        Faults: [{Name: file-fault, Status: 500, Percentage: 0.001}]
"""


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the commands send; they are answered with an id."""
    found: list[tuple[Any, ...]] = []

    def ask(_address: object, *request: Any) -> AdminAnswer:
        found.append(request)
        return AdminAnswer(200, {"Id": "fault-1", "Removed": 2, "Faults": []})

    monkeypatch.setattr(fault_cli, "ask", ask)
    return found


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(main, ["fault", *arguments])


@pytest.mark.parametrize(
    ("line", "body"),
    [
        ("--status 503", {"Status": 503}),
        ("--delay 1.5 --jitter 0.5 --percentage 20", {"Delay": 1.5, "Jitter": 0.5, "Percentage": 20.0}),
        ("--reset --after 3 --seed 7 --name x", {"Reset": True, "After": 3.0, "Seed": 7, "Name": "x"}),
        ("--truncate 0 --count 1", {"Truncate": 0, "Count": 1}),
        ("--close-before-send --for 30", {"CloseBeforeSend": True, "For": 30.0}),
        ("--idle-timeout 5 --listener 443", {"IdleTimeout": 5.0, "Where": {"Listener": "443"}}),
        ("--bandwidth 9 --listener 80 --rule 7", {"Bandwidth": 9, "Where": {"Listener": "80", "Rule": "7"}}),
        (
            "--mark draining --target-group app --target a:1",
            {"Target": "draining", "Where": {"TargetGroup": "app", "Target": "a:1"}},
        ),
    ],
)
def test_options_become_a_fault(sent: list[tuple[Any, ...]], line: str, body: dict[str, Any]) -> None:
    result = invoke("add", *line.split())
    assert (0, "fault-1\n") == (result.exit_code, result.output)
    assert [("POST", "/_edgeproxy/faults", body)] == sent


def test_the_other_verbs_ask_for_what_they_say(sent: list[tuple[Any, ...]]) -> None:
    assert "" == invoke("remove", "a/b").output
    assert "2 removed\n" == invoke("clear").output
    assert "" == invoke("list").output
    assert [
        ("DELETE", "/_edgeproxy/faults/a%2Fb", None),
        ("DELETE", "/_edgeproxy/faults", None),
        ("GET", "/_edgeproxy/faults", None),
    ] == sent


def test_without_an_admin_endpoint_nothing_can_be_asked() -> None:
    result = invoke("list", "--admin", "off")
    assert (1, "The admin endpoint is off (--admin off), so nothing can be asked.\n") == (
        result.exit_code,
        result.output,
    )


def test_a_table_is_for_people() -> None:
    document = {
        "Faults": [
            {
                "Id": "fault-1",
                "Name": "slow",
                "State": "active",
                "Hits": 3,
                "Seen": 10,
                "Place": "target group app",
                "Fault": {"Delay": 1.0, "Name": "slow", "Reset": True},
            }
        ]
    }
    assert [
        "ID       NAME  STATE   HITS  SEEN  PLACE             FAULT",
        "fault-1  slow  active  3     10    target group app  Delay: 1, Reset: true",
    ] == fault_cli._table(document)
    assert ["There are no faults."] == fault_cli._table({"Faults": []})


def test_the_whole_way(run_edgeproxy: Callable[..., EdgeProxyProcess], tmp_path: Path) -> None:
    (tmp_path / "edgeproxy.yaml").write_text(CONFIG)
    process = run_edgeproxy("run", "--bind", "80=127.0.0.1:0", "--admin", "127.0.0.1:0", "--fault-header")
    url = f"http://127.0.0.1:{process.listeners[80]}/"

    def fault(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "edgeproxy", "fault", *arguments, "--admin", process.admin]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def curl(*arguments: str) -> str:
        return subprocess.run(["curl", "-s", *arguments, url], capture_output=True, text=True, check=False).stdout

    added = fault("add", "--status", "503", "--listener", "80", "--name", "away")
    assert (0, "fault-1\n") == (added.returncode, added.stdout)
    answer = curl("-i")
    assert answer.startswith("HTTP/1.1 503 Service Temporarily Unavailable\n")
    assert "\nX-Edgeproxy-Fault: away\n" in answer
    assert [
        "file-1\tfile-fault\tactive\t0\t1\tlistener dev:80\tStatus: 500, Percentage: 0.001",
        "fault-1\taway\tactive\t1\t1\tlistener dev:80\tStatus: 503",
    ] == fault("list").stdout.splitlines()
    assert ["file-1", "fault-1"] == [each["Id"] for each in json.loads(fault("list", "--json").stdout)["Faults"]]
    assert (1, "") == ((missing := fault("remove", "fault-9")).returncode, missing.stdout)
    assert "There is no fault 'fault-9'. The faults are: file-1, fault-1.\n" == missing.stderr
    explain = [
        sys.executable,
        "-m",
        "edgeproxy",
        "explain",
        "GET",
        "http://localhost/",
        "--live",
        "--admin",
        process.admin,
    ]
    told = subprocess.run(explain, capture_output=True, text=True, check=False, cwd=tmp_path).stdout
    assert "  the listener's 'file-fault': Status: 500, Percentage: 0.001\n  added at listener dev:80: 'away': " in told
    refused = fault("add", "--status", "418")
    assert 2 == refused.returncode
    assert refused.stderr.startswith("Status: 'Status' value '418' must be one")
    assert 0 == fault("remove", "fault-1").returncode
    assert "hello" == curl()
