"""Which requests a target group takes, by its protocol version."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edgeproxy.exchange.versions import TAKEN, ProtocolVersion, RequestKind, is_grpc, kind_of
from edgeproxy.protocol.head_parser import parse_request_fields, parse_request_line

if TYPE_CHECKING:
    from edgeproxy.protocol.message import RequestHead


def head(method: str, version: str, content_type: str = "") -> RequestHead:
    section = f"Host: a\r\nContent-Type: {content_type}\r\n" if content_type else "Host: a\r\n"
    made = parse_request_line(f"{method} / HTTP/1.1", parse_request_fields(section.encode()), 0)
    made.version = version
    return made


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        (head("GET", "HTTP/1.1"), RequestKind.HTTP1),
        (head("GET", "HTTP/1.0"), RequestKind.HTTP1),
        (head("POST", "HTTP/1.1", "application/grpc"), RequestKind.HTTP1),
        (head("GET", "HTTP/2.0"), RequestKind.HTTP2),
        (head("GET", "HTTP/2.0", "application/grpc"), RequestKind.HTTP2),
        (head("POST", "HTTP/2.0"), RequestKind.HTTP2_POST),
        (head("POST", "HTTP/2.0", "application/json"), RequestKind.HTTP2_POST),
        (head("POST", "HTTP/2.0", "application/grpc"), RequestKind.GRPC),
        (head("POST", "HTTP/2.0", "Application/GRPC+proto"), RequestKind.GRPC),
    ],
)
def test_what_a_request_is(made: RequestHead, kind: RequestKind) -> None:
    assert kind is kind_of(made)


@pytest.mark.conformance("protocol versions", "the whole table", "load-balancer-target-groups")
@pytest.mark.parametrize(
    ("kind", "taking"),
    [
        (RequestKind.HTTP1, {"HTTP1"}),
        (RequestKind.HTTP2, {"HTTP1", "HTTP2"}),
        (RequestKind.HTTP2_POST, {"HTTP1", "HTTP2", "GRPC"}),
        (RequestKind.GRPC, {"HTTP2", "GRPC"}),
    ],
)
def test_who_takes_it(kind: RequestKind, taking: set[ProtocolVersion]) -> None:
    assert taking == {version for version, kinds in TAKEN.items() if kind in kinds}


def test_only_the_first_content_type_counts() -> None:
    assert is_grpc(["application/grpc", "text/plain"])
    assert not is_grpc(["text/plain", "application/grpc"])
    assert not is_grpc([])


@pytest.mark.conformance(
    "protocol versions", "gRPC-Web is no gRPC: HTTP1 groups serve it", "load-balancer-target-groups", status="default"
)
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("application/grpc", True),
        ("Application/gRPC+proto", True),
        ("application/grpc;charset=utf-8", True),
        ("application/grpc ;a", True),
        ("application/grpc-web", False),
        ("application/grpc-web+proto", False),
        ("application/grpcs", False),
    ],
)
def test_what_content_type_says_grpc(kind: str, expected: bool) -> None:
    assert expected is is_grpc([kind])
