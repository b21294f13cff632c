from __future__ import annotations

import pytest

from edgeproxy.control.question import Question
from edgeproxy.errors import ProtocolError


def ask(url: str, *headers: tuple[str, str], method: str = "GET", source_ip: str = "127.0.0.1") -> Question:
    return Question.parse(method, url, headers=headers, source_ip=source_ip)


@pytest.mark.parametrize(
    ("url", "protocol", "port", "host"),
    [
        ("http://app.localhost/", "HTTP", 80, "app.localhost"),
        ("https://app.localhost/", "HTTPS", 443, "app.localhost"),
        ("https://app.localhost:443/", "HTTPS", 443, "app.localhost"),
        ("https://app.localhost:8443/", "HTTPS", 8443, "app.localhost:8443"),
        ("http://[::1]:8000/", "HTTP", 8000, "[::1]:8000"),
        ("https://user:secret@app.localhost/", "HTTPS", 443, "app.localhost"),
    ],
)
def test_the_host_header_is_what_curl_would_send(url: str, protocol: str, port: int, host: str) -> None:
    question = ask(url)

    assert (protocol, port, host) == (question.protocol, question.port, question.head().host)


def test_a_host_header_goes_before_the_urls_host() -> None:
    question = ask("https://127.0.0.1/", ("X-Other", "1"), ("host", "App.Example.com"))

    assert "app.example.com" == question.head().host
    assert [("Host", "App.Example.com"), ("X-Other", "1")] == question.headers


def test_a_url_without_a_path_asks_for_the_root() -> None:
    head = ask("http://localhost?a=1").head()

    assert ("/", "a=1", "/?a=1") == (head.path, head.query, head.target)


def test_the_query_stays_raw() -> None:
    assert [("%61", "%62"), ("c", "")] == ask("http://localhost/?%61=%62&c").head().query_pairs


def test_headers_are_found_whatever_their_case() -> None:
    assert ["1", "2"] == ask("http://localhost/", ("X-A", "1"), ("x-a", "2")).head().header_values("x-a")


def test_the_rules_are_told_the_source() -> None:
    assert "10.0.0.1" == ask("http://localhost/", source_ip="10.0.0.1").head().source_ip


def test_a_value_beyond_ascii_is_sent_as_utf8() -> None:
    """The load balancer sees bytes; one character stands for one."""
    assert ["caf\xc3\xa9"] == ask("http://localhost/", ("X-A", "café")).head().header_values("x-a")


@pytest.mark.parametrize(
    "question",
    [ask("http://localhost/", method="get"), ask("http://localhost/", ("Content-Length", "+5"), method="POST")],
    ids=["method", "length"],
)
def test_what_the_codec_refuses_is_refused(question: Question) -> None:
    with pytest.raises(ProtocolError):
        question.head()


@pytest.mark.parametrize("url", ["app.localhost", "ftp://app.localhost/", "https://", "/path", "http://h:99999/"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        ask(url)


def test_the_source_has_to_be_an_address() -> None:
    with pytest.raises(ValueError, match="'here' does not appear to be an IPv4 or IPv6 address"):
        ask("http://localhost/", source_ip="here")
