"""Requests that are answered before any rule is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edgeproxy.exchange.desync_mode import DesyncMode
from edgeproxy.exchange.outcome import Outcome
from edgeproxy.exchange.refusal import refusal_of
from edgeproxy.protocol.head_parser import parse_request_fields, parse_request_line

if TYPE_CHECKING:
    from edgeproxy.protocol.message import RequestHead


def head(line: str, *lines: str) -> RequestHead:
    section = "".join(f"{one}\r\n" for one in lines).encode()
    return parse_request_line(line, parse_request_fields(section), 0)


@pytest.mark.conformance(
    "requests answered before any rule", "TRACE, codings, addresses and hosts", "load-balancer-troubleshooting"
)
@pytest.mark.parametrize(
    ("line", "lines", "outcome"),
    [
        ("GET / HTTP/1.1", ["Host: a"], None),
        ("GET / HTTP/1.0", [], None),
        ("GET / HTTP/1.1", [], Outcome.HOST_MISSING),
        ("GET / HTTP/1.1", ["Host:"], Outcome.HOST_MISSING),
        ("TRACE / HTTP/1.1", ["Host: a"], Outcome.METHOD_REFUSED),
        ("POST / HTTP/1.1", ["Host: a", "Transfer-Encoding: gzip, chunked"], Outcome.CODING_REFUSED),
        ("GET / HTTP/1.1", ["Host: a", f"X-Forwarded-For: {', '.join(['10.0.0.1'] * 30)}"], None),
        (
            "GET / HTTP/1.1",
            ["Host: a", f"X-Forwarded-For: {', '.join(['10.0.0.1'] * 31)}"],
            Outcome.TOO_MANY_ADDRESSES,
        ),
        ("GET / HTTP/1.1", ["Host: a", "Host: b"], Outcome.SEVERAL_HOSTS),
        ("GET / HTTP/1.1", ["Host: a", "X: \0"], Outcome.DESYNC_BLOCKED),
        ("POST / HTTP/1.1", ["Host: a", "Transfer-Encoding: xchunked"], Outcome.DESYNC_BLOCKED),
    ],
)
def test_why_a_request_is_refused(line: str, lines: list[str], outcome: Outcome | None) -> None:
    assert outcome == refusal_of(head(line, *lines), allows_several_hosts=False, desync_mode=DesyncMode.DEFENSIVE)


def test_a_request_of_http2_names_a_host_as_well() -> None:
    request = head("GET / HTTP/1.1")
    request.version = "HTTP/2.0"
    assert Outcome.HOST_MISSING == refusal_of(request, allows_several_hosts=False, desync_mode=DesyncMode.DEFENSIVE)


@pytest.mark.conformance(
    "host preservation", "several Host headers are served where hosts are preserved", "edit-load-balancer-attributes"
)
def test_several_hosts_are_fine_where_they_are_preserved() -> None:
    assert (
        refusal_of(
            head("GET / HTTP/1.1", "Host: a", "Host: b"), allows_several_hosts=True, desync_mode=DesyncMode.DEFENSIVE
        )
        is None
    )
