"""LogDirectory: one log of one load balancer as the objects that AWS would put into a bucket, in a directory.

Lines go to a file beside the objects; when their five minutes are over, or when delivery is asked for, it is completed
and renamed to its key (`log_object.py`), so that an object is there whole or not at all. A line belongs to the interval
of its own time; one that comes late goes to the interval that is open.

The file is one gzip member. Each block is compressed to a byte boundary; when it cannot be written whole, the file is
cut back to where it was, so a full disk costs the lines that found it full and not those before. What a process leaves
behind that is killed is a `.partial` file, whose lines `zcat` still shows.

All of it happens in the writer's thread. What goes wrong is said once, in words, and again only after it went well.
"""

from __future__ import annotations

import logging
import os
import zlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from edgeproxy.runtime.log_object import (
    UNKNOWN_NODE,
    LogFamily,
    LogOwner,
    interval_end,
    object_key,
    random_part,
    test_object_key,
)
from edgeproxy.runtime.log_writer import LogWriter

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from pathlib import Path

    from edgeproxy.runtime.log_writer import Block

GZIP_FORMAT: Final = 16 + zlib.MAX_WBITS

_log = logging.getLogger(__name__)


class LogDirectory(LogWriter):
    """See the top of this file."""

    def __init__(
        self, family: LogFamily, owner: LogOwner, *, bucket: Path, prefix: str, epoch: Callable[[], float]
    ) -> None:
        """`bucket` is made when it does not exist; `epoch` gives seconds since 1970."""
        super().__init__(
            f"edgeproxy-{family.name}-{owner.load_balancer}",
            words=f"{family.words} of load balancer {owner.load_balancer}",
            epoch=epoch,
        )
        self.family = family
        self.owner = owner
        self.bucket = bucket
        self.prefix = prefix
        self._due = 0
        # from here on the thread's
        self._is_announced = False
        self._file: _PartialFile | None = None
        self._node = UNKNOWN_NODE
        self._disk_trouble = ""

    def announce(self) -> None:
        """Has the test object written: the log was switched on."""
        self._hand_over()

    def _hand_over(self, delivered: threading.Event | None = None) -> None:
        # Lines that are handed over now are from this interval or the one before.
        self._due = interval_end(self._epoch()) if self._lines else 0
        super()._hand_over(delivered)

    def _is_due(self) -> bool:
        return 0 < self._due <= self._epoch()

    # ---- in the thread

    def _take(self, block: Block) -> None:
        written = 0
        try:
            if not self._is_announced:
                self._write_test_object(block.now)
            for end, lines in self._by_interval(block.lines, block.now):
                if self._file is not None and self._file.end != end:
                    self._deliver(block.now)
                self._append(lines, end)
                written += len(lines)
            if self._file is not None and (block.delivered is not None or block.now >= self._file.end):
                self._deliver(block.now)
        except OSError as error:
            self.dropped += len(block.lines) - written
            self._report(error)
        else:
            self._report(None)

    def _write_test_object(self, now: float) -> None:
        path = self.bucket / test_object_key(self.family, self.owner, prefix=self.prefix)
        path.parent.mkdir(parents=True, exist_ok=True)
        moment = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
        # What is in such an object is not documented; this is how access logs' were seen to be (unconfirmed).
        log = self.family.test_file.removeprefix("ELB").removesuffix("TestFile")
        path.write_text(f"Enable {log} for ELB: {self.owner.load_balancer} at {moment}Z", encoding="ascii")
        self._is_announced = True

    def _by_interval(self, lines: list[str], now: float) -> list[tuple[int, list[str]]]:
        """The lines in runs of one interval each; hardly ever more than one run."""
        if not lines:
            return []
        last = min(self._end_of(lines[-1]), interval_end(now))
        first = self._file.end if self._file is not None else min(self._end_of(lines[0]), last)
        if first >= last:
            return [(first, lines)]
        runs: dict[int, list[str]] = {}
        end = first
        for line in lines:
            end = max(end, min(self._end_of(line), last))
            runs.setdefault(end, []).append(line)
        return list(runs.items())

    def _end_of(self, line: str) -> int:
        text = line.split(" ", self.family.time_field + 1)[self.family.time_field]
        return interval_end(datetime.fromisoformat(text).timestamp())

    def _append(self, lines: list[str], end: int) -> None:
        if self._file is None:
            self._file = _PartialFile(self.bucket, end)
        node = lines[0].rstrip().rpartition(" ")[2]
        if node != "-" and ":" not in node:
            self._node = node
        self._file.append(lines)

    def _deliver(self, now: float) -> None:
        assert self._file is not None
        key = object_key(
            self.family,
            self.owner,
            prefix=self.prefix,
            delivered=now,
            end=self._file.end,
            node=self._node,
            unique=self._file.unique,
        )
        try:
            self._file.complete(self.bucket / key)
        except FileNotFoundError:
            # Somebody has removed it, so it need not be tried again.
            self._forget()
            raise
        self._file = None

    def _forget(self) -> None:
        if self._file is not None:
            self.dropped += self._file.lines
            self._file.close()
            self._file = None

    def _end(self) -> None:
        self._forget()

    def _report(self, error: OSError | None) -> None:
        trouble = "" if error is None else error.strerror or str(error)
        if trouble and not self._disk_trouble:
            _log.warning(
                "The %s cannot be written to %s: %s. Serving goes on; its lines are lost.",
                self._words,
                self.bucket,
                trouble,
            )
        elif self._disk_trouble and not trouble:
            _log.info("The %s is written again; %d lines were lost.", self._words, self.dropped)
        self._disk_trouble = trouble

    def __repr__(self) -> str:
        return f"<LogDirectory {self.family.name} of {self.owner.load_balancer} in {self.bucket}>"


class _PartialFile:
    """An object that is not complete yet.

    Attributes:
        end: The end of its interval, in seconds since 1970.
        unique: The random part of its name.
        lines: How many it holds.
    """

    def __init__(self, bucket: Path, end: int) -> None:
        """Raises OSError when it cannot be made."""
        self.end = end
        self.unique = random_part()
        bucket.mkdir(parents=True, exist_ok=True)
        self._path = bucket / f".{self.unique}.log.gz.partial"
        # Unbuffered: what was written is known to be.
        self._file = self._path.open("xb", buffering=0)
        self._size = 0
        self._compress = zlib.compressobj(wbits=GZIP_FORMAT)
        self.lines = 0

    def append(self, lines: list[str]) -> None:
        """All of it or nothing.

        Raises:
            OSError: Nothing.
        """
        compress = self._compress.copy()
        packed = compress.compress("".join(lines).encode()) + compress.flush(zlib.Z_SYNC_FLUSH)
        self._write(packed)
        self._compress = compress
        self._size += len(packed)
        self.lines += len(lines)

    def complete(self, place: Path) -> None:
        """Makes it an object.

        Raises:
            OSError: It cannot be; it stays as it is, and may be tried again.
        """
        self._write(self._compress.copy().flush())
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            self._path.replace(place)
        except OSError:
            self._file.truncate(self._size)
            self._file.seek(self._size)
            raise
        self._file.close()

    def close(self) -> None:
        """Leaves it as it is."""
        self._file.close()

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(self._file.fileno(), left) :]
        except OSError:
            self._file.truncate(self._size)
            self._file.seek(self._size)
            raise
