"""The size limits of the load balancer, in bytes.

Source: user guide, load-balancer-limits and load-balancer-troubleshooting.
"""

from __future__ import annotations

from typing import Final

MAX_REQUEST_LINE: Final = 16 * 1024
"""Longer request lines are answered with 414."""

MAX_HEADER_LINE: Final = 16 * 1024
"""A `name: value` line of this size or more is answered with 400; `Cookie` lines are exempt (observed)."""

MAX_REQUEST_HEAD: Final = 64 * 1024
"""All request headers together; more is answered with 400."""

MAX_RESPONSE_HEAD: Final = 32 * 1024
"""All response headers of a target together; more becomes a 502."""

MAX_CHUNK_LINE: Final = 4 * 1024
"""A chunk-size line with its extensions, and the whole trailer section; AWS documents no limit."""

MAX_CONTENT_LENGTH: Final = 2**63 - 1
"""AWS documents no limit for bodies; this is where integers stop being lengths."""
