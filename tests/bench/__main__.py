"""Runs the comparison: `python -m tests.bench` from the root of the repository. README.md explains every figure."""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench import machine
from tests.bench.bodies import measure_transfers
from tests.bench.certificate import make_certificate
from tests.bench.connections import (
    client_context,
    measure_footprint,
    measure_handshakes,
    measure_plain_connections,
)
from tests.bench.fixture import measure_fixture
from tests.bench.goals import OURS, goals
from tests.bench.h2load import is_h2load_installed, measure_h2_load
from tests.bench.load import is_wrk_installed, measure_load
from tests.bench.processes import ProxyFailedError, free_ports, running
from tests.bench.proxies import Proxy, Setup, table
from tests.bench.results import LOADS, Fixture, ProxyResult, Run, Tunnels
from tests.bench.rules import measure_rules
from tests.bench.startup import measure_startup
from tests.bench.table import report
from tests.bench.tunnels import measure_tunnels

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

PARTS = ("memory", "load", "connections", "bodies", "startup", "rules", "websockets", "fixture")
_RESULTS = Path(__file__).with_name("results")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Amounts:
    """How much of everything is done."""

    seconds: float
    idle_connections: int
    handshakes: int
    bodies: int
    starts: int
    websockets: int


QUICK = Amounts(seconds=1, idle_connections=200, handshakes=300, bodies=2, starts=1, websockets=200)


def amounts(seconds: float) -> Amounts:
    """The amounts of a full run."""
    return Amounts(seconds=seconds, idle_connections=1000, handshakes=2000, bodies=8, starts=5, websockets=10_000)


