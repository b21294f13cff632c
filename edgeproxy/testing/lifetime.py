"""Lifetime: what is started and stopped can also stand behind `with` and `async with`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self


class Lifetime(ABC):
    """The base of what a test starts."""

    @abstractmethod
    def start(self) -> Self:
        """Listens when this returns."""

    @abstractmethod
    def stop(self) -> None:
        """Ends it with all its connections; a second time does nothing."""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(self, *_: object) -> None:
        self.stop()
