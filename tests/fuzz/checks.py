"""What the protocol room promises, as checks over bytes: each takes any bytes and raises only if a promise is broken.

The promises stand in `edgeproxy/protocol/__init__.py`, threat model. `CHECKS` names the checks; whatever makes bytes
calls them: hypothesis in `make test`, atheris or the plain mutator in `python -m tests.fuzz`.
"""

from __future__ import annotations

import enum
import random
import re
import zlib
from typing import TYPE_CHECKING

from edgeproxy.errors import ProtocolError
from edgeproxy.protocol.body import ChunkedReader, encode_chunks
from edgeproxy.protocol.desync import classify
from edgeproxy.protocol.h1_client import response_head_memo
from edgeproxy.protocol.h1_server import MAX_PIPELINED, request_fields_memo
from edgeproxy.protocol.judgement import UnreadableRequestError
from edgeproxy.protocol.limits import MAX_CHUNK_LINE, MAX_REQUEST_HEAD, MAX_REQUEST_LINE, MAX_RESPONSE_HEAD
from edgeproxy.protocol.memo import MAX_ENTRIES
from edgeproxy.protocol.tolerant import split_request_line
from edgeproxy.protocol.upgrade import asks_for_websocket
from tests.fuzz.laws import check_forwarding, check_relay
from tests.fuzz.slow_chunks import BrokenError, read_chunks
from tests.helpers.recording import Event, RecordedRequests, RecordedResponses, agrees_until_error, bytewise, cut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from edgeproxy.protocol.memo import Memo
    from edgeproxy.protocol.message import RequestFields, RequestHead

ANOTHER = b"GET /another HTTP/1.1\r\nHost: x\r\n\r\n"
MAX_UNFINISHED_HEAD = MAX_REQUEST_LINE + MAX_REQUEST_HEAD + 4
_DEPENDS_ON_CUTS = {"pipeline full", "early bytes"}


def ways_of_cutting(data: bytes) -> list[list[bytes]]:
    """The same bytes in pieces: at places that depend on the bytes alone, and one by one where they are few."""
    chance = random.Random(zlib.crc32(data))
    places = [chance.randrange(len(data) + 1) for _ in range(4)]
    # Around the last bytes is where limits and ends are noticed.
    steps = bytewise(data) if len(data) <= 400 else [*cut(data[:-40], range(0, len(data), 997)), *bytewise(data[-40:])]
    return [cut(data, places), steps]


# ---- a client's bytes


class Answers(enum.Enum):
    """When a client gets its answers."""

    AT_ONCE = "from within the event"
    SOON = "after each piece"
    LATE = "after all pieces"


class _Client(RecordedRequests):
    """Answers when it is told to; opens every tunnel; a request of HTTP/0.9 ends the connection."""

    def on_request(self, head: RequestHead, data: bytes, is_complete: bool) -> None:
        if not asks_for_websocket(head):
            super().on_request(head, data, is_complete)
            return
        self.heads.append(head)
        self.events.append(("upgrade", head.target))
        self.codec.start_tunnel()

    def on_simple_request(self, head: RequestHead) -> None:
        self.heads.append(head)
        self.events.append(("simple request", head.target))
        self.codec.stop()


def _feed_requests(pieces: Iterable[bytes], *, answers: Answers, memo: Memo[RequestFields]) -> list[Event]:
    client = _Client(answers_at_once=answers is Answers.AT_ONCE, memo=memo)
    for piece in pieces:
        client.codec.feed(piece)
        assert client.codec.buffered <= max(MAX_UNFINISHED_HEAD, MAX_PIPELINED + len(piece))
        # Whoever answers late reads no more once too much waits.
        if answers is Answers.SOON or client.codec.buffered > MAX_PIPELINED:
            client.answer()
    client.answer()
    assert len(memo) <= MAX_ENTRIES
    _check_end_of_requests(client)
    return [event for event in client.events if event[0] not in _DEPENDS_ON_CUTS]


def _check_end_of_requests(client: _Client) -> None:
    if not client.errors:
        return
    assert 1 == len(client.errors)
    assert "error" == client.events[-1][0]
    assert client.codec.is_stopped
    before = client.events.copy()
    client.codec.feed(ANOTHER)
    client.answer()
    assert before == client.events
    assert 0 == client.codec.buffered


def check_head(data: bytes) -> None:
    """A client's bytes mean the same however they are cut and whatever was seen before; one error, and then nothing."""
    if not data:
        return
    memo = request_fields_memo()
    whole = _feed_requests([data], answers=Answers.AT_ONCE, memo=memo)
    for pieces in ([data], *ways_of_cutting(data)):
        for answers in Answers:
            # The memory is the same for all: from the third time on it answers.
            split = _feed_requests(pieces, answers=answers, memo=memo)
            assert agrees_until_error(whole, split), f"{whole} != {split} for {pieces if len(data) < 1000 else '...'}"
            assert sum(event[0] == "request" for event in split) <= 1 + sum(event[0] == "request" for event in whole)


