"""From starting the process to the first proxied 200."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from tests.bench.processes import running

if TYPE_CHECKING:
    from tests.bench.proxies import Proxy, Setup


def measure_startup(proxy: Proxy, setup: Setup, *, core: int, repeat: int) -> float:
    """Median of `repeat` starts, milliseconds; one start before them fills the page cache and writes byte code."""
    times = [_start_once(proxy, setup, core=core) for _ in range(repeat + 1)]
    return statistics.median(times[1:]) * 1000


def _start_once(proxy: Proxy, setup: Setup, *, core: int) -> float:
    command = proxy.command(setup)
    start = time.perf_counter()
    with running(command, core=core, folder=setup.folder, name=proxy.name) as process:
        process.wait_until_answers(setup.http_port)
        return time.perf_counter() - start
