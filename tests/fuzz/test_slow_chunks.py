"""The plain reader's own opinions; that it agrees with the codec is what `checks.py` compares."""

from __future__ import annotations

import pytest

from tests.fuzz.slow_chunks import BrokenError, read_chunks


@pytest.mark.parametrize(
    ("data", "payload", "behind"),
    [
        (b"", b"", None),
        (b"0\r\n\r\n", b"", b""),
        (b"3;a=b\r\nabc\r\nA \r\n0123456789\r\n00\r\nT: x\r\n\r\nGET", b"abc0123456789", b"GET"),
        (b"3\r\nab", b"ab", None),
        (b"3\r\nabc\r\n0\r\nT", b"abc", None),
        (b"0" * 40 + b"1\r\na\r\n0\r\n\r\n", b"a", b""),
    ],
)
def test_what_is_right_is_read(data: bytes, payload: bytes, behind: bytes | None) -> None:
    assert (payload, behind) == read_chunks(data, max_line=50)


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n",
        b"g\r\n",
        b"+3\r\n",
        b"3\n",
        b"3 a\r\n",
        b"3;\x01\r\n",
        b"1\r\nab\r\n",
        b"1" + b"0" * 15 + b"\r\n",
        b"0\r\n" + b"T" * 51,
        b"0\r\n" + (b"T" * 26 + b"\r\n") * 2,
    ],
)
def test_what_is_wrong_is_not(data: bytes) -> None:
    assert isinstance(read_chunks(data, max_line=50), BrokenError)
