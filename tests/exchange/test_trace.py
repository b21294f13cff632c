"""X-Amzn-Trace-Id: made, completed, replaced."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.exchange.trace import MAX_HEADERS_WITH_FIELDS, TraceIds

EPOCH = 0x6B02BD20 + 0.75
NEW = "1-6b02bd20-0000000000000000000000ab"
OLD = "1-67891233-abcdef012345678912345678"


def header(received: str, header_bytes: int = 200) -> str:
    return TraceIds(lambda _bits: 0xAB).header(received, EPOCH, header_bytes)


@pytest.mark.conformance(
    "trace id", "version, 8 hex digits of the time, 24 hex digits", "load-balancer-request-tracing"
)
@given(st.floats(min_value=0, max_value=2**32 - 1))
def test_an_id_has_three_parts(epoch: float) -> None:
    trace_id = TraceIds().new(epoch)

    assert re.fullmatch(r"1-[0-9a-f]{8}-[0-9a-f]{24}", trace_id)
    assert int(epoch) == int(trace_id[2:10], 16)


def test_two_ids_of_one_second_differ() -> None:
    ids = TraceIds()

    assert ids.new(EPOCH) != ids.new(EPOCH)


def test_the_time_is_that_of_the_request() -> None:
    """The hex digits of the second are remembered; an earlier second must not get the later one's."""
    ids = TraceIds(lambda _bits: 1)

    assert ["1-00000002-", "1-00000003-", "1-00000002-"] == [ids.new(second)[:11] for second in (2.9, 3.0, 2.0)]


@pytest.mark.conformance("trace id", "a request without the header gets a Root", "load-balancer-request-tracing")
def test_without_a_header_a_root_is_made() -> None:
    assert f"Root={NEW}" == header("")


@pytest.mark.conformance(
    "trace id", "a received Root is kept behind a new Self, with all its fields", "load-balancer-request-tracing"
)
@pytest.mark.parametrize(
    "fields", [f"Root={OLD}", f"Root={OLD};CalledFrom=app", f"CalledFrom=app;Root={OLD};Sampled=1"]
)
def test_self_is_put_in_front_of_what_came(fields: str) -> None:
    assert f"Self={NEW};{fields}" == header(fields)


@pytest.mark.conformance("trace id", "the Self of another load balancer is replaced", "load-balancer-request-tracing")
@pytest.mark.parametrize(
    "received", [f"Self={OLD};Root={OLD};a=b", f"Root={OLD};Self={OLD};a=b", f"Root={OLD};self={OLD};a=b"]
)
def test_a_received_self_is_replaced(received: str) -> None:
    assert f"Self={NEW};Root={OLD};a=b" == header(received)


@pytest.mark.conformance(
    "trace id", "fields without a Root stay behind a new Root", "load-balancer-request-tracing", status="default"
)
@pytest.mark.parametrize(("received", "kept"), [("a=b;c=d", "a=b;c=d"), ("nonsense", "nonsense"), ("a=b; ;", "a=b")])
def test_fields_without_a_root_get_one(received: str, kept: str) -> None:
    assert f"Root={NEW};{kept}" == header(received)


@pytest.mark.conformance(
    "trace id", "with more than 7 KB of headers only a Root is sent", "load-balancer-request-tracing"
)
@pytest.mark.parametrize(
    ("size", "expected"),
    [(MAX_HEADERS_WITH_FIELDS, f"Self={NEW};Root={OLD};a=b"), (MAX_HEADERS_WITH_FIELDS + 1, f"Root={NEW}")],
)
def test_large_headers_leave_room_for_a_root_only(size: int, expected: str) -> None:
    assert expected == header(f"Root={OLD};a=b", size)


@given(st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=60))
def test_whatever_came_there_is_exactly_one_own_id_in_front(received: str) -> None:
    value = header(received)

    assert re.match(rf"(Root|Self)={NEW}(;|$)", value)
    assert "\r" not in value
    assert "\n" not in value
