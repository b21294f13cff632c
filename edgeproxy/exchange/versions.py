"""Which requests a target group takes, by its protocol version.

                     HTTP1      HTTP2      GRPC
    HTTP/1.x         taken      464        464
    HTTP/2           taken      taken      464 unless POST
    gRPC             464        taken      taken

gRPC is a request of HTTP/2 whose Content-Type says so; to HTTP/1.1 clients nothing is gRPC. A call of gRPC that is no
POST is none (unconfirmed). Whether the answer comes before 503 where the group has no target is not documented either.
Source: user guide, load-balancer-target-groups (protocol version), load-balancer-troubleshooting (HTTP 464).
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgeproxy.protocol.message import RequestHead

ProtocolVersion = Literal["HTTP1", "HTTP2", "GRPC"]

_GRPC: Final = "application/grpc"
_BEHIND_GRPC: Final = frozenset({"", "+", ";", " ", "\t"})
"""The end, a message format, or a parameter."""


class RequestKind(enum.Enum):
    """What a request is, as far as protocol versions are concerned."""

    HTTP1 = "HTTP/1"
    HTTP2 = "HTTP/2"
    HTTP2_POST = "HTTP/2, with the method POST"
    GRPC = "gRPC"


TAKEN: Final[dict[ProtocolVersion, frozenset[RequestKind]]] = {
    "HTTP1": frozenset({RequestKind.HTTP1, RequestKind.HTTP2, RequestKind.HTTP2_POST}),
    "HTTP2": frozenset({RequestKind.HTTP2, RequestKind.HTTP2_POST, RequestKind.GRPC}),
    "GRPC": frozenset({RequestKind.HTTP2_POST, RequestKind.GRPC}),
}
"""The table above."""


def kind_of(head: RequestHead) -> RequestKind:
    """What a request is."""
    if head.version != "HTTP/2.0":
        return RequestKind.HTTP1
    if head.method != "POST":
        return RequestKind.HTTP2
    return RequestKind.GRPC if is_grpc(head.header_values("content-type")) else RequestKind.HTTP2_POST


def is_grpc(content_types: Sequence[str]) -> bool:
    """Whether a request's Content-Type says gRPC (what exactly the ALB looks at is unconfirmed).

    gRPC-Web, `application/grpc-web`, is another protocol: it is made for HTTP/1.1, and HTTP1 target groups serve it.
    """
    if not content_types:
        return False
    kind = content_types[0].lower()
    return kind.startswith(_GRPC) and kind[len(_GRPC) : len(_GRPC) + 1] in _BEHIND_GRPC
