"""HTTP/2 load: h2load with the head of `browser.lua`, and the proxy's processor time around it.

h2load cannot go on behind a GOAWAY, and there are proxies, edgeproxy like the real load balancer among them, that send
one behind so many requests. So a measurement is rounds of fewer requests a connection than that.
"""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.bench.cpu import cpu_seconds
from tests.bench.machine import pinned_to
from tests.bench.processes import ProxyFailedError
from tests.bench.results import Load

if TYPE_CHECKING:
    from pathlib import Path

CONNECTIONS: Final = 4
STREAMS: Final = 8
"""As many requests under way as wrk has: 32."""

ROUND: Final = CONNECTIONS * 5000
PATHS: Final = 5000
"""Different ones in a varied run; a connection asks for each of them once a round."""

HEAD: Final = (
    'sec-ch-ua: "Chromium";v="131", "Not_A Brand";v="24", "Google Chrome";v="131"',
    "User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
    "Sec-Fetch-Site: same-origin",
    "Sec-Fetch-Mode: navigate",
    "Sec-Fetch-Dest: document",
    "Referer: https://app.example.com/app/items?page=10000001",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Accept-Language: en-GB,en;q=0.9,de;q=0.8,fr;q=0.7",
    "Cookie: session=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N; theme=dark; seen=1",
)

_DONE: Final = re.compile(r"requests: (\d+) total, \d+ started, \d+ done, (\d+) succeeded")
_STATUSES: Final = re.compile(r"status codes: (\d+) 2xx")


class Round(NamedTuple):
    """What h2load says at the end."""

    requests: int
    failures: int


def parse_h2load(output: str) -> Round:
    """Read the totals out of everything that h2load prints; ValueError if they are missing."""
    done, statuses = _DONE.search(output), _STATUSES.search(output)
    if done is None or statuses is None or "Application protocol: h2" not in output:
        raise ValueError("h2load printed no totals of HTTP/2 requests.")
    return Round(int(done[1]), int(done[1]) - min(int(done[2]), int(statuses[1])))


def is_h2load_installed() -> bool:
    """Without it, there are no rows about HTTP/2."""
    return shutil.which("h2load") is not None


@functools.cache
def _alpn_option() -> str:
    """What h2load calls it changed with nghttp2 1.60."""
    done = subprocess.run(["h2load", "--help"], capture_output=True, text=True, timeout=20, check=False)
    return "--alpn-list=h2" if "--alpn-list" in done.stdout else "--npn-list=h2"


def _paths(kind: str) -> list[str]:
    if kind == "same":
        return ["/app/items/42?v=10000001&lang=en"]
    return [f"/app/items/42?v={10_000_000 + number}&lang=en" for number in range(PATHS)]


def run_h2load(port: int, *, kind: str, requests: int, core: int, folder: Path) -> tuple[Round, list[int]]:
    """One round with one thread on `core`; what it says, and each request's microseconds."""
    uris, log = folder / "h2load-uris", folder / "h2load-log"
    uris.write_text("".join(f"https://127.0.0.1:{port}{path}\n" for path in _paths(kind)), encoding="utf-8")
    log.unlink(missing_ok=True)
    counts = [f"-n{requests}", f"-c{CONNECTIONS}", f"-m{STREAMS}", "-t1"]
    head = [word for line in (":authority: app.example.com", *HEAD) for word in ("-H", line)]
    command = ["h2load", *counts, _alpn_option(), f"--log-file={log}", f"--input-file={uris}", *head]
    with pinned_to(core):
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    try:
        said = parse_h2load(done.stdout)
    except ValueError:
        raise ProxyFailedError(f"h2load failed: {done.stdout[-500:]}{done.stderr[-500:]}") from None
    lines = log.read_text(encoding="ascii").splitlines() if log.exists() else []
    return said, [int(line.split("\t")[2]) for line in lines]


def measure_h2_load(port: int, *, pid: int, core: int, seconds: float, kind: str, folder: Path) -> Load:
    """A short round that counts for nothing, then rounds until the time is over; `pid` is the proxy's first process."""
    run_h2load(port, kind=kind, requests=ROUND // 4, core=core, folder=folder)
    requests = failures = 0
    used = elapsed = 0.0
    times: list[int] = []
    while elapsed < seconds:
        before, start = cpu_seconds(pid), time.perf_counter()
        said, each = run_h2load(port, kind=kind, requests=ROUND, core=core, folder=folder)
        elapsed += time.perf_counter() - start
        used += cpu_seconds(pid) - before
        requests += said.requests
        failures += said.failures
        times += each
    times.sort()
    return Load(
        cpu_us=used * 1e6 / requests,
        per_second=requests / elapsed,
        p50_us=times[len(times) // 2] if times else 0,
        p99_us=times[int(len(times) * 0.99)] if times else 0,
        failures=failures,
    )
