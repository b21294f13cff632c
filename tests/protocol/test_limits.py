"""The documented sizes; K is 1024."""

from __future__ import annotations

import pytest

from edgeproxy.protocol import limits


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param(
            "MAX_REQUEST_LINE",
            16_384,
            marks=pytest.mark.conformance("Size limits", "request line: 16 K", "load-balancer-limits"),
        ),
        pytest.param(
            "MAX_HEADER_LINE",
            16_384,
            marks=pytest.mark.conformance("Size limits", "one request header: 16 K", "load-balancer-limits"),
        ),
        pytest.param(
            "MAX_REQUEST_HEAD",
            65_536,
            marks=pytest.mark.conformance("Size limits", "all request headers: 64 K", "load-balancer-limits"),
        ),
        pytest.param(
            "MAX_RESPONSE_HEAD",
            32_768,
            marks=pytest.mark.conformance("Size limits", "all response headers: 32 K", "load-balancer-limits"),
        ),
    ],
)
def test_limits_are_the_documented_ones(name: str, expected: int) -> None:
    assert expected == getattr(limits, name)
