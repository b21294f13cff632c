"""The fixture: from making an `Alb` to its first proxied answer, and what a reset takes. In this process, on one core.

.venv/bin/python -m tests.bench.fixture TARGET_PORT
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import TYPE_CHECKING

from edgeproxy.testing import Alb
from tests.bench.results import Fixture

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUEST = b"GET /small HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
RESETS = 5


def measure_fixture(target_port: int, *, repeat: int) -> Fixture:
    """Medians of `repeat` load balancers, milliseconds; one before them pays for imports and the CA."""
    starts, resets = [], []
    for number in range(repeat + 1):
        start, *some = _measure_once(target_port)
        if number:
            starts.append(start)
            resets += some
    return Fixture(start_ms=statistics.median(starts) * 1000, reset_ms=statistics.median(resets) * 1000)


def _measure_once(target_port: int) -> Iterator[float]:
    """Seconds of the start, and of each reset. The client's TLS context is made anew, as for each test."""
    start = time.perf_counter()
    with Alb(targets=[target_port]) as alb:
        _ask(alb)
        yield time.perf_counter() - start
        for _ in range(RESETS):
            _ask(alb)
            start = time.perf_counter()
            alb.reset()
            yield time.perf_counter() - start


def _ask(alb: Alb) -> None:
    sock = alb.clients.connect()
    sock.sendall(REQUEST)
    status = sock.recv(1 << 16).split(b" ")[1]
    sock.close()
    if status != b"200":
        raise OSError(f"the first answer was a {status.decode()}")


if __name__ == "__main__":
    print(measure_fixture(int(sys.argv[1]), repeat=20))
