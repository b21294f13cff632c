"""The head that a client gets of a target's response."""

from __future__ import annotations

import pytest

from edgeproxy.exchange.forwarding import BodyMode, encode_response_head
from edgeproxy.protocol.head_parser import parse_response_head
from tests.helpers.exchange_ports import DATE, FrozenClock, message


def values(lines: list[str], name: str) -> list[str]:
    """All values of one header."""
    return [value for key, _, value in (line.partition(": ") for line in lines) if key.lower() == name.lower()]


def response(*lines: str, mode: BodyMode = BodyMode.AS_RECEIVED, keep_alive: bool = True, times: int = 1) -> list[str]:
    """The head that the client gets, as lines without the empty one."""
    head = parse_response_head(message(lines))
    for _ in range(times):
        encoded = encode_response_head(head, mode, keep_alive, FrozenClock())
    assert encoded.endswith(b"\r\n\r\n")
    return encoded.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")


@pytest.mark.conformance(
    "response headers",
    "Date, Content-Type, length and Connection first, then the target's others with its Server",
    "how-elastic-load-balancing-works",
)
def test_response_headers_have_the_observed_order() -> None:
    lines = response(
        "HTTP/1.1 200 Fine by me",
        "Server: gunicorn/19.9.0",
        "Set-Cookie: a=1",
        "Connection: close",
        "content-length: 5",
        "X-Custom: Yes",
        "Content-Type: text/plain; charset=utf-8",
        "Date: Sat, 21 Nov 2026 09:00:00 GMT",
        "Set-Cookie: b=2",
    )

    assert [
        "HTTP/1.1 200 Fine by me",
        "Date: Sat, 21 Nov 2026 09:00:00 GMT",
        "Content-Type: text/plain; charset=utf-8",
        "content-length: 5",
        "Connection: keep-alive",
        "Server: gunicorn/19.9.0",
        "Set-Cookie: a=1",
        "X-Custom: Yes",
        "Set-Cookie: b=2",
    ] == lines


@pytest.mark.conformance(
    "response headers", "no Server and no Via is added to a target's response", "header-modification", status="default"
)
@pytest.mark.parametrize("times", [1, 2])
def test_only_a_date_is_added(times: int) -> None:
    expected = ["HTTP/1.1 200 OK", f"Date: {DATE}", "Content-Length: 0", "Connection: keep-alive"]

    assert expected == response("HTTP/1.1 200 OK", "Content-Length: 0", times=times)


def test_an_added_date_is_never_remembered() -> None:
    head = parse_response_head(message(["HTTP/1.1 200 OK", "Content-Length: 0"]))
    clock = FrozenClock()
    encode_response_head(head, BodyMode.AS_RECEIVED, True, clock)
    clock.http_date = lambda: "later"  # type: ignore[method-assign]

    assert b"Date: later\r\n" in encode_response_head(head, BodyMode.AS_RECEIVED, True, clock)


@pytest.mark.conformance(
    "response headers", "Connection is the load balancer's own", "how-elastic-load-balancing-works"
)
@pytest.mark.parametrize("sent", [[], ["Connection: close"], ["connection: x, keep-alive", "Keep-Alive: timeout=5"]])
def test_the_targets_connection_header_is_replaced(sent: list[str]) -> None:
    both = [response("HTTP/1.1 200 OK", "Content-Length: 0", *sent, keep_alive=keep)[3:] for keep in (True, False)]

    assert [["Connection: keep-alive"], ["Connection: close"]] == both


@pytest.mark.parametrize(
    ("mode", "length"),
    [
        (BodyMode.AS_RECEIVED, ["Transfer-Encoding: chunked"]),
        (BodyMode.CHUNKED, ["Transfer-Encoding: chunked"]),
        (BodyMode.UNTIL_CLOSE, []),
    ],
)
def test_a_body_is_announced_as_it_is_framed(mode: BodyMode, length: list[str]) -> None:
    lines = response("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", mode=mode)

    assert [*length, "Connection: keep-alive"] == lines[2:]


@pytest.mark.parametrize(("status", "stays"), [("204 No Content", False), ("304 Not Modified", True), ("200 OK", True)])
def test_a_204_states_no_transfer_coding(status: str, stays: bool) -> None:
    """RFC 9112 section 6.1; clients exist that would wait for the chunks."""
    assert stays is ("Transfer-Encoding: chunked" in response(f"HTTP/1.1 {status}", "Transfer-Encoding: chunked"))


def test_each_framing_and_each_connection_has_a_head_of_its_own() -> None:
    """One parsed head serves many exchanges; what is remembered is kept apart by how the body is framed."""
    head = parse_response_head(message(["HTTP/1.1 200 OK", f"Date: {DATE}"]))
    heads = [encode_response_head(head, mode, keep, FrozenClock()) for mode in BodyMode for keep in (True, False)]

    assert heads == [
        encode_response_head(head, mode, keep, FrozenClock()) for mode in BodyMode for keep in (True, False)
    ]
    assert len(BodyMode) * 2 - 2 == len(set(heads))  # as received and until close look alike without a length


def test_a_repeated_content_type_is_sent_once() -> None:
    lines = response("HTTP/1.1 200 OK", "Content-Type: a/b", "Content-Length: 0", "Content-Type: c/d")

    assert ["a/b"] == values(lines, "Content-Type")


def test_http_1_0_targets_are_answered_for_in_1_1() -> None:
    assert "HTTP/1.1 404 Not Found" == response("HTTP/1.0 404 Not Found", "Content-Length: 0")[0]
