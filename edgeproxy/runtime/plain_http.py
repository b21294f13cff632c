"""What clients get that speak plain HTTP to an HTTPS listener: a 400 page (unconfirmed, and so is which one).

The first byte tells: a record of TLS begins with a number below 0x20, the hello of SSL 2 with one above 0x7F, and a
method of HTTP with a letter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeproxy.exchange import replies

if TYPE_CHECKING:
    from edgeproxy.exchange.context import ExchangeContext

REASON = "the client speaks plain HTTP"


def is_plain_http(data: bytes) -> bool:
    """Whether the first bytes of a connection are no TLS but may be HTTP."""
    return data[:1].isalpha()


def refusal(context: ExchangeContext, data: bytes) -> bytes:
    """The whole answer to what begins with these bytes; the connection closes behind it."""
    page, date = replies.page(400, "")._replace(is_head=data.startswith(b"HEAD ")), context.clock.http_date()
    return replies.encode_reply(page, date=date, keep_alive=False, added=context.response_headers)
