"""HTTP/0.9: a line in, a body out."""

from __future__ import annotations

import pytest

from edgeproxy.model.action import FixedResponseConfig
from edgeproxy.protocol.desync import VERDICTS
from tests.helpers.exchange_ports import DNS_NAME, Stage, message

PAGE = "how-elastic-load-balancing-works"


@pytest.mark.conformance("HTTP versions", "HTTP/0.9 is served", PAGE)
@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
@pytest.mark.parametrize(
    ("response", "body"),
    [
        (message(["HTTP/1.1 200 OK", "Content-Length: 2"], "ok"), b"ok"),
        (message(["HTTP/1.1 200 OK", "Transfer-Encoding: chunked"], "2\r\nok\r\n0\r\n\r\n"), b"ok"),
        (message(["HTTP/1.1 404 Not Found", "Content-Length: 0"]), b""),
    ],
)
def test_the_answer_is_the_body_and_nothing_else(line_end: bytes, response: bytes, body: bytes) -> None:
    stage = Stage()
    client = stage.client()
    client.sends_bytes(b"GET /a?b" + line_end)
    stage.target.answers_bytes(response)

    assert (body, ["close"], ["release"]) == (client.received, client.events, stage.target.events)
    assert len(body) == stage.ledger.records[0].sent_bytes


@pytest.mark.conformance("HTTP versions", "a target sees HTTP/1.1 and the load balancer's name", PAGE)
def test_a_target_sees_a_request_of_http_1_1_for_the_load_balancer() -> None:
    stage = Stage()
    stage.client().sends_bytes(b"GET /a?b\r\n")

    assert stage.target.received.startswith(b"GET /a?b HTTP/1.1\r\n")
    assert f"\r\nHost: {DNS_NAME}\r\n".encode() in stage.target.received


@pytest.mark.conformance("HTTP versions", "HTTP/0.9 is NonCompliantVersion", "load-balancer-access-logs")
def test_it_is_acceptable_and_no_more() -> None:
    stage = Stage()
    stage.client().sends_bytes(b"GET /\r\n")
    stage.target.answers("HTTP/1.1 200 OK", "Content-Length: 0")
    assert stage.ledger.records[0].verdict is VERDICTS["NonCompliantVersion"]


def test_the_load_balancers_own_answers_come_without_a_head_too() -> None:
    client = Stage(action=FixedResponseConfig(status_code="503", message_body="later")).client()
    client.sends_bytes(b"GET /\r\n")
    assert (b"later", ["close"]) == (client.received, client.events)


def test_strictest_answers_with_a_page_without_a_head() -> None:
    client = Stage(desync_mitigation_mode="strictest").client()
    client.sends_bytes(b"GET /\r\n")
    assert client.received.startswith(b"<html>\r\n<head><title>400 Bad Request</title></head>")


def test_what_stands_behind_the_line_is_not_read() -> None:
    stage = Stage()
    client = stage.client()
    client.sends_bytes(b"GET /\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
    stage.target.answers("HTTP/1.1 200 OK", "Content-Length: 2", body="ok")
    assert (b"ok", 1) == (client.received, len(stage.exchanges))


@pytest.mark.parametrize("line", [b"POST /", b"HEAD /", b"GET a", b"GET / x", b"GET /\x7f", b"GET  /"])
def test_other_lines_without_a_version_are_malformed(line: bytes) -> None:
    stage = Stage()
    client = stage.client()
    client.sends_bytes(line + b"\r\n\r\n")
    assert client.received.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert (None, None) == (stage.ledger.records[0].head, stage.ledger.records[0].verdict)
