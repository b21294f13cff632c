"""Requests of HTTP/2 clients, scripted: what the target gets, what the client gets, how each ending looks."""

from __future__ import annotations

import pytest

from edgeproxy.exchange.h2_exchange import GRPC_STATUSES
from edgeproxy.exchange.outcome import Outcome
from edgeproxy.exchange.response_headers import ResponseHeaders
from edgeproxy.model.action import FixedResponseConfig, RedirectConfig
from tests.helpers.exchange_ports import DATE, TRACE, Stage
from tests.helpers.h2_exchange_ports import H2ScriptedClient
from tests.helpers.h2_wire import headers

OK = ("HTTP/1.1 200 OK", "Content-Length: 2")
GRPC = ("content-type", "application/grpc+proto")
PAGE = "load-balancer-troubleshooting"


def staged(**options: object) -> tuple[Stage, H2ScriptedClient]:
    stage = Stage(protocol="HTTPS", port=443, **options)  # type: ignore[arg-type]
    return stage, H2ScriptedClient(stage)


def sent(stage: Stage) -> list[str]:
    """The lines of the request that the target got."""
    return stage.target.received.decode("latin-1").partition("\r\n\r\n")[0].split("\r\n")


# ---- the request


@pytest.mark.conformance(
    "Request headers",
    "of an HTTP/2 client's names seven reach the target in mixed case, all others in lower case",
    "how-elastic-load-balancing-works",
)
def test_the_target_gets_the_load_balancers_names_in_mixed_case() -> None:
    stage, client = staged()
    client.asks("GET", "/a?b=c", ("user-agent", "x"), ("x-forwarded-for", "198.51.100.1"), host="Example.COM")

    assert [
        "GET /a?b=c HTTP/1.1",
        "X-Forwarded-For: 198.51.100.1, 192.0.2.7",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Port: 443",
        "Host: example.com",
        f"X-Amzn-Trace-Id: Root={TRACE}",
        "user-agent: x",
    ] == sent(stage)


def test_the_trace_id_of_the_client_is_continued() -> None:
    stage, client = staged()
    client.asks("GET", "/", ("x-amzn-trace-id", "Root=1-67891233-abcdef012345678912345678;X=1"))

    assert f"X-Amzn-Trace-Id: Self={TRACE};Root=1-67891233-abcdef012345678912345678;X=1" in sent(stage)


def test_cookie_crumbs_are_one_line() -> None:
    stage, client = staged()
    client.asks("GET", "/", ("cookie", "a=1"), ("cookie", "b=2"))

    assert "cookie: a=1; b=2" in sent(stage)


@pytest.mark.conformance(
    "Request headers", "over HTTP/2 Expect is neither answered nor forwarded", "how-elastic-load-balancing-works"
)
def test_expect_is_neither_answered_nor_forwarded() -> None:
    stage, client = staged()
    stream = client.asks("POST", "/", ("expect", "100-continue"), is_complete=False)

    assert not any(line.lower().startswith("expect") for line in sent(stage))
    assert [] == stream.fields


def test_a_body_without_a_length_goes_in_chunks() -> None:
    stage, client = staged()
    stream = client.asks("POST", "/", body=b"abc", is_complete=False)
    stream.sends(b"de").sends(b"", is_complete=True)

    assert "transfer-encoding: chunked" in sent(stage)
    assert stage.target.received.endswith(b"\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")


def test_trailers_of_a_request_end_its_body() -> None:
    stage, client = staged()
    stream = client.asks("POST", "/", body=b"abc", is_complete=False)
    client.on_request_trailers(stream.id, ["x: 1"])

    assert stage.target.received.endswith(b"\r\n\r\n3\r\nabc\r\n0\r\n\r\n")


def test_an_empty_body_of_stated_length_is_no_body() -> None:
    stage, client = staged()
    client.asks("POST", "/", ("content-length", "0"))

    assert stage.target.received.endswith(b"content-length: 0\r\n\r\n")


def test_refused_methods_are_refused() -> None:
    stage, client = staged()
    trace = client.asks("TRACE")
    # A CONNECT has neither path nor scheme.
    client.feed(headers(3, [(":method", "CONNECT"), (":authority", "a:1")]))

    assert [405, 405] == [trace.status, client.streams[3].status]
    assert [] == stage.targets


# ---- the response


