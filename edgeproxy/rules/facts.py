"""What a condition may look at: the request as the rules see it.

The rules never see a socket or a codec. Whoever asks the table hands over an object with these members; the codec's
request head satisfies the protocol by its shape alone. Text is `str` with one character a byte (latin-1), so that a
wildcard's "one character" means the same in every field.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

_CONFORMING_NAME: Final = re.compile(r"[-A-Za-z0-9]+").fullmatch


class RequestFacts(Protocol):
    """One request, read-only. Conditions always see the request as the client sent it, never a rewritten one.

    Source: user guide, rule-condition-types.
    """

    @property
    def method(self) -> str:
        """The method token as sent, such as `GET`."""

    @property
    def host(self) -> str:
        """The first Host field (`:authority` in HTTP/2) in lower case, port included; empty if there is none."""

    @property
    def path(self) -> str:
        """The path as `normalise_path` returns it, without the query."""

    @property
    def query(self) -> str:
        """The raw text after the first `?`; empty if there is none."""

    @property
    def query_pairs(self) -> Sequence[tuple[str, str]]:
        """`query` split on `&`, each part at its first `=`; raw, and the value is empty where `=` is missing."""

    @property
    def source_ip(self) -> str:
        """The address of the TCP peer, without a port."""

    def header_values(self, name: str, /) -> Sequence[str]:
        """Every occurrence of a header in the order received; `name` is in lower case."""


def has_conforming_name(name: str) -> bool:
    """The name is made of letters, digits and hyphens; others may be dropped (`drop_invalid_header_fields`)."""
    return _CONFORMING_NAME(name) is not None


class WithoutDroppedHeaders:
    """A request whose headers with other names are not seen. For explanations; the table leaves such rules out."""

    def __init__(self, facts: RequestFacts) -> None:
        self.method = facts.method
        self.host = facts.host
        self.path = facts.path
        self.query = facts.query
        self.query_pairs = facts.query_pairs
        self.source_ip = facts.source_ip
        self._header_values = facts.header_values

    def header_values(self, name: str, /) -> Sequence[str]:
        """See `RequestFacts`."""
        return self._header_values(name) if has_conforming_name(name) else ()
