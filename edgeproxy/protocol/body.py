"""Bodies in chunks (RFC 9112 section 7.1): read strictly, written plainly; trailers are dropped, as nginx does."""

from __future__ import annotations

import enum
import re
from typing import Final

from edgeproxy.errors import ProtocolError
from edgeproxy.protocol.limits import MAX_CHUNK_LINE

LAST_CHUNK: Final = b"0\r\n\r\n"

# A size of at most 15 significant hex digits cannot overflow anything; as many zeros as the line holds may stand in
# front of them, as in nginx. Extensions hold no control character but TAB. Some servers pad the size with spaces; nginx
# and h11 take that too. Possessive: each character is read once.
_CHUNK_LINE: Final = re.compile(
    rb"(?=[0-9A-Fa-f])0*+([0-9A-Fa-f]{0,15}+)[ \t]*+(?:;[\t\x20-\x7e\x80-\xff]*+)?"
).fullmatch


def encode_chunk(data: bytes) -> bytes:
    """One chunk. `data` may not be empty: an empty chunk ends the body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def encode_chunks(data: bytes, *, is_last: bool) -> bytes:
    """Data as a chunk, if there is any, and the end of the body behind it where this is the last of it."""
    framed = encode_chunk(data) if data else b""
    return framed + LAST_CHUNK if is_last else framed


class _Part(enum.Enum):
    SIZE = "size line"
    DATA = "data"
    DATA_END = "line end behind the data"
    TRAILERS = "trailer section"


class ChunkedReader:
    """Reads one chunked body.

    `feed` returns the payload that `data` held, joined, and the bytes behind the body once it has ended, else None.
    """

    __slots__ = ("_line", "_part", "_remaining", "_status", "_trailer_size")

    def __init__(self, *, error_status: int) -> None:
        """`error_status` is what a violation means: 400 from a client, 502 from a target."""
        self._part = _Part.SIZE
        self._remaining = 0
        self._line = b""
        self._trailer_size = 0
        self._status = error_status

    def feed(self, data: bytes) -> tuple[bytes, bytes | None]:
        """Takes the next bytes of the connection.

        Raises:
            ProtocolError: for sizes that are not hex digits, missing line ends and oversized lines.
        """
        payload: list[bytes] = []
        position = 0
        while position < len(data):
            if self._part is _Part.DATA:
                taken = data[position : position + self._remaining]
                payload.append(taken)
                position += len(taken)
                self._remaining -= len(taken)
                if self._remaining == 0:
                    self._part = _Part.DATA_END
                continue
            line, position = self._take_line(data, position)
            if line is None:
                break
            if self._on_line(line):
                return b"".join(payload), data[position:]
        return (payload[0] if len(payload) == 1 else b"".join(payload)), None

    def _take_line(self, data: bytes, position: int) -> tuple[bytes | None, int]:
        """The next line without its CRLF and the position behind it; None when its end has not come."""
        end = data.find(b"\n", position)
        if end < 0:
            self._line += data[position:]
            if len(self._line) > MAX_CHUNK_LINE:
                raise ProtocolError(self._status, f"a chunk's size line is longer than {MAX_CHUNK_LINE} bytes")
            return None, len(data)
        line = self._line + data[position:end]
        self._line = b""
        if len(line) > MAX_CHUNK_LINE:
            raise ProtocolError(self._status, f"a chunk's size line is longer than {MAX_CHUNK_LINE} bytes")
        if not line.endswith(b"\r"):
            raise ProtocolError(self._status, "a line of the chunked body does not end with CRLF")
        return line[:-1], end + 1

    def _on_line(self, line: bytes) -> bool:
        """Handles a line outside the data; True when the body has ended."""
        match self._part:
            case _Part.SIZE:
                match = _CHUNK_LINE(line)
                if match is None:
                    size = line[:40].decode("latin-1")
                    raise ProtocolError(self._status, f"the chunk size {size!r} is not a hex number")
                self._remaining = int(match[1] or b"0", 16)
                self._part = _Part.DATA if self._remaining else _Part.TRAILERS
            case _Part.DATA_END:
                if line:
                    raise ProtocolError(self._status, "a chunk is longer than its size says")
                self._part = _Part.SIZE
            case _:
                if not line:
                    return True
                self._trailer_size += len(line)
                if self._trailer_size > MAX_CHUNK_LINE:
                    raise ProtocolError(self._status, f"the trailer section is longer than {MAX_CHUNK_LINE} bytes")
        return False
