"""Lane: one direction of a stream that passes no faster than a rate, and no further than a cut."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

PIECES_A_SECOND: Final = 20
"""A limited stream passes in so many pieces."""


class Piece(NamedTuple):
    """Something that wants to pass.

    Attributes:
        act: Passes data on, and whether it is the last.
        rest: Passes on what of the data is left.
        data: Bytes, if it is about bytes.
        is_complete: Nothing follows.
    """

    act: Callable[[bytes, bool], None]
    rest: Callable[[bytes, bool], None]
    data: bytes = b""
    is_complete: bool = False


class Lane:
    """One direction: what waits, and when the next piece may pass.

    Attributes:
        waiting: In order.
        may_pass: The time from which on the next piece may.
        left: Bytes until the cut; None for no cut.
    """

    __slots__ = ("_rate", "_size", "left", "may_pass", "waiting")

    def __init__(self, rate: float, left: int | None = None) -> None:
        """`rate` is bytes in a second, 0 for no limit."""
        self._rate = rate
        self._size = max(int(rate / PIECES_A_SECOND), 1)
        self.left = left
        self.may_pass = 0.0
        self.waiting: deque[Piece] = deque()

    def is_limited(self) -> bool:
        """Whether anything may have to wait."""
        return self._rate > 0

    def next(self, now: float) -> Piece:
        """What may pass now; what is left of it waits on."""
        piece = self.waiting.popleft()
        data = piece.data
        if self._rate and len(data) > self._size:
            self.waiting.appendleft(Piece(piece.rest, piece.rest, data[self._size :], piece.is_complete))
            piece = Piece(piece.act, piece.rest, data[: self._size])
        if self._rate and data:
            self.may_pass = max(self.may_pass, now) + len(piece.data) / self._rate
        return piece

    def cut(self, piece: Piece) -> Piece | None:
        """What of the piece passes before the cut; None if all of it does."""
        if self.left is None:
            return None
        if len(piece.data) > self.left:
            return Piece(piece.act, piece.rest, piece.data[: self.left])
        self.left -= len(piece.data)
        return None
