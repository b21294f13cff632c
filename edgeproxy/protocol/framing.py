"""How long is the body? RFC 9112 section 6.3, for requests and for responses.

The safe reading where a sender states the length twice: chunked wins over Content-Length (RFC 9112 section 6.3 rule
3), equal Content-Lengths count once, and the connection closes after the message. What cannot be read safely is
refused.
"""

from __future__ import annotations

from typing import Final

from edgeproxy.errors import ProtocolError
from edgeproxy.protocol.limits import MAX_CONTENT_LENGTH
from edgeproxy.protocol.message import CHUNKED, UNTIL_CLOSE

KNOWN_CODINGS: Final = frozenset({"chunked", "compress", "deflate", "gzip", "identity"})


def content_length(values: list[str], *, status: int) -> int:
    """The one length that all Content-Length values state.

    Raises:
        ProtocolError: with `status`, when a value is not a plain decimal number or two values differ.
    """
    if len(values) == 1:
        return _decimal(values[0], status=status)
    lengths = {_decimal(value, status=status) for value in values}
    if len(lengths) > 1:
        raise ProtocolError(status, "Content-Length is stated with different values")
    return lengths.pop()


def _decimal(value: str, *, status: int) -> int:
    text = value.strip(" \t")
    if not text:
        # The ALB's classifier reads an empty value as 0 (HTTP Desync Guardian, request_analyzer).
        return 0
    # The length of the text is looked at first: int() of a very long number is slow.
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or (number := int(text)) > MAX_CONTENT_LENGTH:
        raise ProtocolError(status, f"Content-Length {text[:40]!r} is not a decimal number below 2**63")
    return number


def transfer_codings(values: list[str], *, status: int) -> list[str]:
    """The codings of all Transfer-Encoding headers in order, lower-cased, parameters dropped.

    Raises:
        ProtocolError: with `status`, for an item that is no transfer coding, or for chunked applied twice.
    """
    codings = [item.partition(";")[0].strip(" \t").lower() for value in values for item in value.split(",")]
    for coding in codings:
        if coding not in KNOWN_CODINGS:
            raise ProtocolError(status, f"Transfer-Encoding {coding[:40]!r} is not known")
    if codings.count("chunked") > 1:
        raise ProtocolError(status, "Transfer-Encoding names chunked twice")
    return codings


def request_body_length(lengths: list[str], encodings: list[str]) -> tuple[int, bool, bool]:
    """The length of a request's body.

    Returns:
        The length or CHUNKED; whether it was ambiguous; whether a transfer coding is one that the load balancer answers
        with 501.

    Raises:
        ProtocolError: 400 when the length cannot be known.
    """
    if not encodings:
        return (content_length(lengths, status=400), len(lengths) > 1, False) if lengths else (0, False, False)
    codings = transfer_codings(encodings, status=400)
    if lengths:
        content_length(lengths, status=400)
    is_unsupported = any(coding not in {"chunked", "identity"} for coding in codings)
    if "chunked" in codings:
        if codings[-1] != "chunked":
            raise ProtocolError(400, "Transfer-Encoding does not end with chunked")
        return CHUNKED, bool(lengths), is_unsupported
    return (content_length(lengths, status=400) if lengths else 0), bool(lengths), is_unsupported


def response_body_length(lengths: list[str], encodings: list[str]) -> int:
    """The length of a response's body, CHUNKED or UNTIL_CLOSE, as its fields state it.

    Raises:
        ProtocolError: 502 for what the ALB calls malformed: both kinds of length, differing or repeated lengths, and
            codings that cannot be passed on (user guide, load-balancer-troubleshooting, HTTP 502).
    """
    if encodings:
        codings = transfer_codings(encodings, status=502)
        if lengths:
            raise ProtocolError(502, "the response has both Transfer-Encoding and Content-Length")
        if any(coding not in {"chunked", "identity"} for coding in codings) or "chunked" in codings[:-1]:
            # The body goes to the client in chunks of our own: dropping a compression would corrupt it.
            raise ProtocolError(502, "the response has a Transfer-Encoding other than chunked")
        return CHUNKED if codings[-1] == "chunked" else UNTIL_CLOSE
    if not lengths:
        return UNTIL_CLOSE
    if len(lengths) > 1:
        raise ProtocolError(502, "the response has more than one Content-Length")
    return content_length(lengths, status=502)
