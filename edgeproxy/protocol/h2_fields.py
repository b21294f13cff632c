"""Field lines as HTTP/2 carries them: checked once, when they are decoded. RFC 9113 section 8.2.

HPACK's dynamic table keeps what it decoded, so a field that a client repeats is validated and written as text once for
the whole connection: a later request that refers to it costs one index into a list.
"""

from __future__ import annotations

import re
from typing import Final

FieldLine = tuple[str, int, str, str]
"""A field as `name: value` text, what kind of field it is, its name, its value."""

PSEUDO: Final = 1
"""A pseudo-header."""
LENGTH: Final = 2
"""Content-Length."""
SPECIAL: Final = 4
"""Cookie, Host, TE or Expect: whoever makes a head has to look at it."""
MALFORMED: Final = 8
"""A field that makes the whole message malformed."""

_KINDS: Final = {
    "content-length": LENGTH,
    "cookie": SPECIAL,
    "host": SPECIAL,
    "te": SPECIAL,
    "expect": SPECIAL,
    # RFC 9113 section 8.2.2: what belongs to one HTTP/1.1 connection.
    "connection": MALFORMED,
    "keep-alive": MALFORMED,
    "proxy-connection": MALFORMED,
    "transfer-encoding": MALFORMED,
    "upgrade": MALFORMED,
}

CONNECTION_SPECIFIC: Final = frozenset(name for name, kind in _KINDS.items() if kind is MALFORMED)
"""Names that HTTP/2 messages do not carry."""

is_field_name: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9a-z]+").fullmatch
"""RFC 9113 section 8.2: a token without capital letters."""

_is_pseudo: Final = re.compile(r":[a-z]+").fullmatch
has_bad_character: Final = re.compile(r"[\x00\r\n]").search
"""RFC 9113 section 8.2.1: these three may stand in no value."""


def field_line(name: str, value: str) -> FieldLine:  # hot path
    """What is known about a decoded field."""
    kind = _KINDS.get(name, 0)
    if not kind and not is_field_name(name):
        kind = PSEUDO if _is_pseudo(name) else MALFORMED
    if value:
        # RFC 9113 section 8.2.1: white space around a value is not trimmed but wrong.
        if has_bad_character(value) or value[0] in " \t" or value[-1] in " \t":
            kind |= MALFORMED
        return f"{name}: {value}", kind, name, value
    return f"{name}:", kind, name, ""


def path_line(value: str) -> FieldLine:  # hot path
    """`field_line` for `:path`, whose name needs no look."""
    if not value or has_bad_character(value) or value[0] in " \t" or value[-1] in " \t":
        return field_line(":path", value)
    return f":path: {value}", PSEUDO, ":path", value


HEAD_LINE: Final = field_line(":method", "HEAD")
"""Says that a request is one."""


def fault_of(fields: list[FieldLine]) -> str:
    """What makes a list of fields malformed, for whoever reads the log."""
    for _, kind, name, value in fields:
        if kind & MALFORMED:
            if name in CONNECTION_SPECIFIC:
                return f"the field {name} belongs to HTTP/1.1 connections"
            if name in _KINDS or is_field_name(name) or _is_pseudo(name):
                return f"the value {value[:40]!r} of {name[:40]} is not a field value"
            return f"the field name {name[:40]!r} is not a token in lower case"
    return "a pseudo-header stands behind a field or in trailers"
