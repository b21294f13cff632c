"""HPACK's string code. RFC 7541 section 5.2 and appendix B.

The code is canonical, so the symbols in the order of their codes and the length of each are all there is to know.
Strings are decoded a byte at a time: each step goes from a node of the code's tree over eight bits to the next node and
gives the symbols that ended on the way. There are 256 inner nodes; steps are computed when they are first taken.

Only decoding: what we send is not compressed (see `h2_hpack.py`).
"""

from __future__ import annotations

from typing import Final


class HuffmanError(ValueError):
    """The bits are not this code."""


_EOS: Final = 256

# Symbols by the length of their code in bits, in the order of their codes; the end-of-string symbol is the last one.
_SYMBOLS: Final[dict[int, bytes]] = {
    5: b"012aceiost",
    6: b" %-./3456789=A_bdfghlmnpru",
    7: b":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz",
    8: b"&*,;XZ",
    10: b'!"()?',
    11: b"'+|",
    12: b"#>",
    13: b"\x00$@[]~",
    14: b"^}",
    15: b"<`{",
    19: b"\\\xc3\xd0",
    20: b"\x80\x82\x83\xa2\xb8\xc2\xe0\xe2",
    21: b"\x99\xa1\xa7\xac\xb0\xb1\xb3\xd1\xd8\xd9\xe3\xe5\xe6",
    22: b"\x81\x84\x85\x86\x88\x92\x9a\x9c\xa0\xa3\xa4\xa9\xaa\xad\xb2\xb5\xb9\xba\xbb\xbd\xbe\xc4\xc6\xe4\xe8\xe9",
    23: b"\x01\x87\x89\x8a\x8b\x8c\x8d\x8f\x93\x95\x96\x97\x98\x9b\x9d\x9e\xa5\xa6\xa8\xae\xaf\xb4\xb6\xb7\xbc\xbf\xc5"
    b"\xe7\xef",
    24: b"\t\x8e\x90\x91\x94\x9f\xab\xce\xd7\xe1\xec\xed",
    25: b"\xc7\xcf\xea\xeb",
    26: b"\xc0\xc1\xc8\xc9\xca\xcd\xd2\xd5\xda\xdb\xee\xf0\xf2\xf3\xff",
    27: b"\xcb\xcc\xd3\xd4\xd6\xdd\xde\xdf\xf1\xf4\xf5\xf6\xf7\xf8\xfa\xfb\xfc\xfd\xfe",
    28: b"\x02\x03\x04\x05\x06\x07\x08\x0b\x0c\x0e\x0f\x10\x11\x12\x13\x14\x15\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x7f"
    b"\xdc\xf9",
    30: b"\n\r\x16",
}


def huffman_codes() -> list[tuple[int, int, int]]:
    """Each symbol with its code and the code's length in bits."""
    codes = []
    code = previous = 0
    for length, symbols in _SYMBOLS.items():
        code <<= length - previous
        previous = length
        for symbol in symbols:
            codes.append((symbol, code, length))
            code += 1
    codes.append((_EOS, code, previous))
    return codes


def _tree() -> list[list[int]]:
    """The code's inner nodes: where each bit leads, to the node of that number or, below zero, to ~symbol."""
    nodes = [[0, 0]]
    for symbol, code, length in huffman_codes():
        node = 0
        for shift in range(length - 1, 0, -1):
            bit = code >> shift & 1
            if not nodes[node][bit]:
                nodes.append([0, 0])
                nodes[node][bit] = len(nodes) - 1
            node = nodes[node][bit]
        nodes[node][code & 1] = ~symbol
    return nodes


class _Node:
    """A node of the code's tree, and its steps: from a byte to the symbols that end in it and the node behind it."""

    __slots__ = ("may_end", "number", "steps")

    def __init__(self, number: int) -> None:
        self.number = number
        self.may_end = False
        """A string may end here: after a symbol, or up to seven one-bits behind it."""
        self.steps: list[_Step | None] = [None] * 256


_Step = tuple[str, list["_Step | None"], _Node]
"""Symbols, the next node's steps, the next node. The steps stand there so that a list of them is all that is asked."""


class _Tree:
    """The nodes, with the steps that were taken so far: at most 65,536 of them."""

    def __init__(self) -> None:
        self._branches = _tree()
        self._nodes = [_Node(number) for number in range(len(self._branches))]
        self.root = self._nodes[0]
        number = 0
        for _ in range(8):
            self._nodes[number].may_end = True
            number = self._branches[number][1]

    def step(self, node: _Node, byte: int) -> _Step:
        """A step that is taken for the first time."""
        number = node.number
        symbols = ""
        for shift in range(7, -1, -1):
            number = self._branches[number][byte >> shift & 1]
            if number < 0:
                if number == ~_EOS:
                    raise HuffmanError("the end-of-string symbol stands in a string")
                symbols += chr(~number)
                number = 0
        following = self._nodes[number]
        step = node.steps[byte] = (symbols, following.steps, following)
        return step


_TREE: Final = _Tree()


def decode_huffman(data: bytes) -> str:  # hot path
    """A string's text, latin-1.

    Raises:
        HuffmanError: for padding that is longer than seven bits or not made of ones, and for the end-of-string symbol.
    """
    node = _TREE.root
    steps = node.steps
    text = ""
    for byte in data:
        symbols, steps, node = steps[byte] or _TREE.step(node, byte)
        text += symbols
    if not node.may_end:
        raise HuffmanError("the string's padding is longer than seven bits or not made of ones")
    return text
