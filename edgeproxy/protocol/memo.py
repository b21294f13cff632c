"""A bounded memory of parsed header sections, keyed by their exact bytes.

Clients and targets on keep-alive connections repeat their header sections; finding one in a dict costs a tenth of
parsing it (tests/bench/bench_exchange.py measures both). A section is kept when it comes for the second time, so that
sections that never repeat pass through without leaving anything behind. Nothing is shared but the result of a pure
function: one client's entry can never change what another client gets. Bounded in number and in size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

MAX_ENTRIES: Final = 512
MAX_ENTRY_SIZE: Final = 4 * 1024


class Memo(Generic[T]):  # hot path
    """Remembers `compute(data)` for recent values of `data`."""

    __slots__ = ("_compute", "_known", "_seen", "find")

    def __init__(self, compute: Callable[[bytes], T]) -> None:
        self._compute = compute
        self._known: dict[bytes, T] = {}
        self._seen: set[int] = set()
        self.find: Callable[[bytes], T | None] = self._known.get

    def compute(self, data: bytes) -> T:
        """What `compute` says of `data`; remembered from the second time on. Raises what `compute` raises."""
        result = self._compute(data)
        if len(data) <= MAX_ENTRY_SIZE:
            fingerprint = hash(data)
            if fingerprint in self._seen:
                self._remember(data, result)
            else:
                if len(self._seen) >= MAX_ENTRIES:
                    self._seen.clear()
                self._seen.add(fingerprint)
        return result

    def _remember(self, data: bytes, result: T) -> None:
        if len(self._known) >= MAX_ENTRIES:
            # Forgetting everything is cheaper than keeping an order, and the memory refills within two rounds.
            self._known.clear()
        self._known[data] = result

    def __len__(self) -> int:
        return len(self._known)
