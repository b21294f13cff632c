"""Bodies in chunks, read in the plainest way: byte by byte over the whole, one function for each thing of RFC 9112.

An opinion of its own on what `edgeproxy/protocol/body.py` reads; it shares no code and no regular expression with it.
"""

from __future__ import annotations

HEX = b"0123456789abcdefABCDEF"


class BrokenError(Exception):
    """The body breaks the rules."""


class _UnfinishedError(Exception):
    """The rest has not come."""


def read_chunks(data: bytes, *, max_line: int) -> tuple[bytes, bytes | None] | BrokenError:
    """The payload, and the bytes behind the body or None if it has not ended; or what is wrong with it."""
    payload = bytearray()
    try:
        behind = _read(data, payload, max_line)
    except _UnfinishedError:
        return bytes(payload), None
    except BrokenError as broken:
        return broken
    return bytes(payload), data[behind:]


def _read(data: bytes, payload: bytearray, max_line: int) -> int:
    position = 0
    while True:
        line, position = _line(data, position, max_line)
        size = _size(line)
        if size == 0:
            return _behind_trailers(data, position, max_line)
        payload += data[position : position + size]
        position += size
        if position > len(data):
            raise _UnfinishedError
        line, position = _line(data, position, max_line)
        if line:
            raise BrokenError("something stands between the data and its line end")


def _line(data: bytes, position: int, max_line: int) -> tuple[bytes, int]:
    taken = bytearray()
    while position < len(data):
        byte = data[position]
        position += 1
        if byte == 0x0A:
            if not taken or taken[-1] != 0x0D:
                raise BrokenError("a line that a lone LF ends")
            del taken[-1]
            return bytes(taken), position
        taken.append(byte)
        if len(taken) > max_line:
            raise BrokenError("a line that is too long")
    raise _UnfinishedError


def _size(line: bytes) -> int:
    count = 0
    size = 0
    while count < len(line) and line[count] in HEX:
        size = size * 16 + int(chr(line[count]), 16)
        count += 1
    if not count or size >= 16**15:
        raise BrokenError("no hex digit, or more than 15 that count")
    rest = line[count:].lstrip(b" \t")
    if rest and rest[0] != 0x3B:
        raise BrokenError("something behind the size")
    if any((byte < 0x20 and byte != 0x09) or byte == 0x7F for byte in rest):
        raise BrokenError("a control character in an extension")
    return size


def _behind_trailers(data: bytes, position: int, max_line: int) -> int:
    total = 0
    while True:
        line, position = _line(data, position, max_line)
        if not line:
            return position
        total += len(line)
        if total > max_line:
            raise BrokenError("trailers that are too long")
