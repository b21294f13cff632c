"""The slow path: heads with something unusual in them, read line by line.

The load balancer forwards much that RFC 9112 calls wrong, because its desync mitigation classifies requests instead of
parsing strictly (user guide, application-load-balancers, desync mitigation mode). So this path splits a head as it
stands, has it classified (`desync.py`), and refuses only what nobody could make sense of. The rules here:

* A line ends with CRLF or LF; the head ends with the first empty line.
* A line without a colon, and a folded line, is a header of its own and gets a colon (user guide,
  load-balancer-troubleshooting); the name keeps its bytes.
* Headers without a name, and headers that hold NUL or a lone CR, are never forwarded: HTTP Desync Guardian says that
  they "must be removed". Everything else is forwarded as it came, if the mode lets the request pass at all.
* A target that unfolds lines must not append one to the header that frames the body, so in a section with folded lines
  that header goes last.
* A request line without a version is HTTP/0.9: `GET` and a path, and nothing follows.
* Sizes are checked here, so the fast path does not take heads that could be too large.
"""

from __future__ import annotations

import re
from typing import Final

from edgeproxy.errors import ProtocolError
from edgeproxy.protocol.desync import classify
from edgeproxy.protocol.judgement import UnreadableRequestError, judge
from edgeproxy.protocol.limits import MAX_HEADER_LINE, MAX_REQUEST_HEAD, MAX_REQUEST_LINE
from edgeproxy.protocol.message import SIMPLE, Field, RequestFields, RequestHead

_HEAD_END: Final = re.compile(rb"\n\r?\n")
_METHOD_BYTE: Final = re.compile(rb"[A-Z_-]").match
_METHOD: Final = re.compile(r"[A-Z_-]+").fullmatch
_SIMPLE: Final = re.compile(r"GET /[^\x00-\x20\x7f]*").fullmatch
_VERSION: Final = re.compile(r"HTTP/([0-9]+)\.([0-9]+)").fullmatch
# Later versions have no minor one (RFC 9113 section 3); nginx refuses them with the same status.
_LATER: Final = re.compile(r"HTTP/[2-9][0-9]*").fullmatch
_ABSOLUTE: Final = re.compile(r"(?i:https?)://([^/?#]*)(.*)", re.DOTALL).fullmatch
# The target ends where the first version begins; a line that says HTTP in small letters ends at its last space.
_LINE: Final = re.compile(r"([^ ]*) (.*?)(?:[ \t](HTTP/.*))?", re.DOTALL).fullmatch
_SMALL_VERSION: Final = re.compile(r"(.*) ((?i:http)/[^ ]*)", re.DOTALL).fullmatch
_FRAMING_NAMES: Final = frozenset({"content-length", "transfer-encoding"})
_WHITE: Final = " \t"


def find_head_end(data: bytes, start: int) -> int:
    """The index behind the first empty line at or after `start`, however its line ends are written; -1 without one."""
    match = _HEAD_END.search(data, max(0, start - 3))
    return match.end() if match else -1


def check_unfinished_head(data: bytes) -> None:
    """Refuses a head that can no longer become one: it is too large, or does not begin as a request does.

    Raises:
        ProtocolError: 414 for the request line, 400 for the headers.
    """
    if not _METHOD_BYTE(data):
        # A TLS greeting, say: nobody should have to wait for its line feed.
        raise ProtocolError(400, "the request does not begin with a method")
    line_end = data.find(b"\n")
    # One more byte: the line's CR may have come without its LF.
    if (line_end if line_end >= 0 else len(data)) > MAX_REQUEST_LINE + 1:
        raise ProtocolError(414, f"the request line is longer than {MAX_REQUEST_LINE} bytes")
    if line_end >= 0 and len(data) - line_end - 1 > MAX_REQUEST_HEAD + 1:
        raise ProtocolError(400, f"the request headers are longer than {MAX_REQUEST_HEAD} bytes")


def find_simple_request(data: bytes) -> str | None:
    """The first line, if it is a whole request of HTTP/0.9: `GET`, a path, and no version."""
    end = data.find(b"\n")
    if end < 0 or not data.startswith(b"GET "):
        return None
    text = data[:end].removesuffix(b"\r").decode("latin-1")
    return text if len(text) <= MAX_REQUEST_LINE and _SIMPLE(text) else None


def split_section(section: bytes) -> list[Field]:
    """All headers of a section as received, but for the white space around values.

    Raises:
        ProtocolError: 400 for the size limits.
    """
    if len(section) > MAX_REQUEST_HEAD:
        raise ProtocolError(400, f"the request headers are longer than {MAX_REQUEST_HEAD} bytes")
    return [_field(line.removesuffix("\r")) for line in section.decode("latin-1").split("\n")[:-1]]


