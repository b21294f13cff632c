"""LogWriter: collects lines and has them written in blocks by a thread of its own.

A slow disk or a full pipe delays nobody, and what is held is bounded: when the thread is `MAX_WAITING_BLOCKS` behind,
new lines are dropped and counted. That lines are lost is said once, in words, and again when it is over. `close` waits
for the thread, but not for ever: a reader that has stopped reading its pipe cannot keep the process from ending.

A subclass says in `_take` where a block goes. It runs in the thread; everything else is called on the event loop.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import threading
import time
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)

BLOCK_LINES: Final = 256
MAX_WAITING_BLOCKS: Final = 64

CLOSE_SECONDS: Final = 5.0
"""How long `close` waits for a stream that takes nothing, and `deliver` for what it ordered."""

_TOO_SLOW: Final = "what it is written to takes too long"


class Block(NamedTuple):
    """What the thread is handed.

    Attributes:
        lines: May be empty, where only time has passed.
        now: Seconds since 1970 when it was handed over.
        delivered: To be set when everything up to here is where it belongs; None where nobody waits.
    """

    lines: list[str]
    now: float
    delivered: threading.Event | None = None


class LogWriter:
    """See the top of this file.

    Attributes:
        dropped: Lines that were lost because they could not be taken.
    """

    def __init__(self, name: str, *, words: str, epoch: Callable[[], float] = time.time) -> None:
        """`name` is the thread's, `words` what the log is called in a sentence; `epoch` gives seconds since 1970."""
        self._name = name
        self._words = words
        self._epoch = epoch
        self._lines: list[str] = []
        self._blocks: queue.Queue[Block | None] = queue.Queue(MAX_WAITING_BLOCKS)
        self._thread: threading.Thread | None = None
        self.dropped = 0
        self._trouble = ""
        self._trouble_told = ""

    def write(self, line: str) -> None:  # hot path
        """Takes one line, its line feed included."""
        lines = self._lines
        lines.append(line)
        if len(lines) >= BLOCK_LINES:
            self.flush()

    def flush(self) -> None:
        """Hands the collected lines to the thread; called once per deadline sweep as well."""
        if self._lines or self._is_due():
            self._hand_over()
        if self._trouble != self._trouble_told:
            self._tell_trouble()

    def deliver(self) -> threading.Event:
        """Like `flush`, and what can wait for later is done now; the event is set when it is done."""
        delivered = threading.Event()
        if not self._has_begun():
            delivered.set()
        else:
            self._hand_over(delivered)
        return delivered

    def close(self, *, within: float = CLOSE_SECONDS) -> None:
        """Writes what is left; blocks until it is written, at most `within` seconds."""
        if not self._has_begun():
            return
        self._hand_over(threading.Event())
        thread, self._thread = self._thread, None
        if thread is None:
            return
        until = time.monotonic() + within
        with contextlib.suppress(queue.Full):
            self._blocks.put(None, timeout=within)
            thread.join(max(until - time.monotonic(), 0.0))
        if thread.is_alive():
            self._trouble = _TOO_SLOW
        if self._trouble != self._trouble_told:
            self._tell_trouble()

    def _tell_trouble(self) -> None:
        trouble = self._trouble_told = self._trouble
        if trouble:
            _log.warning("The %s cannot be written: %s. Serving goes on; its lines are lost.", self._words, trouble)
        else:
            _log.info("The %s is written again; %d lines were lost.", self._words, self.dropped)

    def _has_begun(self) -> bool:
        return bool(self._lines) or self._thread is not None

    def _is_due(self) -> bool:
        """Whether the thread has to be told the time although there are no lines."""
        return False

    def _hand_over(self, delivered: threading.Event | None = None) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        lines, self._lines = self._lines, []
        try:
            self._blocks.put_nowait(Block(lines, self._epoch(), delivered))
        except queue.Full:
            self.dropped += len(lines)
            self._trouble = _TOO_SLOW

    def _run(self) -> None:
        while (block := self._blocks.get()) is not None:
            try:
                self._take(block)
            except (OSError, ValueError) as error:
                # The reader of a pipe has gone, or the disk is full: serving goes on.
                self.dropped += len(block.lines)
                self._trouble = getattr(error, "strerror", None) or str(error)
            else:
                if block.lines and self._blocks.empty():
                    self._trouble = ""
            if block.delivered is not None:
                block.delivered.set()
            self._blocks.task_done()
        self._end()

    def _end(self) -> None:
        """The last the thread does."""

    def _take(self, block: Block) -> None:
        """Writes a block.

        Raises:
            OSError, ValueError: It cannot be written; its lines are counted as dropped.
        """
        raise NotImplementedError


class Descriptor:
    """A stream without a buffer and without a lock.

    Python's buffered files hold a lock while they write: a thread that is stuck in one keeps every other that wants to
    close it, and the interpreter that wants to flush it, waiting for ever.
    """

    def __init__(self, number: int) -> None:
        """`number` is closed by whoever opened it."""
        self._number = number

    def write(self, text: str) -> None:
        """All of it, blocking.

        Raises:
            OSError: It cannot be written.
        """
        data = memoryview(text.encode())
        while data:
            data = data[os.write(self._number, data) :]

    def flush(self) -> None:
        """Nothing is held back."""
