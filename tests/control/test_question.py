from __future__ import annotations

import pytest

from edgeproxy.control.question import Question


def ask(url: str, *headers: tuple[str, str], source_ip: str = "127.0.0.1") -> Question:
    return Question.parse("GET", url, headers=headers, source_ip=source_ip)


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

    assert (protocol, port, host) == (question.protocol, question.port, question.host)


def test_a_host_header_goes_before_the_urls_host() -> None:
    question = ask("https://127.0.0.1/", ("host", "App.Example.com"), ("X-Other", "1"))

    facts = question.facts()

    assert facts is not None
    assert "app.example.com" == facts.host
    assert [("X-Other", "1")] == question.headers


def test_a_url_without_a_path_asks_for_the_root() -> None:
    question = ask("http://localhost?a=1")

    assert ("/", "a=1") == (question.raw_path, question.query)


@pytest.mark.parametrize(
    ("query", "pairs"),
    [
        ("", []),
        ("a=1&b", [("a", "1"), ("b", "")]),
        ("a=b=c", [("a", "b=c")]),
        ("%61=%62", [("%61", "%62")]),
    ],
)
def test_the_query_is_split_and_stays_raw(query: str, pairs: list[tuple[str, str]]) -> None:
    facts = ask(f"http://localhost/?{query}").facts()

    assert facts is not None
    assert pairs == facts.query_pairs


def test_headers_are_found_whatever_their_case() -> None:
    facts = ask("http://localhost/", ("X-A", "1"), ("x-a", "2")).facts()

    assert facts is not None
    assert ["1", "2"] == facts.header_values("x-a")


def test_a_path_above_the_root_has_no_facts() -> None:
    assert ask("http://localhost/../etc/passwd").facts() is None


def test_other_characters_are_seen_byte_by_byte() -> None:
    """The load balancer sees bytes; one character stands for one."""
    assert "/caf\xc3\xa9" == ask("http://localhost/café").raw_path


@pytest.mark.parametrize("url", ["app.localhost", "ftp://app.localhost/", "https://", "/path", "http://h:99999/"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        ask(url)


def test_the_source_has_to_be_an_address() -> None:
    with pytest.raises(ValueError, match="'here' does not appear to be an IPv4 or IPv6 address"):
        ask("http://localhost/", source_ip="here")
