"""One sweep a second over everything that can grow old. No timer per connection or per request.

The interval follows the time scale, so that scaled timeouts stay as precise as real ones.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

SWEEP_SECONDS: Final = 1.0
MIN_SWEEP_SECONDS: Final = 0.01

_log = logging.getLogger(__name__)


class DeadlineSweep:
    """Calls its visitors again and again, with the time."""

    def __init__(self, now: Callable[[], float], *, time_scale: float = 1.0) -> None:
        self._now = now
        self.interval = max(SWEEP_SECONDS * time_scale, MIN_SWEEP_SECONDS)
        self._visitors: list[Callable[[float], None]] = []
        self._handle: asyncio.TimerHandle | None = None

    def visit(self, visitor: Callable[[float], None]) -> None:
        """Adds a visitor; it gets the clock's time."""
        self._visitors.append(visitor)

    def start(self) -> None:
        """Starts sweeping on the running loop."""
        self._handle = asyncio.get_running_loop().call_later(self.interval, self._sweep)

    def stop(self) -> None:
        """Sweeps no more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _sweep(self) -> None:
        self._handle = asyncio.get_running_loop().call_later(self.interval, self._sweep)
        now = self._now()
        for visitor in self._visitors:
            try:
                visitor(now)
            except Exception:
                # One visitor's mistake must not keep the others from their deadlines.
                _log.exception("A deadline visitor failed")
