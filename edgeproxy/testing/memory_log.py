"""An access log that stays in memory."""

from __future__ import annotations

import io

from edgeproxy.runtime.access_log import AccessLog


class MemoryLog(AccessLog):
    """Keeps its lines; there is no thread and nothing to wait for.

    Attributes:
        lines: Without their line feeds.
    """

    def __init__(self) -> None:
        super().__init__(io.StringIO())
        self.lines: list[str] = []

    def write(self, line: str) -> None:
        """Takes one line."""
        self.lines.append(line.rstrip("\n"))
