"""Header blocks to the heads that everything above knows, whatever version a message came in.

A request's fields are written as an HTTP/1.1 header section and interpreted by the same code (`head_parser.py`), so a
rule, a limit or a forwarded header means the same in both versions, and both share one memo:

* `:authority` becomes a Host line in front. A Host that says something else makes the request malformed (RFC 9113
  section 8.3.1).
* Cookie crumbs become one line, joined with "; " (RFC 9113 section 8.2.3).
* A body of unstated length becomes `transfer-encoding: chunked`.
* `Expect` is dropped: over HTTP/2 it is neither answered nor forwarded (user guide, how-elastic-load-balancing-works).

What RFC 9113 calls malformed is an `H2StreamError`. What is well-formed and still refused, such as a header that is too
long, is a `ProtocolError` with the status to answer.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeAlias

from edgeproxy.errors import ProtocolError
from edgeproxy.protocol.desync import resembles_framing
from edgeproxy.protocol.h2_fields import LENGTH, MALFORMED, PSEUDO, SPECIAL, FieldLine, fault_of
from edgeproxy.protocol.h2_frames import ErrorCode, H2StreamError
from edgeproxy.protocol.head_parser import parse_request_line
from edgeproxy.protocol.judgement import UnreadableRequestError
from edgeproxy.protocol.limits import MAX_REQUEST_HEAD, MAX_RESPONSE_HEAD

if TYPE_CHECKING:
    from edgeproxy.protocol.h2_hpack import HeaderBlock
    from edgeproxy.protocol.memo import Memo
    from edgeproxy.protocol.message import RequestFields, RequestHead, ResponseHead

_REQUEST_PSEUDO: Final = frozenset({":method", ":scheme", ":authority", ":path"})
_CHUNKED_LINE: Final = "transfer-encoding: chunked"
_LINE_OVERHEAD: Final = 2

_Interpreted: TypeAlias = "tuple[str, RequestFields, bool]"
"""A request's line and fields as HTTP/1.1 would have them, and whether it had no body."""


def malformed(fault: str) -> H2StreamError:
    """RFC 9113 section 8.1.1."""
    return H2StreamError(ErrorCode.PROTOCOL_ERROR, fault)


def request_head(block: HeaderBlock, memo: Memo[RequestFields], *, is_complete: bool, size: int) -> RequestHead:
    """The head of a request.

    Args:
        block: Its header block.
        memo: What the codecs of one proxy remember of header sections.
        is_complete: No body follows.
        size: Bytes of the block's frames.

    Raises:
        H2StreamError: when the request is malformed.
        ProtocolError: when it is to be answered with an error.
    """
    derived: _Interpreted | None = block.derived
    if derived is None or derived[2] is not is_complete:
        derived = block.derived = _from_shape(block, is_complete=is_complete)
        if derived is None:
            derived = block.derived = _interpret_request(block, memo, is_complete=is_complete)
            if block.shape is not None:
                block.shape.derived = derived
    try:
        head = parse_request_line(derived[0], derived[1], size)
    except UnreadableRequestError as error:
        error.verdict = None
        raise
    head.version = "HTTP/2.0"
    # Desync classification is about HTTP/1: here every length is the frames'.
    head.verdict = None
    return head


def _from_shape(block: HeaderBlock, *, is_complete: bool) -> _Interpreted | None:
    """What was found out about a request that differs in nothing but its path; None if there was none."""
    shape = block.shape
    known: _Interpreted | None = None if shape is None else shape.derived
    if shape is None or known is None or known[2] is not is_complete:
        return None
    _, kind, _, path = block.fields[shape.position]
    if kind & MALFORMED:
        raise malformed(fault_of(block.fields))
    _check_path(path)
    return f"{known[0].partition(' ')[0]} {path} HTTP/1.1", known[1], is_complete


def _interpret_request(block: HeaderBlock, memo: Memo[RequestFields], *, is_complete: bool) -> _Interpreted:
    fields = block.fields
    kinds = block.kinds
    if kinds & MALFORMED:
        raise malformed(fault_of(fields))
    pseudo, count = _pseudo_headers(fields)
    line = _request_line(pseudo)
    authority = pseudo.get(":authority")
    lines = _regular_lines(fields, count, authority) if kinds & SPECIAL else [field[0] for field in fields[count:]]
    if authority is not None:
        lines.insert(0, f"host: {authority}")
    if not is_complete and not kinds & LENGTH:
        lines.append(_CHUNKED_LINE)
    _check_size(lines, MAX_REQUEST_HEAD, status=400)
    lines.append("")
    section = "\r\n".join(lines)
    if "\r\n:" in section or section.startswith(":"):
        raise malformed("a pseudo-header stands behind a field")
    raw = section.encode("latin-1")
    parsed = memo.find(raw) or memo.compute(raw)
    if any(resembles_framing(name) for name, _ in parsed.headers):
        # HTTP/1's desync mitigation would close the target's connection behind it; here that serves other requests too.
        raise ProtocolError(400, "a header's name resembles one that frames the body")
    if is_complete and parsed.body_length:
        raise malformed("the request ends without the body that its Content-Length states")
    return line, parsed, is_complete


def _pseudo_headers(fields: list[FieldLine]) -> tuple[dict[str, str], int]:
    """The pseudo-headers, and how many fields they are."""
    pseudo: dict[str, str] = {}
    for _, kind, name, value in fields:
        if not kind & PSEUDO:
            break
        if name in pseudo:
            raise malformed(f"{name} stands there twice")
        pseudo[name] = value
    return pseudo, len(pseudo)


