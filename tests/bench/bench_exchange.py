"""What one forwarded request costs inside the process: codecs, rules, balancing, heads, log line. No sockets.

    python -m tests.bench.bench_exchange

Rows: heads that repeat (a keep-alive client asking again) and heads that differ every time (nothing to remember). Over
HTTP/2 it is the path that differs, as browsers and h2load have it: what repeats is in the compression's table.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from typing import TYPE_CHECKING, Any, cast

import hpack

from edgeproxy.control.config.loader import load_text
from edgeproxy.runtime.access_log import AccessLog
from edgeproxy.runtime.client_connection import ClientConnection
from edgeproxy.runtime.h2_client_connection import H2ClientConnection
from edgeproxy.runtime.proxy import Bind, EdgeProxy
from edgeproxy.runtime.target_connection import TargetConnection
from tests.bench.edgeproxy_config import ten_rules
from tests.helpers.h2_wire import END_HEADERS, END_STREAM, HEADERS, PREFACE, frame, settings, window_update

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgeproxy.runtime.listener import ListenerSocket

FORWARD = [{"Type": "forward", "TargetGroupArn": "app"}]
CONFIG = json.dumps(
    {
        "LoadBalancers": [
            {
                "Name": "bench",
                "Listeners": [{"Port": 80, "Protocol": "HTTP", "DefaultActions": FORWARD, "Rules": ten_rules()}],
            }
        ],
        "TargetGroups": [{"Name": "app", "Port": 1, "Targets": [{"Id": "127.0.0.1"}]}],
    }
)

REQUEST = (
    "GET /app/items/42?x={n} HTTP/1.1\r\nHost: www.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36"
    "\r\nAccept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
    "Accept-Language: en-US,en;q=0.9\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
    "Cookie: session=0123456789abcdef{n}; theme=dark\r\nReferer: https://www.example.com/some/page\r\n"
    "Sec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\n"
    "Upgrade-Insecure-Requests: 1\r\nCache-Control: max-age=0\r\n\r\n"
)
RESPONSE = (
    "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Sun, 22 Nov 2026 10:00:00 GMT\r\nContent-Type: application/json\r\n"
    "Content-Length: 21\r\nConnection: keep-alive\r\nETag: {n}\r\nCache-Control: no-cache\r\n\r\n"
    '{{"ok":true,"v":12345}}'
)


class _Transport:
    """Takes everything, says nothing."""

    def get_extra_info(self, name: str) -> Any:
        return {"peername": ("192.0.2.7", 5000), "sockname": ("192.0.2.1", 80)}.get(name)

    def is_closing(self) -> bool:
        return False

    def __getattr__(self, name: str) -> Any:
        return lambda *_args, **_kwargs: None


class _Null:
    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        pass


class _Bench:
    """A proxy with one target connection, and no sockets."""

    def __init__(self, proxy: EdgeProxy) -> None:
        self._proxy = proxy
        self._listener: ListenerSocket = next(iter(proxy._listeners.values()))
        target_state = next(iter(proxy._groups["app"].targets.values()))
        pools = proxy._pools
        self._target = TargetConnection(pools._pools[target_state], pools._memo)
        self._target.connection_made(cast("asyncio.Transport", _Transport()))
        self._target.release()

    def run(self, client: ClientConnection | H2ClientConnection, messages: list[tuple[bytes, bytes]]) -> float:
        """Seconds for all of them."""
        target = self._target
        started = time.process_time()
        for request, response in messages:
            client.data_received(request)
            target.data_received(response)
        return time.process_time() - started

    def http1(self, *, is_varied: bool) -> float:
        """Seconds over HTTP/1.1."""
        client = ClientConnection(self._listener, self._proxy._memo)
        client.connection_made(cast("asyncio.Transport", _Transport()))
        messages = [(REQUEST.format(n=n).encode(), RESPONSE.format(n=n).encode()) for n in _numbers(is_varied)]
        return self.run(client, messages)

    def http2(self, *, is_varied: bool) -> float:
        """Seconds over HTTP/2."""
        client = H2ClientConnection(self._listener, self._proxy._memo, established=time.monotonic())
        client.connection_made(cast("asyncio.Transport", _Transport()))
        client.data_received(PREFACE + settings() + window_update(0, 1 << 30))
        encoder = hpack.Encoder()
        method, *lines = REQUEST.removesuffix("\r\n\r\n").split("\r\n")
        fields = [(name.lower(), value) for name, _, value in (line.partition(": ") for line in lines[1:])]
        fields = [(name, value.format(n=0)) for name, value in fields]
        messages = []
        for stream, n in enumerate(_numbers(is_varied)):
            path = hpack.NeverIndexedHeaderTuple(":path", method.split(" ")[1].format(n=n))
            pseudo = [(":method", "GET"), (":scheme", "https"), (":authority", "www.example.com"), path]
            block = encoder.encode(cast("Any", [*pseudo, *fields]))
            request = frame(HEADERS, END_HEADERS | END_STREAM, 2 * stream + 1, block)
            messages.append((request, RESPONSE.format(n=n).encode()))
        return self.run(client, messages)


ROUNDS = 9000
"""Fewer than an HTTP/2 connection may have."""


def _numbers(is_varied: bool) -> Iterator[int]:
    return itertools.islice(itertools.count() if is_varied else itertools.repeat(0), ROUNDS)


async def measure() -> list[tuple[str, float]]:
    """Microseconds per request for each row."""
    proxy = EdgeProxy(binds={80: Bind("127.0.0.1", 0)}, access_log=AccessLog(cast("Any", _Null())))
    await proxy.start(load_text(CONFIG, "bench", {}).topology)
    bench = _Bench(proxy)
    rows = []
    for version, runs in (("HTTP/1.1", bench.http1), ("HTTP/2", bench.http2)):
        for name, is_varied in (("repeated heads", False), ("different heads", True)):
            best = min(runs(is_varied=is_varied) for _ in range(5))
            rows.append((f"{version}, {name}", best / ROUNDS * 1e6))
    await proxy.stop(0)
    return rows


def main() -> None:
    """Prints the rows."""
    for name, microseconds in asyncio.run(measure()):
        print(f"{name:26} {microseconds:6.2f} µs")


if __name__ == "__main__":
    main()
