"""One health check of a target that speaks HTTP/2: with prior knowledge, or with ALPN where TLS is spoken.

An HTTP2 group is asked as an HTTP1 group is, in the other version. A GRPC group is called: POST, one empty message;
what counts is `grpc-status`, wherever the response has it. That checks use the group's version is known from targets
that failed them; the fields of the request are ours (unconfirmed).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from edgeproxy.errors import ProtocolError
from edgeproxy.protocol.h1_client import response_head_memo
from edgeproxy.protocol.h2_client import H2ClientCodec
from edgeproxy.protocol.h2_hpack import HeaderEncoder

if TYPE_CHECKING:
    from edgeproxy.protocol.h2_frames import H2ConnectionError
    from edgeproxy.protocol.message import ResponseHead

EMPTY_MESSAGE: Final = bytes(5)
"""gRPC's framing of a message of no bytes: not compressed, length 0."""

_HTTP_LINES: Final = ("user-agent: ELB-HealthChecker/2.0", "accept-encoding: gzip, compressed")
_GRPC_LINES: Final = ("user-agent: ELB-HealthChecker/2.0", "te: trailers", "content-type: application/grpc")


class H2Question(NamedTuple):
    """What is asked.

    Attributes:
        scheme: `http` or `https`.
        authority: What an HTTP/1.1 check has as Host.
        path: As configured.
        is_grpc: Whether it is a call.
    """

    scheme: str
    authority: str
    path: str
    is_grpc: bool


class ProbeAnswer(NamedTuple):
    """What came back; `grpc_status` is None where the response has none, or where nobody asked for it."""

    status: int
    grpc_status: int | None = None


class H2ProbeConnection(asyncio.Protocol):
    """Asks once. Implements `H2ResponseSink`.

    Attributes:
        answer: The answer, or why there is none.
    """

    def __init__(self, question: H2Question) -> None:
        self._question = question
        self._codec = H2ClientCodec(self, response_head_memo(), self._write)
        self._transport: asyncio.Transport | None = None
        self._status = 0
        self.answer: asyncio.Future[ProbeAnswer] = asyncio.get_running_loop().create_future()

    # ---- asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there: the question goes out at once."""
        self._transport = cast("asyncio.Transport", transport)
        self._codec.start()
        scheme, authority, path, is_grpc = self._question
        encoder = HeaderEncoder()
        if is_grpc:
            block = encoder.encode_request("POST", scheme, authority, path, _GRPC_LINES)
            self._codec.open(block, EMPTY_MESSAGE, end_stream=True)
        else:
            block = encoder.encode_request("GET", scheme, authority, path, _HTTP_LINES)
            self._codec.open(block, end_stream=True)

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        self._codec.feed(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._codec.stop()
        self._fail(exc or ConnectionResetError("the target closed the connection before it answered"))

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    # ---- H2ResponseSink

    def on_response(self, stream_id: int, head: ResponseHead, data: bytes, is_complete: bool) -> None:
        """The answer's head; a call's status may stand in it, or behind the body."""
        self._status = head.status
        if not self._question.is_grpc:
            self._succeed(None)
        elif is_complete:
            self._succeed(grpc_status(head.lines))
        self._codec.acknowledge(stream_id, len(data))

    def on_response_body(self, stream_id: int, data: bytes, is_complete: bool) -> None:
        """The body does not matter."""
        self._codec.acknowledge(stream_id, len(data))
        if is_complete:
            self._succeed(None)

    def on_response_trailers(self, stream_id: int, lines: list[str]) -> None:
        """The end of a call."""
        self._succeed(grpc_status(lines))

    def on_response_error(self, stream_id: int, error: ProtocolError) -> None:
        """Not a response."""
        self._fail(error)

    def on_stream_reset(self, stream_id: int, code: int) -> None:
        """The target does not want to answer."""
        self._fail(ConnectionResetError(f"the target reset the stream with code {code}"))

    def on_stream_drained(self, stream_id: int) -> None:
        """There is nothing more to send."""

    def on_goaway(self) -> None:
        """The target takes no more; it may still answer."""

    def on_finished(self) -> None:
        """Whoever asked closes the connection."""

    def on_connection_error(self, error: H2ConnectionError) -> None:
        """Not HTTP/2."""
        self._fail(ProtocolError(502, error.fault))

    # ---- the answer

    def _succeed(self, grpc: int | None) -> None:
        if not self.answer.done():
            self.answer.set_result(ProbeAnswer(self._status, grpc))

    def _fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)
            # A probe that timed out in the meantime is not there to look at the exception.
            self.answer.exception()


def grpc_status(lines: list[str]) -> int | None:
    """The status in the lines of a head or of trailers."""
    for line in lines:
        name, _, value = line.partition(":")
        value = value.strip()
        if name.lower() == "grpc-status" and value.isascii() and value.isdigit():
            return int(value[:9])
    return None
