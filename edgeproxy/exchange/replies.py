"""The load balancer's own answers: error pages, redirects, fixed responses, byte for byte.

Pages are nginx's without the version footer (user guide pages name the statuses; the bytes were observed on real load
balancers). Header order: Server, Date, Content-Type, Content-Length, Connection, Location, then what the listener adds.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

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


def encode_reply(
    status: int,
    *,
    date: str,
    content_type: str | None,
    body: bytes,
    keep_alive: bool,
    location: str | None = None,
    is_head: bool = False,
    added: ResponseHeaders = UNCHANGED,
) -> bytes:
    """A whole response by the load balancer itself."""
    lines = [f"HTTP/1.1 {status_line(status)}", *added.server_lines, f"Date: {date}"]
    if content_type:
        lines.append(f"Content-Type: {content_type}")
    if status != 204:
        # RFC 9110 section 8.6 forbids it there.
        lines.append(f"Content-Length: {len(body)}")
    lines.append("Connection: keep-alive" if keep_alive else "Connection: close")
    if location is not None:
        lines.append(f"Location: {location}")
    head = "\r\n".join([*lines, *added.lines, "", ""]).encode("latin-1")
    return head if is_head else head + body


def encode_page(
    status: int,
    *,
    date: str,
    user_agent: str,
    keep_alive: bool,
    is_head: bool = False,
    added: ResponseHeaders = UNCHANGED,
) -> bytes:
    """An error answer: the page with that status's title, or the bare code."""
    body = page_body(status, user_agent)
    return encode_reply(
        status,
        date=date,
        content_type="text/html" if body else None,
        body=body,
        keep_alive=keep_alive,
        is_head=is_head,
        added=added,
    )


def encode_redirect(
    status: int,
    location: str,
    *,
    date: str,
    keep_alive: bool,
    is_head: bool = False,
    added: ResponseHeaders = UNCHANGED,
) -> bytes:
    """The answer of a redirect action."""
    return encode_reply(
        status,
        date=date,
        content_type="text/html",
        body=page_body(status, ""),
        keep_alive=keep_alive,
        location=location,
        is_head=is_head,
        added=added,
    )
