"""The grammar of a health check matcher: `"200-299,404"`.

    matcher = item *("," item)        item = code / code "-" code

Ranges are inclusive and ascending. Spaces and descending ranges are refused; the documentation shows neither.
Source: user guide, target-group-health-checks; API reference, Matcher. `edgeproxy.health.matcher` compiles the result.
"""

from __future__ import annotations

import re
from typing import Literal

from edgeproxy.errors import ConfigError

MatcherKind = Literal["HTTP", "GRPC"]

_ITEM = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?\Z")  # nine digits: a number that int() takes without limits

# ELBv2 spells the two differently.
_EMPTY = {
    "HTTP": "Health check matcher HTTP code cannot be empty",
    "GRPC": "Health check matcher GRPC code can not be empty",
}


def parse_code_ranges(text: str, low: int, high: int, kind: MatcherKind) -> tuple[tuple[int, int], ...]:
    """The inclusive ranges that a matcher names, in the order they were written.

    Args:
        text: Such as `200`, `200,302` or `200-299,404`.
        low: The smallest code allowed: 200 for HTTP, 0 for gRPC.
        high: The largest code allowed: 499 for HTTP, 99 for gRPC.
        kind: Which of ELBv2's sentences an error uses.

    Raises:
        ConfigError: The text is empty, is not in the grammar, or names a code outside `low` to `high`; the error's path
            is empty.
    """
    if not text:
        raise ConfigError("", text, _EMPTY[kind])
    return tuple(_parse_item(item, low, high, kind) for item in text.split(","))


def _parse_item(item: str, low: int, high: int, kind: MatcherKind) -> tuple[int, int]:
    """One code as a range of one, or a range."""
    found = _ITEM.match(item)
    if found is None:
        raise ConfigError(
            "",
            item,
            f"Health check matcher {kind} code '{item}' is not a code or a range of codes such as '{low}' or "
            f"'{low}-{high}', separated by commas without spaces",
        )
    first, last = found[1], found[2] or found[1]
    for code in (first, last):
        if not low <= int(code) <= high:
            reason = f"Health check matcher {kind} code '{code}' must be within '{low}-{high}' inclusive"
            raise ConfigError("", item, reason)
    if int(first) > int(last):
        reason = f"Health check matcher {kind} code range '{item}' is descending; write '{last}-{first}'"
        raise ConfigError("", item, reason, suggestion=f"{last}-{first}")
    return int(first), int(last)
