"""The load balancer's own answers: error pages, redirects, fixed responses, byte for byte.

Pages are nginx's without the version footer (user guide pages name the statuses; the bytes were observed on real load
balancers). Header order: Server, Date, Content-Type, Content-Length, Connection, Location, then what the listener adds.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final, NamedTuple

from edgeproxy.exchange.response_headers import UNCHANGED, ResponseHeaders

_TITLES: Final[dict[int, str]] = {
    301: "301 Moved Permanently",
    302: "302 Found",
    400: "400 Bad Request",
    401: "401 Authorization Required",
    403: "403 Forbidden",
    404: "404 Not Found",
    405: "405 Not Allowed",
    408: "408 Request Time-out",
    413: "413 Request Entity Too Large",
    414: "414 Request-URI Too Large",
    500: "500 Internal Server Error",
    501: "501 Not Implemented",
    502: "502 Bad Gateway",
    503: "503 Service Temporarily Unavailable",
    504: "504 Gateway Time-out",
    505: "505 HTTP Version Not Supported",
    507: "507 Insufficient Storage",
}

# Where the status line differs from the page's title.
_STATUS_LINES: Final[dict[int, str]] = {302: "302 Moved Temporarily", 401: "401 Unauthorized"}

_WITHOUT_PAGE: Final = frozenset({460, 463, 464, 561, 562})
"""The load balancer's own codes come bare: no reason phrase, no body."""

PADDING: Final = b"<!-- a padding to disable MSIE and Chrome friendly error page -->\r\n" * 6
"""Follows error pages for browsers that would replace short ones; 402 bytes."""


def _page(title: str) -> bytes:
    lines = (
        "<html>",
        f"<head><title>{title}</title></head>",
        "<body>",
        f"<center><h1>{title}</h1></center>",
        "</body>",
        "</html>",
        "",
    )
    return "\r\n".join(lines).encode()


_PAGES: Final = {status: _page(title) for status, title in _TITLES.items()}


def wants_padding(user_agent: str) -> bool:
    """Whether a browser hides short error pages: Chrome and old Internet Explorer, but not Opera (nginx's test)."""
    return ("Chrome/" in user_agent or "MSIE " in user_agent) and "Opera" not in user_agent


def page_body(status: int, user_agent: str) -> bytes:
    """The HTML page of a status that the load balancer makes; empty for its own bare codes."""
    page = _PAGES.get(status, b"")
    if page and status >= 400 and wants_padding(user_agent):
        return page + PADDING
    return page


def status_line(status: int) -> str:
    """Code and reason phrase; the space between them stands even where there is no phrase (RFC 9112 section 4)."""
    line = _STATUS_LINES.get(status) or _TITLES.get(status)
    if line:
        return line
    if status in _WITHOUT_PAGE:
        return f"{status} "
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        # Not an assigned code; a fixed-response may still use it (phrase unconfirmed).
        return f"{status} "


class Reply(NamedTuple):
    """An answer by the load balancer itself, for whatever version of HTTP the client speaks.

    Attributes:
        status: The status code.
        content_type: The body's type; None without a body that has one.
        body: The body; an answer to HEAD only states its length.
        location: Where a redirect leads.
        is_head: The body is not sent, only its length: the answer to a HEAD that could not be read.
    """

    status: int
    content_type: str | None
    body: bytes
    location: str | None = None
    is_head: bool = False


def page(status: int, user_agent: str) -> Reply:
    """An error answer: the page with that status's title, or the bare code."""
    body = page_body(status, user_agent)
    return Reply(status, "text/html" if body else None, body)


def redirect(status: int, location: str) -> Reply:
    """The answer of a redirect action."""
    return Reply(status, "text/html", page_body(status, ""), location)


def encode_reply(
    reply: Reply, *, date: str, keep_alive: bool, is_head: bool = False, added: ResponseHeaders = UNCHANGED
) -> bytes:
    """The answer in HTTP/1.1."""
    connection = "Connection: keep-alive" if keep_alive else "Connection: close"
    lines = reply_lines(reply, date=date, added=added, connection=connection)
    head = "\r\n".join([f"HTTP/1.1 {status_line(reply.status)}", *lines, "", ""]).encode("latin-1")
    return head if is_head or reply.is_head else head + reply.body


def reply_lines(
    reply: Reply, *, date: str, added: ResponseHeaders = UNCHANGED, connection: str | None = None
) -> list[str]:
    """The answer's header lines; `connection` is HTTP/1.1's."""
    lines = [*added.server_lines, f"Date: {date}"]
    if reply.content_type:
        lines.append(f"Content-Type: {reply.content_type}")
    if reply.status != 204:
        # RFC 9110 section 8.6 forbids it there.
        lines.append(f"Content-Length: {len(reply.body)}")
    if connection is not None:
        lines.append(connection)
    if reply.location is not None:
        lines.append(f"Location: {reply.location}")
    return [*lines, *added.lines]
