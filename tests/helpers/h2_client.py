"""A client of HTTP/2 over real sockets, spoken by the `h2` library, which shares no code with the proxy.

    client = await connect_h2(port)
    answer = await client.ask("GET", "/")

What the library forbids goes out by `send_raw`. Windows are opened as bytes come, unless `takes` is False.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, NamedTuple

import h2.config
import h2.connection
import h2.events

from tests.helpers.conversation import Conversation, connect
from tests.helpers.h2_wire import GOAWAY
from tests.helpers.https import trusting

if TYPE_CHECKING:
    from collections.abc import Callable

Fields = list[tuple[str, str]]


class Answer(NamedTuple):
    """A response read to its end."""

    status: int
    fields: Fields
    body: bytes

    def values(self, name: str) -> list[str]:
        """The values of a field, in order."""
        return [value for each, value in self.fields if each == name]

    @property
    def names(self) -> list[str]:
        """The names of all fields, in order."""
        return [name for name, _ in self.fields]


class _Stream:
    def __init__(self) -> None:
        self.fields: Fields = []
        self.body = bytearray()
        self.received = 0
        self.has_ended = False
        self.reset_code: int | None = None


class StreamResetError(Exception):
    """The proxy reset a stream; `code` says why."""

    def __init__(self, code: int) -> None:
        super().__init__(f"reset with {code}")
        self.code = code


class H2Client:
    """One connection.

    Attributes:
        takes: Windows are opened again as bytes come.
        keeps: Bodies are kept; else their length is counted.
        goaway: Last stream and error code of the proxy's GOAWAY, once there is one.
        pongs: How many PINGs were answered.
        is_closed: The proxy has closed the connection.
    """

    def __init__(self, conversation: Conversation) -> None:
        self.conversation = conversation
        configuration = h2.config.H2Configuration(
            client_side=True,
            header_encoding="latin-1",
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
        )
        self.h2 = h2.connection.H2Connection(configuration)
        self.streams: dict[int, _Stream] = {}
        self.takes = True
        self.keeps = True
        self.goaway: tuple[int, int] | None = None
        self.pongs = 0
        self.settings: dict[int, int] = {}
        self.is_closed = False
        self._rest = b""

    async def start(self) -> None:
        """The preface and SETTINGS."""
        self.h2.initiate_connection()
        await self.flush()

    # ---- sending

    async def flush(self) -> None:
        """Send what the library has prepared."""
        data = self.h2.data_to_send()
        if data and not self.is_closed:
            try:
                await self.conversation.send(data)
            except OSError:
                self.is_closed = True

    async def send_raw(self, data: bytes) -> None:
        """Bytes that the library knows nothing of."""
        await self.flush()
        await self.conversation.send(data)

    async def begin(
        self, method: str = "GET", path: str = "/", *fields: tuple[str, str], host: str = "app.test", end: bool = True
    ) -> int:
        """A request's head; the stream's number."""
        stream_id = self.h2.get_next_available_stream_id()
        self.streams[stream_id] = _Stream()
        head = [(":method", method), (":scheme", "https"), (":authority", host), (":path", path), *fields]
        self.h2.send_headers(stream_id, head, end_stream=end)
        await self.flush()
        return stream_id

    async def send_body(self, stream_id: int, data: bytes, *, end: bool = False) -> None:
        """Bytes of a body, as the windows allow; none of them to end it."""
        stream = self.streams[stream_id]
        if not data:
            self.h2.end_stream(stream_id)
            await self.flush()
        while data:
            await self.until(lambda: stream.has_ended or self._room(stream_id) > 0)
            if stream.has_ended:
                return  # an early answer, or a reset
            room = self._room(stream_id)
            piece, data = data[:room], data[room:]
            self.h2.send_data(stream_id, piece, end_stream=end and not data)
            await self.flush()

    def _room(self, stream_id: int) -> int:
        return min(self.h2.local_flow_control_window(stream_id), self.h2.max_outbound_frame_size, 1 << 16)

    async def reset(self, stream_id: int, code: int = 8) -> None:
        """Do not want it any more."""
        self.h2.reset_stream(stream_id, code)
        await self.flush()

    async def ping(self) -> None:
        """Are you alive?"""
        self.h2.ping(b"12345678")
        await self.flush()

    # ---- receiving

    async def read(self) -> bool:
        """Take what has come; False at the end."""
        try:
            data = await self.conversation.read(1 << 16)
        except OSError:
            data = b""
        if not data:
            self.is_closed = True
            return False
        for event in self.h2.receive_data(self._without_goaway(data)):
            self._on_event(event)
        await self.flush()
        return True

    def _without_goaway(self, data: bytes) -> bytes:
        """The whole frames that are there. The library does not take the answers that follow a GOAWAY."""
        data = self._rest + data
        kept = []
        start = 0
        while len(data) - start >= 9:
            end = start + 9 + int.from_bytes(data[start : start + 3])
            if end > len(data):
                break
            if data[start + 3] == GOAWAY:
                self.goaway = (
                    int.from_bytes(data[start + 9 : start + 13]),
                    int.from_bytes(data[start + 13 : start + 17]),
                )
            else:
                kept.append(data[start:end])
            start = end
        self._rest = data[start:]
        return b"".join(kept)

    def _on_event(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.ResponseReceived():
                self.streams[event.stream_id].fields = [(str(name), str(value)) for name, value in event.headers]
            case h2.events.DataReceived():
                self._on_data(event)
            case h2.events.StreamEnded():
                self.streams[event.stream_id].has_ended = True
            case h2.events.StreamReset():
                stream = self.streams[event.stream_id]
                if not stream.has_ended:
                    stream.reset_code = event.error_code
                stream.has_ended = True
            case h2.events.PingAckReceived():
                self.pongs += 1
            case h2.events.RemoteSettingsChanged():
                self.settings |= {code: change.new_value for code, change in event.changed_settings.items()}
            case _:
                pass

    def _on_data(self, event: h2.events.DataReceived) -> None:
        stream = self.streams[event.stream_id]
        stream.received += len(event.data)
        if self.keeps:
            stream.body += event.data
        if self.takes:
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)

    async def until(self, condition: Callable[[], object]) -> None:
        """Read until it is so.

        Raises:
            ConnectionError: The proxy closed first.
        """
        while not condition():
            if not await self.read() and not condition():
                raise ConnectionError(f"closed after {self.goaway}")

    async def until_closed(self) -> None:
        """Read until the proxy has closed."""
        while await self.read():
            pass

    async def head(self, stream_id: int) -> Fields:
        """The fields of a response, as soon as they are there."""
        stream = self.streams[stream_id]
        await self.until(lambda: stream.fields or stream.has_ended)
        return stream.fields

    async def answer(self, stream_id: int) -> Answer:
        """A response, read to its end.

        Raises:
            StreamResetError: It has none.
        """
        stream = self.streams[stream_id]
        await self.until(lambda: stream.has_ended)
        if stream.reset_code is not None:
            raise StreamResetError(stream.reset_code)
        (_, status), *fields = stream.fields
        return Answer(int(status), fields, bytes(stream.body))

    async def ask(
        self, method: str = "GET", path: str = "/", *fields: tuple[str, str], body: bytes = b"", host: str = "app.test"
    ) -> Answer:
        """A request and its response."""
        stream_id = await self.begin(method, path, *fields, host=host, end=not body)
        if body:
            await self.send_body(stream_id, body, end=True)
        return await self.answer(stream_id)

    def abort(self) -> None:
        """Close at once."""
        self.conversation.abort()


def h2_context(*protocols: str, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    """A client's context that offers these protocols by ALPN; HTTP/2 unless told otherwise."""
    context = trusting(newest=newest)
    context.set_alpn_protocols(list(protocols or ("h2",)))
    return context


async def connect_h2(port: int, *, host: str = "127.0.0.1", receive_buffer: int | None = None) -> H2Client:
    """A connection on which the preface was sent.

    Args:
        port: Where a proxy listens with TLS.
        host: Its address.
        receive_buffer: As for `conversation.connect`.
    """
    conversation = await connect(host, port, tls=h2_context(), server_name="app.test", receive_buffer=receive_buffer)
    assert "h2" == conversation.transport.get_extra_info("ssl_object").selected_alpn_protocol()
    client = H2Client(conversation)
    await client.start()
    return client
