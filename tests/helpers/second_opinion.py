"""Well-formed messages, and what h11 and httptools make of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import h11
import httptools
from hypothesis import strategies as st

if TYPE_CHECKING:
    from edgeproxy.protocol.message import Field

CHUNKED: Field = ("Transfer-Encoding", "chunked")

_NAMES = st.text("abcXYZ019-_.!~", min_size=1, max_size=8).map(lambda text: f"X-{text}")
_VALUES = st.from_regex(r"([!-~\x80-\xff]([!-~ \t\x80-\xff]{0,8}[!-~\x80-\xff])?)?", fullmatch=True)
_TARGETS = st.from_regex(r"/[a-zA-Z0-9%._~/-]{0,12}(\?[a-z=&%0-9]{0,8})?", fullmatch=True)


class Message(NamedTuple):
    """A well-formed message and what it says.

    Attributes:
        start: Method and target of a request; status and reason of a response.
        fields: The headers in order.
        body: The body without its framing.
        keeps_alive: The sender does not close the connection behind it.
        data: The bytes.
    """

    start: tuple[Any, str]
    fields: list[Field]
    body: bytes
    keeps_alive: bool
    data: bytes


@st.composite
def _rest(draw: st.DrawFn, framings: list[str]) -> tuple[list[Field], bytes, bytes, bool]:
    """Fields, body, the body's bytes on the wire and whether the connection stays."""
    fields = draw(st.lists(st.tuples(_NAMES, _VALUES), max_size=4))
    connection = draw(st.sampled_from([None, "close", "keep-alive"]))
    fields += [("Connection", connection)] if connection else []
    chunks = draw(st.lists(st.binary(min_size=1, max_size=12), max_size=3))
    body = framed = b"".join(chunks)
    match draw(st.sampled_from(framings)):
        case "length":
            fields.append(("Content-Length", str(len(body))))
        case "chunked":
            fields.append(CHUNKED)
            framed = b"".join(b"%X;e=1\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
        case _:
            body = framed = b""
    return fields, body, framed, connection != "close"


def _encode(line: str, fields: list[Field], white: str) -> bytes:
    lines = "".join(f"{name}:{white}{value}\r\n" for name, value in fields)
    return f"{line}\r\n{lines}\r\n".encode("latin-1")


_WHITE = st.sampled_from(["", " ", "\t", "  "])


@st.composite
def requests(draw: st.DrawFn) -> Message:
    """Requests of HTTP/1.1 without anything unusual."""
    method = draw(st.sampled_from(["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]))
    target = draw(_TARGETS)
    fields, body, framed, keeps_alive = draw(_rest(["none", "length", "chunked"]))
    fields.insert(0, ("Host", "example.com"))
    head = _encode(f"{method} {target} HTTP/1.1", fields, draw(_WHITE))
    return Message((method, target), fields, body, keeps_alive, head + framed)


@st.composite
def responses(draw: st.DrawFn) -> Message:
    """Responses of HTTP/1.1 that end by themselves."""
    status = draw(st.integers(200, 599).filter(lambda status: status not in {204, 205, 304}))
    reason = draw(st.from_regex(r"([A-Za-z]+( [A-Za-z]+)?)?", fullmatch=True))
    fields, body, framed, keeps_alive = draw(_rest(["length", "chunked"]))
    head = _encode(f"HTTP/1.1 {status} {reason}", fields, draw(_WHITE))
    return Message((status, reason), fields, body, keeps_alive, head + framed)


class _Said:
    """What httptools says."""

    def __init__(self, parser: Any) -> None:
        self.url = self.reason = self.body = b""
        self.fields: list[Field] = []
        self.keeps_alive = False
        self.is_complete = False
        self.parser = parser(self)

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_status(self, reason: bytes) -> None:
        self.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.keeps_alive = bool(self.parser.should_keep_alive())
        self.is_complete = True


def request_by_httptools(data: bytes) -> Message:
    """The request as httptools reads it."""
    said = _Said(httptools.HttpRequestParser)
    said.parser.feed_data(data)
    assert said.is_complete
    start = (said.parser.get_method().decode(), said.url.decode("latin-1"))
    return Message(start, said.fields, said.body, said.keeps_alive, data)


def response_by_httptools(data: bytes) -> Message:
    """The response as httptools reads it."""
    said = _Said(httptools.HttpResponseParser)
    said.parser.feed_data(data)
    assert said.is_complete
    start = (said.parser.get_status_code(), said.reason.decode("latin-1"))
    return Message(start, said.fields, said.body, said.keeps_alive, data)


def _rest_by_h11(connection: h11.Connection, head: h11.Request | h11.Response) -> tuple[list[Field], bytes, bool]:
    body = b""
    while isinstance(event := connection.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage)
    fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers.raw_items()]
    return fields, body, connection.their_state is h11.DONE


def request_by_h11(data: bytes) -> Message:
    """The request as h11 reads it."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(data)
    head = connection.next_event()
    assert isinstance(head, h11.Request)
    start = (head.method.decode(), head.target.decode("latin-1"))
    return Message(start, *_rest_by_h11(connection, head), data)


def response_by_h11(data: bytes) -> Message:
    """The response as h11 reads it, to a GET."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    head = connection.next_event()
    assert isinstance(head, h11.Response)
    start = (head.status_code, head.reason.decode("latin-1"))
    return Message(start, *_rest_by_h11(connection, head), data)
