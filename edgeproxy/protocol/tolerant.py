"""The slow path: heads with something unusual in them, read line by line.

The load balancer forwards much that RFC 9112 calls wrong, because its desync mitigation classifies requests instead of
parsing strictly (user guide, application-load-balancers, desync mitigation mode). The rules here:

* A line ends with CRLF or LF; the head ends with the first empty line.
* A line without a colon, and a folded line, is a header of its own and gets a colon (user guide,
  load-balancer-troubleshooting); the name keeps its bytes.
* NUL or a lone CR anywhere is refused, and so is a name that only resembles Content-Length or Transfer-Encoding: a
  target might read it as the real one. So is a folded line behind one of the two: a target might unfold it. A header
  without a name is dropped and the message is treated as ambiguous.
* Sizes are checked here, so the fast path does not take heads that could be too large.
"""

from __future__ import annotations

import re
from typing import Final

from edgeproxy.errors import ProtocolError
from edgeproxy.protocol.limits import MAX_HEADER_LINE, MAX_REQUEST_HEAD, MAX_REQUEST_LINE
from edgeproxy.protocol.message import Field, RequestFields, RequestHead

_HEAD_END: Final = re.compile(rb"\n\r?\n")
_METHOD_BYTE: Final = re.compile(rb"[A-Z_-]").match
_METHOD: Final = re.compile(r"[A-Z_-]+")
_VERSION: Final = re.compile(r"HTTP/(\d+)\.(\d+)")
_ABSOLUTE: Final = re.compile(r"(?i:https?)://([^/?#]*)(.*)", re.DOTALL)
_FRAMING_NAMES: Final = frozenset({"content-length", "transfer-encoding"})
_LOOKALIKE: Final = re.compile(r"[^a-z0-9]*(?:content[^a-z0-9]+length|transfer[^a-z0-9]+encoding)[^a-z0-9]*").fullmatch
_WHITE: Final = re.compile(r"[\x00-\x20]+")


def find_head_end(data: bytes, start: int) -> int:
    """The index behind the first empty line at or after `start`, however its line ends are written; -1 without one."""
    match = _HEAD_END.search(data, max(0, start - 3))
    return match.end() if match else -1


def check_unfinished_head(data: bytes) -> None:
    """Refuses a head that is already too large although its end has not come.

    Raises:
        ProtocolError: 414 for the request line, 400 for the headers.
    """
    if not _METHOD_BYTE(data):
        # A TLS greeting, say: nobody should have to wait for its line feed.
        raise ProtocolError(400, "the request does not begin with a method")
    line_end = data.find(b"\n")
    if line_end < 0:
        # One more byte: the line's CR may have come without its LF.
        if len(data) > MAX_REQUEST_LINE + 1:
            raise ProtocolError(414, f"the request line is longer than {MAX_REQUEST_LINE} bytes")
    elif len(data) - line_end - 1 > MAX_REQUEST_HEAD + 1:
        raise ProtocolError(400, f"the request headers are longer than {MAX_REQUEST_HEAD} bytes")


def parse_fields(section: bytes) -> tuple[list[Field], bool]:
    """The fields of a header section, and whether something in it is ambiguous.

    Raises:
        ProtocolError: 400 for bytes that cannot be forwarded and for the size limits.
    """
    if len(section) > MAX_REQUEST_HEAD:
        raise ProtocolError(400, f"the request headers are longer than {MAX_REQUEST_HEAD} bytes")
    fields: list[Field] = []
    is_ambiguous = has_framing = False
    for raw in section.decode("latin-1").split("\n")[:-1]:
        line = raw.removesuffix("\r")
        field = _field(line)
        if field is None:
            is_ambiguous = True
            continue
        if has_framing and field[0][0] in " \t":
            # Headers in between may not be forwarded; then a target that unfolds appends this line to the framing.
            raise ProtocolError(400, "a folded line stands behind a header that frames the body")
        has_framing = has_framing or field[0].lower() in _FRAMING_NAMES
        fields.append(field)
    return fields, is_ambiguous


