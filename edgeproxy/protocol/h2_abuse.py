"""What a client may do that is allowed and leads nowhere, and how often.

Each frame here is legal, costs its sender almost nothing, and makes us work or answer. Work that leads somewhere (a
request, bytes of a body, bytes of a response) wipes the slate, so that only connections that do nothing else come to
their limit. There is no clock in here. AWS documents none of these limits; the real load balancer has its own.

Attacks that end in one message have their limits where the message is read: header blocks and CONTINUATION in
`h2_reader.py`, names that are repeated in `h2_hpack.py`, decoded headers in `h2_headers.py`. Streams at a time:
`h2_server.py`.
"""

from __future__ import annotations

from typing import Final

from edgeproxy.protocol.h2_frames import ErrorCode, H2ConnectionError

MAX_EARLY_RESETS: Final = 200
"""Streams that ended by a reset before their response began, above those that were answered (CVE-2023-44487). Resets
that the client made us send count too (CVE-2025-8671)."""

MAX_PINGS: Final = 1000
"""PINGs (CVE-2019-9512). A client that asks every five seconds about a stream that is silent for the longest idle
timeout stays below."""

MAX_SETTINGS: Final = 100
"""SETTINGS frames (CVE-2019-9515)."""

MAX_EMPTY_DATA: Final = 100
"""DATA frames without data that do not end their stream (CVE-2019-9518)."""

MAX_MINOR_FRAMES: Final = 1000
"""PRIORITY, WINDOW_UPDATE, GOAWAY, frames of unknown types and those for streams that are closed, together."""

MAX_UNREAD_REPLIES: Final = 1000
"""Answers to PING and SETTINGS, and resets, that wait because the client does not read."""


class FloodGuard:  # hot path
    """Counts for one connection. Every method that counts raises H2ConnectionError at its limit."""

    __slots__ = ("_early_resets", "_empty_data", "_has_counted", "_minor", "_pings", "_settings", "_unread")

    def __init__(self) -> None:
        self._early_resets = 0
        self._has_counted = False
        self._pings = self._settings = self._empty_data = self._minor = self._unread = 0

    def on_progress(self) -> None:
        """Something useful happened."""
        if self._has_counted:
            self._has_counted = False
            self._pings = self._settings = self._empty_data = self._minor = 0

    def on_answered(self) -> None:
        """A response is out."""
        if self._early_resets:
            self._early_resets -= 1

    def on_early_reset(self) -> None:
        """A stream ended before its response began."""
        self._early_resets += 1
        _check(self._early_resets, MAX_EARLY_RESETS, "streams were reset before they were answered")

    def on_ping(self) -> None:
        """PING."""
        self._has_counted = True
        self._pings += 1
        _check(self._pings, MAX_PINGS, "PING frames led nowhere")

    def on_settings(self) -> None:
        """SETTINGS."""
        self._has_counted = True
        self._settings += 1
        _check(self._settings, MAX_SETTINGS, "SETTINGS frames led nowhere")

    def on_empty_data(self) -> None:
        """DATA with nothing in it."""
        self._has_counted = True
        self._empty_data += 1
        _check(self._empty_data, MAX_EMPTY_DATA, "DATA frames were empty")

    def on_minor_frame(self) -> None:
        """PRIORITY, WINDOW_UPDATE, or an unknown frame."""
        self._has_counted = True
        self._minor += 1
        _check(self._minor, MAX_MINOR_FRAMES, "frames led nowhere")

    def on_reply(self, *, is_unread: bool) -> None:
        """A reply is written; `is_unread` where the other end does not take what it gets."""
        self._unread = self._unread + 1 if is_unread else 0
        _check(self._unread, MAX_UNREAD_REPLIES, "replies wait to be read")


def _check(count: int, limit: int, what: str) -> None:
    if count > limit:
        raise H2ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, f"more than {limit} {what}")
