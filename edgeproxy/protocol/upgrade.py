"""Which upgrades happen: HTTP/1.1 `GET` to WebSocket, and nothing else. RFC 9110 section 7.8, RFC 6455 section 4.

A request that asks for anything else, or asks in another way, is served as if it had not asked (user guide,
load-balancer-listeners). One with a body, or whose length is a matter of opinion, is not upgraded either: where the
tunnel begins must be beyond doubt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edgeproxy.protocol.desync import Tier

if TYPE_CHECKING:
    from edgeproxy.protocol.message import RequestFields, RequestHead, ResponseHead

WEBSOCKET: Final = "websocket"


def names_websocket(fields: RequestFields) -> bool:
    """Whether a header section asks for a WebSocket, if the request that it belongs to may."""
    return fields.upgrade == WEBSOCKET and "upgrade" in fields.connection_tokens and fields.body_length == 0


def asks_for_websocket(head: RequestHead) -> bool:
    """Whether a request asks for a WebSocket in the way that is passed on."""
    return (
        head.fields.wants_websocket
        and head.method == "GET"
        and head.version == "HTTP/1.1"
        and (head.verdict is None or head.verdict.tier < Tier.AMBIGUOUS)
    )


def accepts_websocket(head: ResponseHead) -> bool:
    """Whether a 101 switches to WebSocket and to nothing else."""
    return [WEBSOCKET] == [value.lower() for value in head.values("upgrade")]
