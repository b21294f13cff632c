"""Who speaks plain HTTP to an HTTPS listener is told so."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.exchange.response_headers import UNCHANGED
from edgeproxy.runtime.plain_http import is_plain_http, refusal

CONTENT_TYPES_OF_TLS = range(20, 25)


@given(st.sampled_from(CONTENT_TYPES_OF_TLS) | st.integers(0x80, 0xFF), st.binary())
def test_tls_is_no_http(first: int, rest: bytes) -> None:
    assert not is_plain_http(bytes([first]) + rest)


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n", b"PRI * HTTP/2.0", b"x"])
def test_methods_are(data: bytes) -> None:
    assert is_plain_http(data)


@pytest.mark.parametrize(("method", "size"), [(b"GET", 122), (b"HEAD", 0)])
def test_the_answer_is_a_whole_400(method: bytes, size: int) -> None:
    context = SimpleNamespace(
        clock=SimpleNamespace(http_date=lambda: "Sun, 22 Nov 2026 10:00:00 GMT"), response_headers=UNCHANGED
    )
    head, _, body = refusal(cast("Any", context), method + b" / HTTP/1.1\r\n").partition(b"\r\n\r\n")
    assert [
        "HTTP/1.1 400 Bad Request",
        "Server: awselb/2.0",
        "Date: Sun, 22 Nov 2026 10:00:00 GMT",
        "Content-Type: text/html",
        "Content-Length: 122",
        "Connection: close",
    ] == head.decode().split("\r\n")
    assert size == len(body)
