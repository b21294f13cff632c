"""What redirects and fixed responses send."""

from __future__ import annotations

import pytest

from edgeproxy.exchange.actions import MAX_LOCATION, ForwardAction
from edgeproxy.exchange.outcome import Outcome
from edgeproxy.model.action import FixedResponseConfig, RedirectConfig
from tests.helpers.exchange_ports import DATE, DNS_NAME, Stage

TO_HTTPS = RedirectConfig(status_code="HTTP_301", protocol="HTTPS", port="443")


def location(config: RedirectConfig, *lines: str, port: int = 80) -> str:
    stage = Stage(action=config, port=port)
    client = stage.client().sends(*lines)
    head = client.received.decode("latin-1").partition("\r\n\r\n")[0]
    name, _, value = head.split("\r\n")[-1].partition(": ")
    assert name == "Location"
    assert value == stage.record.redirect_url
    return value


@pytest.mark.conformance("redirects", "the port is always written, the host has none of its own", "rule-action-types")
@pytest.mark.parametrize(
    ("request_line", "host", "expected"),
    [
        ("GET / HTTP/1.1", "example.com", "https://example.com:443/"),
        ("GET /a?x=1 HTTP/1.1", "example.com:80", "https://example.com:443/a?x=1"),
        ("GET /a? HTTP/1.1", "EXAMPLE.com", "https://example.com:443/a"),
        ("GET /a?x#frag HTTP/1.1", "example.com", "https://example.com:443/a?x"),
        ("GET http://other.example/b?c HTTP/1.1", "example.com", "https://other.example:443/b?c"),
        ("POST /a HTTP/1.1", "[::1]:80", "https://[::1]:443/a"),
    ],
)
def test_the_location_keeps_what_is_not_configured(request_line: str, host: str, expected: str) -> None:
    assert expected == location(TO_HTTPS, request_line, f"Host: {host}")


@pytest.mark.conformance(
    "redirects", "the path is repeated as the client wrote it", "rule-action-types", status="default"
)
def test_the_path_of_a_location_is_not_normalised() -> None:
    assert "https://a:443/%7Ex/../y" == location(TO_HTTPS, "GET /%7Ex/../y HTTP/1.1", "Host: a")


@pytest.mark.conformance("redirects", "only the protocol changed keeps the port", "load-balancer-access-logs")
def test_there_is_no_default_port_magic() -> None:
    assert "https://a:80/" == location(
        RedirectConfig(status_code="HTTP_301", protocol="HTTPS"), "GET / HTTP/1.1", "Host: a"
    )


def test_a_1_0_client_without_a_host_is_sent_to_the_dns_name() -> None:
    assert f"https://{DNS_NAME}:443/" == location(TO_HTTPS, "GET / HTTP/1.0")


@pytest.mark.conformance("redirects", "a whole 301", "rule-action-types")
def test_a_redirect_is_logged_and_keeps_the_connection() -> None:
    stage = Stage(action=TO_HTTPS)
    client = stage.client().sends("GET /a HTTP/1.1", "Host: a")
    record = stage.record

    assert client.received.startswith(b"HTTP/1.1 301 Moved Permanently\r\nServer: awselb/2.0\r\n")
    assert ["keep-alive"] == client.events
    assert (301, Outcome.REDIRECTED, "redirect", "0") == (
        record.status,
        record.outcome,
        record.actions,
        record.priority,
    )
    assert len(client.received) == record.sent_bytes
    assert (None, None, 0) == (record.group, record.target, record.target_status)


def test_the_answer_to_head_ends_with_its_head() -> None:
    client = Stage(action=TO_HTTPS).client().sends("HEAD /a HTTP/1.1", "Host: a")

    assert client.received.endswith(b"\r\nLocation: https://a:443/a\r\n\r\n")
    assert b"\r\nContent-Length: 134\r\n" in client.received


@pytest.mark.conformance("redirects", "a Location longer than 8 K is a 507", "load-balancer-troubleshooting")
@pytest.mark.parametrize(("extra", "status"), [(0, 301), (1, 507)])
def test_a_location_has_a_longest_length(extra: int, status: int) -> None:
    stage = Stage(action=TO_HTTPS)
    path = "/" + "x" * (MAX_LOCATION - len("https://a:443/") + extra)
    stage.client().sends(f"GET {path} HTTP/1.1", "Host: a")

    assert (status, 8192) == (stage.record.status, MAX_LOCATION)