class Bench:
    """One run: the targets are up, proxies come and go."""

    def __init__(
        self, *, folder: Path, cores: machine.Cores, amounts: Amounts, parts: set[str], targets: tuple[int, int, int]
    ) -> None:
        self._folder = folder
        self._cores = cores
        self._amounts = amounts
        self._parts = parts
        self._small_target, self._body_target, self._tunnel_target = targets
        self._certificate = make_certificate(folder)
        self._context: ssl.SSLContext = client_context(self._certificate)

    def measure(self, proxy: Proxy) -> ProxyResult:
        """Everything about one proxy; a failure costs its part of the table only."""
        result = ProxyResult(name=proxy.name, version=proxy.version)
        steps: dict[str, Callable[[Proxy, ProxyResult], None]] = {
            "memory": self._memory,
            "load": self._load,
            "connections": self._connections,
            "bodies": self._bodies,
            "startup": self._startup,
        }
        for part, step in steps.items():
            if part in self._parts:
                say(f"{proxy.name}: {part}")
                try:
                    step(proxy, result)
                except (ProxyFailedError, OSError) as error:
                    result.errors.append(f"{part}: {error}")
                    say(f"{proxy.name}: {part} failed: {error}")
        return result

    def rules(self) -> dict[int, float]:
        """What more and more rules cost edgeproxy."""
        say("edgeproxy: rules")
        setup = self._setup(OURS, self._small_target)
        return measure_rules(setup, cores=self._cores, seconds=self._amounts.seconds)

    def websockets(self, ours: Proxy) -> dict[str, Tunnels]:
        """What thousands of idle WebSockets cost edgeproxy."""
        say("edgeproxy: websockets")
        setup = self._setup(OURS, self._tunnel_target)
        return measure_tunnels(ours, setup, cores=self._cores, context=self._context, wanted=self._amounts.websockets)

    def fixture(self) -> Fixture:
        """What a load balancer inside a test takes."""
        say("edgeproxy: fixture")
        return measure_fixture(self._small_target, repeat=self._amounts.starts * 4)

    def _setup(self, name: str, target_port: int) -> Setup:
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        (folder / "access.log").unlink(missing_ok=True)  # so that a run needs no more disk than its longest part
        http, https = free_ports(2)
        return Setup(
            folder=folder,
            target_port=target_port,
            http_port=http,
            https_port=https,
            certificate=self._certificate,
        )

    def _memory(self, proxy: Proxy, result: ProxyResult) -> None:
        setup = self._setup(proxy.name, self._small_target)
        with running(proxy.command(setup), core=self._cores.proxy, folder=setup.folder, name=proxy.name) as process:
            process.wait_until_answers(setup.http_port)
            result.footprint = measure_footprint(
                setup.https_port, pid=process.pid, context=self._context, count=self._amounts.idle_connections
            )

    def _load(self, proxy: Proxy, result: ProxyResult) -> None:
        setup = self._setup(proxy.name, self._small_target)
        ports = {"http": setup.http_port, "https": setup.https_port}
        with running(proxy.command(setup), core=self._cores.proxy, folder=setup.folder, name=proxy.name) as process:
            process.wait_until_answers(setup.http_port)
            for key in LOADS:
                scheme, kind = key.split()
                if scheme == "h2":
                    self._h2_load(proxy, result, key, pid=process.pid, setup=setup)
                    continue
                result.loads[key] = measure_load(
                    f"{scheme}://127.0.0.1:{ports[scheme]}",
                    pid=process.pid,
                    core=self._cores.load,
                    seconds=self._amounts.seconds,
                    kind=kind,
                )

    def _h2_load(self, proxy: Proxy, result: ProxyResult, key: str, *, pid: int, setup: Setup) -> None:
        if not proxy.speaks_h2 or not is_h2load_installed():
            return
        result.loads[key] = measure_h2_load(
            setup.https_port,
            pid=pid,
            core=self._cores.load,
            seconds=self._amounts.seconds,
            kind=key.split()[1],
            folder=setup.folder,
        )

    def _connections(self, proxy: Proxy, result: ProxyResult) -> None:
        setup = self._setup(proxy.name, self._small_target)
        with running(proxy.command(setup), core=self._cores.proxy, folder=setup.folder, name=proxy.name) as process:
            process.wait_until_answers(setup.http_port)
            pid = process.pid
            result.connections["http"] = measure_plain_connections(
                setup.http_port, pid=pid, core=self._cores.load, seconds=min(2, self._amounts.seconds)
            )
            result.connections["https"] = measure_handshakes(
                setup.https_port, pid=pid, context=self._context, count=self._amounts.handshakes
            )
            result.connections["https resumed"] = measure_handshakes(
                setup.https_port, pid=pid, context=self._context, count=self._amounts.handshakes, is_resumed=True
            )

    def _bodies(self, proxy: Proxy, result: ProxyResult) -> None:
        setup = self._setup(proxy.name, self._body_target)
        with running(proxy.command(setup), core=self._cores.proxy, folder=setup.folder, name=proxy.name) as process:
            process.wait_until_answers(setup.http_port)
            result.transfers, result.body_growth = measure_transfers(
                http_port=setup.http_port,
                https_port=setup.https_port,
                pid=process.pid,
                context=self._context,
                repeat=self._amounts.bodies,
            )

    def _startup(self, proxy: Proxy, result: ProxyResult) -> None:
        setup = self._setup(proxy.name, self._small_target)
        result.startup_ms = measure_startup(proxy, setup, core=self._cores.proxy, repeat=self._amounts.starts)


