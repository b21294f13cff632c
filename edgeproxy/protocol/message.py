"""RequestHead and ResponseHead: a message's first line and header section, with cheap views on both.

A head is split in two objects. What depends on the header section alone (`RequestFields`, `ResponseFields`) is parsed
once and may be shared by many messages through the memo; it is never changed after parsing, except for `derived`,
`routed` and `logged`, where the layers above keep what they computed from the section. What belongs to one message
(`RequestHead`) is small.
"""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any, Final

from edgeproxy.protocol.header_lines import special_fields

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgeproxy.errors import ProtocolError
    from edgeproxy.protocol.desync import Verdict
    from edgeproxy.protocol.header_lines import KnownLine, SpecialField

Field = tuple[str, str]
"""A header's name as received and its value without surrounding white space."""

CHUNKED: Final = -1
UNTIL_CLOSE: Final = -2
SIMPLE: Final = -3
"""Body lengths that are not a number of bytes. SIMPLE is a request of HTTP/0.9: no header section, no body."""


_LOWER: Final = str.maketrans({letter: letter.lower() for letter in string.ascii_uppercase})


def ascii_lower(text: str) -> str:
    """Lower case for ASCII letters only: other characters are bytes of an encoding that is not ours to know."""
    return text.lower() if text.isascii() else text.translate(_LOWER)


def split_lines(lines: list[str]) -> list[Field]:
    """Header lines as names and values."""
    return [(name, value.strip(" \t")) for name, _, value in (line.partition(":") for line in lines)]


def _by_name(seen: list[KnownLine]) -> dict[str, list[str]]:
    """The values under each name in lower case, in the order received."""
    values = {name: [value] for name, value, _ in seen}
    if len(values) < len(seen):
        values.clear()
        for name, value, _ in seen:
            values.setdefault(name, []).append(value)
    return values


ONCE: Final[tuple[Any, ...]] = ("",)
"""What `RequestFields.routed` and `logged` say after the section's first request; no request has such a line."""


class RequestFields:  # hot path
    """A parsed request header section.

    Attributes:
        lines: All headers as text, one line each, in the order received; as received wherever nothing was unusual.
        special: The fields that mean something to a codec or a proxy, in the same order.
        host: The first Host value as received, or "" without one.
        host_count: How many Host headers there are.
        body_length: Bytes of the body, 0 for none, CHUNKED or SIMPLE.
        headers: Names and values as received, where something about them is unusual; else empty.
        fault: Why the section cannot be made sense of, if it cannot.
        is_clean: Nothing in the section frames a body or is unusual: there is nothing to classify.
        is_simply_framed: One header frames the body, in the plainest way: compliant unless the method has no body.
        is_plain: There is one Host, and neither X-Forwarded-For nor an unsupported coding: nothing to look at twice.
        wants_close: The client sent `Connection: close`.
        wants_keep_alive: The client sent `Connection: keep-alive`.
        connection_tokens: Lower-cased tokens of Connection.
        expects_continue: The client waits for `100 Continue`.
        upgrade: The Upgrade header's value, lower-cased, or "".
        wants_websocket: The section asks for a WebSocket; `upgrade.asks_for_websocket` says whether the request may.
        user_agent: The User-Agent's value, or "".
        forwarded_for: All X-Forwarded-For values joined with ", ", or "".
        trace_id: The X-Amzn-Trace-Id value, or "".
        unsupported_coding: A transfer coding other than chunked and identity was asked for.
        has_invalid_names: Some header's name is not made of letters, digits and hyphens alone.
        size: Bytes of the section as received.
        derived: What the layer above computed from this section; the codec never reads it.
        routed: Likewise, where it sent the last request with this section, and under which circumstances. Begins with
            that request's line; ONCE after the first request, because most sections never come again.
        logged: Likewise, what it wrote of that request.
    """

    __slots__ = (
        "_seen",
        "_values",
        "body_length",
        "connection_tokens",
        "derived",
        "expects_continue",
        "fault",
        "forwarded_for",
        "has_invalid_names",
        "headers",
        "host",
        "host_count",
        "is_clean",
        "is_plain",
        "is_simply_framed",
        "lines",
        "logged",
        "routed",
        "size",
        "special",
        "trace_id",
        "unsupported_coding",
        "upgrade",
        "user_agent",
        "wants_close",
        "wants_keep_alive",
        "wants_websocket",
    )

    def __init__(self, lines: list[str], seen: list[KnownLine], size: int) -> None:
        """`seen` is what is known about each of the lines."""
        self.lines = lines
        self._seen = seen
        self._values: dict[str, list[str]] | None = None
        self.special = special_fields(seen)
        self.size = size
        self.has_invalid_names = False
        self.host = ""
        self.host_count = 0
        self.body_length = 0
        self.headers: list[Field] = []
        self.fault: ProtocolError | None = None
        self.is_clean = True
        self.is_simply_framed = False
        self.is_plain = False
        self.wants_close = False
        self.wants_keep_alive = False
        self.connection_tokens: frozenset[str] = frozenset()
        self.expects_continue = False
        self.upgrade = ""
        self.wants_websocket = False
        self.user_agent = ""
        self.forwarded_for = ""
        self.trace_id = ""
        self.unsupported_coding = False
        self.derived: Any = None
        self.routed: Any = None
        self.logged: Any = None

    @property
    def fields(self) -> list[Field]:
        """All headers as names and values, in the order received; made anew for each asking."""
        return split_lines(self.lines)

    def values(self, name: str) -> Sequence[str]:
        """The values of one header, given in lower case, in the order received; empty when it is absent."""
        values = self._values
        if values is None:
            values = self._values = _by_name(self._seen)
        return values.get(name) or []


