"""How long is the body? RFC 9112 section 6.3, for requests and for responses.

The safe reading where a client states the length twice: chunked wins over Content-Length (RFC 9112 section 6.3 rule
3), and equal Content-Lengths count once. Whether such a request is served at all is the desync mitigation mode's
business. What cannot be read is refused.
"""

from __future__ import annotations

from typing import Final

from edgeproxy.errors import ProtocolError
from edgeproxy.protocol.desync import decimal, list_codings
from edgeproxy.protocol.limits import MAX_CONTENT_LENGTH
from edgeproxy.protocol.message import CHUNKED, UNTIL_CLOSE

_READABLE: Final = frozenset({"chunked", "identity"})
"""The transfer codings that the load balancer takes (user guide, load-balancer-troubleshooting, HTTP 501)."""


def content_length(values: list[str], *, status: int) -> int:
    """The one length that all Content-Length values state.

    Raises:
        ProtocolError: with `status`, when a value is not a plain decimal number or two values differ.
    """
    lengths = {_decimal(value, status=status) for value in values}
    if len(lengths) > 1:
        raise ProtocolError(status, "Content-Length is stated with different values")
    return lengths.pop()


def _decimal(value: str, *, status: int) -> int:
    number = decimal(value)
    if number is None or number > MAX_CONTENT_LENGTH:
        raise ProtocolError(status, f"Content-Length {value[:40]!r} is not a decimal number below 2**63")
    return number


def request_body_length(lengths: list[str], encodings: list[str]) -> tuple[int, bool]:
    """The length of a request's body, and whether a transfer coding is one that the load balancer cannot undo.

    Such a request is answered with 501, and all that follows on the connection is taken for its body.

    Raises:
        ProtocolError: 400 when Content-Length cannot be read and nothing else states the length.
    """
    codings = list_codings(encodings)
    if not _READABLE.issuperset(codings) or "chunked" in codings[:-1]:
        return MAX_CONTENT_LENGTH, True
    if "chunked" in codings:
        return CHUNKED, False
    return (content_length(lengths, status=400) if lengths else 0), False


def response_body_length(lengths: list[str], encodings: list[str]) -> int:
    """The length of a response's body, CHUNKED or UNTIL_CLOSE, as its fields state it.

    Raises:
        ProtocolError: 502 for what the ALB calls malformed: both kinds of length, differing or repeated lengths, and
            codings that cannot be passed on (user guide, load-balancer-troubleshooting, HTTP 502).
    """
    if encodings:
        codings = list_codings(encodings)
        if lengths:
            raise ProtocolError(502, "the response has both Transfer-Encoding and Content-Length")
        if not _READABLE.issuperset(codings) or "chunked" in codings[:-1]:
            # The body goes to the client in chunks of our own: dropping a compression would corrupt it.
            raise ProtocolError(502, "the response has a Transfer-Encoding other than chunked")
        return CHUNKED if codings[-1] == "chunked" else UNTIL_CLOSE
    if not lengths:
        return UNTIL_CLOSE
    if len(lengths) > 1:
        raise ProtocolError(502, "the response has more than one Content-Length")
    if not lengths[0]:
        # A client's would say 0, as the classifier reads it; this one would go on to a client as it is.
        raise ProtocolError(502, "the response has an empty Content-Length")
    return content_length(lengths, status=502)
