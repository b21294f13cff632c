"""New connections per second, and what an idle TLS connection costs."""

from __future__ import annotations

import contextlib
import socket
import ssl
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tests.bench.cpu import cpu_seconds
from tests.bench.load import run_wrk
from tests.bench.memory import pss
from tests.bench.processes import ProxyFailedError
from tests.bench.results import Footprint, Load

if TYPE_CHECKING:
    from pathlib import Path

_REQUEST = b"GET /app/items/42 HTTP/1.1\r\nHost: app.example.com\r\nAccept: */*\r\nConnection: %b\r\n\r\n"
_THREADS = 4
_SETTLE_SECONDS = 1.0


def client_context(certificate: Path) -> ssl.SSLContext:
    """TLS 1.3, the certificate is not verified: the client's cost is of no interest, only the proxy's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(certificate)
    context.verify_mode = ssl.CERT_NONE
    return context


def connect(port: int, context: ssl.SSLContext | None, session: ssl.SSLSession | None = None) -> socket.socket:
    """A connection to the proxy; with a context through a handshake, a full one unless there is a session to resume."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=10)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if context is None:
        return sock
    tls = context.wrap_socket(sock, server_hostname="localhost", session=session)
    if tls.session_reused is not (session is not None):
        raise ProxyFailedError("a session was not resumed" if session else "a session was resumed unasked")
    return tls


def new_session(port: int, context: ssl.SSLContext) -> ssl.SSLSession:
    """What a client keeps of a connection; TLS 1.3 sends it behind the handshake, so with the first answer."""
    with connect(port, context) as sock:
        ask(sock)
        session = sock.session  # type: ignore[attr-defined]
    if session is None or not session.has_ticket:
        raise ProxyFailedError("there was no session ticket with the first answer")
    return session  # type: ignore[no-any-return]


def ask(sock: socket.socket, connection: bytes = b"keep-alive") -> None:
    """One small request and its whole answer (which is far below one segment)."""
    sock.sendall(_REQUEST % connection)
    answer = sock.recv(65536)
    while b"\r\n\r\n" not in answer:
        more = sock.recv(65536)
        if not more:
            break
        answer += more
    if not answer.startswith(b"HTTP/1.1 200"):
        raise ProxyFailedError(f"the answer on a new connection begins with {answer[:40]!r}")


def measure_plain_connections(port: int, *, pid: int, core: int, seconds: float) -> Load:
    """One request per connection, by wrk."""
    before = cpu_seconds(pid)
    report = run_wrk(f"http://127.0.0.1:{port}", kind="close", path="/app/items/42", seconds=seconds, core=core)
    used = cpu_seconds(pid) - before
    if not report.requests:
        raise ProxyFailedError("no request with `Connection: close` was answered")
    return Load(
        cpu_us=used * 1e6 / report.requests,
        per_second=report.requests * 1e6 / report.microseconds,
        p50_us=report.p50,
        p99_us=report.p99,
        failures=report.failures,
    )


def measure_handshakes(port: int, *, pid: int, context: ssl.SSLContext, count: int, is_resumed: bool = False) -> Load:
    """`count` connections with a TLS handshake, full or resumed, and one request each.

    wrk is of no use here: it offers the session of the connection before, and a resumed handshake has no signature.
    """
    session = new_session(port, context) if is_resumed else None

    def one(_: int) -> float:
        start = time.perf_counter()
        with connect(port, context, session) as sock:
            ask(sock, b"close")
        return time.perf_counter() - start

    with ThreadPoolExecutor(_THREADS) as pool:
        before, start = cpu_seconds(pid), time.perf_counter()
        times = sorted(pool.map(one, range(count)))
        elapsed, used = time.perf_counter() - start, cpu_seconds(pid) - before
    return Load(
        cpu_us=used * 1e6 / count,
        per_second=count / elapsed,
        p50_us=statistics.median(times) * 1e6,
        p99_us=times[int(count * 0.99)] * 1e6,
        failures=0,
    )


def measure_footprint(port: int, *, pid: int, context: ssl.SSLContext, count: int) -> Footprint:
    """Memory when nothing is going on, then with `count` TLS connections that have had one request and wait."""
    time.sleep(_SETTLE_SECONDS)
    idle = pss(pid)
    with contextlib.ExitStack() as stack:
        # the first connections pay for what is made once (tables, thread stacks, allocator arenas)
        for _ in range(count // 20):
            ask(stack.enter_context(connect(port, context)))
        time.sleep(_SETTLE_SECONDS)
        before = pss(pid)
        opened = [stack.enter_context(connect(port, context)) for _ in range(count)]
        for sock in opened:
            ask(sock)
        time.sleep(_SETTLE_SECONDS)
        after = pss(pid)
        ask(opened[0])  # they are idle, not closed
    return Footprint(idle=idle, per_tls_connection=(after - before) / count, tls_connections=count)