class RequestHead:  # hot path
    """One request's line and fields. Satisfies `RequestFacts`, so rule conditions read it as it is.

    Attributes:
        method: The method token as received.
        target: The request target as received.
        path: The path of the target, without query; whoever matches rules replaces it by the normalised one.
        query: The text between the first `?` and `#`, undecoded.
        authority: Host and port of an absolute-form target, or "".
        version: `HTTP/2.0`, `HTTP/1.1`, which stands for later minor versions too, `HTTP/1.0` or `HTTP/0.9`.
        line: The request line for a target that speaks HTTP/1.1: as received, but with single spaces around the
            target, and `HTTP/1.1` behind it.
        verdict: What the desync classifier says; None for a compliant request.
        fields: The header section.
        source_ip: The address of the TCP connection's other end; set by the connection.
        size: Bytes of the head as received, and of what frames the part of a chunked body that came with it.
    """

    __slots__ = (
        "_host",
        "_query_pairs",
        "authority",
        "fields",
        "line",
        "method",
        "path",
        "query",
        "size",
        "source_ip",
        "target",
        "verdict",
        "version",
    )

    # Positional: keywords would cost a tenth of a microsecond for every request.
    def __init__(
        self, line: str, method: str, target: str, path: str, query: str, fields: RequestFields, size: int
    ) -> None:
        self.line = line
        self.method = method
        self.target = target
        self.path = path
        self.query = query
        self.fields = fields
        self.size = size
        self.authority = ""
        self.version = "HTTP/1.1"
        self.verdict: Verdict | None = None
        self.source_ip = ""
        self._host: str | None = None
        self._query_pairs: list[tuple[str, str]] | None = None

    @property
    def host(self) -> str:
        """The first Host header in lower case, port included; "" without one."""
        host = self._host
        if host is None:
            host = self._host = ascii_lower(self.fields.host)
        return host

    @property
    def query_pairs(self) -> Sequence[tuple[str, str]]:
        """The query's parameters, undecoded; a parameter without `=` has an empty value."""
        pairs = self._query_pairs
        if pairs is None:
            pairs = self._query_pairs = [
                (key, value) for key, _, value in (part.partition("=") for part in self.query.split("&") if part)
            ]
        return pairs

    def header_values(self, name: str) -> Sequence[str]:
        """The values of one header, given in lower case; empty when it is absent."""
        return self.fields.values(name)

    def __repr__(self) -> str:
        return f"<RequestHead {self.line!r} {len(self.fields.fields)} fields>"


class ResponseHead:  # hot path
    """One response's status line and header section; shared between messages with the same bytes.

    Attributes:
        status: The status code.
        status_line: `200 OK`: code and reason phrase as the target sent them.
        version_minor: 1 for HTTP/1.1, 0 for HTTP/1.0.
        lines: All headers as text, one line each, in the order received.
        special: The fields that mean something to a codec or a proxy, in the same order.
        body_length: Bytes of the body as the fields state it, CHUNKED or UNTIL_CLOSE; whether a body follows at all
            also depends on the request's method.
        is_reusable: The target keeps the connection open after this response.
        size: Bytes of the whole head.
        derived: What the layer above computed from this head; the codec never reads it.
    """

    __slots__ = (
        "body_length",
        "derived",
        "is_reusable",
        "lines",
        "size",
        "special",
        "status",
        "status_line",
        "version_minor",
    )

    # Positional, like RequestHead.
    def __init__(
        self,
        status: int,
        status_line: str,
        version_minor: int,
        lines: list[str],
        special: list[SpecialField],
        size: int,
    ) -> None:
        self.status = status
        self.status_line = status_line
        self.version_minor = version_minor
        self.lines = lines
        self.special = special
        self.size = size
        self.body_length = UNTIL_CLOSE
        self.is_reusable = version_minor == 1
        self.derived: Any = None

    @property
    def fields(self) -> list[Field]:
        """All headers as names and values, in the order received; made anew for each asking."""
        return split_lines(self.lines)

    def values(self, name: str) -> list[str]:
        """The values of one header, given in lower case."""
        return [value for field_name, value in self.fields if field_name.lower() == name]

    def __repr__(self) -> str:
        return f"<ResponseHead {self.status_line!r} {len(self.fields)} fields>"
