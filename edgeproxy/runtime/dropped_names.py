"""Says once for each header name that a load balancer drops headers of that name, so that nobody searches for them.

Names come from clients: what is remembered is bounded, and what is printed is escaped.
"""

from __future__ import annotations

import logging
from typing import Final

_log = logging.getLogger("edgeproxy")

MAX_NAMES: Final = 256
"""After so many different names nothing more is said; somebody is making them up."""


class DroppedNames:
    """The names that were reported."""

    def __init__(self) -> None:
        self._names: set[str] = set()

    def warn(self, name: str) -> None:
        """A header of this name, with letters as received, was dropped."""
        key = name.lower()
        if key in self._names or len(self._names) >= MAX_NAMES:
            return
        self._names.add(key)
        _log.warning(
            "The header %r is dropped: its name has other characters than letters, digits and hyphens, "
            "and 'routing.http.drop_invalid_header_fields.enabled' is 'true'",
            name,
        )
