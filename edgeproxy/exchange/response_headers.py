"""Headers that a listener puts on every response, its own answers included.

A header that the target sent as well is replaced, never repeated; every status gets them (user guide,
header-modification, and document-history for February 2025). Values are fixed: nothing of the request is looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

SERVER: Final = "Server: awselb/2.0"

_HEAD_VARIANTS: Final = 7

OVER_HTTP2: Final = 6
"""Which of the variants is for HTTP/2."""


class ResponseHeaders:  # hot path
    """What one listener adds, compiled from its attributes.

    Attributes:
        lines: The added headers, one line each.
        names: Their names in lower case: what the target says under these is left out.
        server_lines: The Server line of the load balancer's own answers, if they have one. What a target says of
            itself passes (unconfirmed where the attribute is off).
        keys: Under which a response head keeps its encodings, one for each way to frame the body. Listeners that add
            nothing share theirs.
    """

    __slots__ = ("keys", "lines", "names", "server_lines")

    def __init__(self, headers: Sequence[tuple[str, str]] = (), *, has_server: bool = True) -> None:
        self.lines = tuple(f"{name}: {value}" for name, value in headers)
        self.names = frozenset(name.lower() for name, _ in headers)
        self.server_lines = (SERVER,) if has_server else ()
        # Keys that nobody else has, so that heads shared by listeners cannot be mixed up.
        self.keys: tuple[Hashable, ...] = tuple(object() if self.lines else number for number in range(_HEAD_VARIANTS))

    def added_to(self, lines: list[str]) -> list[str]:
        """The lines of a target's response without what is replaced, and with what is added."""
        if not self.lines:
            return lines
        kept = [line for line in lines if line.partition(":")[0].lower() not in self.names]
        return [*kept, *self.lines]

    def plus(self, name: str, value: str) -> ResponseHeaders:
        """The same with one more header."""
        pairs = [(before, text.strip()) for before, _, text in (line.partition(":") for line in self.lines)]
        return ResponseHeaders([*pairs, (name, value)], has_server=bool(self.server_lines))

    def __repr__(self) -> str:
        return f"<ResponseHeaders {', '.join(self.lines) or 'nothing'}>"


UNCHANGED: Final = ResponseHeaders()
"""Adds nothing."""
