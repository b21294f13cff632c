"""A request head as a target that speaks HTTP/2 gets it.

What stands in it is `RequestForwarding`'s business and the same for both versions, in the same order behind the
pseudo-headers (unconfirmed): the X-Forwarded fields, X-Amzn-Trace-Id, the client's other fields. Only the form differs:
`:authority` is what Host would be, names are in lower case (user guide, how-elastic-load-balancing-works), and what
belongs to an HTTP/1.1 connection is left out by the encoder. `:scheme` says how the target is spoken to (unconfirmed).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeproxy.protocol.h2_hpack import encode_field

if TYPE_CHECKING:
    from edgeproxy.exchange.forwarding import RequestForwarding
    from edgeproxy.protocol.h2_hpack import HeaderEncoder
    from edgeproxy.protocol.message import RequestHead
    from edgeproxy.rules.transform import Transformed


def encode_request_block(  # hot path
    forwarding: RequestForwarding,
    encoder: HeaderEncoder,
    head: RequestHead,
    *,
    scheme: str,
    prefix: str,
    source_port: int,
    trace: str,
    transformed: Transformed | None,
) -> bytes:
    """The header block; but for the two in front, the arguments are those of `RequestForwarding.encode`."""
    derived, prefix, host, target = forwarding.parts(head, prefix, source_port, transformed)
    *kept, lines, rest = derived
    if rest is None:
        # What ends the section in HTTP/1.1 are empty lines, which are encoded as nothing.
        rest = encoder.encode_lines(lines.split("\r\n"))
        head.fields.derived = (*kept, lines, rest)
    front = encoder.encode_request(head.method, scheme, host, target, prefix.split("\r\n"))
    # Past the encoder's memory: a trace id comes once.
    return b"".join((front, encode_field("x-amzn-trace-id", trace), rest))