def _field(line: str) -> Field | None:
    """One line as a field; None for a header without a name."""
    if "\0" in line or "\r" in line:
        raise ProtocolError(400, "a header line holds NUL or a lone CR")
    name, _, value = line.partition(":")
    if len(line) >= MAX_HEADER_LINE and name.lower() != "cookie":
        raise ProtocolError(400, f"a header line is {MAX_HEADER_LINE} bytes or longer")
    if not name.strip(" \t"):
        return None
    if resembles_framing(name.lower()):
        raise ProtocolError(400, f"the header name {name[:40]!r} resembles one that frames the body")
    return name, value.strip(" \t")


def resembles_framing(lower: str) -> bool:
    """Whether a lower-cased name is not Content-Length or Transfer-Encoding, but might be read as one.

    The classifier that AWS publishes (HTTP Desync Guardian) looks for the same: another delimiter, surplus bytes around
    the words, white space in them, and the two letters outside ASCII that upper-case to S and I.
    """
    if lower in _FRAMING_NAMES:
        return False
    if not lower.isascii():
        # UTF-8 of the long s and the dotless i, as latin-1 shows them in lower case.
        lower = lower.replace("\xe5\xbf", "s").replace("\xe4\xb1", "i")
    return _LOOKALIKE(lower) is not None or _LOOKALIKE(_WHITE.sub("", lower)) is not None


def parse_request_line(line: str, fields: RequestFields, size: int) -> RequestHead:
    """The head of a request whose line the fast path did not take.

    Spaces inside the target are kept: the target reaches from the first space to the last.

    Raises:
        ProtocolError: 414 for its length, 505 for its version, 400 for everything else that cannot be read.
    """
    if len(line) > MAX_REQUEST_LINE:
        raise ProtocolError(414, f"the request line is longer than {MAX_REQUEST_LINE} bytes")
    method, _, rest = line.partition(" ")
    target, _, version = rest.rstrip(" ").rpartition(" ")
    if not _METHOD.fullmatch(method):
        raise ProtocolError(400, f"the method {method[:40]!r} is not made of capital letters, - and _")
    if "\0" in target or "\r" in target:
        raise ProtocolError(400, "the request target holds NUL or a lone CR")
    if " HTTP/" in target:
        # Whoever reads the first version takes what follows it for something else.
        raise ProtocolError(400, "the request line holds two versions")
    target = target.strip(" ")
    authority, path_and_query = _split_target(target, method)
    # After the target: the preface of HTTP/2 (`PRI * HTTP/2.0`) was answered with 400 (observed).
    minor = _version_minor(version)
    path, _, query = path_and_query.partition("#")[0].partition("?")
    # A target gets one space on each side and a version that this proxy speaks.
    head = RequestHead(f"{method} {target} HTTP/1.{minor}", method, path_and_query, path, query, fields, size)
    head.authority = authority
    head.version_minor = minor
    return head


def _version_minor(version: str) -> int:
    match = _VERSION.fullmatch(version)
    if match is None:
        raise ProtocolError(400, f"the version {version[:40]!r} is not HTTP/1.x")
    major, minor = match.groups()
    if major == "1" and len(minor) == 1:
        # HTTP/1.2 to HTTP/1.9 are served as HTTP/1.1, as nginx does.
        return min(int(minor), 1)
    if int(major[:4]) >= 2:
        raise ProtocolError(505, f"the version {version[:40]!r} is not spoken on this connection")
    raise ProtocolError(400, f"the version {version[:40]!r} is not HTTP/1.x")


def _split_target(target: str, method: str) -> tuple[str, str]:
    """The authority of an absolute-form target or "", and the path with its query."""
    if target.startswith("/"):
        return "", target
    match = _ABSOLUTE.fullmatch(target)
    if match and match[1]:
        if "@" in match[1]:
            raise ProtocolError(400, "the request target holds user information")
        rest = match[2]
        return match[1], rest if rest.startswith("/") else f"/{rest}"
    if method == "CONNECT" and target:
        return "", target
    raise ProtocolError(400, f"the request target {target[:40]!r} is neither a path nor an http URL")
