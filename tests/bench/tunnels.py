"""What an idle WebSocket costs edgeproxy: memory while thousands of them wait, plain and over TLS.

Each has two connections in the proxy, so the number is limited by the files that a process may open. Memory is PSS, as
for idle connections; the kernel's socket buffers are nobody's.
"""

from __future__ import annotations

import contextlib
import resource
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tests.bench.connections import connect
from tests.bench.cpu import cpu_seconds
from tests.bench.memory import pss
from tests.bench.processes import ProxyFailedError, running
from tests.bench.results import Tunnels

if TYPE_CHECKING:
    import socket
    import ssl

    from tests.bench.machine import Cores
    from tests.bench.proxies import Proxy, Setup

_REQUEST = (
    b"GET /chat HTTP/1.1\r\nHost: app.example.com\r\nUser-Agent: Mozilla/5.0\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
_THREADS = 4
_SETTLE_SECONDS = 2.0
_WATCHED_SECONDS = 5.0
WARM_UP = 100
"""Tunnels that pay for what is made once, and are not counted."""
SPARE_FILES = 64


def possible(wanted: int, files: int) -> int:
    """How many tunnels can be held with so many open files; each needs two in the proxy."""
    return max(0, min(wanted, (files - SPARE_FILES) // 2 - WARM_UP))


def measure_tunnels(
    proxy: Proxy, setup: Setup, *, cores: Cores, context: ssl.SSLContext, wanted: int
) -> dict[str, Tunnels]:
    """Scheme -> what so many idle tunnels cost; a process for each."""
    count = possible(wanted, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    found = {}
    for scheme, tls in (("ws", None), ("wss", context)):
        with running(proxy.command(setup), core=cores.proxy, folder=setup.folder, name=proxy.name) as process:
            process.wait_until_answers(setup.http_port)
            port = setup.http_port if tls is None else setup.https_port
            found[scheme] = _hold(port, tls, pid=process.pid, count=count)
    return found


def _hold(port: int, context: ssl.SSLContext | None, *, pid: int, count: int) -> Tunnels:
    with contextlib.ExitStack() as stack:
        for _ in range(WARM_UP):
            stack.enter_context(_open(port, context))
        time.sleep(_SETTLE_SECONDS)
        before = pss(pid)
        with ThreadPoolExecutor(_THREADS) as pool:
            tunnels = [stack.enter_context(each) for each in pool.map(lambda _: _open(port, context), range(count))]
        time.sleep(_SETTLE_SECONDS)
        after = pss(pid)
        used = cpu_seconds(pid)
        time.sleep(_WATCHED_SECONDS)
        used = cpu_seconds(pid) - used
        for tunnel in tunnels[:: max(1, count // 100)]:
            _echo(tunnel)  # they are idle, not closed
    return Tunnels(count=count + WARM_UP, each=(after - before) / count, cpu_share=used / _WATCHED_SECONDS)


def _open(port: int, context: ssl.SSLContext | None) -> socket.socket:
    sock = connect(port, context)
    sock.sendall(_REQUEST)
    answer = b""
    while b"\r\n\r\n" not in answer:
        data = sock.recv(4096)
        if not data:
            break
        answer += data
    if not answer.startswith(b"HTTP/1.1 101 "):
        raise ProxyFailedError(f"the answer to an upgrade begins with {answer[:40]!r}")
    return sock


def _echo(sock: socket.socket) -> None:
    sock.sendall(b"ping")
    if sock.recv(4) != b"ping":
        raise ProxyFailedError("an idle WebSocket does not answer any more")
