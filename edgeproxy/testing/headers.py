"""Header fields as tests look at them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


class Headers:
    """Header fields in their order; names do not care for case."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self.pairs = list(pairs)

    def get(self, name: str, default: str | None = None) -> str | None:
        """The first value."""
        return next(iter(self.all(name)), default)

    def all(self, name: str) -> list[str]:
        """All values."""
        return [value for each, value in self.pairs if each.lower() == name.lower()]

    def __getitem__(self, name: str) -> str:
        values = self.all(name)
        if not values:
            names = ", ".join(each for each, _ in self.pairs)
            raise KeyError(f"there is no header {name}; there are: {names}")
        return values[0]

    def __contains__(self, name: object) -> bool:
        return bool(self.all(str(name)))

    def __iter__(self) -> Any:
        return iter(self.pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    def __eq__(self, other: object) -> bool:
        return self.pairs == list(other) if isinstance(other, (Headers, list)) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self.pairs)
