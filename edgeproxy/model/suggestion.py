"""What was probably meant: the nearest of the words that would have been right."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def closest(word: str, allowed: Iterable[str]) -> str | None:
    """The allowed word that is most like `word`, without regard to case, hyphens and underscores; None if none is."""
    by_key = {_key(candidate): candidate for candidate in allowed}
    found = difflib.get_close_matches(_key(word), by_key, n=1, cutoff=0.7)
    return by_key[found[0]] if found else None


def _key(word: str) -> str:
    return word.lower().replace("_", "").replace("-", "")
