"""Noticing that the configuration file changed.

Once a second the file's modification time, size and inode are compared with what they were. That sees a save in place,
an editor that writes a new file and renames it over the old one (the inode changes), and a mounted ConfigMap whose
symbolic link is switched (`stat` follows it). It needs no library and works on every file system, network and container
mounts included, where inotify stays silent.

A file that is gone is not a change: between an editor's two steps it may be missing for a moment. A file that is still
being written is left alone until two looks in a row find it the same.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

POLL_SECONDS = 1.0
SETTLE_SECONDS = 0.05

Fingerprint = tuple[int, int, int]


def fingerprint(path: Path) -> Fingerprint | None:
    """Modification time in nanoseconds, size and inode; None where there is no file to read."""
    try:
        status = os.stat(path)  # noqa: PTH116 - Path.stat costs an object a second for nothing
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


class FileWatch:
    """Remembers what a file looked like; made before the file is read, so that no change falls in between."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = fingerprint(path)

    def has_changed(self) -> bool:
        """Whether the file is there and differs from the last time it was accepted."""
        current = fingerprint(self._path)
        return current is not None and current != self._seen

    def accept(self) -> bool:
        """Take the file as it is now for seen; False if it was still changing since the last call."""
        current = fingerprint(self._path)
        if current is None:
            return False
        is_settled = current == self._seen
        self._seen = current
        return is_settled


async def watch(
    file: FileWatch,
    on_change: Callable[[], Awaitable[object]],
    *,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> None:
    """Call `on_change` each time the file has changed, until cancelled."""
    while True:
        await sleep(POLL_SECONDS)
        if not file.has_changed():
            continue
        while not file.accept():
            await sleep(SETTLE_SECONDS)
        await on_change()