@pytest.mark.conformance(
    "Responses", "HTTP/2 clients get lower-case names and no Connection", "load-balancer-listeners"
)
def test_the_client_gets_lower_case_names_and_nothing_of_the_connections() -> None:
    stage, client = staged()
    stream = client.asks()
    stage.target.answers(
        *OK, "Server: t", "X-Thing: V", "Connection: keep-alive", "Keep-Alive: timeout=5", "Set-Cookie: a=1",
        "Set-Cookie: b=2", "Content-Type: text/html", body="ok",
    )  # fmt: skip

    assert [
        (":status", "200"),
        ("date", DATE),
        ("content-type", "text/html"),
        ("content-length", "2"),
        ("server", "t"),
        ("x-thing", "V"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
    ] == stream.fields
    assert (b"ok", True, ["release"]) == (stream.body, stream.has_ended, stage.target.events)


def test_chunks_of_the_target_are_data() -> None:
    stage, client = staged()
    stream = client.asks()
    stage.target.answers("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", body="2\r\nab\r\n")
    begun = (stream.names, stream.body, stream.has_ended)
    stage.target.answers_bytes("1\r\nc\r\n0\r\n\r\n")

    assert ([":status", "date"], b"ab", False) == begun
    assert (b"abc", True, ["end"]) == (stream.body, stream.has_ended, stream.events)


def test_a_body_until_the_target_closes_is_data() -> None:
    stage, client = staged()
    stream = client.asks()
    stage.target.answers("HTTP/1.0 200 OK", body="abc")
    stage.target.closes()

    assert (b"abc", True) == (stream.body, stream.has_ended)


@pytest.mark.parametrize(
    ("method", "head"),
    [
        ("HEAD", ("HTTP/1.1 200 OK", "Content-Length: 5")),
        ("HEAD", ("HTTP/1.1 200 OK", "Transfer-Encoding: chunked")),
        ("GET", ("HTTP/1.1 204 No Content",)),
        ("GET", ("HTTP/1.1 304 Not Modified", "ETag: x")),
        ("GET", ("HTTP/1.1 200 OK", "Content-Length: 0")),
    ],
)
def test_responses_without_a_body_end_with_their_head(method: str, head: tuple[str, ...]) -> None:
    stage, client = staged()
    stream = client.asks(method)
    stage.target.answers(*head)

    assert (b"", True, ["end"]) == (stream.body, stream.has_ended, stream.events)
    assert "transfer-encoding" not in stream.names


def test_interim_answers_are_not_passed_on() -> None:
    stage, client = staged()
    stream = client.asks()
    stage.target.answers("HTTP/1.1 103 Early Hints", "Link: </x>")
    stage.target.answers(*OK, body="ok")

    assert 200 == stream.status


@pytest.mark.conformance("Response headers", "inserted headers are on every response", "header-modification")
def test_inserted_headers_are_on_every_response() -> None:
    added = ResponseHeaders([("Strict-Transport-Security", "max-age=1")], has_server=False)
    stage, client = staged(response_headers=added)
    first = client.asks()
    stage.target.answers(*OK, "Strict-Transport-Security: no", body="ok")
    stage.group.update([])
    second = client.asks()

    assert ["max-age=1", "max-age=1"] == [stream.value("strict-transport-security") for stream in (first, second)]
    assert (503, False) == (second.status, "server" in second.names)


def test_the_same_response_on_a_keep_alive_connection_is_encoded_for_each_version() -> None:
    """Both versions remember their encoding with the target's head."""
    stage, client = staged()
    texts = []
    for _ in range(2):
        stream = client.asks()
        stage.target.answers(*OK, "Date: x", body="ok")
        old = stage.client().sends("GET / HTTP/1.1", "Host: a")
        stage.target.answers(*OK, "Date: x", body="ok")
        texts.append((stream.fields, old.received))

    assert texts[0] == texts[1]
    assert (":status", "200") == texts[0][0][0]
    assert texts[0][1].startswith(b"HTTP/1.1 200 OK\r\nDate: x\r\n")


# ---- the load balancer's own answers


def test_a_fixed_response_has_the_observed_order() -> None:
    config = FixedResponseConfig(status_code="404", content_type="text/plain", message_body="no")
    _, client = staged(action=config)
    stream = client.asks()

    assert [
        (":status", "404"),
        ("server", "awselb/2.0"),
        ("date", DATE),
        ("content-type", "text/plain; charset=utf-8"),
        ("content-length", "2"),
    ] == stream.fields
    assert b"no" == stream.body


def test_a_redirect_says_where() -> None:
    _, client = staged(action=RedirectConfig(status_code="HTTP_301", host="new.test"))
    stream = client.asks("GET", "/a?b")

    assert (301, "https://new.test:443/a?b") == (stream.status, stream.value("location"))


def test_a_head_of_a_page_has_no_body() -> None:
    stage, client = staged()
    stage.group.update([])
    stream = client.asks("HEAD")

    assert (503, "162", b"") == (stream.status, stream.value("content-length"), stream.body)


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Outcome.CONNECT_FAILED, 502),
        (Outcome.CONNECT_TIMEOUT, 504),
        (Outcome.TARGET_TLS_FAILED, 502),
    ],
)
def test_a_target_that_cannot_be_reached(outcome: Outcome, status: int) -> None:
    stage, client = staged(is_connected=False)
    stream = client.asks("POST", "/", body=b"abc", is_complete=False)
    stage.refuses(outcome)

    assert (status, ["pause", "end"]) == (stream.status, stream.events)


