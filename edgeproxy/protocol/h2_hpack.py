"""HPACK: header blocks to field lines, and lines to header blocks. RFC 7541.

Reading keeps the dynamic table of entries that are already validated text (`h2_fields.py`). Literals that repeat
without being indexed are remembered by their bytes, and so are whole blocks. Browsers index everything that repeats,
and send `:path` as a literal: blocks that differ in nothing else share a `BlockShape`.

Writing is stateless: the static table and literals, never the dynamic table and never Huffman coding. nginx does not
use the dynamic table either. It makes an encoded block a pure function of the lines, so blocks can be kept with the
heads that they encode and used on any connection; and on the way to a client on the same machine bytes are cheaper
than the work of saving them. All literals are written as never indexed, because a proxy may not index what it got as
such (RFC 7541 section 6.2.3) and this way need not remember.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from edgeproxy.protocol.h2_fields import (
    CONNECTION_SPECIFIC,
    FieldLine,
    field_line,
    has_bad_character,
    is_field_name,
    path_line,
)
from edgeproxy.protocol.h2_frames import ErrorCode, H2ConnectionError
from edgeproxy.protocol.h2_huffman import HuffmanError, decode_huffman

if TYPE_CHECKING:
    from collections.abc import Iterable

DEFAULT_TABLE_SIZE: Final = 4096
_ENTRY_OVERHEAD: Final = 32
_MAX_INTEGER_SHIFT: Final = 28

MAX_KNOWN_LINES: Final = 4096
"""How many encoded lines are remembered."""

MAX_KNOWN_LITERALS: Final = 256
MAX_KNOWN_BLOCKS: Final = 16
"""What one connection remembers."""

MAX_REPEATED_NAMES: Final = 64 * 1024
"""Characters of names that the literals of one block take from the dynamic table. Each such literal is a few bytes that
become a line of up to 4 KiB: a block of 96 KiB would unfold to 80 MB, and take 0.4 s. As long as all headers may be."""

MAX_KNOWN_SIZE: Final = 512
"""How long a line, a literal or a block may be to be remembered."""

# RFC 7541 appendix A, from index 1.
_STATIC_FIELDS: Final = (
    ":authority|;:method|GET;:method|POST;:path|/;:path|/index.html;:scheme|http;:scheme|https;:status|200;:status|204;"
    ":status|206;:status|304;:status|400;:status|404;:status|500;accept-charset|;accept-encoding|gzip, deflate;"
    "accept-language|;accept-ranges|;accept|;access-control-allow-origin|;age|;allow|;authorization|;cache-control|;"
    "content-disposition|;content-encoding|;content-language|;content-length|;content-location|;content-range|;"
    "content-type|;cookie|;date|;etag|;expect|;expires|;from|;host|;if-match|;if-modified-since|;if-none-match|;"
    "if-range|;if-unmodified-since|;last-modified|;link|;location|;max-forwards|;proxy-authenticate|;"
    "proxy-authorization|;range|;referer|;refresh|;retry-after|;server|;set-cookie|;strict-transport-security|;"
    "transfer-encoding|;user-agent|;vary|;via|;www-authenticate|"
)
STATIC_TABLE: Final[list[FieldLine]] = [field_line(*field.split("|")) for field in f"|;{_STATIC_FIELDS}".split(";")]
"""Index 0 is unused."""

_DYNAMIC: Final = len(STATIC_TABLE)

_PATH_LITERALS: Final = frozenset({0x04, 0x14})
"""How a literal `:path` begins that is not indexed, or never (RFC 7541 sections 6.2.2 and 6.2.3)."""


class _KnownLiterals(dict[tuple[str, bool, bytes], FieldLine]):  # hot path
    """Literals by name, whether they are Huffman coded, and value as received. Raises HuffmanError."""

    def __missing__(self, key: tuple[str, bool, bytes]) -> FieldLine:
        name, is_coded, raw = key
        line = field_line(name, decode_huffman(raw) if is_coded else raw.decode("latin-1"))
        if len(raw) <= MAX_KNOWN_SIZE:
            if len(self) >= MAX_KNOWN_LITERALS:
                self.clear()
            self[key] = line
        return line


class BlockShape:  # hot path
    """What header blocks have in common that differ in nothing but their path.

    Attributes:
        fields: The fields of one of them, in order.
        kinds: All their kinds but the path's, or-ed.
        position: Which field the path is.
        derived: What the codec computed from the other fields; the decoder never reads it.
    """

    __slots__ = ("derived", "fields", "kinds", "position")

    def __init__(self, fields: list[FieldLine], position: int) -> None:
        self.fields = fields
        self.position = position
        self.kinds = 0
        for field in fields[:position] + fields[position + 1 :]:
            self.kinds |= field[1]
        self.derived: Any = None


class HeaderBlock:  # hot path
    """A decoded header block; shared by the messages of a connection that repeat it.

    Attributes:
        fields: The fields in order.
        kinds: All their kinds, or-ed.
        shape: Set where other blocks may differ in the path only.
        derived: What the codec computed from the fields; the decoder never reads it.
    """

    __slots__ = ("derived", "fields", "kinds", "shape")

    def __init__(self, fields: list[FieldLine], kinds: int, shape: BlockShape | None = None) -> None:
        self.fields = fields
        self.kinds = kinds
        self.shape = shape
        self.derived: Any = None


class HeaderDecoder:  # hot path
    """One connection's decoding state.

    The dynamic table is a list with the newest entry last: index 62 is `[-1]`. As long as it does not change, equal
    blocks mean equal fields, so whole blocks, and those without their path, are remembered until it does.
    """

    __slots__ = ("_blocks", "_capacity", "_dynamic", "_known", "_repeated", "_shapes", "_size")

    def __init__(self) -> None:
        self._dynamic: list[FieldLine] = []
        self._size = 0
        self._capacity = DEFAULT_TABLE_SIZE
        self._known = _KnownLiterals()
        self._repeated = 0
        self._blocks: dict[bytes, HeaderBlock] = {}
        self._shapes: dict[bytes, BlockShape] = {}

    def decode(self, block: bytes) -> HeaderBlock:
        """What a header block means.

        Raises:
            H2ConnectionError: COMPRESSION_ERROR for everything that RFC 7541 forbids, ENHANCE_YOUR_CALM for names that
                are repeated too often.
        """
        known = self._blocks.get(block)
        if known is not None:
            return known
        try:
            return self._decode_shaped(block)
        except IndexError:
            fault = "a header block is cut short or refers to an entry that the table does not have"
            raise H2ConnectionError(ErrorCode.COMPRESSION_ERROR, fault) from None
        except HuffmanError as error:
            raise H2ConnectionError(ErrorCode.COMPRESSION_ERROR, str(error)) from None

    def _decode_shaped(self, block: bytes) -> HeaderBlock:
        """Decodes no more than the path of a block whose other bytes are known."""
        # Pseudo-headers come first, and those in front of the path are in a table, each one byte.
        position = 0
        for first in block:
            if not 0x80 <= first < 0xFF:
                break
            position += 1
        else:
            first = 0
        if first not in _PATH_LITERALS:
            return self._decode(block)
        raw, is_coded, end = _string(block, position + 1)
        key = block[: position + 1] + block[end:]
        shape = self._shapes.get(key)
        if shape is None:
            decoded = self._decode(block)
            # Whatever changed the table has emptied `_shapes`, and a block that changed it is not remembered.
            if block in self._blocks:
                if len(self._shapes) >= MAX_KNOWN_BLOCKS:
                    self._shapes.clear()
                shape = decoded.shape = self._shapes[key] = BlockShape(decoded.fields, position)
            return decoded
        path = path_line(decode_huffman(raw) if is_coded else raw.decode("latin-1"))
        fields = shape.fields.copy()
        fields[position] = path
        return HeaderBlock(fields, shape.kinds | path[1], shape)

    def _decode(self, block: bytes) -> HeaderBlock:
        fields: list[FieldLine] = []
        kinds = 0
        is_stable = True
        dynamic = self._dynamic
        self._repeated = 0
        position = self._resize(block) if block and block[0] & 0xE0 == 0x20 else 0
        end = len(block)
        while position < end:
            first = block[position]
            position += 1
            if first >= 0x80:
                index = first & 0x7F
                if index == 0x7F:
                    index, position = _integer(block, position, index)
                elif not index:
                    raise IndexError
                field = STATIC_TABLE[index] if index < _DYNAMIC else dynamic[_DYNAMIC - 1 - index]
            elif first >= 0x40:
                field, position = self._literal(block, position, first & 0x3F, 0x3F)
                self._insert(field)
                is_stable = False
            else:
                if first >= 0x20:
                    raise H2ConnectionError(ErrorCode.COMPRESSION_ERROR, "a size update stands behind a field")
                field, position = self._literal(block, position, first & 0x0F, 0x0F)
            fields.append(field)
            kinds |= field[1]
        decoded = HeaderBlock(fields, kinds)
        if is_stable and end <= MAX_KNOWN_SIZE:
            if len(self._blocks) >= MAX_KNOWN_BLOCKS:
                self._blocks.clear()
            self._blocks[block] = decoded
        return decoded

    def _literal(self, block: bytes, position: int, index: int, mask: int) -> tuple[FieldLine, int]:
        """A field whose value, and maybe name, stands in the block; and the position behind it."""
        if index == mask:
            index, position = _integer(block, position, mask)
        if index >= _DYNAMIC:
            name = self._dynamic[_DYNAMIC - 1 - index][2]
            self._repeated += len(name)
            if self._repeated > MAX_REPEATED_NAMES:
                fault = f"a header block repeats more than {MAX_REPEATED_NAMES} characters of names"
                raise H2ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, fault)
        elif index:
            name = STATIC_TABLE[index][2]
        else:
            raw, is_coded, position = _string(block, position)
            name = decode_huffman(raw) if is_coded else raw.decode("latin-1")
        raw, is_coded, position = _string(block, position)
        return self._known[name, is_coded, raw], position

    def _insert(self, field: FieldLine) -> None:
        self._size += len(field[2]) + len(field[3]) + _ENTRY_OVERHEAD
        self._dynamic.append(field)
        self._forget()
        if self._size > self._capacity:
            self._evict()

    def _forget(self) -> None:
        self._blocks.clear()
        self._shapes.clear()

    def _evict(self) -> None:
        """Drops the oldest entries, the newest one included if it is larger than the whole table."""
        dynamic = self._dynamic
        dropped = 0
        while self._size > self._capacity:
            _, _, name, value = dynamic[dropped]
            self._size -= len(name) + len(value) + _ENTRY_OVERHEAD
            dropped += 1
        del dynamic[:dropped]

    def _resize(self, block: bytes) -> int:
        """Carries out the size updates at the beginning of a block; returns where the fields begin."""
        position = 0
        while position < len(block) and block[position] & 0xE0 == 0x20:
            size = block[position] & 0x1F
            position += 1
            if size == 0x1F:
                size, position = _integer(block, position, size)
            if size > DEFAULT_TABLE_SIZE:
                fault = f"a size update asks for more than {DEFAULT_TABLE_SIZE} bytes"
                raise H2ConnectionError(ErrorCode.COMPRESSION_ERROR, fault)
            self._capacity = size
            self._forget()
            self._evict()
        return position

    def __repr__(self) -> str:
        return f"<HeaderDecoder {len(self._dynamic)} entries, {self._size} of {self._capacity} bytes>"


def _string(block: bytes, position: int) -> tuple[bytes, bool, int]:
    """A string as it stands there, whether it is Huffman coded, and the position behind it."""
    first = block[position]
    length = first & 0x7F
    position += 1
    if length == 0x7F:
        length, position = _integer(block, position, length)
    end = position + length
    if end > len(block):
        raise IndexError
    return block[position:end], first >= 0x80, end


def _integer(block: bytes, position: int, value: int) -> tuple[int, int]:
    """An integer behind its full prefix (RFC 7541 section 5.1), and the position behind it."""
    shift = 0
    while True:
        byte = block[position]
        position += 1
        value += (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > _MAX_INTEGER_SHIFT:
            raise H2ConnectionError(ErrorCode.COMPRESSION_ERROR, "an integer is longer than five bytes")


def _encode_integer(value: int, prefix: int, first: int) -> bytes:
    """An integer whose prefix holds values up to `prefix`; `first` has the bits beside it."""
    if value < prefix:
        return bytes([first | value])
    encoded = bytearray([first | prefix])
    value -= prefix
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


_NEVER_INDEXED: Final = 0x10
_INDEXED: Final = {line[0]: bytes([0x80 | index]) for index, line in enumerate(STATIC_TABLE) if index and line[3]}
_NAMES: Final = {line[2]: index for index, line in reversed(list(enumerate(STATIC_TABLE))) if index}

NO_DYNAMIC_TABLE: Final = b"\x20"
"""A size update to 0, which tells the other end's decoder what it will never need."""