def say(text: str) -> None:
    """Progress, out of the way of the table."""
    print(text, file=sys.stderr, flush=True)


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """The command line; environment variables are for `make bench`, which has no options."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", metavar="NAME,…", help="these proxies only, e.g. nginx,edgeproxy")
    parser.add_argument("--parts", metavar="PART,…", default=",".join(PARTS), help=f"some of {', '.join(PARTS)}")
    parser.add_argument("--seconds", type=float, default=5, help="length of each load measurement (default 5)")
    parser.add_argument("--quick", action="store_true", help="does it work? short, and too noisy to quote")
    parser.add_argument("--output", metavar="NAME", default="latest", help="writes results/NAME.md and .json")
    return parser.parse_args(arguments)


def chosen_proxies(only: str | None) -> list[Proxy]:
    """The installed ones among those asked for."""
    known = table()
    names = set(only.split(",")) if only else {proxy.name for proxy in known}
    if unknown := names - {proxy.name for proxy in known}:
        raise SystemExit(f"--only names {', '.join(sorted(unknown))}; known: {', '.join(p.name for p in known)}.")
    for proxy in known:
        if proxy.name in names and not proxy.is_installed:
            say(f"{proxy.name}: not installed, left out")
    return [proxy for proxy in known if proxy.name in names and proxy.is_installed]


def write(run: Run, name: str) -> str:
    """Write both files and return the text."""
    text = report(run, [goal.row() for goal in goals(run)])
    _RESULTS.mkdir(exist_ok=True)
    (_RESULTS / f"{name}.md").write_text(text, encoding="utf-8")
    (_RESULTS / f"{name}.json").write_text(json.dumps(dataclasses.asdict(run), indent=1) + "\n", encoding="utf-8")
    return text


def run_all(arguments: argparse.Namespace, folder: Path) -> Run:
    """Start the targets, then measure one proxy after the other."""
    cores = machine.choose_cores()
    how_much = QUICK if arguments.quick else amounts(arguments.seconds)
    parts = set(arguments.parts.split(","))
    options = {
        "Proxy on core": f"{cores.proxy}, load generator and targets on core {cores.load}",
        "Seconds per load measurement": f"{how_much.seconds:g}",
    }
    run = Run(machine=dict(machine.describe(dt.datetime.now(dt.UTC))), options=options)
    ports = free_ports(3)
    modules = ("target", "body_target", "tunnel_target")
    commands = [[sys.executable, "-m", f"tests.bench.{m}", str(p)] for m, p in zip(modules, ports, strict=True)]
    with (
        running(commands[0], core=cores.load, folder=folder, name="target") as small,
        running(commands[1], core=cores.load, folder=folder, name="body_target") as big,
        running(commands[2], core=cores.load, folder=folder, name="tunnel_target") as tunnels,
        machine.pinned_to(cores.load),
    ):
        small.wait_until_answers(ports[0])
        big.wait_until_answers(ports[1])
        tunnels.wait_until_answers(ports[2])
        bench = Bench(folder=folder, cores=cores, amounts=how_much, parts=parts, targets=(ports[0], ports[1], ports[2]))
        proxies = chosen_proxies(arguments.only)
        for proxy in proxies:
            run.proxies.append(bench.measure(proxy))
            shutil.rmtree(folder / proxy.name, ignore_errors=True)  # a second of load is megabytes of access log
        for ours in (proxy for proxy in proxies if proxy.name == OURS):
            measure_ours(bench, ours, run, parts)
    return run


def measure_ours(bench: Bench, ours: Proxy, run: Run, parts: set[str]) -> None:
    """What is asked of edgeproxy alone."""
    if "rules" in parts:
        try:
            run.rules = bench.rules()
        except (ProxyFailedError, OSError) as error:
            run.proxies[-1].errors.append(f"rules: {error}")
    if "websockets" in parts:
        try:
            run.tunnels = bench.websockets(ours)
        except (ProxyFailedError, OSError) as error:
            run.proxies[-1].errors.append(f"websockets: {error}")
    if "fixture" in parts:
        try:
            run.fixture = bench.fixture()
        except OSError as error:
            run.proxies[-1].errors.append(f"fixture: {error}")


def main(arguments: list[str]) -> int:
    """Exit code 0 when every proxy could be measured, 1 otherwise; missed goals are in the table."""
    options = parse_arguments(arguments)
    if problem := machine.complain_about_platform():
        raise SystemExit(problem)
    if not is_wrk_installed():
        raise SystemExit("The bench needs wrk (Debian and Ubuntu: `apt install wrk`).")
    if not is_h2load_installed():
        say("h2load is not installed: no rows about HTTP/2 (Debian and Ubuntu: `apt install nghttp2-client`)")
    os.chdir(Path(__file__).parents[2])  # `-m tests.bench...` in the processes we start
    machine.allow_many_files()
    with tempfile.TemporaryDirectory(prefix="edgeproxy-bench-") as folder:
        run = run_all(options, Path(folder))
    print(write(run, options.output))
    return 1 if any(proxy.errors for proxy in run.proxies) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