def test_a_client_cannot_add_headers_to_a_redirect() -> None:
    client = Stage(action=TO_HTTPS).client()
    client.sends_bytes(b"GET /a\tb\x01?c\xff HTTP/1.1\r\nHost: a\x80b\r\n\r\n")

    lines = client.received.partition(b"\r\n\r\n")[0].split(b"\n")

    assert 7 == len(lines)
    assert lines[-1].startswith(b"Location: https://a")


# ---- fixed responses


def fixed(status: str, *, body: str | None = None, content_type: str | None = None) -> FixedResponseConfig:
    return FixedResponseConfig(status_code=status, message_body=body, content_type=content_type)


@pytest.mark.conformance("fixed responses", "text/plain gets a charset", "rule-action-types")
def test_a_fixed_response_has_the_headers_of_every_own_answer() -> None:
    client = Stage(action=fixed("503", body="down é", content_type="text/plain")).client()
    client.sends("GET / HTTP/1.1", "Host: a")

    assert (
        "HTTP/1.1 503 Service Temporarily Unavailable\r\nServer: awselb/2.0\r\n"
        f"Date: {DATE}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 7\r\n"
        "Connection: keep-alive\r\n\r\ndown é"
    ).encode() == client.received


@pytest.mark.conformance(
    "fixed responses", "every type gets a charset; text/plain without one", "rule-action-types", status="default"
)
@pytest.mark.parametrize(
    ("content_type", "sent"),
    [
        (None, "text/plain; charset=utf-8"),
        ("application/json", "application/json; charset=utf-8"),
        ("text/html", "text/html; charset=utf-8"),
    ],
)
def test_every_content_type_gets_a_charset(content_type: str | None, sent: str) -> None:
    client = Stage(action=fixed("200", body="{}", content_type=content_type)).client()
    client.sends("GET / HTTP/1.1", "Host: a")

    assert f"\r\nContent-Type: {sent}\r\n".encode() in client.received


@pytest.mark.conformance(
    "fixed responses", "an empty 404 for HTTP/1.0 is 162 bytes and closes", "load-balancer-access-logs"
)
def test_an_empty_404_for_http_1_0_has_the_observed_size() -> None:
    stage = Stage(action=fixed("404"))
    client = stage.client().sends("GET / HTTP/1.0", "User-Agent: scanner/1.0")

    assert (162, ["close"]) == (stage.record.sent_bytes, client.events)
    assert b"Content-Length: 0\r\nConnection: close\r\n\r\n" in client.received


def test_a_fixed_response_is_not_an_error_page() -> None:
    """A browser gets the configured bytes, not the padding."""
    client = Stage(action=fixed("404", body="x")).client()
    client.sends("GET / HTTP/1.1", "Host: a", "User-Agent: Chrome/129")

    assert client.received.endswith(b"\r\n\r\nx")


def test_the_body_of_a_204_is_not_sent() -> None:
    """A client would read it as the beginning of the next response."""
    client = Stage(action=fixed("204", body="surprise")).client().sends("GET / HTTP/1.1", "Host: a")

    assert client.received.startswith(b"HTTP/1.1 204 No Content\r\n")
    assert client.received.endswith(b"Connection: keep-alive\r\n\r\n")
    assert b"Content-Length" not in client.received


@pytest.mark.parametrize("config", [TO_HTTPS, fixed("404")])
def test_a_request_whose_body_is_still_coming_is_answered_at_once_and_closed(
    config: FixedResponseConfig | RedirectConfig,
) -> None:
    stage = Stage(action=config)
    client = stage.client().sends("POST / HTTP/1.1", "Host: a", "Content-Length: 10", body="12345")

    assert ["close"] == client.events
    assert b"\r\nConnection: close\r\n" in client.received


# ---- forward


@pytest.mark.conformance("forward", "a group without registered targets is a 503", "load-balancer-troubleshooting")
def test_an_empty_group_is_a_503() -> None:
    stage = Stage(targets=())
    client = stage.client().sends("GET / HTTP/1.1", "Host: a")
    record = stage.record

    assert client.received.startswith(b"HTTP/1.1 503 Service Temporarily Unavailable\r\n")
    assert ["keep-alive"] == client.events
    assert (stage.group, None, "forward") == (record.group, record.target, record.actions)


@pytest.mark.conformance("forward", "all weights 0 is a 503", "rule-action-types", status="default")
def test_no_group_to_choose_is_a_503() -> None:
    stage = Stage(rules=(), targets=())
    stage.context.routing._default.answer._choose = lambda: None  # type: ignore[attr-defined]
    stage.client().sends("GET / HTTP/1.1", "Host: a")

    assert (503, None) == (stage.record.status, stage.record.group)


def test_a_forward_action_knows_its_rule() -> None:
    assert "7" == ForwardAction("7", lambda: None).priority
