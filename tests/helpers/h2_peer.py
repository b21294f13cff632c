"""Either end of an HTTP/2 connection on real sockets, spoken by the `h2` library, which shares no code with the proxy.

    async with H2Target(answering_h2(b"ok")) as target: ...
    async with h2_client(port) as client:
        stream = await client.begin("GET", "/")
        assert b"ok" == await stream.read_all()

A target's script is called for every request, with its stream; health checks are answered without it. Windows are
opened as bytes are read from a stream, not as they come.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings

from tests.helpers.conversation import PATIENCE_SECONDS
from tests.helpers.https import trusting
from tests.helpers.listening import Listening

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable

Fields = list[tuple[str, str]]
HEALTH_CHECK = ("user-agent", "ELB-HealthChecker/2.0")


class H2Stream:
    """One stream, from either end.

    Attributes:
        fields: The other end's head, pseudo-headers in front.
        trailers: The other end's, once they have come.
        received: Body bytes that have come.
        has_ended: The other end sends no more, or has reset it.
        reset_code: Why it was reset.
    """

    def __init__(self, peer: H2Peer, stream_id: int) -> None:
        self.peer = peer
        self.id = stream_id
        self.fields: Fields = []
        self.trailers: Fields | None = None
        self.received = 0
        self.has_ended = False
        self.reset_code: int | None = None
        self._chunks: deque[tuple[bytes, int]] = deque()

    def value(self, name: str) -> str | None:
        """The value of a field of the other end's head."""
        return next((value for each, value in self.fields if each == name), None)

    async def head(self) -> Fields:
        """The other end's head."""
        await self.peer.until(lambda: self.fields or self.has_ended)
        return self.fields

    async def read(self) -> bytes:
        """The next bytes of the body; none at its end. Opens the window by them."""
        await self.peer.until(lambda: self._chunks or self.has_ended)
        if not self._chunks:
            return b""
        data, size = self._chunks.popleft()
        with contextlib.suppress(h2.exceptions.ProtocolError):
            self.peer.h2.acknowledge_received_data(size, self.id)
        await self.peer.flush()
        return data

    async def read_all(self) -> bytes:
        """The rest of the body."""
        body = b""
        while data := await self.read():
            body += data
        return body

    async def ended(self) -> None:
        """Wait until the other end has ended or reset the stream; bodies wait to be read."""
        await self.peer.until(lambda: self.has_ended)

    async def send_head(self, fields: Fields, *, end: bool = False) -> None:
        self.peer.h2.send_headers(self.id, fields, end_stream=end)
        await self.peer.flush()

    async def send(self, data: bytes, *, end: bool = False) -> None:
        """Bytes of a body, as the windows allow; with no data, only the end."""
        if not data and end:
            self.peer.h2.end_stream(self.id)
        while data:
            await self.peer.until(lambda: self.room > 0 or self.reset_code is not None)
            if self.reset_code is not None:
                return
            piece, data = data[: self.room], data[self.room :]
            self.peer.h2.send_data(self.id, piece, end_stream=end and not data)
            await self.peer.flush()
        await self.peer.flush()

    @property
    def room(self) -> int:
        """Bytes that may be sent now."""
        if self.reset_code is not None:
            return 0
        return min(self.peer.h2.local_flow_control_window(self.id), self.peer.h2.max_outbound_frame_size)

    async def send_trailers(self, fields: Fields) -> None:
        self.peer.h2.send_headers(self.id, fields, end_stream=True)
        await self.peer.flush()

    async def reset(self, code: int = 8) -> None:
        self.peer.h2.reset_stream(self.id, code)
        await self.peer.flush()

    def on_data(self, data: bytes, size: int) -> None:
        self.received += len(data)
        if data:
            self._chunks.append((data, size))


