"""Request load: wrk with `browser.lua`, and the proxy's processor time around it."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.bench.cpu import cpu_seconds
from tests.bench.machine import pinned_to
from tests.bench.processes import ProxyFailedError
from tests.bench.results import Load

_SCRIPT = Path(__file__).with_name("browser.lua")
_CONNECTIONS = 32
_FIELD = re.compile(r"(\w+)=(\d+)")


@dataclass(frozen=True, kw_only=True)
class WrkReport:
    """The line that `browser.lua` prints at the end. Times in microseconds."""

    requests: int
    microseconds: int
    p50: int
    p99: int
    failures: int  # connections, transfers, timeouts and statuses above 399 together


def parse_wrk(output: str) -> WrkReport:
    """Read the `bench ...` line out of everything that wrk prints; ValueError if it is missing."""
    for line in output.splitlines():
        if line.startswith("bench "):
            values = {name: int(value) for name, value in _FIELD.findall(line)}
            failures = ("failed_connections", "failed_transfers", "timeouts", "bad_status")
            return WrkReport(
                requests=values["requests"],
                microseconds=values["microseconds"],
                p50=values["p50"],
                p99=values["p99"],
                failures=sum(values[name] for name in failures),
            )
    raise ValueError("wrk printed no line that begins with `bench `.")


def is_wrk_installed() -> bool:
    """Without wrk there is no bench."""
    return shutil.which("wrk") is not None


def run_wrk(url: str, *, kind: str, path: str, seconds: float, core: int) -> WrkReport:
    """One run with one thread on `core`; `kind` is explained in `browser.lua`."""
    command = ["wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{max(1, round(seconds))}", "--timeout", "10", "-s", str(_SCRIPT)]
    with pinned_to(core):
        done = subprocess.run(
            [*command, url, "--", kind, path], capture_output=True, text=True, timeout=seconds + 30, check=False
        )
    try:
        return parse_wrk(done.stdout)
    except ValueError:
        raise ProxyFailedError(f"wrk failed: {done.stdout[-500:]}{done.stderr[-500:]}") from None


def measure_load(
    url: str, *, pid: int, core: int, seconds: float, kind: str = "same", path: str = "/app/items/42"
) -> Load:
    """A second of warm-up that counts for nothing, then the run. `pid` is the proxy's first process."""
    run_wrk(url, kind=kind, path=path, seconds=1, core=core)
    before = cpu_seconds(pid)
    report = run_wrk(url, kind=kind, path=path, seconds=seconds, core=core)
    used = cpu_seconds(pid) - before
    if not report.requests:
        raise ProxyFailedError(f"no request to {url} was answered")
    return Load(
        cpu_us=used * 1e6 / report.requests,
        per_second=report.requests * 1e6 / report.microseconds,
        p50_us=report.p50,
        p99_us=report.p99,
        failures=report.failures,
    )