@pytest.mark.conformance("Errors", "502 when the target answers what is not HTTP", PAGE)
def test_a_target_that_answers_nonsense_or_closes() -> None:
    stage, client = staged()
    first = client.asks()
    stage.target.answers_bytes("nonsense\r\n\r\n")
    second = client.asks()
    stage.target.closes()

    assert [502, 502] == [first.status, second.status]
    assert [122, 122] == [len(first.body), len(second.body)]


def test_silence_is_504_or_408_by_whose_it_is() -> None:
    stage, client = staged()
    waiting = client.asks()
    waiting.waits(60)
    sending = client.asks("POST", "/", is_complete=False)
    sending.waits(60)

    assert [504, 408] == [waiting.status, sending.status]
    assert ["abort"] == stage.targets[0].events


def test_headers_that_are_too_large_are_400() -> None:
    stage, client = staged()
    stream = client.asks("GET", "/", ("x", "y" * 16_384))

    assert (400, b"400 Bad Request" in stream.body) == (stream.status, True)
    assert [] == stage.targets


def test_463_for_too_many_addresses() -> None:
    _, client = staged()
    stream = client.asks("GET", "/", ("x-forwarded-for", ", ".join(["192.0.2.1"] * 31)))

    assert (463, b"") == (stream.status, stream.body)


# ---- endings


def test_a_response_that_breaks_off_is_reset() -> None:
    stage, client = staged()
    stream = client.asks()
    stage.target.answers("HTTP/1.1 200 OK", "Content-Length: 10", body="12345")
    stage.target.closes()

    assert (b"12345", False, ["abort"]) == (stream.body, stream.has_ended, stream.events)
    assert (200, Outcome.TARGET_CLOSED) == (stage.record.status, stage.record.outcome)


def test_silence_in_a_response_is_a_reset() -> None:
    stage, client = staged()
    stream = client.asks()
    stage.target.answers("HTTP/1.1 200 OK", "Content-Length: 10", body="12345")
    stream.waits(60)

    assert (["abort"], ["abort"]) == (stream.events, stage.target.events)


@pytest.mark.parametrize(
    ("is_complete", "outcome"), [(True, Outcome.CLIENT_LEFT), (False, Outcome.CLIENT_LEFT_SENDING)]
)
def test_a_reset_reaches_the_target(is_complete: bool, outcome: Outcome) -> None:
    stage, client = staged()
    stream = client.asks(
        "POST", "/", ("content-length", "3"), body=b"abc" if is_complete else b"", is_complete=is_complete
    )
    stream.leaves()

    assert (["abort"], outcome) == (stage.target.events, stage.record.outcome)
    assert 0 == stage.state.outstanding


def test_a_reset_while_connecting_gives_the_connection_back() -> None:
    stage, client = staged(is_connected=False)
    client.asks().leaves()
    target = stage.connects()

    assert (["release"], b"") == (target.events, target.received)


def test_a_body_that_is_not_as_long_as_stated_ends_the_stream_and_the_target_connection() -> None:
    stage, client = staged()
    stream = client.asks("POST", "/", ("content-length", "3"), body=b"a", is_complete=False)
    stream.sends(b"", is_complete=True)

    assert ([stream.id], ["abort"]) == (client.resets, stage.target.events)


def test_an_early_answer_ends_the_stream_and_spoils_the_target_connection() -> None:
    """The rest of the body is on its way to it."""
    stage, client = staged()
    stream = client.asks("POST", "/", ("content-length", "10"), body=b"a", is_complete=False)
    stage.target.answers("HTTP/1.1 413 Too Large", "Content-Length: 0")

    assert (413, ["end"], ["abort"]) == (stream.status, stream.events, stage.target.events)


