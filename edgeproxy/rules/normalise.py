"""The path as rules see it: percent-decoded once, without dot segments.

"Rule evaluation is performed only after URI normalization" (user guide, rule-condition-types), but what that covers is
not documented. What is done here:

* each `%XX` becomes its character once, so `%2F` becomes `/` and `%252F` becomes `%2F`; a malformed `%` stays;
* then `.` and `..` segments are resolved as in RFC 3986 section 5.2.4; a path that climbs above the root is refused;
* `//`, `+` and case stay as they are.

The result is for matching only: the target receives the path as the client spelled it.
"""

from __future__ import annotations

import re
from typing import Final

_PERCENT: Final = re.compile(r"%([0-9A-Fa-f]{2})")


def percent_decoded(text: str) -> str:
    """Every well-formed `%XX` as its character (latin-1), once; anything else stays, `+` too."""
    return _PERCENT.sub(lambda match: chr(int(match[1], 16)), text) if "%" in text else text


def normalise_path(raw_path: str) -> str | None:
    """The path that conditions are compared with.

    Args:
        raw_path: The path as received, without the query.

    Returns:
        The normalised path; None if it climbs above the root or holds `%00`, which the load balancer answers with 400.
    """
    # Most paths need nothing, and asking so costs two searches.  # hot path
    if "%" not in raw_path and "/." not in raw_path:
        return raw_path
    path = percent_decoded(raw_path)
    if "\0" in path:
        return None
    return _without_dot_segments(path) if "/." in path else path


def _without_dot_segments(path: str) -> str | None:
    if not path.startswith("/"):
        return path  # `*` of an OPTIONS request; nothing to climb in
    segments = path[1:].split("/")
    kept: list[str] = []
    for segment in segments:
        if segment == "..":
            if not kept:
                return None
            kept.pop()
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in {".", ".."}:
        kept.append("")  # what a dot segment at the end leaves is a directory: `/a/.` is `/a/`
    return "/" + "/".join(kept)
