"""Bodies of 100 MB through a proxy: rate, processor time, and how far its memory grows.

The other end is `body_target.py`. Our own client is as cheap as the target: over HTTP the kernel throws downloads away
(MSG_TRUNC) and sends uploads from memory (sendfile), so client and target share a core and still outrun the proxy.
"""

from __future__ import annotations

import socket
import ssl
import time
from functools import partial
from typing import TYPE_CHECKING

from tests.bench import memory
from tests.bench.body_target import BODY_BYTES, MEGABYTE, STALL_SECONDS, memory_file
from tests.bench.connections import connect
from tests.bench.cpu import cpu_seconds
from tests.bench.processes import ProxyFailedError
from tests.bench.results import Transfer

if TYPE_CHECKING:
    import io
    from collections.abc import Callable

_HEAD = b"%b %b HTTP/1.1\r\nHost: app.example.com\r\nAccept: */*\r\nConnection: keep-alive\r\n%b\r\n"
_CHUNK = 1 << 20
_PATIENCE_SECONDS = 30
_BLOCK = memoryview(bytes(_CHUNK))


def _read_head(sock: socket.socket) -> tuple[bytes, int]:
    """The answer's head, and how many bytes of its body came with it."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        if not more:
            raise ProxyFailedError(f"the connection ended in the head of an answer: {data!r}")
        data += more
    head, _, rest = data.partition(b"\r\n\r\n")
    if b" 200 " not in head.partition(b"\r\n")[0]:
        raise ProxyFailedError(f"a request for a big body was answered with {head[:80]!r}")
    return head, len(rest)


def download(sock: socket.socket, *, is_stalling: bool = False) -> None:
    """Read one body of 100 MB; `is_stalling` pauses in the middle, as a slow client does."""
    sock.sendall(_HEAD % (b"GET", b"/100mb", b""))
    head, received = _read_head(sock)
    if b"chunked" in head.lower():
        raise ProxyFailedError("the proxy turned a body of known length into chunks")
    waste = bytearray(_CHUNK)
    flags = 0 if isinstance(sock, ssl.SSLSocket) else socket.MSG_TRUNC
    has_stalled = not is_stalling
    while received < BODY_BYTES:
        count = sock.recv_into(waste, min(_CHUNK, BODY_BYTES - received), flags)
        if not count:
            raise ProxyFailedError(f"the download ended after {received} of {BODY_BYTES} bytes")
        received += count
        if not has_stalled and received > BODY_BYTES // 2:
            has_stalled = True
            time.sleep(STALL_SECONDS)


def upload(sock: socket.socket, body: io.FileIO, *, is_stalling: bool = False) -> None:
    """Send one body of 100 MB; `is_stalling` asks the target to pause in the middle."""
    path = b"/upload-stall" if is_stalling else b"/upload"
    sock.sendall(
        _HEAD % (b"POST", path, b"Content-Type: application/octet-stream\r\nContent-Length: %d\r\n" % BODY_BYTES)
    )
    if isinstance(sock, ssl.SSLSocket):
        for start in range(0, BODY_BYTES, _CHUNK):
            sock.sendall(_BLOCK[: min(_CHUNK, BODY_BYTES - start)])
    else:
        sock.sendfile(body)
    _read_head(sock)


def measure_transfers(
    *, http_port: int, https_port: int, pid: int, context: ssl.SSLContext, repeat: int
) -> tuple[dict[str, Transfer], int]:
    """All four transfers, `repeat` times each after one that stalls, and the growth of memory over all of them."""
    rss_before = memory.rss(pid)
    memory.reset_peak(pid)
    found: dict[str, Transfer] = {}
    with memory_file() as body:
        for scheme, port, tls in (("http", http_port, None), ("https", https_port, context)):
            with connect(port, tls) as sock:
                sock.settimeout(_PATIENCE_SECONDS)
                found[f"{scheme} download"] = _timed(partial(download, sock), pid=pid, repeat=repeat)
            with connect(port, tls) as sock:
                sock.settimeout(_PATIENCE_SECONDS)
                found[f"{scheme} upload"] = _timed(partial(upload, sock, body), pid=pid, repeat=repeat)
    return found, memory.peak_rss(pid) - rss_before


def _timed(transfer: Callable[..., None], *, pid: int, repeat: int) -> Transfer:
    transfer(is_stalling=True)
    before, start = cpu_seconds(pid), time.perf_counter()
    for _ in range(repeat):
        transfer()
    elapsed, used = time.perf_counter() - start, cpu_seconds(pid) - before
    return Transfer(
        megabytes_per_second=repeat * BODY_BYTES / MEGABYTE / elapsed,
        cpu_ms_per_100mb=used * 1000 / repeat,
    )
