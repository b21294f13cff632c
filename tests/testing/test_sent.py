"""What a target got is told as the target tells it."""

from __future__ import annotations

from typing import Any

import pytest

from edgeproxy.testing import Alb, targets

REWRITE = {"Type": "url-rewrite", "UrlRewriteConfig": {"Rewrites": [{"Regex": "^/old", "Replace": "/new"}]}}


@pytest.mark.parametrize("http2", [False, True])
def test_the_head_is_the_target_s_byte_for_byte(*, http2: bool) -> None:
    """Whichever version its client spoke; transforms have been made, and hop-by-hop fields are gone."""
    target = targets.answering()
    with Alb(targets=[target]) as alb:
        alb.add_rule(path="/old/*", forward="app", transforms=[REWRITE])
        with alb.clients.httpx(http2=http2) as client:
            client.get("https://localhost/old/x?y", headers={"X-Own": "1", "X-Forwarded-For": "1.2.3.4"})
        (request,) = alb.expect(rule=10)

    (got,) = target.requests
    assert got.head.decode("latin-1").rstrip("\r\n").split("\r\n") == request.target_head
    assert "GET /new/x?y HTTP/1.1" == request.target_line


async def test_an_upgrade_is_told_as_well() -> None:
    async def script(side: targets.TargetSide) -> None:
        request: Any = await side.read_request()
        await side.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        await side.send(request.head)

    async with Alb(targets=[targets.scripted(script)]) as alb:
        sock = alb.clients.connect()
        fields = (
            b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAA\r\n"
        )
        sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + fields + b"\r\n")
        received = b""
        while data := sock.recv(1000):
            received += data
        (request,) = alb.expect(status=101)

    assert received.partition(b"\r\n\r\n")[2].decode().rstrip("\r\n").split("\r\n") == request.target_head
