"""One connection to a target in HTTP/2: what `probe.py` is for HTTP/1.1.

Requests are given as HTTP/1.1, as the examinations write them, and go out with pseudo-headers; to a target group of
gRPC as a call with one empty message. What the load balancer calls malformed ends the exchange as it does there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edgeproxy.control.doctor.asking import Answer, Asking
from edgeproxy.exchange.outcome import Outcome
from edgeproxy.protocol.h1_client import response_head_memo
from edgeproxy.protocol.h2_client import H2ClientCodec
from edgeproxy.protocol.h2_frames import ErrorCode
from edgeproxy.protocol.h2_hpack import HeaderEncoder
from edgeproxy.runtime.h2_health_probe import EMPTY_MESSAGE, grpc_status

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from edgeproxy.errors import ProtocolError
    from edgeproxy.protocol.h2_frames import H2ConnectionError
    from edgeproxy.protocol.message import ResponseHead

_NOT_IN_HTTP2: Final = frozenset({"host", "connection"})
_GRPC_LINES: Final = ("te: trailers", "content-type: application/grpc")


class H2Connection(Asking):
    """One connection to a target in HTTP/2, one request at a time. Implements `H2ResponseSink`."""

    def __init__(self, now: Callable[[], float], scheme: str, *, is_grpc: bool) -> None:
        super().__init__(now)
        self._scheme = scheme
        self._is_grpc = is_grpc
        self._codec = H2ClientCodec(self, response_head_memo(), self._write)
        self._encoder = HeaderEncoder()
        self._stream = 0

    async def ask(self, request: bytes, *, idle_timeout: float, at_most: float, method: str = "GET") -> Answer:
        """See `Asking.ask`; what calls of gRPC have as their method is POST."""
        return await self._exchange(lambda: self._open(request), idle_timeout, at_most)

    def _open(self, request: bytes) -> None:
        if not self._codec.can_open:
            fault = "the target allows no request at a time (SETTINGS_MAX_CONCURRENT_STREAMS)"
            self._fail(Outcome.TARGET_CLOSED, fault)
            return
        method, path, authority, lines = _parts(request)
        if self._is_grpc:
            block = self._encoder.encode_request("POST", self._scheme, authority, path, (*lines, *_GRPC_LINES))
            self._stream = self._codec.open(block, EMPTY_MESSAGE, end_stream=True)
        else:
            block = self._encoder.encode_request(method, self._scheme, authority, path, lines)
            self._stream = self._codec.open(block, end_stream=True, is_head=method == "HEAD")

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    # ---- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        super().connection_made(transport)
        self._codec.start()

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        self._codec.feed(data)

    def _on_lost(self, how: str) -> None:
        self._codec.stop()
        if not self._end.done():
            self._fail(Outcome.TARGET_CLOSED, how, is_by_close=True)

    # ---- H2ResponseSink

    def on_response(self, stream_id: int, head: ResponseHead, data: bytes, is_complete: bool) -> None:
        """The head, and what came with it."""
        if self._is_awaited(stream_id):
            self._answer.head = head
            self._answer.head_size = head.size
            self._answer.grpc_status = grpc_status(head.lines)
        self.on_response_body(stream_id, data, is_complete)

    def on_response_body(self, stream_id: int, data: bytes, is_complete: bool) -> None:
        """More of the body."""
        self._codec.acknowledge(stream_id, len(data))
        if self._is_awaited(stream_id):
            self._measure()
            self._answer.body_size += len(data)
            if is_complete:
                self._complete()

    def on_response_trailers(self, stream_id: int, lines: list[str]) -> None:
        """The end of the response."""
        if self._is_awaited(stream_id):
            self._measure()
            self._answer.grpc_status = grpc_status(lines)
            self._complete()

    def _is_awaited(self, stream_id: int) -> bool:
        return stream_id == self._stream and not self._end.done()

    def _complete(self) -> None:
        self._answer.is_complete = True
        self._finish()

    def on_response_error(self, stream_id: int, error: ProtocolError) -> None:
        """A response that the load balancer does not pass on."""
        if self._is_awaited(stream_id):
            self._fail(Outcome.TARGET_MALFORMED, error.fault)

    def on_stream_reset(self, stream_id: int, code: int) -> None:
        """The target does not want to answer, or to go on."""
        if self._is_awaited(stream_id):
            self._fail(Outcome.TARGET_CLOSED, f"the target reset the stream with {_name(code)}", is_by_close=True)

    def on_stream_drained(self, stream_id: int) -> None:
        """There is nothing more to send."""

    def on_goaway(self) -> None:
        """The target takes no more requests; what it has taken it answers."""
        self.is_going_away = True
        if not self.closed.done():
            self.closed.set_result(self.now())

    def on_finished(self) -> None:
        """Everything is answered and nothing more will be asked."""
        if self._transport is not None:
            self._transport.close()

    def on_connection_error(self, error: H2ConnectionError) -> None:
        """Not HTTP/2."""
        if not self._end.done():
            self._fail(Outcome.TARGET_MALFORMED, error.fault)
        self.on_finished()


def _parts(request: bytes) -> tuple[str, str, str, list[str]]:
    """Method, path, authority, and the lines that HTTP/2 has as well, their names in lower case."""
    first, *rest = request.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, path, _ = first.split(" ", 2)
    named = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in rest)]
    authority = next((value for name, value in named if name == "host"), "")
    return method, path, authority, [f"{name}: {value}" for name, value in named if name not in _NOT_IN_HTTP2]


def _name(code: int) -> str:
    try:
        return ErrorCode(code).name
    except ValueError:
        return f"code {code}"
