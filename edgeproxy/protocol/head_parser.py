"""One pass over a head: the fast path.

A request line without anything unusual is recognised by a handful of string methods, and so is each header line that
was not seen before (`header_lines.py`); a regular expression, which looks at every character by itself, costs more.
What is not recognised is not necessarily wrong: `tolerant.py` decides. The two agree on everything that the fast path
accepts (tests/protocol/test_head_parser.py compares them on generated heads).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from edgeproxy.errors import ProtocolError
from edgeproxy.protocol import tolerant
from edgeproxy.protocol.desync import resembles_framing
from edgeproxy.protocol.framing import request_body_length, response_body_length
from edgeproxy.protocol.header_lines import (
    KnownLine,
    KnownLines,
    UnusualLineError,
    read_lines,
    special_fields,
)
from edgeproxy.protocol.judgement import judge
from edgeproxy.protocol.limits import MAX_HEADER_LINE
from edgeproxy.protocol.message import Field, RequestFields, RequestHead, ResponseHead, split_lines
from edgeproxy.protocol.upgrade import names_websocket

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_STATUS_LINE: Final = re.compile(r"HTTP/1\.([01]) (([1-9][0-9][0-9])(?: [\t\x20-\x7e\x80-\xff]*)?)").fullmatch


_CONFORMING: Final = re.compile(r"[-A-Za-z0-9]+").fullmatch
_BODILESS: Final = frozenset({"GET", "HEAD"})


def parse_fields(section: str) -> list[Field] | None:
    """The fields of a header section whose lines all end with CRLF; None when anything about it is unusual."""
    try:
        lines, _ = read_lines(section, known_request_lines())
    except UnusualLineError:
        return None
    return split_lines(lines)


def known_request_lines() -> KnownLines:
    """An empty memory of request header lines."""
    return KnownLines(_REQUEST_FIELDS, is_suspicious=resembles_framing, marks_invalid_names=True)


def known_response_lines() -> KnownLines:
    """An empty memory of response header lines."""
    return KnownLines(_RESPONSE_FIELDS)


def parse_request_fields(section: bytes, known: KnownLines | None = None) -> RequestFields:
    """A request's header section, interpreted.

    What is wrong with it is kept in `fault`, not raised: the request line belongs to the verdict as well.

    Args:
        section: The header lines with their line ends.
        known: What is remembered from other sections.

    Raises:
        ProtocolError: 400 for its size.
    """
    if known is None:
        known = known_request_lines()
    try:
        lines, seen = read_lines(section.decode("latin-1"), known, max_size=MAX_HEADER_LINE)
        parsed = RequestFields(lines, seen, len(section))
    except UnusualLineError:
        parsed = _parse_unusual(section)
    try:
        _interpret(parsed)
    except ProtocolError as error:
        parsed.fault = error
        parsed.is_clean = False
    return parsed


def _parse_unusual(section: bytes) -> RequestFields:
    headers = tolerant.split_section(section)
    fields = tolerant.forwardable(headers)
    lines = [f"{name}: {value}" if value else f"{name}:" for name, value in fields]
    seen = [_known_field(name, value) for name, value in fields]
    parsed = RequestFields(lines, seen, len(section))
    parsed.headers = headers
    return parsed


def _known_field(name: str, value: str) -> KnownLine:
    lower = name.lower()
    return lower, value, lower in _REQUEST_FIELDS or not _CONFORMING(name)


def _interpret(parsed: RequestFields) -> None:
    lengths: list[str] = []
    encodings: list[str] = []
    for _, name, value in parsed.special:
        _REQUEST_FIELDS.get(name, _invalid_name)(parsed, value, lengths, encodings)
    parsed.is_clean = not (lengths or encodings or parsed.headers)
    if lengths or encodings:
        parsed.body_length, parsed.unsupported_coding = request_body_length(lengths, encodings)
        parsed.is_simply_framed = not parsed.headers and (
            encodings == ["chunked"] if not lengths else len(lengths) == 1 and not encodings
        )
    parsed.is_plain = (
        parsed.host_count == 1 and parsed.host != "" and not parsed.forwarded_for and not parsed.unsupported_coding
    )
    if parsed.upgrade:
        parsed.wants_websocket = names_websocket(parsed)


_NOT_IN_HOST: Final = re.compile(r"[\x00-\x20\x7f/]").search
_KEEP_ALIVE: Final = frozenset({"keep-alive"})
_Interpreter = Callable[[RequestFields, str, list[str], list[str]], None]


def _host(parsed: RequestFields, value: str, _lengths: list[str], _encodings: list[str]) -> None:
    if parsed.host_count == 0:
        parsed.host = value
        if _NOT_IN_HOST(value):
            # It would become part of a Location or of a URL in the log; nginx refuses the same characters.
            raise ProtocolError(400, f"the Host {value[:40]!r} holds a space, a slash or a control character")
    parsed.host_count += 1


def _content_length(_parsed: RequestFields, value: str, lengths: list[str], _encodings: list[str]) -> None:
    lengths.append(value)


def _transfer_encoding(_parsed: RequestFields, value: str, _lengths: list[str], encodings: list[str]) -> None:
    encodings.append(value)


def _connection(parsed: RequestFields, value: str, _lengths: list[str], _encodings: list[str]) -> None:
    if value == "keep-alive" and not parsed.connection_tokens:
        # What browsers send; the general case costs three times as much.
        parsed.connection_tokens = _KEEP_ALIVE
        parsed.wants_keep_alive = True
        return
    parsed.connection_tokens |= {token.strip(" \t").lower() for token in value.split(",")}
    parsed.wants_close = "close" in parsed.connection_tokens
    parsed.wants_keep_alive = "keep-alive" in parsed.connection_tokens


def _expect(parsed: RequestFields, value: str, _lengths: list[str], _encodings: list[str]) -> None:
    parsed.expects_continue = value.lower() == "100-continue"


def _upgrade(parsed: RequestFields, value: str, _lengths: list[str], _encodings: list[str]) -> None:
    parsed.upgrade = f"{parsed.upgrade}, {value.lower()}" if parsed.upgrade else value.lower()


def _user_agent(parsed: RequestFields, value: str, _lengths: list[str], _encodings: list[str]) -> None:
    parsed.user_agent = parsed.user_agent or value


def _forwarded_for(parsed: RequestFields, value: str, _lengths: list[str], _encodings: list[str]) -> None:
    parsed.forwarded_for = f"{parsed.forwarded_for}, {value}" if parsed.forwarded_for else value


def _trace_id(parsed: RequestFields, value: str, _lengths: list[str], _encodings: list[str]) -> None:
    parsed.trace_id = parsed.trace_id or value


def _invalid_name(parsed: RequestFields, _value: str, _lengths: list[str], _encodings: list[str]) -> None:
    parsed.has_invalid_names = True


def _only_special(_parsed: RequestFields, _value: str, _lengths: list[str], _encodings: list[str]) -> None:
    """Says nothing to a codec, but a proxy treats it by itself."""


_REQUEST_FIELDS: Final[dict[str, _Interpreter]] = {
    "host": _host,
    "content-length": _content_length,
    "transfer-encoding": _transfer_encoding,
    "connection": _connection,
    "expect": _expect,
    "upgrade": _upgrade,
    "user-agent": _user_agent,
    "x-forwarded-for": _forwarded_for,
    "x-amzn-trace-id": _trace_id,
    "keep-alive": _only_special,
    "proxy-connection": _only_special,
    "x-forwarded-proto": _only_special,
    "x-forwarded-port": _only_special,
}


def parse_request_line(line: str, fields: RequestFields, size: int) -> RequestHead:
    """The head of a request from its line and its header section, with the verdict on both.

    Raises:
        UnreadableRequestError: 400, 414 or 505 as `tolerant.parse_request_line` says, or the section's fault.
    """
    method, _, rest = line.partition(" ")
    target, _, version = rest.partition(" ")
    # A second space would be in the version. What is printable holds no control character.
    if (
        version != "HTTP/1.1"
        or method not in _METHODS
        or target[:1] != "/"
        or "#" in target
        or not target.isprintable()
        or len(line) > MAX_HEADER_LINE
    ):
        return tolerant.parse_request_line(line, fields, size)
    path, _, query = target.partition("?")
    head = RequestHead(line, method, target, path, query, fields, size)
    # Such a line is compliant by itself; that leaves the section, and what it means behind this method.
    if not fields.is_clean and not (fields.is_simply_framed and method not in _BODILESS):
        judge(head, target, "HTTP/1.1")
    return head


_RESPONSE_FIELDS: Final = frozenset(
    {
        "connection",
        "content-length",
        "content-type",
        "date",
        "keep-alive",
        "proxy-connection",
        "transfer-encoding",
    }
)


def parse_response_head(data: bytes, known: KnownLines | None = None) -> ResponseHead:
    """The head of a response from all its bytes, the empty line included.

    Args:
        data: The head.
        known: What is remembered from other heads.

    Raises:
        ProtocolError: 502 for what the load balancer calls malformed.
    """
    if known is None:
        known = known_response_lines()
    line, _, section = data[:-2].decode("latin-1").partition("\r\n")
    match = _STATUS_LINE(line)
    if match is None:
        raise ProtocolError(502, f"the target's status line {line[:60]!r} is not HTTP/1")
    try:
        lines, seen = read_lines(section, known)
    except UnusualLineError:
        raise ProtocolError(502, "the target sent a malformed header line") from None
    minor, status_line, status = match.groups()
    head = ResponseHead(int(status), status_line, int(minor), lines, special_fields(seen), len(data))
    lengths: list[str] = []
    encodings: list[str] = []
    tokens: set[str] = set()
    for _, name, value in head.special:
        if name == "content-length":
            lengths.append(value)
        elif name == "transfer-encoding":
            encodings.append(value)
        elif name == "connection":
            tokens |= {token.strip(" \t").lower() for token in value.split(",")}
    head.body_length = response_body_length(lengths, encodings)
    if tokens:
        head.is_reusable = "close" not in tokens and (head.version_minor == 1 or "keep-alive" in tokens)
    return head