def _field(line: str) -> Field:
    name, _, value = line.partition(":")
    if len(line) >= MAX_HEADER_LINE and name.lower() != "cookie":
        raise ProtocolError(400, f"a header line is {MAX_HEADER_LINE} bytes or longer")
    return name, value.strip(_WHITE)


def forwardable(headers: list[Field]) -> list[Field]:
    """The headers that may be forwarded, in an order that no target reads in another way."""
    fields = [field for field in headers if _may_be_forwarded(*field)]
    if not any(name[0] in _WHITE for name, _ in fields):
        return fields
    framing = [field for field in fields if field[0].lower() in _FRAMING_NAMES]
    return [field for field in fields if field not in framing] + framing


def _may_be_forwarded(name: str, value: str) -> bool:
    return bool(name.strip(_WHITE)) and "\0" not in name + value and "\r" not in name + value


def parse_request_line(line: str, fields: RequestFields, size: int) -> RequestHead:
    """The head of a request whose line the fast path did not take.

    Spaces inside the target are kept: the target reaches from the first space to the version.

    Raises:
        UnreadableRequestError: 414 for its length, 505 for its version, 400 for everything else that cannot be read.
    """
    if len(line) > MAX_REQUEST_LINE:
        raise UnreadableRequestError(414, f"the request line is longer than {MAX_REQUEST_LINE} bytes", None)
    if _SIMPLE(line):
        # Whatever looks like headers behind it is not read.
        return parse_simple_request(line, size)
    method, target, version = split_request_line(line)
    if not version:
        # There is no request whose class would mean anything.
        raise UnreadableRequestError(400, "the request line has no version", None)
    try:
        head = _head(method, target, version, fields, size)
    except ProtocolError as error:
        verdict = classify(method, target, version, fields.headers or fields.fields)
        raise UnreadableRequestError(error.status, error.fault, verdict) from None
    judge(head, target, version)
    return head


def parse_simple_request(line: str, size: int) -> RequestHead:
    """A request of HTTP/0.9 (RFC 1945 section 5, Simple-Request): all that is known of it is its path."""
    fields = RequestFields([], [], 0)
    fields.body_length = SIMPLE
    head = _head(*split_request_line(line), fields, size)
    judge(head, head.target, "")
    return head


def split_request_line(line: str) -> tuple[str, str, str]:
    """Method, target and version as received; the version holds the white space around it, or is ""."""
    match = _LINE(line)
    if match is None:
        return line, "", ""
    method, target, version = match.groups("")
    if not version and (small := _SMALL_VERSION(target)):
        target, version = small.groups()
    if version:
        bare = target.rstrip(_WHITE)
        target, version = bare, target[len(bare) :] + version
    return method, target, version


def _head(method: str, target: str, version: str, fields: RequestFields, size: int) -> RequestHead:
    if not _METHOD(method):
        raise ProtocolError(400, f"the method {method[:40]!r} is not made of capital letters, - and _")
    if any(character in target for character in "\0\r\n"):
        raise ProtocolError(400, "the request target holds NUL or a lone CR")
    bare = target.strip(_WHITE)
    authority, path_and_query = _split_target(bare, method)
    # After the target: the preface of HTTP/2 (`PRI * HTTP/2.0`) was answered with 400 (observed).
    spoken = _spoken_version(version.strip(_WHITE)) if version else "HTTP/0.9"
    path, _, query = path_and_query.partition("#")[0].partition("?")
    # A target gets one space on each side and the version that this proxy speaks to it.
    head = RequestHead(f"{method} {bare} HTTP/1.1", method, path_and_query, path, query, fields, size)
    head.authority = authority
    head.version = spoken
    return head


def _spoken_version(version: str) -> str:
    match = _VERSION(version)
    if match is None and not _LATER(version):
        raise ProtocolError(400, f"the version {version[:40]!r} is not HTTP/1.x")
    if match is None or int(match[1][:4]) >= 2:
        raise ProtocolError(505, f"the version {version[:40]!r} is not spoken on this connection")
    major, minor = match.groups()
    if major != "1":
        raise ProtocolError(400, f"the version {version[:40]!r} is not HTTP/1.x")
    # HTTP/1.2 and later minor versions are served as HTTP/1.1, as nginx does.
    return "HTTP/1.1" if minor.strip("0") else "HTTP/1.0"


def _split_target(target: str, method: str) -> tuple[str, str]:
    """The authority of an absolute-form target or "", and the path with its query."""
    if target.startswith("/"):
        return "", target
    match = _ABSOLUTE(target)
    if match and match[1]:
        if "@" in match[1]:
            raise ProtocolError(400, "the request target holds user information")
        rest = match[2]
        return match[1], rest if rest.startswith("/") else f"/{rest}"
    if method == "CONNECT" and target:
        # An authority and nothing else; the access log writes a path that is not there as `-`.
        return target, "-"
    raise ProtocolError(400, f"the request target {target[:40]!r} is neither a path nor an http URL")
