"""What a target got: the head is encoded again by the code that encoded it, from what the exchange still knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeproxy.exchange.h2_forwarding import encode_request_block
from edgeproxy.protocol.h2_hpack import HeaderDecoder, HeaderEncoder
from edgeproxy.protocol.upgrade import asks_for_websocket
from edgeproxy.testing.headers import Headers

if TYPE_CHECKING:
    from edgeproxy.exchange.exchange import Exchange


def sent_in_h1(exchange: Exchange) -> tuple[str, Headers]:
    """The request line, and the headers."""
    head, forwarding, client = exchange.head, exchange.context.forwarding, exchange.client
    assert head is not None
    prefix = client.forwarded_prefix(forwarding)
    data = forwarding.encode(head, prefix, client.source_port, exchange.trace_id, exchange.transformed)
    if head.fields.wants_websocket and asks_for_websocket(head):
        data = forwarding.encode_upgrade(data, head.fields)
    line, *lines = data.decode("latin-1").rstrip("\r\n").split("\r\n")
    pairs = (each.partition(":") for each in lines)
    return line, Headers([(name, value.strip()) for name, _, value in pairs])


def sent_in_h2(exchange: Exchange, scheme: str) -> tuple[str, Headers]:
    """The request line that the pseudo-headers amount to, and the headers."""
    head, forwarding, client = exchange.head, exchange.context.forwarding, exchange.client
    assert head is not None
    block = encode_request_block(
        forwarding,
        HeaderEncoder(),
        head,
        scheme=scheme,
        prefix=client.forwarded_prefix(forwarding),
        source_port=client.source_port,
        trace=exchange.trace_id,
        transformed=exchange.transformed,
    )
    pairs = [(name, value) for _, _, name, value in HeaderDecoder().decode(block).fields]
    found = dict(pairs)
    line = f"{found[':method']} {found[':path']} HTTP/2.0"
    return line, Headers([(name, value) for name, value in pairs if name not in (":method", ":path")])
