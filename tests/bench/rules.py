"""What rules cost edgeproxy: 1, 100 and 1,000 rules `/svc-N/*`, every request matches the last one.

The three configurations run at the same time on the same core and take turns, one of them under load, so that a noisy
machine disturbs them all alike; each gets the median of its turns.
"""

from __future__ import annotations

import contextlib
import statistics
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.bench.edgeproxy_config import service_rules
from tests.bench.load import measure_load
from tests.bench.processes import ProxyFailedError, free_ports, running
from tests.bench.proxies import run_edgeproxy

if TYPE_CHECKING:
    from tests.bench.machine import Cores
    from tests.bench.proxies import Setup

COUNTS = (1, 100, 1000)
_TURNS = 3


def measure_rules(setup: Setup, *, cores: Cores, seconds: float) -> dict[int, float]:
    """Number of rules -> microseconds of processor time per request over HTTP."""
    with contextlib.ExitStack() as stack:
        ready: dict[int, tuple[int, int]] = {}
        for count in COUNTS:
            folder = setup.folder / f"rules-{count}"
            folder.mkdir(exist_ok=True)
            http, https = free_ports(2)
            own = replace(setup, folder=folder, http_port=http, https_port=https)
            command = run_edgeproxy(
                own, http_rules=service_rules(count), https_rules=[], module="tests.bench.many_rules"
            )
            process = stack.enter_context(running(command, core=cores.proxy, folder=folder, name="edgeproxy"))
            process.wait_until_answers(http)
            ready[count] = (process.pid, http)
        turns: dict[int, list[float]] = {count: [] for count in COUNTS}
        for _ in range(_TURNS):
            for count, (pid, port) in ready.items():
                url, path = f"http://127.0.0.1:{port}", f"/svc-{count}/items/42"
                turn = measure_load(url, pid=pid, core=cores.load, seconds=seconds, kind="varied", path=path)
                if turn.failures:
                    raise ProxyFailedError(f"{turn.failures} requests failed with {count} rules")
                turns[count].append(turn.cpu_us)
    return {count: statistics.median(costs) for count, costs in turns.items()}