# ---- a body in chunks


def _feed_chunks(pieces: Iterable[bytes]) -> tuple[bytes, bytes | None] | ProtocolError:
    """The payload, and what is behind the body if it has ended."""
    reader = ChunkedReader(error_status=400)
    payload, behind = b"", None
    try:
        for piece in pieces:
            if behind is None:
                more, behind = reader.feed(piece)
                payload += more
            else:
                behind += piece
            assert len(reader._line) <= MAX_CHUNK_LINE
    except ProtocolError as error:
        return error
    return payload, behind


def check_chunks(data: bytes) -> None:
    """A chunked body means the same however it is cut, and the same as to a reader that takes its time."""
    expected = read_chunks(data, max_line=MAX_CHUNK_LINE)
    if not data:
        return
    for pieces in ([data], *ways_of_cutting(data)):
        found = _feed_chunks(pieces)
        if isinstance(expected, BrokenError):
            assert isinstance(found, ProtocolError), f"{found} although {expected}"
            assert 400 == found.status
        else:
            assert expected == found, f"{found} != {expected}"
    if not isinstance(expected, BrokenError):
        payload, behind = expected
        framed = encode_chunks(payload, is_last=behind is not None)
        assert (payload, b"" if behind is not None else None) == read_chunks(framed, max_line=MAX_CHUNK_LINE)


# ---- the classifier

_EMPTY_LINE = re.compile(rb"\n\r?\n")
_SWAP = bytes.maketrans(
    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)


def check_classifier(data: bytes) -> None:
    """The codec's verdict is the classifier's on what was received, however the head was parsed."""
    data = data.lstrip(b"\r\n")
    match = _EMPTY_LINE.search(data)
    if match is None:
        return
    line, *lines = [each.removesuffix("\r") for each in data[: match.start()].decode("latin-1").split("\n")]
    method, target, version = split_request_line(line)
    headers = [(name, value.strip(" \t")) for name, _, value in (each.partition(":") for each in lines)]
    verdict = classify(method, target, version, headers)
    _check_laws_of_classes(method, target, version, headers)

    client = _Client()
    client.codec.feed(data[: match.end()])
    if client.heads:
        expected = verdict if version else classify(method, target, "", [])
        assert expected == client.heads[0].verdict
    elif isinstance(client.errors[0], UnreadableRequestError) and version and len(line) <= MAX_REQUEST_LINE:
        assert verdict == client.errors[0].verdict


def _check_laws_of_classes(method: str, target: str, version: str, headers: list[tuple[str, str]]) -> None:
    verdict = classify(method, target, version, headers)
    swapped = [(name.encode("latin-1").translate(_SWAP).decode("latin-1"), value) for name, value in headers]
    assert verdict == classify(method, target, version, swapped), "the case of names matters"
    assert verdict == classify(method, target, version, [("X-Plain", "y"), *headers]), "a plain header matters"
    assert verdict == classify(method, target, version, [*headers, ("X-Plain", "y")]), "a plain header matters"


# ---- a target's bytes


def _feed_responses(pieces: Iterable[bytes], *, method: str, is_upgrade: bool) -> tuple[list[Event], bool, bool]:
    target = RecordedResponses(method=method, is_upgrade=is_upgrade, memo=_RESPONSES)
    for piece in pieces:
        target.codec.feed(piece)
        assert len(target.codec._buffer) <= MAX_RESPONSE_HEAD
    assert len(_RESPONSES) <= MAX_ENTRIES
    state = target.codec.is_waiting, target.codec.is_spoiled
    target.codec.feed_eof()
    assert not target.codec.is_waiting
    if target.errors:
        assert 1 == len(target.errors)
        assert "error" == target.events[-1][0]
        assert 502 == target.errors[0].status
        assert target.codec.is_spoiled
    before = target.events.copy()
    target.codec.feed(b"HTTP/1.1 200 OK\r\n\r\n")
    assert before == target.events
    assert target.codec.is_spoiled
    return target.events, *state


_RESPONSES = response_head_memo()


def check_response(data: bytes) -> None:
    """A target's bytes mean the same however they are cut; one error, and then nothing; a client gets one response."""
    if not data:
        return
    for method, is_upgrade in (("GET", False), ("HEAD", False), ("GET", True)):
        whole, *state = _feed_responses([data], method=method, is_upgrade=is_upgrade)
        for pieces in ([data], *ways_of_cutting(data)):
            split, *split_state = _feed_responses(pieces, method=method, is_upgrade=is_upgrade)
            assert agrees_until_error(whole, split), f"{whole} != {split}"
            assert state == split_state
    check_relay(data)


CHECKS: dict[str, Callable[[bytes], None]] = {
    "head": check_head,
    "chunks": check_chunks,
    "classifier": check_classifier,
    "response": check_response,
    "forwarding": check_forwarding,
}
"""Every check by the name that the command line knows it by."""
