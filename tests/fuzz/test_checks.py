"""A short search in every run of the suite, and that the checks notice what is broken."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeproxy.protocol import body, desync, h1_client, h1_server, head_parser
from tests.fuzz.checks import CHECKS, ways_of_cutting
from tests.fuzz.mutations import mutated, seeds

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgeproxy.errors import ProtocolError

SEARCH = settings(max_examples=250)


@pytest.mark.parametrize(("name", "data"), [(name, data) for name in CHECKS for data in seeds(name)])
def test_every_seed_keeps_the_promises(name: str, data: bytes) -> None:
    CHECKS[name](data)


@SEARCH
@given(mutated("head"))
def test_a_client_s_bytes_mean_the_same_however_they_come(data: bytes) -> None:
    CHECKS["head"](data)


@SEARCH
@given(mutated("chunks") | st.binary(max_size=30))
def test_chunks_mean_the_same_to_a_slow_reader(data: bytes) -> None:
    CHECKS["chunks"](data)


@SEARCH
@given(mutated("classifier"))
def test_the_verdict_is_that_on_the_bytes_received(data: bytes) -> None:
    CHECKS["classifier"](data)


@SEARCH
@given(mutated("response"))
def test_a_target_s_bytes_become_one_response_or_a_cut(data: bytes) -> None:
    CHECKS["response"](data)


@SEARCH
@given(mutated("forwarding"))
def test_one_request_in_is_at_most_one_request_out(data: bytes) -> None:
    CHECKS["forwarding"](data)


def test_cutting_loses_nothing() -> None:
    for data in (b"a", b"ab" * 100, b"abc" * 1000):
        assert [data] * 2 == [b"".join(pieces) for pieces in ways_of_cutting(data)]


# ---- checks that could not fail would be worth nothing


def _takes_plus_in_sizes(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(body, "_CHUNK_LINE", re.compile(rb"\+?([0-9A-Fa-f]{1,15})").fullmatch)


def _forgets_what_came_before(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(h1_server.H1ServerCodec, "_hold", lambda self, data: None)


def _goes_on_behind_an_error(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(h1_server.H1ServerCodec, "stop", lambda self: None)


def _raises_something_else(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(desync, "decimal", int)


def _does_not_classify(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(head_parser, "judge", lambda head, target, version: None)


def _accepts_two_lengths(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(head_parser, "response_body_length", lambda lengths, encodings: int(lengths[-1]) if lengths else -1)


def _reports_two_errors(patch: pytest.MonkeyPatch) -> None:
    def fail(self: h1_client.H1ClientCodec, error: ProtocolError) -> None:
        self._sink.on_response_error(error)

    patch.setattr(h1_client.H1ClientCodec, "_fail", fail)


def _ignores_the_verdict(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("edgeproxy.exchange.desync_mode.DesyncMode.closes_after", lambda mode, verdict: False)


@pytest.mark.parametrize(
    ("name", "data", "break_it"),
    [
        ("chunks", b"+3\r\nabc\r\n0\r\n\r\n", _takes_plus_in_sizes),
        ("head", seeds("head")[5], _forgets_what_came_before),
        ("head", b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n" + seeds("head")[0], _goes_on_behind_an_error),
        ("classifier", b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", _raises_something_else),
        ("classifier", b"GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\n", _does_not_classify),
        ("response", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 1\r\n\r\nok", _accepts_two_lengths),
        ("response", b"HTTP/1.1 2000 OK\r\n\r\n", _reports_two_errors),
        (
            "forwarding",
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer_Encoding: chunked\r\n\r\n",
            _ignores_the_verdict,
        ),
    ],
)
def test_a_broken_codec_is_noticed(
    name: str, data: bytes, break_it: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    CHECKS[name](data)
    break_it(monkeypatch)
    with pytest.raises((AssertionError, ValueError, h11.RemoteProtocolError)):
        CHECKS[name](data)
