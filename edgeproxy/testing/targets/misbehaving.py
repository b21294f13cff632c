"""What targets do on bad days, one function each. Health checks pass all the same, so that requests come."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from edgeproxy.testing.targets.http import Response
from edgeproxy.testing.targets.scripted import ScriptedTarget, TargetSide

if TYPE_CHECKING:
    from collections.abc import Sequence

_HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it"
_NO_HTTP = b"\x16\x03\x01 this is not HTTP\r\n\r\n"


def slow(seconds: float, body: str = "ok") -> ScriptedTarget:
    """Answers so many real seconds after each request."""

    async def script(side: TargetSide) -> None:
        while await side.read_request() is not None:
            await asyncio.sleep(seconds)
            await side.send(Response(body).encode())

    return ScriptedTarget(script)


def silent() -> ScriptedTarget:
    """Never answers: a 504 once the idle timeout is over."""

    async def script(side: TargetSide) -> None:
        await side.read_request()
        await side.wait_closed()

    return ScriptedTarget(script)


def resetting(*, after: bytes = b"") -> ScriptedTarget:
    """Resets the connection on each request, after these bytes of a response."""

    async def script(side: TargetSide) -> None:
        await side.read_request()
        await side.send(after)
        side.reset()

    return ScriptedTarget(script)


def half_closing(*, after: bytes = _HALF) -> ScriptedTarget:
    """Sends part of a response, then no more, and goes on reading."""

    async def script(side: TargetSide) -> None:
        await side.read_request()
        await side.send(after)
        side.half_close()
        await side.wait_closed()

    return ScriptedTarget(script)


def garbage(data: bytes = _NO_HTTP) -> ScriptedTarget:
    """Answers with what is no HTTP: a 502."""

    async def script(side: TargetSide) -> None:
        await side.read_request()
        await side.send(data)
        await side.wait_closed()

    return ScriptedTarget(script)


def keep_alive(seconds: float, body: str = "ok") -> ScriptedTarget:
    """Closes a connection that was idle for so many real seconds, as apps do after five."""

    async def script(side: TargetSide) -> None:
        while True:
            try:
                async with asyncio.timeout(seconds):
                    request = await side.read_request()
            except TimeoutError:
                return
            if request is None:
                return
            await side.send(Response(body).encode())

    return ScriptedTarget(script)


def keep_alive_race(body: str = "ok", *, requests: int = 1) -> ScriptedTarget:
    """Closes a connection in the very moment in which the load balancer sends one more request on it: a 502.

    That is what happens now and then to a target whose keep-alive time is shorter than the load balancer's idle
    timeout; here it happens every time. `requests` are answered on each connection before.
    """

    async def script(side: TargetSide) -> None:
        for _ in range(requests):
            if await side.read_request() is None:
                return
            await side.send(Response(body).encode())
        await side.read_request()

    return ScriptedTarget(script)


def streaming(chunks: Sequence[bytes], *, then_silent: bool = False) -> ScriptedTarget:
    """Answers with these chunks; with `then_silent` the end never comes, as in a stream of events."""

    async def script(side: TargetSide) -> None:
        while await side.read_request() is not None:
            await side.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            for each in chunks:
                await side.send(b"%x\r\n%b\r\n" % (len(each), each))
            if then_silent:
                await side.wait_closed()
                return
            await side.send(b"0\r\n\r\n")

    return ScriptedTarget(script)
