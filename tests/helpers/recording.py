"""Sinks that write down what a codec tells them, and ways to feed a codec.

Events are tuples that can be compared: `("request", RequestFacts)`, `("response", ResponseFacts)`, `("body", bytes)`,
`("end",)`, `("error", status)`, `("pipeline full",)`, `("early bytes",)`, `("switch", ResponseFacts)`,
`("tunnel", bytes)`, `("tunnel end",)`. Adjacent bodies are joined, and tunnel bytes are, so that two ways of cutting
the same bytes give the same list.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

from hypothesis import strategies as st

from edgeproxy.protocol.h1_client import H1ClientCodec, response_head_memo
from edgeproxy.protocol.h1_server import H1ServerCodec, request_fields_memo

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edgeproxy.errors import ProtocolError
    from edgeproxy.protocol.memo import Memo
    from edgeproxy.protocol.message import Field, RequestFields, RequestHead, ResponseHead

Event = tuple[Any, ...]


class RequestFacts(NamedTuple):
    """What a request head says."""

    method: str
    target: str
    fields: list[Field]
    path: str
    query: str = ""
    authority: str = ""
    version: str = "HTTP/1.1"
    reason: str = ""
    """Why the request is not compliant."""


class ResponseFacts(NamedTuple):
    """What a response head says."""

    status: int
    status_line: str
    fields: list[Field]
    is_reusable: bool = True


class Recording:
    """The events so far, bodies joined."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.errors: list[ProtocolError] = []

    def _body(self, data: bytes, is_complete: bool) -> None:
        if data and self.events and self.events[-1][0] == "body":
            self.events[-1] = ("body", self.events[-1][1] + data)
        elif data:
            self.events.append(("body", data))
        if is_complete:
            self.events.append(("end",))

    def _tunnel(self, data: bytes) -> None:
        if data and self.events and self.events[-1][0] == "tunnel":
            self.events[-1] = ("tunnel", self.events[-1][1] + data)
        elif data:
            self.events.append(("tunnel", data))

    def _error(self, error: ProtocolError) -> None:
        self.events.append(("error", error.status))
        self.errors.append(error)

    @property
    def error_statuses(self) -> list[int]:
        """The statuses of all errors."""
        return [error.status for error in self.errors]

    @property
    def body(self) -> bytes:
        """All bodies, one after the other."""
        return b"".join(event[1] for event in self.events if event[0] == "body")


class RecordedRequests(Recording):
    """A client's codec with a sink that writes down, and answers complete requests: at once, or when asked to."""

    def __init__(self, *, answers_at_once: bool = True, memo: Memo[RequestFields] | None = None) -> None:
        super().__init__()
        self.codec = H1ServerCodec(self, memo or request_fields_memo())
        self.heads: list[RequestHead] = []
        self._answers_at_once = answers_at_once
        self._is_unanswered = False
        self.received = 0
        """Bytes of the last request, as they came."""

    def on_request(self, head: RequestHead, data: bytes, is_complete: bool) -> None:
        self._head(head)
        self.on_request_body(data, len(data), is_complete)

    def on_simple_request(self, head: RequestHead) -> None:
        # The connection ends with the answer: nothing asks the codec for a next request.
        self._head(head)
        self._body(b"", is_complete=True)

    def _head(self, head: RequestHead) -> None:
        self.heads.append(head)
        facts = RequestFacts(
            head.method,
            head.target,
            list(head.fields.fields),
            head.path,
            head.query,
            head.authority,
            head.version,
            "" if head.verdict is None else head.verdict.reason,
        )
        self.events.append(("request", facts))
        self.received = head.size

    def on_request_body(self, data: bytes, size: int, is_complete: bool) -> None:
        self.received += size
        self._body(data, is_complete)
        if is_complete and self._answers_at_once:
            self.codec.next_request()
        elif is_complete:
            self._is_unanswered = True

    def on_early_bytes(self) -> None:
        self.events.append(("early bytes",))

    def on_tunnel_bytes(self, data: bytes) -> None:
        self._tunnel(data)

    def on_pipeline_full(self) -> None:
        self.events.append(("pipeline full",))

    def on_request_error(self, error: ProtocolError) -> None:
        self._error(error)

    def answer(self) -> None:
        """Answers the requests that wait, one after the other."""
        while self._is_unanswered:
            self._is_unanswered = False
            self.codec.next_request()


class RecordedResponses(Recording):
    """A target's codec with a sink that writes down."""

    def __init__(
        self, *, method: str = "GET", is_upgrade: bool = False, memo: Memo[ResponseHead] | None = None
    ) -> None:
        super().__init__()
        self.codec = H1ClientCodec(self, memo or response_head_memo())
        self.heads: list[ResponseHead] = []
        if is_upgrade:
            self.codec.start_upgrade(self)
        else:
            self.codec.start(method)

    def on_response(self, head: ResponseHead, data: bytes, is_complete: bool) -> None:
        self.heads.append(head)
        facts = ResponseFacts(head.status, head.status_line, list(head.fields), head.is_reusable)
        self.events.append(("response", facts))
        self._body(data, is_complete)

    def on_response_body(self, data: bytes, is_complete: bool) -> None:
        self._body(data, is_complete)

    def on_switch(self, head: ResponseHead, data: bytes) -> None:
        self.heads.append(head)
        self.events.append(("switch", ResponseFacts(head.status, head.status_line, list(head.fields))))
        self._tunnel(data)

    def on_tunnel_bytes(self, data: bytes) -> None:
        self._tunnel(data)

    def on_tunnel_end(self) -> None:
        self.events.append(("tunnel end",))

    def on_response_error(self, error: ProtocolError) -> None:
        self._error(error)


def feed_requests(pieces: Iterable[bytes], *, answers_at_once: bool = True) -> RecordedRequests:
    """What a client's codec says of these pieces; without `answers_at_once` each request waits until its piece ends."""
    recorded = RecordedRequests(answers_at_once=answers_at_once)
    for piece in pieces:
        recorded.codec.feed(piece)
        recorded.answer()
    return recorded


def feed_response(
    pieces: Iterable[bytes], *, method: str = "GET", is_upgrade: bool = False, closes: bool = False
) -> RecordedResponses:
    """What a target's codec says of these pieces, and then, if it `closes`, of the connection's end."""
    recorded = RecordedResponses(method=method, is_upgrade=is_upgrade)
    for piece in pieces:
        recorded.codec.feed(piece)
    if closes:
        recorded.codec.feed_eof()
    return recorded


def bytewise(data: bytes) -> list[bytes]:
    """One piece for each byte."""
    return [data[index : index + 1] for index in range(len(data))]


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """`data` cut at these indices; no piece is empty."""
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in itertools.pairwise(edges)]


def cuts() -> st.SearchStrategy[list[int]]:
    """Places for `cut`, whatever the length of the data."""
    return st.lists(st.integers(0, 10_000), min_size=1, max_size=8)


def agrees_until_error(whole: list[Event], split: list[Event]) -> bool:
    """Whether two feedings of the same bytes end alike.

    A codec that sees an error in the same piece as a head may report the error alone; one that has reported the head
    already cannot. So the events before the error only have to be the beginning of the other's.
    """
    if not whole or whole[-1][0] != "error":
        return whole == split
    if not split or split[-1] != whole[-1]:
        return False
    before = whole[:-1]
    if before and before[-1][0] == "body":
        *before, last = before
        if len(split) <= len(before) or split[len(before)][0] != "body":
            return False
        if not split[len(before)][1].startswith(last[1]):
            return False
    return split[: len(before)] == before
