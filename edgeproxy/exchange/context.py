"""ExchangeContext: what all exchanges on one listener share under one configuration.

A connection reads its listener's context once at the head of a request, and the exchange keeps it to the end: a reload
replaces the object and never changes one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from edgeproxy.exchange.desync_mode import DesyncMode
from edgeproxy.exchange.response_headers import UNCHANGED, ResponseHeaders
from edgeproxy.protocol.h2_hpack import HeaderEncoder

if TYPE_CHECKING:
    from edgeproxy.exchange.actions import CompiledAction
    from edgeproxy.exchange.forwarding import RequestForwarding
    from edgeproxy.exchange.ports import ExchangeLedger, TargetDialer, WallClock
    from edgeproxy.rules.table import RoutingTable


class ExchangeContext(msgspec.Struct, frozen=True, kw_only=True, gc=True):
    """One listener, compiled.

    Attributes:
        routing: The listener's rules; each answers with its action.
        forwarding: How heads are rewritten.
        dialer: Where connections to targets come from.
        ledger: Who is told when an exchange has ended.
        clock: What time it is for people.
        desync_mode: What follows from a desync verdict.
        h2_encoder: Writes heads for clients that speak HTTP/2.
        response_headers: What is put on every response.
        allows_several_hosts: Requests with more than one Host header are served; rules look at the first.
    """

    routing: RoutingTable[CompiledAction]
    forwarding: RequestForwarding
    dialer: TargetDialer
    ledger: ExchangeLedger
    clock: WallClock
    desync_mode: DesyncMode = DesyncMode.DEFENSIVE
    h2_encoder: HeaderEncoder = msgspec.field(default_factory=HeaderEncoder)
    response_headers: ResponseHeaders = UNCHANGED
    allows_several_hosts: bool = False

    def with_response_headers(self, headers: ResponseHeaders) -> ExchangeContext:
        """The same, but these are put on the responses."""
        return msgspec.structs.replace(self, response_headers=headers)
