"""One request's life, as scripts: who sends what, and what everybody gets."""

from __future__ import annotations

from typing import Any

import pytest

from edgeproxy.exchange.actions import FixedResponseAction
from edgeproxy.exchange.exchange import CONTINUE
from edgeproxy.exchange.outcome import Outcome
from edgeproxy.exchange.phase import TargetPhase
from edgeproxy.model.action import Action, FixedResponseConfig, RedirectConfig
from edgeproxy.model.condition import RuleCondition, SourceIpConfig
from edgeproxy.model.rule import Rule
from tests.helpers.exchange_ports import DATE, START, ScriptedClient, Stage

GET = ("GET /a HTTP/1.1", "Host: a")
POST = ("POST /a HTTP/1.1", "Host: a", "Content-Length: 10")
CHUNKED_POST = ("POST /a HTTP/1.1", "Host: a", "Transfer-Encoding: chunked")
OK = ("HTTP/1.1 200 OK", f"Date: {DATE}", "Content-Length: 2")


def status(client: ScriptedClient) -> int:
    return int(client.received[9:12])


def body(data: bytes) -> bytes:
    return data.partition(b"\r\n\r\n")[2]


# ---- forwarding


def test_a_request_goes_to_the_target_and_its_answer_to_the_client() -> None:
    stage = Stage()
    client = stage.client().sends(*GET)
    assert 1 == stage.state.outstanding
    stage.now += 0.25
    stage.target.answers(*OK, body="ok")

    assert f"HTTP/1.1 200 OK\r\nDate: {DATE}\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok".encode() == (
        client.received
    )
    assert (["keep-alive"], ["release"], 0) == (client.events, stage.target.events, stage.state.outstanding)
    record = stage.record
    assert (200, 200, Outcome.FORWARDED, START + 0.25) == (
        record.status,
        record.target_status,
        record.outcome,
        record.answered,
    )
    assert (len(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"), len(client.received)) == (
        record.received_bytes,
        record.sent_bytes,
    )


def test_a_section_that_repeats_is_routed_by_everything_that_rules_look_at() -> None:
    """The section remembers where it led last; another line, address or configuration may lead elsewhere."""

    def fixed(status: int) -> FixedResponseAction:
        return FixedResponseAction(str(status), FixedResponseConfig(status_code=str(status)))

    def by(**config: Any) -> Rule:
        answer = Action(type="fixed-response", fixed_response_config=FixedResponseConfig(status_code="200"))
        return Rule(priority=1, conditions=(RuleCondition(**config),), actions=(answer,))

    path = by(field="path-pattern", values=("/b",))
    address = by(field="source-ip", source_ip_config=SourceIpConfig(values=("198.51.100.0/24",)))
    stage = Stage(rules=[(path, fixed(201)), (address, fixed(202))], action=FixedResponseConfig(status_code="200"))
    near, far = stage.client(), stage.client(source_ip="198.51.100.1")
    seen = []
    for client, line in ((near, "/a"), (near, "/a"), (near, "/a"), (far, "/a"), (far, "/b"), (near, "/a"), (far, "/a")):
        client.sends(f"GET {line} HTTP/1.1", "Host: a")
        seen.append(status(client))
        client.took()
    stage.context = Stage(action=FixedResponseConfig(status_code="204")).context
    near.sends("GET /a HTTP/1.1", "Host: a")
    assert [200, 200, 200, 202, 201, 200, 202, 204] == [*seen, status(near)]


def test_connections_are_used_again() -> None:
    stage = Stage()
    client = stage.client()
    for _ in range(3):
        client.sends(*GET)
        stage.target.answers(*OK, body="ok")

    assert 1 == len(set(map(id, stage.targets)))
    assert ["keep-alive"] * 3 == client.events


def test_a_connection_that_is_not_at_hand_is_waited_for() -> None:
    stage = Stage(is_connected=False)
    client = stage.client().sends(*GET)
    assert (b"", TargetPhase.CONNECTING) == (client.received, stage.exchanges[0].phase)
    stage.now += 0.5
    stage.connects().answers(*OK, body="ok")

    assert (200, START + 0.5) == (status(client), stage.record.dispatched)


def test_the_body_that_comes_while_connecting_is_sent_with_the_head() -> None:
    stage = Stage(is_connected=False)
    client = stage.client().sends(*POST, body="12345")
    assert client.is_paused
    stage.connects()
    assert (b"12345", False) == (body(stage.target.took()), client.is_paused)
    client.sends_bytes("67890")

    assert b"67890" == stage.target.received


@pytest.mark.conformance("request bodies", "bytes are passed on as they arrive", "load-balancer-access-logs")
def test_a_body_is_streamed() -> None:
    stage = Stage()
    client = stage.client().sends(*POST)
    parts = [body(stage.target.took())]
    for part in ("123", "4567", "890"):
        client.sends_bytes(part)
        parts.append(stage.target.took())

    assert [b"", b"123", b"4567", b"890"] == parts
    assert 10 + len(b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n") == stage.exchanges[0].received_bytes


@pytest.mark.conformance("request bodies", "chunked stays chunked", "load-balancer-troubleshooting")
def test_a_chunked_body_is_framed_anew() -> None:
    stage = Stage()
    client = stage.client().sends(*CHUNKED_POST, body="3;ext=1\r\nabc\r\n")
    assert b"3\r\nabc\r\n" == body(stage.target.took())
    client.sends_bytes("2\r\nde\r\n1\r\nf\r\n0\r\nX-Trailer: dropped\r\n\r\n")

    assert b"3\r\ndef\r\n0\r\n\r\n" == stage.target.received


def test_an_empty_chunked_body_still_ends() -> None:
    stage = Stage()
    stage.client().sends(*CHUNKED_POST, body="0\r\n\r\n")

    assert b"0\r\n\r\n" == body(stage.target.received)


# ---- responses


@pytest.mark.conformance("responses", "chunked is relayed chunked, part by part", "load-balancer-troubleshooting")
def test_a_chunked_response_is_framed_anew() -> None:
    stage = Stage()
    client = stage.client().sends(*GET)
    stage.target.answers("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", body="2\r\nab\r\n")
    assert b"2\r\nab\r\n" == body(client.took())
    stage.target.answers_bytes("1;x\r\nc\r\n1\r\nd\r\n")
    assert b"2\r\ncd\r\n" == client.took()
    stage.target.answers_bytes("0\r\nX-T: 1\r\n\r\n")

    assert (b"0\r\n\r\n", ["keep-alive"]) == (client.received, client.events)


@pytest.mark.conformance(
    "responses",
    "a body that ends with the connection is chunked for HTTP/1.1",
    "load-balancer-troubleshooting",
    status="default",
)
def test_a_response_until_close_becomes_chunked() -> None:
    stage = Stage()
    client = stage.client().sends(*GET)
    stage.target.answers("HTTP/1.1 200 OK", body="ab").closes()
    head, _, content = client.received.partition(b"\r\n\r\n")

    assert b"\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive" in head
    assert (b"2\r\nab\r\n0\r\n\r\n", ["keep-alive"], 200) == (content, client.events, stage.record.status)


@pytest.mark.parametrize(("lines", "sent"), [(("Transfer-Encoding: chunked",), "2\r\nab\r\n0\r\n\r\n"), ((), "ab")])
def test_an_http_1_0_client_gets_no_chunks(lines: tuple[str, ...], sent: str) -> None:
    stage = Stage()
    client = stage.client().sends("GET / HTTP/1.0")
    stage.target.answers("HTTP/1.1 200 OK", *lines, body=sent)
    if not lines:
        stage.target.closes()
    head, _, content = client.received.partition(b"\r\n\r\n")

    assert (b"ab", ["close"]) == (content, client.events)
    assert b"Transfer-Encoding" not in head
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.conformance(
    "responses", "HTTP/1.0 clients get Connection: close", "load-balancer-access-logs", status="default"
)
@pytest.mark.parametrize("lines", [["X-A: 1"], ["Connection: close"], ["Connection: keep-alive, close"]])
def test_http_1_0_connections_close(lines: list[str]) -> None:
    stage = Stage()
    client = stage.client().sends("GET / HTTP/1.0", "Host: a", *lines)
    stage.target.answers(*OK, body="ok")

    assert b"\r\nConnection: close\r\n" in client.received
    assert ["close"] == client.events


@pytest.mark.conformance(
    "responses",
    "an HTTP/1.0 client that asks for keep-alive gets it",
    "how-elastic-load-balancing-works",
    status="default",
)
def test_http_1_0_connections_stay_open_when_asked_for() -> None:
    """As nginx does; benchmarks and old proxies ask so."""
    stage = Stage()
    client = stage.client().sends("GET / HTTP/1.0", "Host: a", "Connection: keep-alive")
    stage.target.answers(*OK, body="ok")

    assert b"\r\nConnection: keep-alive\r\n" in client.received
    assert ["keep-alive"] == client.events


def test_http_1_0_connections_close_behind_a_body_of_unknown_length() -> None:
    """Only the end of the connection tells such a client where the body ends."""
    stage = Stage()
    client = stage.client().sends("GET / HTTP/1.0", "Host: a", "Connection: keep-alive")
    stage.target.answers("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", body="2\r\nab\r\n0\r\n\r\n")

    assert b"\r\nConnection: close\r\n" in client.received
    assert ["close"] == client.events


@pytest.mark.conformance("responses", "HEAD, 204 and 304 have no body", "load-balancer-troubleshooting")
@pytest.mark.parametrize(
    ("method", "line", "field"),
    [
        ("HEAD", "HTTP/1.1 200 OK", "Content-Length: 500"),
        ("HEAD", "HTTP/1.1 200 OK", "Transfer-Encoding: chunked"),
        ("GET", "HTTP/1.1 304 Not Modified", "Content-Length: 500"),
        ("GET", "HTTP/1.1 204 No Content", "X-A: 1"),
    ],
)
def test_a_response_without_a_body_ends_with_its_head(method: str, line: str, field: str) -> None:
    stage = Stage()
    client = stage.client().sends(f"{method} / HTTP/1.1", "Host: a")
    stage.target.answers(line, field)

    assert client.received.endswith(b"\r\n\r\n")
    assert f"\r\n{field}\r\n".encode() in client.received
    assert (["keep-alive"], ["release"]) == (client.events, stage.target.events)


def test_interim_responses_are_passed_over() -> None:
    stage = Stage()
    client = stage.client().sends(*GET)
    stage.target.answers("HTTP/1.1 103 Early Hints", "Link: </a>").answers(*OK, body="ok")

    assert client.received.startswith(b"HTTP/1.1 200 OK\r\n")


# ---- keep-alive and close


@pytest.mark.conformance(
    "client connections", "the client's Connection: close is honoured", "how-elastic-load-balancing-works"
)
def test_a_client_that_wants_to_close_is_closed() -> None:
    stage = Stage()
    client = stage.client().sends(*GET, "Connection: close")
    stage.target.answers(*OK, body="ok")

    assert b"\r\nConnection: close\r\n" in client.received
    assert (["close"], ["release"]) == (client.events, stage.target.events)


@pytest.mark.conformance(
    "client connections", "past its age a connection serves one more request", "edit-load-balancer-attributes"
)
def test_a_connection_that_must_close_says_so() -> None:
    stage = Stage()
    client = stage.client()
    client.must_close = True
    client.sends(*GET)
    stage.target.answers(*OK, body="ok")

    assert b"\r\nConnection: close\r\n" in client.received
    assert ["close"] == client.events


@pytest.mark.conformance(
    "desync mitigation", "an ambiguous request closes both connections", "edit-load-balancer-attributes"
)
def test_an_ambiguous_request_leaves_no_connection_behind() -> None:
    stage = Stage()
    client = stage.client().sends(*CHUNKED_POST, "Content-Length: 3", body="0\r\n\r\n")
    stage.target.answers(*OK, body="ok")

    assert (200, ["close"], ["abort"]) == (status(client), client.events, stage.target.events)


@pytest.mark.conformance(
    "client connections", "pipelined requests are answered in order", "how-elastic-load-balancing-works"
)
def test_pipelined_requests_wait_for_their_turn() -> None:
    stage = Stage()
    client = stage.client().sends_bytes("".join(f"GET /{n} HTTP/1.1\r\nHost: a\r\n\r\n" for n in range(3)))
    for n in range(3):
        assert n + 1 == len(stage.targets)
        stage.target.answers(*OK, body=f"#{n}")

    assert [b"#0", b"#1", b"#2"] == [part[:2] for part in client.received.split(b"\r\n\r\n")[1:]]


@pytest.mark.parametrize(
    "action",
    [FixedResponseConfig(status_code="404"), RedirectConfig(status_code="HTTP_302", protocol="HTTPS", port="443")],
)
def test_a_thousand_pipelined_generated_answers_do_not_pile_up(
    action: FixedResponseConfig | RedirectConfig,
) -> None:
    stage = Stage(action=action)
    client = stage.client().sends_bytes("GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 1000)

    assert ["keep-alive"] * 1000 == client.events
    assert 1000 == client.received.count(b"HTTP/1.1 ") == len(stage.ledger.records)


def test_a_target_that_answers_pipelined_requests_meets_generated_answers_between_them() -> None:
    stage = Stage()
    client = stage.client()
    client.sends_bytes(
        "GET / HTTP/1.1\r\nHost: a\r\n\r\nTRACE / HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
    )
    stage.target.answers(*OK, body="ok")
    stage.target.answers(*OK, body="ok")

    assert [200, 405, 200] == [record.status for record in stage.ledger.records]


# ---- Expect


@pytest.mark.conformance(
    "Expect", "100 Continue at once, whatever the length, not forwarded", "how-elastic-load-balancing-works"
)
@pytest.mark.parametrize("length", [10, 0])
def test_expect_is_answered_at_once(length: int) -> None:
    stage = Stage(is_connected=False)
    client = stage.client().sends("POST / HTTP/1.1", "Host: a", f"Content-Length: {length}", "Expect: 100-Continue")
    assert CONTINUE == client.took()
    stage.connects()

    assert b"expect" not in stage.target.received.lower()


def test_expect_means_nothing_to_http_1_0() -> None:
    stage = Stage()
    client = stage.client().sends("POST / HTTP/1.0", "Content-Length: 10", "Expect: 100-continue")

    assert b"" == client.received


# ---- refused requests

REFUSALS = [
    (("TRACE / HTTP/1.1", "Host: a"), 405, "keep-alive"),
    (("CONNECT a:443 HTTP/1.1", "Host: a"), 405, "keep-alive"),
    (("GET / HTTP/1.1",), 400, "close"),
    (("GET / HTTP/1.1", "Host:"), 400, "close"),
    (("GET / HTTP/1.1", "Host:  "), 400, "close"),
    (("GET http://a/ HTTP/1.1", "Host:"), 400, "close"),
    (("GET / HTTP/1.1", "Host: a", "Host: b"), 400, "close"),
    (("GET /../x HTTP/1.1", "Host: a"), 400, "close"),
    (("GET /a/%2e%2e/../x HTTP/1.1", "Host: a"), 400, "close"),
    (("GET /a%00 HTTP/1.1", "Host: a"), 400, "close"),
    (("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: gzip, chunked"), 501, "close"),
    (("GET / HTTP/1.1", "Host: a", f"X-Forwarded-For: {', '.join(['10.0.0.1'] * 31)}"), 463, "keep-alive"),
    (("GET / HTTP/1.1", "Host: a", *["X-Forwarded-For: 10.0.0.1"] * 31), 463, "keep-alive"),
    (("echo test",), 400, "close"),
    (("GET / HTTP/2.0", "Host: a"), 505, "close"),
]


@pytest.mark.conformance(
    "refused requests", "TRACE, a missing Host, an odd coding, too many addresses", "load-balancer-troubleshooting"
)
@pytest.mark.conformance(
    "refused requests", "CONNECT is a 405 and never a tunnel", "load-balancer-troubleshooting", status="default"
)
@pytest.mark.conformance(
    "refused requests", "a path that climbs above the root is a 400", "load-balancer-troubleshooting", status="default"
)
@pytest.mark.parametrize(("lines", "expected", "ending"), REFUSALS)
def test_some_requests_are_refused_before_any_rule_is_asked(lines: tuple[str, ...], expected: int, ending: str) -> None:
    stage = Stage()
    client = stage.client().sends(*lines, body="0\r\n\r\n" if expected == 501 else "")
    record = stage.record

    assert (expected, [ending], []) == (status(client), client.events, stage.targets)
    assert (expected, "-", "") == (record.status, record.priority, record.actions)
    assert len(client.received) == record.sent_bytes


@pytest.mark.conformance("refused requests", "30 addresses in X-Forwarded-For pass", "load-balancer-troubleshooting")
def test_thirty_addresses_pass() -> None:
    stage = Stage()
    stage.client().sends(*GET, f"X-Forwarded-For: {', '.join(['10.0.0.1'] * 30)}")

    assert 1 == len(stage.targets)


@pytest.mark.conformance(
    "Host", "rules look at the first of several preserved Host headers", "edit-load-balancer-attributes"
)
def test_several_hosts_pass_when_they_are_preserved() -> None:
    stage = Stage(preserve_host_header=True)
    stage.client().sends("GET / HTTP/1.1", "Host: first", "Host: second")
    head = stage.exchanges[0].head
    assert head is not None

    assert ("first", 1) == (head.host, len(stage.targets))


@pytest.mark.conformance("custom methods", "are forwarded", "rule-condition-types")
def test_unknown_methods_are_forwarded() -> None:
    stage = Stage()
    stage.client().sends("PURGE /a HTTP/1.1", "Host: a")

    assert stage.target.received.startswith(b"PURGE /a HTTP/1.1\r\n")


def test_a_head_that_cannot_be_read_leaves_a_record_without_a_request() -> None:
    stage = Stage()
    client = stage.client().sends("echo test")
    record = stage.record

    assert (None, 0, 272) == (record.head, record.received_bytes, record.sent_bytes)
    assert 272 == len(client.received)


def test_the_path_of_a_climbing_request_that_stays_inside_is_served_as_it_was_written() -> None:
    stage = Stage()
    stage.client().sends("GET /a/../b%41 HTTP/1.1", "Host: a")
    head = stage.exchanges[0].head
    assert head is not None

    assert ("/bA", b"GET /a/../b%41 HTTP/1.1") == (head.path, stage.target.received.partition(b"\r\n")[0])


# ---- for people


def test_an_exchange_says_where_it_stands() -> None:
    stage = Stage()
    stage.client().sends(*GET)
    waiting = repr(stage.exchanges[0])
    stage.target.answers(*OK, body="ok")
    stage.client().sends("nonsense")

    assert [
        "<Exchange 'GET /a HTTP/1.1' waiting for the response>",
        "<Exchange 'GET /a HTTP/1.1' done>",
        "<Exchange 'unreadable' done>",
    ] == [waiting, *map(repr, stage.exchanges)]
