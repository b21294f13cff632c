"""The recording sinks themselves: what they join, and what they do not hide."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.errors import ProtocolError
from tests.helpers.recording import (
    Event,
    RecordedRequests,
    Recording,
    agrees_until_error,
    bytewise,
    cut,
    cuts,
    feed_requests,
    feed_response,
)

TWO_REQUESTS = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n"


def test_adjacent_bodies_are_joined_and_separate_messages_are_not() -> None:
    recording = Recording()
    recording._body(b"a", False)
    recording._body(b"b", True)
    recording._body(b"c", True)
    assert [("body", b"ab"), ("end",), ("body", b"c"), ("end",)] == recording.events
    assert recording.body == b"abc"


def test_errors_are_events_and_keep_their_sentence() -> None:
    recording = Recording()
    recording._error(ProtocolError(414, "too long"))
    assert recording.events == [("error", 414)]
    assert [414] == recording.error_statuses
    assert recording.errors[0].fault == "too long"


@pytest.mark.parametrize("answers_at_once", [True, False])
def test_pipelined_requests_are_all_answered(answers_at_once: bool) -> None:
    recorded = feed_requests([TWO_REQUESTS], answers_at_once=answers_at_once)
    assert ["/a", "/b"] == [head.target for head in recorded.heads]


def test_without_an_answer_the_second_request_waits() -> None:
    recorded = RecordedRequests(answers_at_once=False)
    recorded.codec.feed(TWO_REQUESTS)
    assert ["/a"] == [head.target for head in recorded.heads]
    recorded.answer()
    assert ["/a", "/b"] == [head.target for head in recorded.heads]


def test_a_response_ends_with_the_connection_when_asked_to() -> None:
    recorded = feed_response([b"HTTP/1.1 200 OK\r\n\r\nab"], closes=True)
    assert ["response", "body", "end"] == [event[0] for event in recorded.events]


@given(st.binary(max_size=40), cuts())
def test_pieces_join_to_the_data_and_none_is_empty(data: bytes, places: list[int]) -> None:
    for pieces in (cut(data, places), bytewise(data)):
        assert data == b"".join(pieces)
        assert all(pieces)


@pytest.mark.parametrize(
    ("whole", "split", "expected"),
    [
        ([("end",)], [("end",)], True),
        ([("end",)], [], False),
        ([("error", 400)], [("request", 1), ("error", 400)], True),
        ([("error", 400)], [("error", 414)], False),
        ([("error", 400)], [("request", 1)], False),
        ([("request", 1), ("error", 400)], [("request", 2), ("error", 400)], False),
        ([("body", b"a"), ("error", 400)], [("body", b"ab"), ("error", 400)], True),
        ([("body", b"b"), ("error", 400)], [("body", b"ab"), ("error", 400)], False),
        ([("body", b"b"), ("error", 400)], [("error", 400)], False),
    ],
)
def test_feedings_agree_when_one_has_only_seen_the_error_earlier(
    whole: list[Event], split: list[Event], expected: bool
) -> None:
    assert expected is agrees_until_error(whole, split)
