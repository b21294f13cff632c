"""`edgeproxy doctor` as people run it, against processes that listen on real ports."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from edgeproxy.control.cli import main
from tests.helpers.targets import ScriptedTarget, answering, silent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

AIOHTTP_APP = """\
import asyncio, sys
from aiohttp import web

async def hello(request):
    return web.Response(text="hello")

async def slow(request):
    await asyncio.sleep(float(request.query["seconds"]))
    return web.Response(text="slow")

app = web.Application()
app.router.add_get("/", hello)
app.router.add_get("/slow", slow)

def tell_port(banner):
    print(banner.split("127.0.0.1:")[1].split()[0], flush=True)

web.run_app(app, host="127.0.0.1", port=0, keepalive_timeout=float(sys.argv[1]), print=tell_port)
"""


class Targets:
    """Scripted targets on a loop of their own, so that the command may have the main thread for its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._started: list[ScriptedTarget] = []

    def start(self, script: Any, **settings: Any) -> ScriptedTarget:
        target = ScriptedTarget(script, **settings)
        self._run(target.start())
        self._started.append(target)
        return target

    def stop(self, target: ScriptedTarget) -> None:
        self._run(target.stop())

    def close(self) -> None:
        for each in self._started:
            self._run(each.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, what: Any) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(20)


@pytest.fixture
def targets() -> Iterator[Targets]:
    started = Targets()
    yield started
    started.close()


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Callable[[float], tuple[subprocess.Popen[str], int]]]:
    """Starts an app in aiohttp's server as a process, with a keep-alive timeout; gives it and its port."""
    started: list[subprocess.Popen[str]] = []
    (tmp_path / "app.py").write_text(AIOHTTP_APP)

    def start(keep_alive: float) -> tuple[subprocess.Popen[str], int]:
        process = subprocess.Popen(
            [sys.executable, tmp_path / "app.py", str(keep_alive)], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout is not None
        return process, int(process.stdout.readline())

    yield start
    for each in started:
        each.kill()
        each.wait()
        assert each.stdout is not None
        each.stdout.close()


def doctor(*arguments: str, **environment: str) -> Any:
    return CliRunner().invoke(main, ["doctor", *arguments], env=environment)


def findings(output: str) -> dict[str, Any]:
    return {each["Name"]: each for target in json.loads(output)["Targets"] for each in target["Findings"]}


def test_an_app_whose_keep_alive_is_too_short_exits_with_1(app: Any) -> None:
    _, port = app(0.05)
    result = doctor("--target", f"127.0.0.1:{port}", "--idle-timeout", "5")

    assert 1 == result.exit_code
    assert f"127.0.0.1:{port}\n  ✓ answers: GET / is answered with 200" in result.stdout
    assert "  ! keep-alive: Your app closes idle connections after" in result.stdout
    assert (
        "the ALB after 5 s: expect 502s.\n    cure: Set it above 5 s, such as web.run_app(app, keepalive_timeout=7)."
        in (result.stdout)
    )
    assert "    page: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load" in result.stdout
    assert result.stdout.endswith("\n1 problem, 1 not looked at.\n")


def test_a_good_app_exits_with_0(app: Any) -> None:
    _, port = app(75)
    result = doctor("--target", f"http://127.0.0.1:{port}/", "--idle-timeout", "1")

    assert (0, "No problems, 1 not looked at.") == (result.exit_code, result.stdout.splitlines()[-1])


def test_json_says_the_same_to_programs(targets: Targets) -> None:
    target = targets.start(answering(), health_status=404)
    result = doctor("--target", str(target.port), "--quick", "--json", "--health-path", "/up")
    document = json.loads(result.stdout)

    assert (1, 1, 1) == (result.exit_code, document["Problems"], len(document["Targets"]))
    assert "problem" == findings(result.stdout)["health-check"]["Severity"]
    assert [b"GET /up HTTP/1.1"] == list({head.split(b"\r\n")[0] for head in target.health_checks})


def test_quick_never_passes_what_it_did_not_look_at(targets: Targets) -> None:
    target = targets.start(answering())
    result = doctor("--target", str(target.port), "--quick", "--json")

    assert (0, "skipped") == (result.exit_code, findings(result.stdout)["keep-alive"]["Severity"])


def test_advice_counts_only_if_it_is_asked_for(targets: Targets) -> None:
    target = targets.start(answering(headers=("Connection: close",)))

    assert 0 == doctor("--target", str(target.port), "--quick").exit_code
    assert 1 == doctor("--target", str(target.port), "--quick", "--strict").exit_code


def test_every_target_has_a_block(targets: Targets) -> None:
    ports = [targets.start(answering()).port for _ in range(2)]
    result = doctor("--quick", *(f"--target=127.0.0.1:{port}" for port in ports))

    assert [f"127.0.0.1:{port}" for port in ports] == [
        line for line in result.stdout.splitlines() if line.startswith("127.")
    ]


def test_an_app_that_is_not_there_is_a_finding(targets: Targets) -> None:
    target = targets.start(silent)
    targets.stop(target)
    result = doctor("--target", str(target.port))

    assert 1 == result.exit_code
    assert "! reachable: No connection to" in result.stdout


def test_without_a_target_the_files_are_looked_at(
    targets: Targets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = targets.start(answering(), health_status=404)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "edgeproxy.yaml").write_text(f"""\
LoadBalancers:
  - Name: dev
    LoadBalancerAttributes: {{idle_timeout.timeout_seconds: 1}}
    Listeners: [{{Port: 80, Protocol: HTTP, DefaultActions: [{{Type: forward, TargetGroupArn: app}}]}}]
TargetGroups:
  - {{Name: app, Port: {target.port}, Matcher: {{HttpCode: "200,404"}}, Targets: [{{Id: 127.0.0.1}}]}}
""")
    result = doctor("--quick")

    assert 0 == result.exit_code
    assert f"127.0.0.1:{target.port} of target group app\n" in result.stdout
    assert "is answered with 404, as the matcher 200,404 wants" in result.stdout
    assert 1 == doctor("--quick", "--matcher", "200").exit_code


def test_a_broken_file_and_one_without_targets_are_not_fine(tmp_path: Path) -> None:
    broken, empty = tmp_path / "broken.yaml", tmp_path / "empty.yaml"
    broken.write_text("LoadBalancer: []")
    empty.write_text("TargetGroups: [{Name: app, Port: 8080}]")

    assert (1, True) == (doctor("-c", str(broken)).exit_code, "broken.yaml:1:1" in doctor("-c", str(broken)).stderr)
    assert "has no target that a listener forwards to" in doctor("-c", str(empty)).stderr


def test_nothing_to_look_at_is_wrong_usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = doctor()

    assert 2 == result.exit_code
    assert "edgeproxy doctor --target 127.0.0.1:8080" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("--target", "app"),
        ("--target", "ftp://app:1"),
        ("--target", "8080", "--path", "hello"),
        ("--target", "8080", "--matcher", "500"),
        ("--target", "8080", "--idle-timeout", "nan"),
        ("--target", "8080", "--idle-timeout", "0"),
        ("--target", "8080", "--pid", "1"),
        ("--target", "8080", "--pid", str(os.getpid())),
        ("--target", "8080", "--target", "8081", "--pid", str(os.getppid())),
    ],
)
def test_wrong_usage_is_told_apart(arguments: tuple[str, ...]) -> None:
    assert 2 == doctor(*arguments).exit_code