def test_an_answer_that_begins_early_and_ends_late_keeps_the_target_connection() -> None:
    stage, client = staged()
    stream = client.asks("POST", "/", ("content-length", "2"), body=b"a", is_complete=False)
    stage.target.answers("HTTP/1.1 200 OK", "Content-Length: 2", body="x")
    stream.sends(b"b", is_complete=True)
    stage.target.answers_bytes("y")

    assert (b"xy", ["release"]) == (stream.body, stage.target.events)


# ---- backpressure


def test_a_client_that_is_full_pauses_its_target_until_it_drains() -> None:
    stage, client = staged()
    stream = client.asks()
    stream.fills_up = True
    stage.target.answers("HTTP/1.1 200 OK", "Content-Length: 4", body="ab")
    paused = stage.target.is_paused
    stream.reads_on()
    stage.target.answers_bytes("cd")

    assert (True, False, b"abcd") == (paused, stage.target.is_paused, stream.body)


def test_a_client_that_is_full_at_the_end_does_not_hold_the_target() -> None:
    stage, client = staged()
    stream = client.asks()
    stream.fills_up = True
    stage.target.answers(*OK, body="ok")

    assert ["pause", "resume", "release"] == stage.target.events
    assert stream.has_ended


def test_a_target_that_is_full_pauses_its_stream() -> None:
    stage, client = staged()
    stream = client.asks("POST", "/", is_complete=False)
    stage.target.stops_reading()
    stage.target.reads_on()

    assert ["pause", "resume"] == stream.events


def test_while_connecting_the_client_is_paused() -> None:
    stage, client = staged(is_connected=False)
    stream = client.asks("POST", "/", ("content-length", "5"), body=b"ab", is_complete=False)
    stream.sends(b"cde", is_complete=True)
    target = stage.connects()

    assert target.received.endswith(b"\r\n\r\nabcde")
    assert "pause" == stream.events[0]


# ---- gRPC


@pytest.mark.conformance(
    "gRPC", "gRPC to an HTTP1 group is 464, an answer of HTTP's own", "load-balancer-target-groups"
)
def test_a_call_does_not_go_to_an_http1_group() -> None:
    stage, client = staged()
    stream = client.asks("POST", "/p.S/M", GRPC, body=b"x")

    assert (464, b"", "0") == (stream.status, stream.body, stream.value("content-length"))
    assert "grpc-status" not in stream.names
    assert [] == stage.targets


def test_what_is_no_call_goes_to_an_http1_group() -> None:
    stage, client = staged()
    client.asks("GET", "/", ("content-type", "application/grpc"))
    client.asks("POST", "/", ("content-type", "text/plain"), body=b"x")

    assert 2 == len(stage.targets)


@pytest.mark.conformance(
    "gRPC", "an error is one header block with grpc-status and grpc-message", PAGE, status="default"
)
def test_an_error_of_a_call_is_one_header_block() -> None:
    stage, client = staged()
    stage.group.update([])
    stream = client.asks("POST", "/p.S/M", GRPC, body=b"x")

    assert [
        (":status", "503"),
        ("server", "awselb/2.0"),
        ("date", DATE),
        ("content-type", "application/grpc"),
        ("content-length", "0"),
        ("grpc-status", "14"),
        ("grpc-message", "unavailable"),
    ] == stream.fields
    assert (b"", True) == (stream.body, stream.has_ended)


def test_what_a_rule_says_is_said_to_calls_as_well() -> None:
    _, client = staged(action=FixedResponseConfig(status_code="200", message_body="hi"))
    stream = client.asks("POST", "/p.S/M", GRPC, body=b"x")

    assert (200, b"hi", False) == (stream.status, stream.body, "grpc-status" in stream.names)


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "13"), (401, "16"), (403, "7"), (404, "12"), (408, "4"), (414, "8"), (500, "13"), (502, "14"), (504, "14")],
)
def test_the_mapping_is_nginxs_template(status: int, code: str) -> None:
    assert code == GRPC_STATUSES[status][0]


# ---- the record


def test_the_record_counts_frames() -> None:
    stage, client = staged()
    stream = client.asks("POST", "/", ("content-length", "3"), body=b"abc")
    stage.target.answers(*OK, body="ok")
    head = stage.exchanges[0].head
    assert head is not None

    assert head.size + 3 == stage.record.received_bytes
    # A block of five fields and its frame, two bytes and theirs.
    assert stage.record.sent_bytes > 9 + 9 + 2
    assert (200, 200, "HTTP/2.0") == (stage.record.status, stage.record.target_status, head.version)
    assert stream.has_ended
