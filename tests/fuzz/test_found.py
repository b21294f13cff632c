"""What fuzzing has found, so that it stays found. Each input broke the check it is listed with."""

from __future__ import annotations

import pytest

from tests.fuzz.checks import CHECKS

FOUND = [
    # Too long only with its CR: refused while the LF was missing, forgotten when it came.
    ("head", b"G" * 16385 + b"\r\n / "),
    # Nothing behind the line of HTTP/0.9 is read, so it cannot be too long.
    ("head", b"GET /a\r\nA: " + b"b" * 16384 + b"\r\n\r\n"),
    # The answer to HEAD named a coding that the answer to GET would not have had, and that clients refuse.
    ("response", b"HTTP/1.1 200\r\nTransfer-Encoding:identity\r\n\r\n"),
]


@pytest.mark.parametrize(("check", "data"), FOUND)
def test_what_was_found_does_not_come_back(check: str, data: bytes) -> None:
    CHECKS[check](data)
