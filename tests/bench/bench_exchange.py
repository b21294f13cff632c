"""What one forwarded request costs inside the process: codecs, rules, balancing, heads, log line. No sockets.

    python -m tests.bench.bench_exchange

Rows: heads that repeat (a keep-alive client asking again) and heads that differ every time (nothing to remember).
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from typing import TYPE_CHECKING, Any, cast

from edgeproxy.control.config.loader import load_text
from edgeproxy.runtime.access_log import AccessLog
from edgeproxy.runtime.client_connection import ClientConnection
from edgeproxy.runtime.proxy import Bind, EdgeProxy
from edgeproxy.runtime.target_connection import TargetConnection
from tests.bench.edgeproxy_config import ten_rules

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


async def measure(rounds: int) -> Iterator[tuple[str, float]]:
    """Microseconds per request for each row."""
    proxy = EdgeProxy(binds={80: Bind("127.0.0.1", 0)}, access_log=AccessLog(cast("Any", _Null())))
    await proxy.start(load_text(CONFIG, "bench", {}).topology)
    listener: ListenerSocket = next(iter(proxy._listeners.values()))
    client = ClientConnection(listener, proxy._memo)
    client.connection_made(cast("asyncio.Transport", _Transport()))
    target_state = next(iter(proxy._groups["app"].targets.values()))
    pool = proxy._pools._pools[target_state]
    target = TargetConnection(pool, proxy._pools._memo)
    target.connection_made(cast("asyncio.Transport", _Transport()))
    target.release()
    rows = []
    for name, is_varied in (("repeated heads", False), ("different heads", True)):
        numbers = itertools.count() if is_varied else itertools.repeat(0)
        messages = [
            (REQUEST.format(n=n).encode(), RESPONSE.format(n=n).encode()) for n in itertools.islice(numbers, rounds)
        ]
        best = float("inf")
        for _ in range(3):
            started = time.perf_counter()
            for request, response in messages:
                client.data_received(request)
                target.data_received(response)
            best = min(best, time.perf_counter() - started)
        rows.append((name, best / rounds * 1e6))
    await proxy.stop(0)
    return iter(rows)


def main() -> None:
    """Prints the rows."""
    for name, microseconds in asyncio.run(measure(20_000)):
        print(f"{name:20} {microseconds:6.2f} µs")


if __name__ == "__main__":
    main()