def test_options_can_come_from_the_environment(targets: Targets) -> None:
    target = targets.start(answering())
    result = doctor(EDGEPROXY_TARGET=str(target.port), EDGEPROXY_QUICK="1", EDGEPROXY_DOCTOR_PATH="/from-there")

    assert "GET /from-there is answered with 200" in result.stdout


def test_the_pid_gets_sigterm_while_a_request_is_under_way(app: Any) -> None:
    """The runner of aiohttp lets running requests complete, and refuses new ones at once."""
    process, port = app(75)
    result = doctor(
        *("--target", str(port), "--path", "/", "--path", "/slow?seconds=0.5"),
        *("--pid", str(process.pid), "--quick", "--json"),
    )

    found = findings(result.stdout)
    assert "good" == found["requests-at-sigterm"]["Severity"]
    assert "advice" == found["connections-after-sigterm"]["Severity"]
    assert "good" == found["exit-after-sigterm"]["Severity"]
    assert 0 == process.wait(20)


def test_a_terminal_is_told_what_is_waited_for_and_gets_colours(targets: Targets) -> None:
    target = targets.start(answering())
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "edgeproxy", "doctor", "--target", str(target.port), "--idle-timeout", "0.5"],
        stdout=theirs,
        stderr=theirs,
        env={name: value for name, value in os.environ.items() if name != "NO_COLOR"},
    )
    os.close(theirs)
    seen = b""
    try:
        while data := os.read(ours, 1 << 16):
            seen += data
    except OSError:
        pass  # Linux's way to say that the other end is closed
    os.close(ours)

    assert 0 == process.wait(20)
    assert b"watching an idle connection, for 0.5 s at most." in seen
    assert b"\x1b[32m" in seen


def test_a_stream_that_cannot_show_signs_gets_others(targets: Targets) -> None:
    target = targets.start(answering())
    result = subprocess.run(
        [sys.executable, "-m", "edgeproxy", "doctor", "--target", str(target.port), "--quick"],
        capture_output=True,
        check=False,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
    )

    assert (0, b"") == (result.returncode, result.stderr)
    assert b"  + answers: GET / is answered with 200" in result.stdout


def test_ctrl_c_ends_it_with_a_sentence(targets: Targets) -> None:
    waiting = threading.Event()

    async def script(conversation: Any, head: bytes) -> None:
        waiting.set()
        await conversation.read_to_end()

    target = targets.start(script)
    process = subprocess.Popen(
        [sys.executable, "-m", "edgeproxy", "doctor", "--target", str(target.port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert waiting.wait(20)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=20)
    finally:
        process.kill()
        process.communicate()

    assert (1, b"Stopped before the examination was over.\n") == (process.returncode, stderr)
