"""Requests under random faults, each accounted for: `python -m tests.end_to_end.soak --requests 100000 --seed 1`.

A process of edgeproxy stands between clients and targets of this one. Clients send everything from plain requests to
WebSockets, leave, stall and babble; targets answer, close, reset, stall and talk nonsense, and are killed and started
again; the configuration is reloaded all the while. At the end every request stands in the access log exactly once, with
the status and the bytes that its client saw, and the metrics say the same. Exit code 0 when that is so.

The seed decides what is asked for and in which order; what meets what is up to the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import signal
import ssl
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import trustme

from edgeproxy.runtime.loop import loop_factory, on_exception
from tests.end_to_end.soak.clients import Client
from tests.end_to_end.soak.ledger import Ledger, Line, parse_metrics
from tests.end_to_end.soak.targets import Arrivals, Target
from tests.helpers.process import EdgeProxyProcess

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Sequence

TARGETS = 4
SETTLE_SECONDS = 5.0
TLS_TARGETS = 3
TLS_CLIENTS = 4
"""One client in so many speaks TLS, and so do the targets that it gets to."""
TIME_SCALE = 0.01
"""An idle timeout of 60 s is over in 0.6 s."""

CONFIGURATION = """\
LoadBalancers:
  - Name: soak
    LoadBalancerAttributes: {{idle_timeout.timeout_seconds: {idle}}}
    Listeners:
      - Port: 80
        Protocol: HTTP
        DefaultActions: [{{Type: forward, TargetGroupArn: app}}]
        Rules: &rules
          - {{Priority: 1, Conditions: [{{Field: path-pattern, Values: ['/fixed/*']}}],
             Actions: [{{Type: fixed-response,
                        FixedResponseConfig: {{StatusCode: '404', ContentType: text/plain, MessageBody: sorry}}}}]}}
          - {{Priority: 2, Conditions: [{{Field: path-pattern, Values: ['/moved/*']}}], Actions: [{{Type: redirect,
             RedirectConfig: {{Host: example.com, StatusCode: HTTP_302}}}}]}}
          - {{Priority: 3, Conditions: [{{Field: path-pattern, Values: ['/none/*']}}],
             Actions: [{{Type: forward, TargetGroupArn: none}}]}}
      - Port: 443
        Protocol: HTTPS
        Certificates: [{{CertificateArn: localhost.pem}}]
        DefaultActions: [{{Type: forward, TargetGroupArn: secret}}]
        Rules: *rules
TargetGroups:
  - {{Name: app, Protocol: HTTP, Port: 80, Targets: [{targets}],
     TargetGroupAttributes: {{deregistration_delay.timeout_seconds: {delay}}}}}
  - {{Name: secret, Protocol: HTTPS, Port: 443, Targets: [{secret_targets}],
     TargetGroupAttributes: {{deregistration_delay.timeout_seconds: {delay}}}}}
  - {{Name: none, Protocol: HTTP, Port: 80}}
