"""A process of its own in front of scripted targets of this one."""

from __future__ import annotations

import asyncio
import resource
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.conversation import Conversation, connect

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from tests.helpers.process import EdgeProxyProcess


FILES = 15_000


class ProxyProcess:
    """`edgeproxy run` with a configuration; blocking calls happen in a thread, because targets live on this loop."""

    def __init__(self, process: EdgeProxyProcess) -> None:
        self.process = process
        self.pid = process.process.pid
        self.port = process.listeners.get(80) or process.listeners[443]

    async def connect(self, **options: Any) -> Conversation:
        """A client connection to the listener."""
        return await connect("127.0.0.1", self.port, **options)

    async def status(self) -> int:
        """What one request on a connection of its own is answered with; 0 when there is no answer."""
        try:
            client = await self.connect()
        except OSError:
            return 0
        try:
            return (await client.ask("GET /")).status
        except (OSError, asyncio.IncompleteReadError):
            return 0
        finally:
            client.abort()

    async def wait_for(self, name: str) -> None:
        """Until it has said so."""
        await asyncio.to_thread(self.process.wait_for, name)

    async def wait(self) -> int:
        """Its exit code, once it has ended."""
        return await asyncio.to_thread(self.process.wait)

    @property
    def open_files(self) -> int:
        """How many files and sockets it has open."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))


@pytest.fixture
def enough_files() -> Iterator[int]:
    """Thousands of connections need numbers, on this side as well; how many there are. Processes inherit the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = max(soft, FILES if hard < 0 else min(hard, FILES))
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    yield limit
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def start(run_edgeproxy: Callable[..., EdgeProxyProcess], tmp_path: Path) -> Callable[..., Awaitable[ProxyProcess]]:
    """Starts a process with this configuration and these options of `run`."""

    async def run(configuration: str, *options: str, **settings: Any) -> ProxyProcess:
        path = tmp_path / "edgeproxy.yaml"
        path.write_text(configuration)
        port = 80 if "Port: 80\n" in configuration else 443
        bind = ("--bind", f"{port}=127.0.0.1:0")
        arguments = ("run", "-c", path, *bind, "--admin", "off", "--access-log", "off", *options)
        return ProxyProcess(await asyncio.to_thread(run_edgeproxy, *arguments, **settings))

    return run
