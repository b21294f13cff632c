"""Headers that a listener puts on every response."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edgeproxy.exchange.forwarding import MAX_ENCODINGS, BodyMode, encode_response_head
from edgeproxy.exchange.response_headers import UNCHANGED, ResponseHeaders
from edgeproxy.model.action import FixedResponseConfig, RedirectConfig
from tests.helpers.exchange_ports import FrozenClock, Stage

if TYPE_CHECKING:
    from collections.abc import Callable

STS = ResponseHeaders((("Strict-Transport-Security", "max-age=1"),))
FRAMES = ResponseHeaders((("X-Frame-Options", "DENY"),))
ORIGIN = ResponseHeaders((("Access-Control-Allow-Origin", "https://a.test"),))
FIXED = FixedResponseConfig(status_code="200", message_body="ok")


def passed_on(added: ResponseHeaders, *lines: str) -> list[str]:
    """The lines of a target's response as the client gets them."""
    stage = Stage(response_headers=added)
    client = stage.client().sends("GET / HTTP/1.1", "Host: a", "Origin: https://b.test")
    stage.target.answers(*lines)
    return client.received.decode("latin-1").split("\r\n\r\n")[0].split("\r\n")


def own_answer(stage: Stage) -> list[str]:
    client = stage.client().sends("GET / HTTP/1.1", "Host: a")
    return client.received.decode("latin-1").split("\r\n\r\n")[0].split("\r\n")


def values(lines: list[str], name: str) -> list[str]:
    return [value for key, _, value in (line.partition(": ") for line in lines) if key.lower() == name.lower()]


@pytest.mark.conformance("response headers", "the target's value is replaced, not repeated", "header-modification")
def test_the_targets_value_is_replaced() -> None:
    lines = passed_on(
        STS,
        "HTTP/1.1 200 OK",
        "strict-transport-security: max-age=9",
        "X-A: 1",
        "Strict-Transport-Security: max-age=8",
        "Content-Length: 0",
    )
    assert ["max-age=1"] == values(lines, "Strict-Transport-Security")
    assert ["1"] == values(lines, "X-A")


@pytest.mark.conformance("response headers", "every status gets them", "document-history")
@pytest.mark.parametrize("status", ["200 OK", "301 Moved Permanently", "404 Not Found", "500 Oh", "304 Not Modified"])
def test_every_status_gets_them(status: str) -> None:
    assert ["DENY"] == values(passed_on(FRAMES, f"HTTP/1.1 {status}", "Content-Length: 0"), "X-Frame-Options")


@pytest.mark.conformance("response headers", "values do not depend on the request", "header-modification")
def test_the_origin_is_not_reflected() -> None:
    lines = passed_on(ORIGIN, "HTTP/1.1 200 OK", "Content-Length: 0")
    assert ["https://a.test"] == values(lines, "Access-Control-Allow-Origin")


@pytest.mark.conformance("response headers", "without a value the target's passes", "header-modification")
def test_without_a_value_the_targets_passes() -> None:
    lines = passed_on(UNCHANGED, "HTTP/1.1 200 OK", "X-Frame-Options: SAMEORIGIN", "Content-Length: 0")
    assert ["SAMEORIGIN"] == values(lines, "X-Frame-Options")


@pytest.mark.conformance(
    "response headers", "the load balancer's own answers get them", "header-modification", status="default"
)
@pytest.mark.parametrize(
    "stage",
    [
        lambda: Stage(response_headers=STS, action=FIXED),
        lambda: Stage(
            response_headers=STS, action=RedirectConfig(status_code="HTTP_301", protocol="HTTPS", port="443")
        ),
        lambda: Stage(response_headers=STS, targets=()),
    ],
)
def test_own_answers_get_them(stage: Callable[[], Stage]) -> None:
    assert ["max-age=1"] == values(own_answer(stage()), "Strict-Transport-Security")


def test_a_request_that_cannot_be_read_is_answered_with_them() -> None:
    client = Stage(response_headers=STS).client().sends_bytes("nonsense\r\n\r\n")
    assert client.received.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nStrict-Transport-Security: max-age=1\r\n" in client.received


@pytest.mark.conformance("response headers", "server.enabled=false takes the Server header away", "header-modification")
@pytest.mark.parametrize("targets", [(), (("10.0.2.37", 8080),)])
def test_own_answers_may_do_without_a_server_header(targets: tuple[tuple[str, int], ...]) -> None:
    silent = ResponseHeaders(has_server=False)
    action = FIXED if targets else None

    assert ["awselb/2.0"] == values(own_answer(Stage(targets=targets, action=action)), "Server")
    assert [] == values(own_answer(Stage(targets=targets, action=action, response_headers=silent)), "Server")


@pytest.mark.conformance(
    "response headers", "a target's own Server header passes", "header-modification", status="default"
)
def test_a_targets_server_header_passes() -> None:
    lines = passed_on(ResponseHeaders(has_server=False), "HTTP/1.1 200 OK", "Server: nginx", "Content-Length: 0")
    assert ["nginx"] == values(lines, "Server")


def test_listeners_that_share_a_target_do_not_mix_up_their_headers() -> None:
    """The same bytes of a target are one head for all listeners."""
    stage = Stage()
    stage.client().sends("GET / HTTP/1.1", "Host: a")
    raw = b"HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 0\r\n\r\n"
    stage.response_memo.compute(raw)
    head = stage.response_memo.compute(raw)
    clock = FrozenClock()
    seen = [
        encode_response_head(head, BodyMode.AS_RECEIVED, True, clock, added)
        for _ in range(2)
        for added in (STS, UNCHANGED, FRAMES)
    ]
    assert seen[:3] == seen[3:]
    assert 3 == len(set(seen))


def test_what_a_head_remembers_is_bounded() -> None:
    stage = Stage()
    head = stage.response_memo.compute(b"HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 0\r\n\r\n")
    for number in range(3 * MAX_ENCODINGS):
        added = ResponseHeaders((("X-Frame-Options", str(number)),))
        encode_response_head(head, BodyMode.AS_RECEIVED, True, FrozenClock(), added)
    assert len(head.derived) <= MAX_ENCODINGS


def test_its_repr_shows_what_is_added() -> None:
    assert "<ResponseHeaders X-Frame-Options: DENY>" == repr(FRAMES)
    assert "<ResponseHeaders nothing>" == repr(UNCHANGED)


def test_one_more_header_leaves_the_others_as_they_are() -> None:
    before = ResponseHeaders([("A", "1: 2")], has_server=False)
    after = before.plus("B", "x, y")
    assert (("A: 1: 2",), ("A: 1: 2", "B: x, y")) == (before.lines, after.lines)
    assert () == after.server_lines
    assert not set(before.keys) & set(after.keys)
