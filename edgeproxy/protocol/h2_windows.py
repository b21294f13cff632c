"""Flow control: what the other end may send, and what waits until we may send it. RFC 9113 section 5.2.

Receiving: a window begins with the bytes that were announced. Each DATA frame takes from it, padding included. Bytes
go back only when whoever they are for has taken them, and are announced in halves of the window, so that a fast
transfer costs two WINDOW_UPDATEs a window and a slow one is never starved. What is buffered for a stream can so never
be more than its window.

Sending: a stream's bytes wait in its queue when the stream's window, the connection's window or the transport does not
take them. `HIGH_WATER` is where whoever produces them is told to stop, `LOW_WATER` where they may go on.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final

HIGH_WATER: Final = 64 * 1024
LOW_WATER: Final = HIGH_WATER // 2
"""Bytes that wait on one stream."""


class ReceiveWindow:  # hot path
    """What the other end may still send, on a stream or on the connection."""

    __slots__ = ("_half", "_returned", "left")

    def __init__(self, size: int) -> None:
        self.left = size
        self._half = size // 2
        self._returned = 0

    def take(self, size: int) -> bool:
        """Counts received bytes; False when they are more than the other end may send."""
        self.left -= size
        return self.left >= 0

    def give_back(self, size: int) -> int:
        """Counts bytes that were taken; returns by how much the window is to be opened now, mostly 0."""
        self._returned += size
        if self._returned < self._half:
            return 0
        increment = self._returned
        self._returned = 0
        self.left += increment
        return increment

    def __repr__(self) -> str:
        return f"<ReceiveWindow {self.left} left, {self._returned} to announce>"


class Stream:  # hot path
    """One stream that is open, or half closed.

    Attributes:
        id: Its number.
        is_remote_open: The other end has not ended it.
        is_local_open: We have not ended it; the end may wait in the queue.
        head: The head that was received, once there is one.
        has_sent_head: A head has gone out.
        is_announced: The sink knows of it.
        is_behind: The sink was told to stop sending.
        is_bodiless: A response to HEAD: no body, whatever its length says.
        expected: Body bytes that have yet to come, or -1 where nobody said.
        held: Received bytes that have not been taken.
        window: Of what is received; None until DATA comes.
        send_window: What may be sent; below zero after SETTINGS that shrink it.
        queue: What waits to be sent.
        queued: How many bytes that is.
        ends: END_STREAM stands behind the queue.
        trailers: A header block behind the queue, or None.
    """

    __slots__ = (
        "ends",
        "expected",
        "has_sent_head",
        "head",
        "held",
        "id",
        "is_announced",
        "is_behind",
        "is_bodiless",
        "is_local_open",
        "is_remote_open",
        "offset",
        "queue",
        "queued",
        "send_window",
        "trailers",
        "window",
    )

    def __init__(self, stream_id: int, send_window: int, is_remote_open: bool) -> None:
        self.id = stream_id
        self.send_window = send_window
        self.is_remote_open = is_remote_open
        self.is_local_open = True
        self.head: Any = None
        self.has_sent_head = False
        self.is_announced = False
        self.is_behind = False
        self.is_bodiless = False
        self.expected = -1
        self.held = 0
        self.window: ReceiveWindow | None = None
        self.queue: deque[bytes] | None = None
        self.offset = 0
        self.queued = 0
        self.ends = False
        self.trailers: bytes | None = None

    def put(self, data: bytes) -> None:
        """Adds bytes to the queue."""
        if self.queue is None:
            self.queue = deque()
        self.queue.append(data)
        self.queued += len(data)

    def pop(self, size: int) -> bytes:
        """Takes at most `size` bytes from the front of the queue, as many as stand together."""
        assert self.queue is not None
        front = self.queue[0]
        piece = front[self.offset : self.offset + size]
        self.offset += len(piece)
        self.queued -= len(piece)
        if self.offset == len(front):
            self.queue.popleft()
            self.offset = 0
        return piece

    def __repr__(self) -> str:
        remote = "open" if self.is_remote_open else "ended"
        local = "open" if self.is_local_open else "ended"
        return f"<Stream {self.id} remote={remote} local={local} queued={self.queued} held={self.held}>"
