"""Request heads for targets that speak HTTP/2: the same facts as for HTTP/1.1, in the other form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.exchange.forwarding import RequestForwarding
from edgeproxy.exchange.h2_forwarding import encode_request_block
from edgeproxy.exchange.trace import TraceIds
from edgeproxy.model.load_balancer import LoadBalancerSettings
from edgeproxy.protocol.h2_hpack import HeaderEncoder
from edgeproxy.protocol.head_parser import parse_request_fields, parse_request_line
from edgeproxy.rules.transform import Transformed, TransformStatus
from tests.helpers.h2_wire import Fields, fields_of

if TYPE_CHECKING:
    from edgeproxy.protocol.message import RequestHead

TRACE = "Root=1-6b02bd20-0000000000000000000000ab"
DNS_NAME = "demo-606955064.us-east-1.elb.amazonaws.com"


def forwarding(port: int = 443, **settings: Any) -> RequestForwarding:
    return RequestForwarding(
        protocol="HTTPS",
        port=port,
        dns_name=DNS_NAME,
        settings=LoadBalancerSettings(**settings),
        trace_ids=TraceIds(),
    )


def head(*lines: str, method: str = "GET", target: str = "/a?b") -> RequestHead:
    section = "".join(f"{line}\r\n" for line in lines).encode("latin-1")
    made = parse_request_line(f"{method} {target} HTTP/1.1", parse_request_fields(section), 0)
    made.version = "HTTP/2.0"
    made.source_ip = "192.0.2.7"
    return made


def encoded(
    made: RequestHead,
    by: RequestForwarding | None = None,
    *,
    transformed: Transformed | None = None,
    scheme: str = "http",
) -> Fields:
    by = by or forwarding()
    block = encode_request_block(
        by,
        HeaderEncoder(),
        made,
        scheme=scheme,
        prefix=by.prefix("192.0.2.7", 5000),
        source_port=5000,
        trace=TRACE,
        transformed=transformed,
    )
    return fields_of(block)


OURS: Fields = [
    ("x-forwarded-for", "192.0.2.7"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-port", "443"),
    ("x-amzn-trace-id", TRACE),
]


def test_pseudo_headers_then_ours_then_the_clients() -> None:
    made = head("host: app.test", "user-agent: curl", "X-Mixed: A", "cookie: a=1; b=2")
    assert [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "app.test"),
        (":path", "/a?b"),
        *OURS,
        ("user-agent", "curl"),
        ("x-mixed", "A"),
        ("cookie", "a=1; b=2"),
    ] == encoded(made)


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        (("transfer-encoding: chunked",), []),
        (("content-length: 5",), [("content-length", "5")]),
        (("te: trailers",), [("te", "trailers")]),
        (("x-forwarded-proto: gopher", "x-forwarded-port: 1"), []),
    ],
)
def test_what_frames_a_message_of_http1_is_left_out_and_a_length_is_kept(lines: tuple[str, ...], left: Fields) -> None:
    assert left == encoded(head("host: a", *lines, method="POST"))[8:]


def test_addresses_that_came_along_stand_in_front() -> None:
    assert ("x-forwarded-for", "1.1.1.1, 192.0.2.7") in encoded(head("host: a", "x-forwarded-for: 1.1.1.1"))


@pytest.mark.parametrize(
    ("by", "host", "authority"),
    [
        (forwarding(), "App.Test:443", "app.test"),
        (forwarding(8443), "App.Test", "app.test:8443"),
        (forwarding(preserve_host_header=True), "App.Test:443", "App.Test:443"),
    ],
)
def test_the_authority_is_what_host_would_be(by: RequestForwarding, host: str, authority: str) -> None:
    assert (":authority", authority) in encoded(head(f"host: {host}"), by)


@pytest.mark.parametrize("preserves", [False, True])
def test_a_client_that_names_no_host_means_the_load_balancer(preserves: bool) -> None:
    assert (":authority", DNS_NAME) in encoded(head(), forwarding(preserve_host_header=preserves))


def test_transforms_change_host_and_path() -> None:
    transformed = Transformed("other.test", "/new?x", TransformStatus.SUCCESS)
    fields = encoded(head("host: app.test"), transformed=transformed)
    assert [(":authority", "other.test"), (":path", "/new?x")] == fields[2:4]


def test_the_scheme_says_how_the_target_is_spoken_to() -> None:
    assert (":scheme", "https") in encoded(head("host: a"), scheme="https")


NAMES = st.sampled_from(["x-a", "X-B", "accept", "cookie", "te", "x-forwarded-for", "via", "x_odd", "content-type"])
VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)


@given(lines=st.lists(st.tuples(NAMES, VALUES), max_size=8), repeats=st.integers(1, 3))
def test_it_says_the_same_as_the_head_for_http1(lines: list[tuple[str, str]], repeats: int) -> None:
    """Also when the header section is one that was seen before, in either version."""
    made = head("host: app.test", *(f"{name}: {value}" for name, value in lines))
    by = forwarding()
    for _ in range(repeats):
        text = by.encode(made, by.prefix("192.0.2.7", 5000), 5000, TRACE).decode("latin-1")
        line, *rest = text.rstrip("\r\n").split("\r\n")
        method, target, _ = line.split(" ")
        fields = encoded(made, by)
        pairs = [(name.lower(), value) for name, _, value in (each.partition(": ") for each in rest)]
        (host,) = [value for name, value in pairs if name == "host"]

        assert [(":method", method), (":scheme", "http"), (":authority", host), (":path", target)] == fields[:4]
        assert [pair for pair in pairs if pair[0] != "host"] == fields[4:]
