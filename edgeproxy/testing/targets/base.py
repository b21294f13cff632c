"""LocalTarget: something that listens on a free port of the loopback while a test needs it."""

from __future__ import annotations

import socket
from abc import abstractmethod
from typing import Self

from edgeproxy.testing.lifetime import Lifetime
from edgeproxy.testing.running import RUNNING

HOST = "127.0.0.1"


class LocalTarget(Lifetime):
    """The base of all targets.

    Attributes:
        host: Where it listens.
        port: Where it listens; 0 before it was started, and the same again when it is started again.
        is_started: Whether it does.
    """

    def __init__(self) -> None:
        self.host = HOST
        self.port = 0
        self.is_started = False

    @property
    def url(self) -> str:
        """Its own address, around the load balancer."""
        return f"http://{self.host}:{self.port}"

    def start(self) -> Self:
        """Listens when this returns."""
        if self.is_started:
            return self
        listening = bound(self.port)
        self.port = listening.getsockname()[1]
        self.is_started = True
        RUNNING[self] = False
        try:
            self._serve(listening)
        except BaseException:
            self.stop()
            listening.close()
            raise
        return self

    def stop(self) -> None:
        """Ends it with all its connections; a second time does nothing."""
        RUNNING.pop(self, None)
        if self.is_started:
            self.is_started = False
            self._end()

    @abstractmethod
    def _serve(self, listening: socket.socket) -> None:
        """Starts to accept; the socket is its own from here on."""

    @abstractmethod
    def _end(self) -> None:
        """Closes everything, the socket included."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {f'at {self.host}:{self.port}' if self.is_started else 'not started'}>"


def bound(port: int = 0) -> socket.socket:
    """A listening socket of the loopback."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((HOST, port))
        sock.listen(1024)
    except BaseException:
        sock.close()
        raise
    return sock
