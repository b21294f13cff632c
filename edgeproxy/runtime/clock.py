"""Clock: one source of time for everything above the line where I/O begins.

Durations are measured on the monotonic clock; `offset` turns a moment on it into seconds since 1970.
"""

from __future__ import annotations

import time
from email.utils import formatdate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock:  # hot path
    """The time, and the value of a Date header rebuilt once a second."""

    __slots__ = ("_date", "_second", "_wall", "now", "offset")

    def __init__(self, now: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self.now = now
        self._wall = wall
        self.offset = 0.0
        self._second = -1
        self._date = ""
        self.synchronise()

    def synchronise(self) -> None:
        """Follows the wall clock, which may have been set; called by the deadline sweep."""
        self.offset = self._wall() - self.now()

    def http_date(self) -> str:
        """RFC 9110 section 5.6.7, for now."""
        second = int(self.now() + self.offset)
        if second != self._second:
            self._second = second
            self._date = formatdate(second, usegmt=True)
        return self._date
