"""The load balancer's own answers, byte for byte."""

from __future__ import annotations

import pytest

from edgeproxy.exchange.replies import PADDING, Reply, encode_reply, page, page_body, redirect, status_line

DATE = "Sun, 22 Nov 2026 10:00:00 GMT"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36"
EXPLORER = "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1)"
OLD_OPERA = "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; en) Opera 8.50"
PAGE = "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n</body>\r\n</html>\r\n"


@pytest.mark.conformance("error pages", "the title and the length of each page", "load-balancer-troubleshooting")
@pytest.mark.parametrize(
    ("title", "length"),
    [
        ("301 Moved Permanently", 134),
        ("302 Found", 110),
        ("400 Bad Request", 122),
        ("401 Authorization Required", 144),
        ("403 Forbidden", 118),
        ("404 Not Found", 118),
        ("405 Not Allowed", 122),
        ("408 Request Time-out", 132),
        ("413 Request Entity Too Large", 148),
        ("414 Request-URI Too Large", 142),
        ("500 Internal Server Error", 142),
        ("501 Not Implemented", 130),
        ("502 Bad Gateway", 122),
        ("503 Service Temporarily Unavailable", 162),
        ("504 Gateway Time-out", 132),
        ("505 HTTP Version Not Supported", 152),
        ("507 Insufficient Storage", 140),
    ],
)
def test_every_page_has_its_exact_bytes(title: str, length: int) -> None:
    body = page_body(int(title[:3]), "curl/8.7.1")

    assert (PAGE.format(title).encode(), length) == (body, len(body))


@pytest.mark.conformance(
    "error pages", "a 400 that closes is 272 bytes, a 502 that does not is 277", "load-balancer-access-logs"
)
@pytest.mark.parametrize(
    ("status", "keep_alive", "is_head", "size"),
    [(400, False, False, 272), (502, True, False, 277), (502, True, True, 155), (502, False, False, 272)],
)
def test_whole_answers_have_the_sizes_of_published_log_lines(
    status: int, keep_alive: bool, is_head: bool, size: int
) -> None:
    answer = encode_reply(page(status, "curl/8.7.1"), date=DATE, keep_alive=keep_alive, is_head=is_head)

    assert size == len(answer)


@pytest.mark.conformance(
    "error pages", "the order of the headers, and Server: awselb/2.0", "load-balancer-troubleshooting"
)
def test_the_headers_of_a_page_stand_in_nginx_order() -> None:
    expected = (
        "HTTP/1.1 503 Service Temporarily Unavailable\r\n"
        "Server: awselb/2.0\r\n"
        "Date: Sun, 22 Nov 2026 10:00:00 GMT\r\n"
        "Content-Type: text/html\r\n"
        "Content-Length: 162\r\n"
        "Connection: keep-alive\r\n"
        "\r\n"
    ) + PAGE.format("503 Service Temporarily Unavailable")

    assert expected.encode() == encode_reply(page(503, ""), date=DATE, keep_alive=True)


@pytest.mark.conformance(
    "error pages", "browsers that hide short pages get 402 bytes more", "load-balancer-access-logs"
)
@pytest.mark.parametrize(
    ("user_agent", "more"),
    [(CHROME, 402), (EXPLORER, 402), (OLD_OPERA, 0), ("curl/8.7.1", 0), ("", 0), ("Chromeless", 0)],
)
def test_padding_is_for_chrome_and_explorer_but_not_for_opera(user_agent: str, more: int) -> None:
    answer = encode_reply(page(502, user_agent), date=DATE, keep_alive=True)

    assert 277 + more == len(answer)
    assert (b"Content-Length: %d\r\n" % (122 + more)) in answer


def test_the_padding_is_six_equal_lines() -> None:
    line = b"<!-- a padding to disable MSIE and Chrome friendly error page -->\r\n"

    assert (67, line * 6) == (len(line), PADDING)


@pytest.mark.conformance("redirects", "the page of a redirect is never padded", "rule-action-types", status="default")
@pytest.mark.parametrize(("status", "length"), [(301, 134), (302, 110)])
def test_redirect_pages_are_not_padded(status: int, length: int) -> None:
    assert length == len(page_body(status, CHROME))


@pytest.mark.conformance(
    "redirects", "a 302 says Moved Temporarily in its status line and Found in its page", "rule-action-types"
)
def test_location_follows_connection() -> None:
    expected = (
        "HTTP/1.1 302 Moved Temporarily\r\n"
        "Server: awselb/2.0\r\n"
        "Date: Sun, 22 Nov 2026 10:00:00 GMT\r\n"
        "Content-Type: text/html\r\n"
        "Content-Length: 110\r\n"
        "Connection: keep-alive\r\n"
        "Location: https://example.com:443/a?x=1\r\n"
        "\r\n"
    ) + PAGE.format("302 Found")

    assert expected.encode() == encode_reply(redirect(302, "https://example.com:443/a?x=1"), date=DATE, keep_alive=True)


@pytest.mark.conformance(
    "error pages", "463 has neither reason phrase nor body", "load-balancer-troubleshooting", status="default"
)
@pytest.mark.parametrize("status", [463, 464, 561, 562])
def test_the_load_balancers_own_codes_come_bare(status: int) -> None:
    expected = (
        f"HTTP/1.1 {status} \r\n"
        f"Server: awselb/2.0\r\nDate: {DATE}\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n"
    )

    assert expected.encode() == encode_reply(page(status, CHROME), date=DATE, keep_alive=True)


@pytest.mark.parametrize(
    ("status", "line"),
    [(200, "200 OK"), (401, "401 Unauthorized"), (429, "429 Too Many Requests"), (299, "299 "), (599, "599 ")],
)
def test_other_statuses_have_the_registered_phrase_or_none(status: int, line: str) -> None:
    assert line == status_line(status)


def test_a_204_has_no_length() -> None:
    """RFC 9110 section 8.6."""
    answer = encode_reply(Reply(204, None, b""), date=DATE, keep_alive=True)

    expected = f"HTTP/1.1 204 No Content\r\nServer: awselb/2.0\r\nDate: {DATE}\r\nConnection: keep-alive\r\n\r\n"
    assert expected.encode() == answer
