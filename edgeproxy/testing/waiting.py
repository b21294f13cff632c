"""Waiting that fits the test: blocking in a plain one, awaited in an asynchronous one."""

from __future__ import annotations

import asyncio
import sys
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


def waited(future: concurrent.futures.Future[T]) -> Done[T] | Pending[T]:
    """Blocks until it is there where nothing else could run meanwhile anyway; else it is to be awaited."""
    library = asynchronous_library()
    return Done(future.result()) if library is None else Pending(future, library)


class Pending(Generic[T]):
    """What is under way. It goes on whether it is awaited or not."""

    def __init__(self, future: concurrent.futures.Future[T], library: str) -> None:
        self._future = future
        self._library = library

    def __await__(self) -> Generator[object, object, T]:
        if self._library == "trio":
            import trio  # noqa: PLC0415 - it is there, because its loop is running

            return (yield from trio.to_thread.run_sync(self._future.result).__await__())
        return (yield from asyncio.wrap_future(self._future).__await__())


def asynchronous_library() -> str | None:
    """`asyncio` or `trio`, if this thread runs its loop."""
    if asyncio._get_running_loop() is not None:  # noqa: SLF001 - `get_running_loop` without an exception
        return "asyncio"
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        return "trio"
    return None
