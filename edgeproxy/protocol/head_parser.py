"""One pass over a head: the fast path.

A request line and a header section without anything unusual are each recognised by one regular expression. What the
expressions do not accept is not necessarily wrong; `tolerant.py` decides. The two agree on everything that the fast path
accepts (tests/protocol/test_head_parser.py compares them on generated heads).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from edgeproxy.errors import ProtocolError
from edgeproxy.protocol import tolerant
from edgeproxy.protocol.framing import request_body_length, response_body_length
from edgeproxy.protocol.limits import MAX_HEADER_LINE
from edgeproxy.protocol.message import Field, RequestFields, RequestHead, ResponseHead

TOKEN: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
"""RFC 9110 section 5.6.2."""

# Methods as nginx takes them: capital letters, "-" and "_". The target's path starts with "/" and holds no control
# character, no space and no fragment.
_REQUEST_LINE: Final = re.compile(r"([A-Z_-]+) (/[^\x00-\x20\x7f?#]*)(?:\?([^\x00-\x20\x7f#]*))? HTTP/1\.1").fullmatch
_STATUS_LINE: Final = re.compile(r"HTTP/1\.([01]) (([1-9][0-9][0-9])(?: [\t\x20-\x7e\x80-\xff]*)?)").fullmatch
_FIELDS: Final = re.compile(rf"(?m)^({TOKEN}):[ \t]*([\t\x20-\x7e\x80-\xff]*)\r\n").findall


def parse_fields(section: bytes) -> list[Field] | None:
    """The fields of a header section whose lines all end with CRLF; None when anything about it is unusual.

    Each match is one whole line, so as many matches as line feeds means that no line was passed over.
    """
    fields: list[Field] = _FIELDS(section.decode("latin-1"))
    if len(fields) != section.count(b"\n"):
        return None
    if b" \r\n" in section or b"\t\r\n" in section:
        return [(name, value.rstrip(" \t")) for name, value in fields]
    return fields


def parse_request_fields(section: bytes) -> RequestFields:
    """A request's header section, interpreted.

    Raises:
        ProtocolError: 400 for what cannot be forwarded safely.
    """
    is_ambiguous = False
    fields = parse_fields(section) if len(section) < MAX_HEADER_LINE else None
    if fields is None:
        fields, is_ambiguous = tolerant.parse_fields(section)
    parsed = RequestFields(fields, len(section))
    parsed.is_ambiguous = is_ambiguous
    _interpret(parsed)
    return parsed


def _interpret(parsed: RequestFields) -> None:
    lengths: list[str] = []
    encodings: list[str] = []
    for name, value in parsed.fields:
        interpret = _REQUEST_FIELDS.get(name.lower())
        if interpret is not None:
            interpret(parsed, value, lengths, encodings)
    if lengths or encodings:
        length, is_ambiguous, unsupported = request_body_length(lengths, encodings)
        parsed.body_length = length
        parsed.is_ambiguous = parsed.is_ambiguous or is_ambiguous
        parsed.unsupported_coding = unsupported


_Interpreter = Callable[[RequestFields, str, list[str], list[str]], None]


def _host(parsed: RequestFields, value: str, _lengths: list[str], _encodings: list[str]) -> None:
    if parsed.host_count == 0:
        parsed.host = value
    parsed.host_count += 1


def _content_length(_parsed: RequestFields, value: str, lengths: list[str], _encodings: list[str]) -> None:
    lengths.append(value)


def _transfer_encoding(_parsed: RequestFields, value: str, _lengths: list[str], encodings: list[str]) -> None:
    encodings.append(value)


def _connection(parsed: RequestFields, value: str, _lengths: list[str], _encodings: list[str]) -> None:
    parsed.connection_tokens |= {token.strip(" \t").lower() for token in value.split(",")}
    parsed.wants_close = "close" in parsed.connection_tokens
    parsed.wants_keep_alive = "keep-alive" in parsed.connection_tokens


def _expect(parsed: RequestFields, value: str, _lengths: list[str], _encodings: list[str]) -> None:
    parsed.expects_continue = value.lower() == "100-continue"


def _upgrade(parsed: RequestFields, value: str, _lengths: list[str], _encodings: list[str]) -> None:
    parsed.upgrade = value.lower()


def _user_agent(parsed: RequestFields, value: str, _lengths: list[str], _encodings: list[str]) -> None:
    parsed.user_agent = parsed.user_agent or value


def _forwarded_for(parsed: RequestFields, value: str, _lengths: list[str], _encodings: list[str]) -> None:
    parsed.forwarded_for = f"{parsed.forwarded_for}, {value}" if parsed.forwarded_for else value


def _trace_id(parsed: RequestFields, value: str, _lengths: list[str], _encodings: list[str]) -> None:
    parsed.trace_id = parsed.trace_id or value


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
}


def parse_request_line(line: str, fields: RequestFields, size: int) -> RequestHead:
    """The head of a request from its line and its header section.

    Raises:
        ProtocolError: 400, 414 or 505 as `tolerant.parse_request_line` says.
    """
    match = _REQUEST_LINE(line)
    if match is None or len(line) > MAX_HEADER_LINE:
        return tolerant.parse_request_line(line, fields, size)
    method, path, query = match.groups("")
    return RequestHead(
        line=line,
        method=method,
        target=line[len(method) + 1 : -9],
        path=path,
        query=query,
        fields=fields,
        size=size,
    )


def parse_response_head(data: bytes) -> ResponseHead:
    """The head of a response from all its bytes, the empty line included.

    Raises:
        ProtocolError: 502 for what the load balancer calls malformed.
    """
    line, _, section = data[:-2].partition(b"\r\n")
    match = _STATUS_LINE(line.decode("latin-1"))
    if match is None:
        raise ProtocolError(502, f"the target's status line {line[:60]!r} is not HTTP/1")
    fields = parse_fields(section)
    if fields is None:
        raise ProtocolError(502, "the target sent a malformed header line")
    minor, status_line, status = match.groups()
    head = ResponseHead(
        status=int(status),
        status_line=status_line,
        version_minor=int(minor),
        fields=fields,
        size=len(data),
    )
    lengths: list[str] = []
    encodings: list[str] = []
    tokens: set[str] = set()
    for name, value in fields:
        match name.lower():
            case "content-length":
                lengths.append(value)
            case "transfer-encoding":
                encodings.append(value)
            case "connection":
                tokens |= {token.strip(" \t").lower() for token in value.split(",")}
            case _:
                pass
    head.body_length = response_body_length(lengths, encodings)
    head.is_reusable = "close" not in tokens and (head.version_minor == 1 or "keep-alive" in tokens)
    return head