def encode_field(name: str, value: str) -> bytes:
    """One field, `name` in lower case."""
    raw = value.encode("latin-1")
    index = _NAMES.get(name, 0)
    encoded = _encode_integer(index, 0x0F, _NEVER_INDEXED)
    if not index:
        raw_name = name.encode("latin-1")
        encoded += _encode_integer(len(raw_name), 0x7F, 0) + raw_name
    return encoded + _encode_integer(len(raw), 0x7F, 0) + raw


class HeaderEncoder(dict[str, bytes]):  # hot path
    """Lines as text to their encoding, remembered line by line; bounded in number and in size.

    A line that HTTP/2 does not carry is encoded as nothing: `Connection` and its relatives, and names or values that
    would make the message malformed for whoever receives it.
    """

    def __missing__(self, line: str) -> bytes:
        name, _, value = line.partition(":")
        name = name.lower()
        value = value.strip(" \t")
        if name in CONNECTION_SPECIFIC or not is_field_name(name) or has_bad_character(value):
            encoded = b""
        else:
            encoded = _INDEXED.get(f"{name}: {value}") or encode_field(name, value)
        if len(line) <= MAX_KNOWN_SIZE:
            if len(self) >= MAX_KNOWN_LINES:
                self.clear()
            self[line] = encoded
        return encoded

    def encode_lines(self, lines: Iterable[str]) -> bytes:
        """A trailer section's header block."""
        return b"".join(map(self.__getitem__, lines))

    def encode_response(self, status: int, lines: Iterable[str]) -> bytes:
        """A response head's header block."""
        text = f":status: {status}"
        return (_INDEXED.get(text) or encode_field(":status", str(status))) + self.encode_lines(lines)

    def encode_request(self, method: str, scheme: str, authority: str, path: str, lines: Iterable[str]) -> bytes:
        """A request head's header block; the authority takes Host's place, whose lines are left out by the caller."""
        return b"".join(
            (
                _INDEXED.get(f":method: {method}") or encode_field(":method", method),
                _INDEXED.get(f":scheme: {scheme}") or encode_field(":scheme", scheme),
                encode_field(":authority", authority),
                _INDEXED.get(f":path: {path}") or encode_field(":path", path),
                *map(self.__getitem__, lines),
            )
        )
