"""Waiting that fits the test: blocking in a plain one, awaited in an asynchronous one."""

from __future__ import annotations

import asyncio
import sys
import warnings
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Generator

T = TypeVar("T")


class Done(Generic[T]):
    """What was waited for already; awaiting it gives it at once."""

    def __init__(self, value: T) -> None:
        self.value = value

    def __await__(self) -> Generator[None, None, T]:
        yield from ()
        return self.value


def waited(future: concurrent.futures.Future[T], name: str) -> Done[T] | Pending[T]:
    """Blocks until it is there where nothing else could run meanwhile anyway; else it is to be awaited.

    Args:
        future: What is under way.
        name: What a test calls it.
    """
    library = asynchronous_library()
    return Done(future.result()) if library is None else Pending(future, library, name)


class Pending(Generic[T]):
    """What is under way. It goes on without being awaited, but nobody knows when it is over: hence the warning."""

    def __init__(self, future: concurrent.futures.Future[T], library: str, name: str) -> None:
        self._future = future
        self._library = library
        self._name = name
        self._is_awaited = False

    def __await__(self) -> Generator[object, object, T]:
        self._is_awaited = True
        if self._library == "trio":
            return (yield from self._on_trio().__await__())
        return (yield from asyncio.wrap_future(self._future).__await__())

    async def _on_trio(self) -> T:
        import trio  # noqa: PLC0415 - it is there, because its loop is running

        try:
            return await trio.to_thread.run_sync(self._future.result, abandon_on_cancel=True)
        except trio.Cancelled:
            self._future.cancel()
            raise

    def __del__(self) -> None:
        if not self._is_awaited:
            message = f"{self._name} was not awaited: in an asynchronous test, write `await` before it."
            warnings.warn(message, RuntimeWarning, stacklevel=2, source=self)


def asynchronous_library() -> str | None:
    """`asyncio` or `trio`, if this thread runs its loop."""
    if asyncio._get_running_loop() is not None:  # noqa: SLF001 - `get_running_loop` without an exception
        return "asyncio"
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        return "trio"
    return None