class H2Peer:
    """One end of one connection.

    Attributes:
        streams: All that have begun, by number.
        is_closed: The other end has closed the connection.
        goaway: The code of the other end's GOAWAY.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        is_client: bool,
        settings: dict[h2.settings.SettingCodes, int] | None = None,
        on_stream: Callable[[H2Stream], None] | None = None,
    ) -> None:
        self._reader, self._writer = reader, writer
        configuration = h2.config.H2Configuration(client_side=is_client, header_encoding="latin-1")
        self.h2 = h2.connection.H2Connection(configuration)
        if settings:
            self.h2.local_settings = h2.settings.Settings(client=is_client, initial_values=settings)
        self.h2.initiate_connection()
        self._on_stream = on_stream
        self.streams: dict[int, H2Stream] = {}
        self.is_closed = False
        self.goaway: int | None = None
        self._something = asyncio.Condition()

    async def run(self) -> None:
        """Reads until the other end closes."""
        await self.flush()
        try:
            while data := await self._reader.read(1 << 16):
                for event in self.h2.receive_data(data):
                    self._on_event(event)
                await self.flush()
                await self._tell()
        except (ConnectionError, h2.exceptions.ProtocolError):
            await self.flush()
        finally:
            self.is_closed = True
            for stream in self.streams.values():
                if not stream.has_ended:
                    stream.has_ended, stream.reset_code = True, -1
            await self._tell()

    async def _tell(self) -> None:
        async with self._something:
            self._something.notify_all()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until it is so."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._something:
            await self._something.wait_for(condition)

    async def flush(self) -> None:
        data = self.h2.data_to_send()
        if data and not self._writer.is_closing():
            self._writer.write(data)
            with contextlib.suppress(ConnectionError):
                await self._writer.drain()

    def _on_event(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.RequestReceived() | h2.events.ResponseReceived():
                stream = self.streams.setdefault(event.stream_id, H2Stream(self, event.stream_id))
                stream.fields = [(str(name), str(value)) for name, value in event.headers]
                if self._on_stream is not None:
                    self._on_stream(stream)
            case h2.events.DataReceived():
                self.streams[event.stream_id].on_data(event.data, event.flow_controlled_length)
            case h2.events.TrailersReceived():
                self.streams[event.stream_id].trailers = [(str(name), str(value)) for name, value in event.headers]
            case h2.events.StreamEnded():
                self.streams[event.stream_id].has_ended = True
            case h2.events.StreamReset():
                stream = self.streams[event.stream_id]
                stream.has_ended, stream.reset_code = True, event.error_code
            case h2.events.ConnectionTerminated():
                self.goaway = event.error_code
            case _:
                pass

    async def begin(
        self, method: str, path: str, *fields: tuple[str, str], host: str = "app.test", end: bool = True
    ) -> H2Stream:
        """A request's head."""
        stream = H2Stream(self, self.h2.get_next_available_stream_id())
        self.streams[stream.id] = stream
        pseudo = [(":method", method), (":scheme", "https"), (":authority", host), (":path", path)]
        await stream.send_head([*pseudo, *fields], end=end)
        return stream

    async def go_away(self, last_stream_id: int | None = None) -> None:
        """Say that no more streams are taken."""
        self.h2.close_connection(last_stream_id=last_stream_id)
        await self.flush()

    async def send_raw(self, data: bytes) -> None:
        """Bytes that the library knows nothing of."""
        await self.flush()
        self._writer.write(data)

    def close(self) -> None:
        self._writer.close()

    def abort(self) -> None:
        self._writer.transport.abort()


@contextlib.asynccontextmanager
async def h2_client(port: int, *, settings: dict[h2.settings.SettingCodes, int] | None = None) -> AsyncIterator[H2Peer]:
    """A client's connection to a proxy that listens with TLS on a port of the loopback."""
    context = trusting()
    context.set_alpn_protocols(["h2"])
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="app.test")
    peer = H2Peer(reader, writer, is_client=True, settings=settings)
    task = asyncio.create_task(peer.run())
    try:
        yield peer
    finally:
        peer.abort()
        await task


class H2Target(Listening):
    """A target that speaks HTTP/2 on a free port of the loopback, with prior knowledge or over TLS.

    Attributes:
        port: Where it listens.
        requests: The streams of all requests, in order.
        health_checks: Those of all health checks.
        peers: The connections that carried requests.
        health_fields: What health checks are answered with.
    """

    def __init__(
        self,
        script: Callable[[H2Stream], Awaitable[None]],
        *,
        settings: dict[h2.settings.SettingCodes, int] | None = None,
        tls: ssl.SSLContext | None = None,
        health_fields: Fields | None = None,
        receive_buffer: int | None = None,
    ) -> None:
        super().__init__(tls=tls, receive_buffer=receive_buffer)
        self._script = script
        self._settings = settings
        self.health_fields = health_fields or [(":status", "200"), ("grpc-status", "12")]
        self.requests: list[H2Stream] = []
        self.health_checks: list[H2Stream] = []
        self.peers: list[H2Peer] = []
        self.open: set[H2Peer] = set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        scripts: set[asyncio.Task[None]] = set()

        def on_stream(stream: H2Stream) -> None:
            played = asyncio.create_task(self._play(stream))
            scripts.add(played)
            played.add_done_callback(scripts.discard)

        peer = H2Peer(reader, writer, is_client=False, settings=self._settings, on_stream=on_stream)
        self.open.add(peer)
        try:
            await peer.run()
        finally:
            for played in scripts:
                played.cancel()
            self.open.discard(peer)
            peer.abort()

    async def _play(self, stream: H2Stream) -> None:
        # ProtocolError: the proxy has reset the stream or closed the connection.
        with contextlib.suppress(h2.exceptions.ProtocolError):
            if HEALTH_CHECK in stream.fields:
                self.health_checks.append(stream)
                await stream.send_head(self.health_fields, end=True)
                return
            self.requests.append(stream)
            if stream.peer not in self.peers:
                self.peers.append(stream.peer)
            await self._script(stream)


# ---- scripts


OK: Fields = [(":status", "200")]


def answering_h2(
    body: bytes = b"ok", *fields: tuple[str, str], trailers: Fields | None = None
) -> Callable[[H2Stream], Awaitable[None]]:
    """Reads the request and answers with the same every time."""

    async def script(stream: H2Stream) -> None:
        await stream.read_all()
        await stream.send_head([*OK, *fields])
        await stream.send(body, end=trailers is None)
        if trailers is not None:
            await stream.send_trailers(trailers)

    return script


async def echoing_h2(stream: H2Stream) -> None:
    """Sends the head at once and every piece of the body as it comes; trailers too."""
    await stream.send_head(OK)
    while data := await stream.read():
        await stream.send(data)
    if stream.trailers is not None:
        await stream.send_trailers(stream.trailers)
    else:
        await stream.send(b"", end=True)


async def silent_h2(stream: H2Stream) -> None:
    """Never answers, and reads nothing."""