def _request_line(pseudo: dict[str, str]) -> str:
    """RFC 9113 section 8.3.1."""
    if not pseudo.keys() <= _REQUEST_PSEUDO:
        unknown = ", ".join(sorted(pseudo.keys() - _REQUEST_PSEUDO))
        raise malformed(f"the pseudo-header {unknown[:40]} does not belong to a request")
    method = pseudo.get(":method")
    if not method:
        raise malformed("the request has no :method")
    authority = pseudo.get(":authority")
    if authority is not None and "@" in authority:
        raise malformed("the :authority holds user information")
    if method == "CONNECT":
        if not authority or ":path" in pseudo or ":scheme" in pseudo:
            raise malformed("a CONNECT has an :authority, no :path and no :scheme")
        # It is refused, but by whoever refuses it in HTTP/1.1.
        return f"CONNECT {authority} HTTP/1.1"
    path = pseudo.get(":path", "")
    if not pseudo.get(":scheme"):
        raise malformed("the request has no :scheme")
    _check_path(path)
    return f"{method} {path} HTTP/1.1"


def _check_path(path: str) -> None:
    if not path:
        raise malformed("the request has no :path")
    if path[0] != "/" or " " in path:
        # OPTIONS may have "*" (RFC 9113 section 8.3.1); like nginx, this proxy does not take it in any version.
        raise ProtocolError(400, f"the :path {path[:40]!r} is not a path")


def _regular_lines(fields: list[FieldLine], start: int, authority: str | None) -> list[str]:
    """The lines behind the pseudo-headers where some of them need a look."""
    lines: list[str] = []
    crumbs: list[str] = []
    cookie_at = 0
    for line, kind, name, value in fields[start:]:
        if not kind & SPECIAL:
            lines.append(line)
        elif name == "cookie":
            if not crumbs:
                cookie_at = len(lines)
                lines.append(line)
            crumbs.append(value)
        elif name == "te":
            if value.lower() != "trailers":
                raise malformed("TE says something else than trailers")
            lines.append(line)
        elif name == "host":
            if authority is None:
                lines.append(line)
            elif value.lower() != authority.lower():
                raise malformed("Host and :authority differ")
    if len(crumbs) > 1:
        _check_size(crumbs, MAX_REQUEST_HEAD, status=400)
        lines[cookie_at] = f"cookie: {'; '.join(crumbs)}"
    return lines


def _size(lines: list[str]) -> int:
    return sum(map(len, lines)) + _LINE_OVERHEAD * len(lines)


def _check_size(lines: list[str], limit: int, *, status: int) -> None:
    # Before they are joined: a few bytes of references to one large entry can mean megabytes (CVE-2016-6581).
    if _size(lines) > limit:
        raise ProtocolError(status, f"the headers are longer than {limit} bytes")


def trailer_lines(block: HeaderBlock, limit: int) -> list[str]:
    """The lines of a trailer section.

    Raises:
        H2StreamError: when it is malformed, or larger than `limit`.
    """
    if block.kinds & (MALFORMED | PSEUDO):
        raise malformed(fault_of(block.fields))
    lines = [field[0] for field in block.fields]
    if _size(lines) > limit:
        raise H2StreamError(ErrorCode.ENHANCE_YOUR_CALM, f"the trailers are longer than {limit} bytes")
    return lines


def response_status(block: HeaderBlock) -> int:
    """The status of a response's header block.

    Raises:
        H2StreamError: when the response is malformed.
    """
    if block.kinds & MALFORMED:
        raise malformed(fault_of(block.fields))
    pseudo, _ = _pseudo_headers(block.fields)
    status = pseudo.get(":status", "")
    if len(pseudo) != 1 or len(status) != 3 or not (status.isascii() and status.isdigit()) or status[0] not in "12345":
        raise malformed(f"the response's status {status[:40]!r} is not one")
    if status == "101":
        # RFC 9113 section 8.6.
        raise malformed("the response switches protocols")
    return int(status)


_STATUS_LINES: Final = {str(status.value): f"{status.value} {status.phrase}" for status in HTTPStatus}


def response_head(block: HeaderBlock, memo: Memo[ResponseHead], status: int, *, is_complete: bool) -> ResponseHead:
    """The head of a response whose status is known.

    Raises:
        H2StreamError: when it is malformed.
        ProtocolError: 502, when it is too large or states its length in a way that is refused.
    """
    derived: tuple[ResponseHead, bool] | None = block.derived
    if derived is None or derived[1] is not is_complete:
        head = _interpret_response(block, memo, status, is_complete=is_complete)
        derived = block.derived = (head, is_complete)
    return derived[0]


def _interpret_response(
    block: HeaderBlock, memo: Memo[ResponseHead], status: int, *, is_complete: bool
) -> ResponseHead:
    text = str(status)
    lines = [f"HTTP/1.1 {_STATUS_LINES.get(text, text)}"]
    lines += [field[0] for field in block.fields[1:]]
    if not is_complete and not block.kinds & LENGTH:
        lines.append(_CHUNKED_LINE)
    _check_size(lines, MAX_RESPONSE_HEAD, status=502)
    section = "\r\n".join([*lines, "", ""])
    if "\r\n:" in section:
        raise malformed("a pseudo-header stands behind a field")
    raw = section.encode("latin-1")
    return memo.find(raw) or memo.compute(raw)
