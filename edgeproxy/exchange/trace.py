"""X-Amzn-Trace-Id: made for every request, and what becomes of one that the client sent.

Source: user guide, load-balancer-request-tracing.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_HEADERS_WITH_FIELDS: Final = 7 * 1024
"""With more bytes of request headers, only a Root field is sent."""


class TraceIds:  # hot path
    """Makes trace ids: `1-<8 hex digits of the time>-<24 hex digits>`."""

    __slots__ = ("_bits", "_second", "_seconds_hex")

    def __init__(self, bits: Callable[[int], int] | None = None) -> None:
        """`bits(n)` gives n random bits; not a secret, so the fast generator will do."""
        self._bits = bits or random.Random().getrandbits  # noqa: S311 - ids only have to differ
        self._second = -1
        self._seconds_hex = ""

    def new(self, epoch: float) -> str:
        """A fresh id for a request that arrived at `epoch` (seconds since 1970)."""
        second = int(epoch)
        if second != self._second:
            self._second = second
            self._seconds_hex = f"1-{second:08x}-"
        return f"{self._seconds_hex}{self._bits(96):024x}"

    def header(self, received: str, epoch: float, header_bytes: int) -> str:
        """The header's value for the target, given what the client sent ("" for nothing)."""
        if not received or header_bytes > MAX_HEADERS_WITH_FIELDS:
            return f"Root={self.new(epoch)}"
        fields = [field for field in received.split(";") if field.strip()]
        names = [field.partition("=")[0].strip().lower() for field in fields]
        if "root" not in names:
            # Not documented; the fields are kept and a root is put in front (unconfirmed).
            return ";".join([f"Root={self.new(epoch)}", *fields])
        kept = [field for field, name in zip(fields, names, strict=True) if name != "self"]
        return ";".join([f"Self={self.new(epoch)}", *kept])
