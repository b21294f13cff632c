"""Clients that people use: curl and aiohttp."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from typing import TYPE_CHECKING

import aiohttp

from tests.helpers.proxies import RunningProxy, forwarding_to, running
from tests.helpers.targets import ScriptedTarget, answering, echoing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

BODY = bytes(range(256)) * 8192


async def curl(*arguments: str) -> tuple[bytes, str]:
    """Standard output and what curl says about the conversation."""
    program = shutil.which("curl")
    assert program is not None, "install curl"
    process = await asyncio.create_subprocess_exec(
        program, "-sSv", "--max-time", "20", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, said = await process.communicate()
    assert 0 == process.returncode, said.decode()
    return output, said.decode()


@contextlib.asynccontextmanager
async def echo() -> AsyncIterator[RunningProxy]:
    """A proxy in front of a target that answers with what it got."""
    async with ScriptedTarget(echoing) as target, running(forwarding_to(target.port), time_scale=1) as edgeproxy:
        yield edgeproxy


async def test_curl_uploads_with_expect_100_continue(tmp_path: Path) -> None:
    async with echo() as edgeproxy:
        path = tmp_path / "body"
        path.write_bytes(BODY)
        output, said = await curl("-H", "Expect: 100-continue", "--data-binary", f"@{path}", edgeproxy.url())

        assert BODY == output
        assert "< HTTP/1.1 100 Continue" in said


async def test_curl_uploads_in_chunks(tmp_path: Path) -> None:
    async with echo() as edgeproxy:
        path = tmp_path / "body"
        path.write_bytes(BODY)
        output, said = await curl("-H", "Transfer-Encoding: chunked", "--data-binary", f"@{path}", edgeproxy.url())

        assert BODY == output
        assert "< Transfer-Encoding: chunked" in said


async def test_curl_keeps_its_connection() -> None:
    async with echo() as edgeproxy:
        _, said = await curl("-d", "1", edgeproxy.url("/1"), "--next", "-d", "2", edgeproxy.url("/2"))

        assert "Re-using existing" in said or "Re-using" in said


async def test_curl_speaks_http_1_0_and_head() -> None:
    async with echo() as edgeproxy:
        output, old = await curl("-0", "-d", "body", edgeproxy.url())
        _, head = await curl("-I", edgeproxy.url())

        assert b"body" == output
        assert "< Connection: close" in old
        assert "< HTTP/1.1 200 OK" in head


async def test_curl_reaches_the_ipv6_loopback() -> None:
    async with (
        ScriptedTarget(answering(b"six"), host="::1") as target,
        running(forwarding_to(target.port, host="::1"), host="::1") as edgeproxy,
    ):
        output, _ = await curl(edgeproxy.url())

    assert b"six" == output
    assert b"X-Forwarded-For: ::1\r\n" in target.heads[0]


async def test_aiohttp_streams_both_ways() -> None:
    async with echo() as edgeproxy:

        async def parts() -> AsyncIterator[bytes]:
            for start in range(0, len(BODY), 70_000):
                yield BODY[start : start + 70_000]

        async with aiohttp.ClientSession() as session, session.post(edgeproxy.url(), data=parts()) as response:
            received = b"".join([part async for part in response.content.iter_any()])
            encoding = response.headers["Transfer-Encoding"]

        assert BODY == received
        assert "chunked" == encoding


async def test_aiohttp_asks_many_things_at_once() -> None:
    async with echo() as edgeproxy, aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=20)) as session:

        async def ask(number: int) -> bool:
            async with session.post(edgeproxy.url(f"/{number}"), data=b"%d" % number) as response:
                return (200, b"%d" % number) == (response.status, await response.read())

        assert all(await asyncio.gather(*(ask(number) for number in range(200))))
