"""A bounded memory of parsed header sections, keyed by their exact bytes.

Clients and targets on keep-alive connections repeat their header sections; finding one in a dict costs a tenth of
parsing it (tests/bench measures both). Nothing is shared but the result of a pure function, so one client's entry can
never change what another client gets. Bounded in number and in size: 512 sections of at most 4 KiB.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

MAX_ENTRIES: Final = 512
MAX_ENTRY_SIZE: Final = 4 * 1024


class Memo(Generic[T]):  # hot path
    """Remembers `compute(data)` for recent values of `data`."""

    __slots__ = ("_compute", "_known", "find")

    def __init__(self, compute: Callable[[bytes], T]) -> None:
        self._compute = compute
        self._known: dict[bytes, T] = {}
        self.find: Callable[[bytes], T | None] = self._known.get

    def compute(self, data: bytes) -> T:
        """What `compute` says of `data`; remembered when small enough. Raises what `compute` raises."""
        result = self._compute(data)
        if len(data) <= MAX_ENTRY_SIZE:
            if len(self._known) >= MAX_ENTRIES:
                # Forgetting everything is cheaper than keeping an order, and the memory refills within one round.
                self._known.clear()
            self._known[data] = result
        return result

    def __len__(self) -> int:
        return len(self._known)