"""


class Report(NamedTuple):
    """How it went."""

    problems: list[str]
    statuses: Counter[int]
    """What clients were given; 0 where nothing."""
    logged: int
    races: int
    kills: int
    reloads: int
    seconds: float
    lost_files: int
    """Descriptors of the process that were not there before the first request."""
    lost_connections: int
    """Counted as active long after the last request."""


class Soak:
    """One run."""

    def __init__(self, *, requests: int, seed: int, clients: int, loop: str, folder: Path) -> None:
        self._requests = requests
        self._draw = random.Random(seed)
        self._clients = clients
        self._folder = folder
        self._loop = loop
        authority = trustme.CA()
        leaf = authority.issue_cert("localhost")
        leaf.private_key_and_cert_chain_pem.write_to_path(str(folder / "localhost.pem"))
        self._tls = ssl.create_default_context()
        authority.configure_trust(self._tls)
        target_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        leaf.configure_cert(target_tls)
        self._arrivals = Arrivals()
        self._targets = [Target(self._arrivals) for _ in range(TARGETS)]
        self._secret_targets = [Target(self._arrivals, target_tls) for _ in range(TLS_TARGETS)]
        self._ledger = Ledger()
        self._kills = self._reloads = 0

    async def run(self) -> Report:
        """Everything, from the first process to the last line."""
        for target in (*self._targets, *self._secret_targets):
            await target.start()
        self._configure()
        process = await asyncio.to_thread(self._start)
        try:
            files = _open_files(process)
            started = time.monotonic()
            await self._ask_under_faults(process)
            seconds = time.monotonic() - started
            lost_connections = await self._quiet(process)
            metrics = await asyncio.to_thread(_metrics, process)
            lost_files = await _lost_files(process, files)
            code = await asyncio.to_thread(process.stop)
        finally:
            process.close()
            for target in (*self._targets, *self._secret_targets):
                await target.stop()
        lines = [Line.parse(line) for line in (self._folder / "access.log").read_text(encoding="utf-8").splitlines()]
        problems = [*self._ledger.problems(lines, metrics), *_complaints(process, code)]
        return Report(
            problems=problems,
            statuses=self._ledger.statuses(),
            logged=len(lines),
            races=self._ledger.races(),
            kills=self._kills,
            reloads=self._reloads,
            seconds=seconds,
            lost_files=lost_files,
            lost_connections=lost_connections,
        )

    def _start(self) -> EdgeProxyProcess:
        environment = {}
        if self._loop == "asyncio":
            # Hides uvloop, which is taken where it can be imported.
            (self._folder / "uvloop.py").write_text("raise ImportError\n", encoding="utf-8")
            environment["PYTHONPATH"] = os.pathsep.join([str(self._folder), os.environ.get("PYTHONPATH", "")])
        return EdgeProxyProcess(
            [
                *("run", "-c", "edgeproxy.yaml", "--bind", "80=127.0.0.1:0", "--bind", "443=127.0.0.1:0"),
                *("--admin", "127.0.0.1:0", "--access-log", "access.log", "--time-scale", str(TIME_SCALE)),
            ],
            working_directory=self._folder,
            environment=environment,
        )

    async def _ask_under_faults(self, process: EdgeProxyProcess) -> None:
        numbers: Iterator[int] = iter(range(self._requests))
        clients = [
            Client(
                *((process.listeners[80], None) if each % TLS_CLIENTS else (process.listeners[443], self._tls)),
                numbers=numbers,
                draw=random.Random(self._draw.random()),
                ledger=self._ledger,
                arrivals=self._arrivals,
            ).run()
            for each in range(self._clients)
        ]
        faults = [asyncio.create_task(each) for each in (self._kill_targets(), self._reload(process))]
        try:
            await asyncio.gather(*clients)
        finally:
            for fault in faults:
                fault.cancel()
            await asyncio.wait(faults)
        for fault in faults:
            if not fault.cancelled():
                fault.result()

    async def _kill_targets(self) -> None:
        while True:
            await asyncio.sleep(self._draw.uniform(0.1, 0.6))
            target = self._draw.choice([*self._targets, *self._secret_targets])
            await target.stop()
            try:
                await asyncio.sleep(self._draw.uniform(0.0, 0.05))
            finally:
                await target.start()
            self._kills += 1

    async def _reload(self, process: EdgeProxyProcess) -> None:
        while True:
            await asyncio.sleep(self._draw.uniform(0.1, 0.4))
            self._configure()
            process.send(signal.SIGHUP)
            self._reloads += 1

    def _configure(self) -> None:
        """Some of the targets, so that others drain; and something that changes what connections live by."""
        text = CONFIGURATION.format(
            idle=self._draw.randrange(60, 70),
            targets=self._some_of(self._targets),
            secret_targets=self._some_of(self._secret_targets),
            delay=self._draw.choice([0, 5, 300]),
        )
        written = self._folder / "edgeproxy.yaml.new"
        written.write_text(text, encoding="utf-8")
        written.replace(self._folder / "edgeproxy.yaml")

    def _some_of(self, targets: list[Target]) -> str:
        chosen = self._draw.sample(targets, self._draw.randrange(2, len(targets) + 1))
        return ", ".join(f"{{Id: 127.0.0.1, Port: {target.port}}}" for target in chosen)

    async def _quiet(self, process: EdgeProxyProcess) -> int:
        """Waits until no connection is left, a few idle timeouts at most; how many are left then."""
        deadline = time.monotonic() + SETTLE_SECONDS
        name = "aws_applicationelb_active_connection_count"
        while left := int((await asyncio.to_thread(_metrics, process)).get(name, 0)):
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(0.02)
        return left


def _open_files(process: EdgeProxyProcess) -> int:
    return len(list(Path(f"/proc/{process.process.pid}/fd").iterdir()))


async def _lost_files(process: EdgeProxyProcess, before: int) -> int:
    """How many stay open for good: pooled connections go after the idle timeout, and health checks come and go."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while (lost := _open_files(process) - before - TARGETS - TLS_TARGETS) > 0 and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    return max(0, lost)


def _metrics(process: EdgeProxyProcess) -> dict[str, float]:
    with urllib.request.urlopen(f"http://{process.admin}/metrics", timeout=20) as answer:
        return parse_metrics(answer.read().decode())


def _complaints(process: EdgeProxyProcess, code: int) -> Iterator[str]:
    """What it would not say if all were well: its own errors, and everything that is no event, such as tracebacks."""
    if code:
        yield f"edgeproxy ended with {code}"
    said = [event["message"] for event in process.events if "level" not in event]
    if said:
        yield "edgeproxy said:\n" + "\n".join(said[:100])
    for event in process.events:
        if event.get("level") in ("error", "critical") or "exception" in event:
            yield f"edgeproxy said: {event}"


async def soak(*, requests: int, seed: int, clients: int = 64, loop: str = "uvloop") -> Report:
    """Runs it in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="edgeproxy-soak-") as folder:
        return await Soak(requests=requests, seed=seed, clients=clients, loop=loop, folder=Path(folder)).run()


def main(arguments: Sequence[str]) -> int:
    """Prints the report; 1 when something does not fit."""
    parser = argparse.ArgumentParser(prog="python -m tests.end_to_end.soak", description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000, metavar="N")
    parser.add_argument("--seed", type=int, default=None, metavar="N", help="another one each time if it is not given")
    parser.add_argument("--clients", type=int, default=64, metavar="N", help="at the same time (default 64)")
    parser.add_argument("--loop", choices=["uvloop", "asyncio"], default="uvloop", help="that edgeproxy runs on")
    options = parser.parse_args(arguments)
    seed = options.seed if options.seed is not None else random.randrange(1 << 32)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.get_loop().set_exception_handler(on_exception)
        report = runner.run(soak(requests=options.requests, seed=seed, clients=options.clients, loop=options.loop))
    print(f"{options.requests:,} requests with seed {seed} in {report.seconds:.1f} s, {report.logged:,} lines logged")
    print(f"{report.kills} targets killed, {report.reloads} reloads, {report.races} races with an idle connection")
    print("answers:", ", ".join(f"{status or 'none'} {count:,}" for status, count in sorted(report.statuses.items())))
    if report.lost_files:
        report.problems.append(f"{report.lost_files} descriptors were left open")
    if report.lost_connections:
        report.problems.append(f"{report.lost_connections} connections never ended")
    for problem in report.problems[:50]:
        print("PROBLEM:", problem)
    print(f"{len(report.problems)} problems")
    return 1 if report.problems else 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main(sys.argv[1:]))
