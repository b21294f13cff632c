"""Requests that are answered before any rule is asked.

Source: user guide, load-balancer-troubleshooting. What stands in the bytes alone is the codec's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edgeproxy.exchange.forwarding import MAX_FORWARDED_ADDRESSES
from edgeproxy.exchange.outcome import Outcome

if TYPE_CHECKING:
    from edgeproxy.exchange.desync_mode import DesyncMode
    from edgeproxy.protocol.message import RequestHead

_NAMES_A_HOST: Final = frozenset({"HTTP/1.1", "HTTP/2.0"})
"""In HTTP/2 by :authority or by Host (RFC 9113 section 8.3.1); nginx answers with the same 400 there (unconfirmed)."""

REFUSED_METHODS: Final = frozenset({"TRACE", "CONNECT"})


def refusal_of(head: RequestHead, *, allows_several_hosts: bool, desync_mode: DesyncMode) -> Outcome | None:
    """Why a request is answered before any rule is asked, if it is."""
    fields = head.fields
    if head.verdict is not None and desync_mode.blocks(head.verdict):
        return Outcome.DESYNC_BLOCKED
    if head.method in REFUSED_METHODS:
        return Outcome.METHOD_REFUSED
    if fields.unsupported_coding:
        return Outcome.CODING_REFUSED
    if fields.forwarded_for.count(",") >= MAX_FORWARDED_ADDRESSES:
        return Outcome.TOO_MANY_ADDRESSES
    if fields.host_count > 1 and not allows_several_hosts:
        # Not documented without host preservation; nginx refuses (unconfirmed).
        return Outcome.SEVERAL_HOSTS
    if head.version in _NAMES_A_HOST and not fields.host:
        return Outcome.HOST_MISSING
    return None
