"""SendProgress: whether a client takes what waits for it.

The deadline sweep looks at every connection once a second; nothing is stamped when a byte goes. What has another size
than a sweep ago is on its way. Bytes wait in two places: on a stream, for the client's windows, and in the transport,
for the client to read at all; while the transport moves, the streams behind it are not stuck.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class SendProgress:
    """What waits on one connection, and since when none of it went.

    Attributes:
        last: When the transport last moved.
        unsent: Bytes that the transport holds.
    """

    __slots__ = ("_waits", "last", "unsent")

    def __init__(self) -> None:
        self.last = 0.0
        self.unsent = 0
        self._waits: dict[int, tuple[int, float]] = {}

    def look(self, waiting: Mapping[int, int], unsent: int, now: float) -> None:
        """Notes what there is.

        Args:
            waiting: Streams to the bytes that wait on them.
            unsent: Bytes that the transport holds.
            now: The time.
        """
        has_moved = unsent != self.unsent
        if has_moved:
            self.unsent = unsent
            self.last = now
        before = self._waits
        if not waiting:
            if before:
                self._waits = {}
            return
        self._waits = {
            stream_id: before[stream_id]
            if not has_moved and before.get(stream_id, (-1, now))[0] == size
            else (size, now)
            for stream_id, size in waiting.items()
        }

    def of(self, stream_id: int) -> float:
        """When the client last took a byte that waits on this stream; 0.0 where none does."""
        waits = self._waits.get(stream_id)
        return 0.0 if waits is None else waits[1]

    def stuck(self, since: float) -> list[int]:
        """The streams on which nothing went after that time."""
        return [stream_id for stream_id, (_, last) in self._waits.items() if last < since]

    @property
    def is_waiting(self) -> bool:
        """Whether any stream has bytes that wait."""
        return bool(self._waits)
