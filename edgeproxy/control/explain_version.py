"""What `edgeproxy explain` says about protocol versions: who gets a 464, and what a target gets in HTTP/2.

The verdicts are those of `exchange/versions.py`. Which version a client speaks is not in a URL, so both are judged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeproxy.exchange.h2_forwarding import encode_request_block
from edgeproxy.exchange.versions import TAKEN, kind_of
from edgeproxy.protocol.h2_hpack import HeaderDecoder, HeaderEncoder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgeproxy.exchange.forwarding import RequestForwarding
    from edgeproxy.model.target_group import TargetGroup
    from edgeproxy.protocol.message import RequestHead
    from edgeproxy.rules.transform import Transformed


def version_lines(group: TargetGroup, head: RequestHead, *, is_https: bool) -> Iterator[str]:
    """Which of the clients that might send this request the group does not take; nothing if it takes all."""
    refused = []
    for spoken in ("HTTP/1.1", "HTTP/2.0") if is_https else ("HTTP/1.1",):
        head.version = spoken
        if kind_of(head) not in TAKEN[group.protocol_version]:
            refused.append("HTTP/2" if spoken == "HTTP/2.0" else spoken)
    head.version = "HTTP/1.1"
    if refused:
        who = " or ".join(refused)
        reason = f"the target group {group.name} has the protocol version {group.protocol_version}"
        if refused == ["HTTP/2"]:
            reason = f"this is a call of gRPC, and {reason}"
        elif len(refused) == 2:
            reason += " and takes POST alone"
        yield f"answered with 464 over {who}: {reason}"


def h2_head_for_target(
    forwarding: RequestForwarding,
    head: RequestHead,
    *,
    scheme: str,
    prefix: str,
    source_port: int,
    trace: str,
    transformed: Transformed | None,
) -> list[str]:
    """The head as lines, made by the code that makes it; the arguments are `encode_request_block`'s."""
    block = encode_request_block(
        forwarding,
        HeaderEncoder(),
        head,
        scheme=scheme,
        prefix=prefix,
        source_port=source_port,
        trace=trace,
        transformed=transformed,
    )
    return [line for line, _, _, _ in HeaderDecoder().decode(block).fields]
