"""Listening: a TCP server of a test, which ends with all its connections and can be started again on its port."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Self

from tests.helpers.conversation import LIMIT

if TYPE_CHECKING:
    import ssl

# A burst that overflows the backlog waits a second for the kernel, which is longer than scaled timeouts.
BACKLOG = 2048


class Listening(ABC):
    """The base of servers; one task serves each connection, and is cancelled when the server stops.

    Attributes:
        port: Where it listens.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        receive_buffer: int | None = None,
    ) -> None:
        """`receive_buffer` is the kernel's, in bytes."""
        self._host = host
        self.port = port
        self._tls = tls
        self._receive_buffer = receive_buffer
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def is_stopped(self) -> bool:
        """It does not listen."""
        return self._server is None

    async def start(self) -> None:
        """Listen; on the same port as before when it was stopped."""
        sock = socket.socket(socket.AF_INET6 if ":" in self._host else socket.AF_INET, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self._receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer)
        sock.bind((self._host, self.port))
        self.port = sock.getsockname()[1]
        self._server = await asyncio.start_server(
            self._on_connection, sock=sock, limit=LIMIT, ssl=self._tls, backlog=BACKLOG
        )

    def refuse(self) -> None:
        """Take no more connections; those that are open go on."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def stop(self) -> None:
        """Refuse connections and end those that are open."""
        self.refuse()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _on_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await self._serve(reader, writer)
        finally:
            self._tasks.discard(task)

    @abstractmethod
    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Speaks on one connection and closes it; cancelled when the server stops."""
