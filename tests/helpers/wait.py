"""Waiting for what a test expects, instead of for a time that was long enough once."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

WITHIN_SECONDS = 30.0
"""Longer than anything that a test waits for, on a machine that has much else to do."""
_PAUSE_SECONDS = 0.002

T = TypeVar("T")


async def until(condition: Callable[[], T], *, within: float = WITHIN_SECONDS) -> T:
    """Wait on the event loop until `condition()` is truthy; its value.

    Raises:
        AssertionError: It was not within so many seconds.
    """
    deadline = time.monotonic() + within
    while not (value := condition()):
        assert time.monotonic() < deadline, f"this did not come true within {within:g} s: {_name(condition)}"
        await asyncio.sleep(_PAUSE_SECONDS)
    return value


def until_blocking(condition: Callable[[], T], *, within: float = WITHIN_SECONDS) -> T:
    """The same for tests without an event loop.

    Raises:
        AssertionError: It was not within so many seconds.
    """
    deadline = time.monotonic() + within
    while not (value := condition()):
        assert time.monotonic() < deadline, f"this did not come true within {within:g} s: {_name(condition)}"
        time.sleep(_PAUSE_SECONDS)
    return value


def _name(condition: Callable[[], object]) -> str:
    code = getattr(condition, "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code is not None else repr(condition)
