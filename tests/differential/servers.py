"""The servers of the comparison, each in front of a target that counts, on a free port of the loopback."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web

import edgeproxy
from tests.bench.certificate import make_certificate
from tests.bench.processes import running
from tests.bench.proxies import Setup, table
from tests.differential.probe import count_in_aiohttp, counting_target
from tests.helpers import proxies
from tests.helpers.ports import reserved_ports

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@contextlib.asynccontextmanager
async def our_port() -> AsyncIterator[int]:
    """Our own, in this process, with the load balancer's usual attributes."""
    async with (
        counting_target() as target,
        proxies.running(proxies.forwarding_to(target.port), time_scale=1.0) as ours,
    ):
        yield ours.port()


@contextlib.asynccontextmanager
async def aiohttp_port() -> AsyncIterator[int]:
    """The server of aiohttp, in this process; there is no target behind it."""
    # Lingering would only cost time: the case's bytes are all there when the answer goes out.
    quiet = logging.Logger("requests that cannot be read")  # noqa: LOG001 - nobody should find it by its name
    quiet.disabled = True
    runner = web.ServerRunner(web.Server(count_in_aiohttp, lingering_time=0.0, logger=quiet))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def installed_port(name: str) -> AsyncIterator[int]:
    """That of nginx or HAProxy, as a process with the configuration of the benchmark."""
    proxy = next(each for each in table() if each.name == name)
    with tempfile.TemporaryDirectory() as text, contextlib.ExitStack() as stack:
        folder = Path(text)
        async with counting_target() as target:
            http_port, https_port = stack.enter_context(reserved_ports(2))
            setup = Setup(
                folder=folder,
                target_port=target.port,
                http_port=http_port,
                https_port=https_port,
                certificate=make_certificate(folder),
            )
            with running(proxy.command(setup), core=0, folder=folder, name=name) as process:
                await asyncio.to_thread(process.wait_until_answers, http_port)
                yield http_port


def versions() -> dict[str, str]:
    """What is compared; a server that is not installed has no version."""
    found = {proxy.name: proxy.version if proxy.is_installed else "" for proxy in table()}
    ours = {"edgeproxy": edgeproxy.__version__, "aiohttp": aiohttp.__version__}
    return ours | {name: found[name] for name in ("nginx", "haproxy")}
