"""What a client sends, what is told of it, and what the client gets. RFC 9113 section 8, and the ALB's numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h2.config
import h2.connection
import h2.events
import hpack
import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from edgeproxy.protocol.h2_frames import ErrorCode
from edgeproxy.protocol.h2_hpack import HeaderEncoder
from edgeproxy.protocol.h2_server import MAX_REQUESTS, MAX_STREAMS
from edgeproxy.protocol.message import CHUNKED
from tests.helpers.h2_wire import (
    ACK,
    DATA,
    END_STREAM,
    GET,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    POST,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Frame,
    RequestFacts,
    Server,
    codes,
    data,
    frame,
    goaway,
    greeted_server,
    headers,
    reset,
    settings,
    window_update,
)

if TYPE_CHECKING:
    from edgeproxy.errors import ProtocolError

conformance = pytest.mark.conformance
OK = HeaderEncoder().encode_response(200, ["Content-Type: text/plain"])
ASKED = RequestFacts("GET", "/", [("host", "x")])
POSTED = RequestFacts("POST", "/", [("host", "x"), ("transfer-encoding", "chunked")], CHUNKED)


# ---- the beginning


@conformance(
    "HTTP/2 to clients",
    "the first frames are the SETTINGS and the WINDOW_UPDATE observed on real load balancers",
    "load-balancer-listeners (observed)",
    status="default",
)
def test_the_first_frames_are_those_observed() -> None:
    server = Server()
    server.codec.start()
    three = bytes.fromhex("000300000080 000400010000 000500ffffff")
    assert [
        Frame(SETTINGS, 0, 0, three),
        Frame(WINDOW_UPDATE, 0, 0, (8_388_352).to_bytes(4)),
    ] == server.written()


def test_settings_are_acknowledged() -> None:
    server = Server()
    server.codec.start()
    server.written()
    assert [Frame(SETTINGS, ACK, 0, b"")] == server.feed(PREFACE, settings((4, 1000), (99, 1)))


@pytest.mark.parametrize("wire", [b"GET / HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSN", b"\x16\x03\x01"])
def test_another_protocol_is_refused_at_once(wire: bytes) -> None:
    server = Server()
    server.codec.start()
    server.written()
    assert [(0, ErrorCode.PROTOCOL_ERROR)] == codes(server.feed(wire), GOAWAY)
    assert server.codec.is_stopped


@pytest.mark.parametrize("wire", [frame(PING, 0, 0, bytes(8)), frame(SETTINGS, ACK), headers(1, GET)])
def test_the_first_frame_must_be_settings(wire: bytes) -> None:
    server = Server()
    server.feed_bytewise(PREFACE + wire)
    assert [("connection error", ErrorCode.PROTOCOL_ERROR)] == server.told()


def test_nothing_is_heard_behind_an_error() -> None:
    server = greeted_server()
    server.feed(data(0, b""), headers(1, GET))
    assert [("connection error", ErrorCode.PROTOCOL_ERROR)] == server.told()
    assert [] == server.feed(headers(3, GET))
    server.codec.shut_down()
    assert [] == server.told()
    assert "<H2ServerCodec stopped streams=0 waiting=0>" == repr(server.codec)


# ---- requests

EXCHANGES = {
    "get": (headers(1, GET), [("request", 1, ASKED), ("end", 1)]),
    "body": (
        headers(1, POST, end_stream=False) + data(1, b"abc") + data(1, b"def", end_stream=True),
        [("request", 1, POSTED), ("body", 1, b"abcdef"), ("end", 1)],
    ),
    "body with padding": (
        headers(1, POST, end_stream=False) + frame(DATA, PADDED | END_STREAM, 1, b"\x04abc" + bytes(4)),
        [("request", 1, POSTED), ("body", 1, b"abc"), ("end", 1)],
    ),
    "empty body": (
        headers(1, POST, end_stream=False) + data(1, b"", end_stream=True),
        [("request", 1, POSTED), ("end", 1)],
    ),
    "trailers": (
        headers(1, POST, end_stream=False) + data(1, b"abc") + headers(1, [("t", "1")]),
        [("request", 1, POSTED), ("body", 1, b"abc"), ("trailers", 1, ["t: 1"])],
    ),
    "trailers without a body": (
        headers(1, POST, end_stream=False) + headers(1, [("t", "1")]),
        [("request", 1, POSTED), ("trailers", 1, ["t: 1"])],
    ),
    "two at once": (
        headers(1, POST, end_stream=False) + headers(3, GET) + data(1, b"abc", end_stream=True),
        [("request", 1, POSTED), ("request", 3, ASKED), ("end", 3), ("body", 1, b"abc"), ("end", 1)],
    ),
    "bodies that alternate": (
        headers(1, POST, end_stream=False)
        + headers(3, POST, end_stream=False)
        + data(1, b"a")
        + data(3, b"b", end_stream=True)
        + data(1, b"c", end_stream=True),
        [
            ("request", 1, POSTED),
            ("request", 3, POSTED),
            ("body", 1, b"a"),
            ("body", 3, b"b"),
            ("end", 3),
            ("body", 1, b"c"),
            ("end", 1),
        ],
    ),
    "other frames in between": (
        headers(1, POST, end_stream=False)
        + settings((4, 5))
        + window_update(1, 5)
        + data(1, b"abc", end_stream=True)
        + frame(PING, 0, 0, bytes(8)),
        [("request", 1, POSTED), ("body", 1, b"abc"), ("end", 1)],
    ),
    "refused with a status": (
        headers(1, [*GET[:2], (":path", "*"), GET[3]]) + headers(3, GET),
        [("error", 1, 400), ("request", 3, ASKED), ("end", 3)],
    ),
    "the body of what is refused": (
        headers(1, [*POST[:2], (":path", "*")], end_stream=False) + data(1, b"abc") + data(1, b"", end_stream=True),
        [("error", 1, 400)],
    ),
    "trailers of what is refused": (
        headers(1, [*POST[:2], (":path", "*")], end_stream=False) + headers(1, [("t", "1")]),
        [("error", 1, 400)],
    ),
    "reset": (
        headers(1, GET) + reset(1, 8),
        [("request", 1, ASKED), ("end", 1), ("reset", 1, 8)],
    ),
    "malformed": (headers(1, GET[1:]), []),
    "goaway": (headers(1, GET) + goaway(0), [("request", 1, ASKED), ("end", 1), ("goaway",)]),
}


@pytest.mark.parametrize("name", EXCHANGES)
@pytest.mark.parametrize("size", [1, 2, 9, 10, 1 << 20])
def test_the_same_is_told_however_the_bytes_are_cut(name: str, size: int) -> None:
    wire, events = EXCHANGES[name]
    server = greeted_server()
    for start in range(0, len(wire), size):
        server.codec.feed(wire[start : start + size])
    assert events == server.told()


@pytest.mark.parametrize(
    ("wire", "dropped"),
    [
        (headers(1, GET[1:]), (1, "", "the request has no :method")),
        (
            headers(1, [*POST, ("content-length", "1")], end_stream=False) + data(1, b"ab"),
            (1, "/", "the body is not as long as Content-Length states"),
        ),
        (
            headers(1, POST, end_stream=False) + headers(1, [(":t", "1")]),
            None,
        ),
        (headers(1, POST, end_stream=False) + reset(1, 8), (1, "/", "")),
        (headers(1, GET) + reset(1, 8), None),
    ],
    ids=["malformed", "body", "trailers", "given up", "told and given up"],
)
def test_a_request_that_nobody_was_told_of_is_told_at_its_end(
    wire: bytes, dropped: tuple[int, str, str] | None
) -> None:
    """In one piece: a head waits for the body that came along."""
    server = greeted_server()
    server.feed(wire)
    assert ([] if dropped is None else [dropped]) == server.dropped


def test_a_request_that_was_refused_is_not_told_of_again() -> None:
    class Refusing(Server):
        def on_request_error(self, stream_id: int, error: ProtocolError) -> None:
            # The end of the answer does not fit into the window, so the stream lives on.
            self.codec.send_head(stream_id, HeaderEncoder().encode_response(400, []), bytes(100_000), end_stream=True)

    server = Refusing()
    server.feed(PREFACE, settings(), headers(1, [*GET[:2], (":path", "*")]), reset(1, 8))
    assert [] == server.dropped


def test_an_error_says_whether_the_method_is_head() -> None:
    told: list[bool] = []

    class Listening(Server):
        def on_request_error(self, stream_id: int, error: ProtocolError) -> None:
            told.append(error.is_head)

    server = Listening()
    server.feed(PREFACE, settings(), headers(1, [(":method", "HEAD"), (":scheme", "https"), (":path", "*")]))
    server.feed(headers(3, [(":method", "GET"), (":scheme", "https"), (":path", "*")]))
    assert [True, False] == told


def test_a_body_that_comes_along_is_told_with_its_head() -> None:
    """One call, so that a small request is one write to its target."""
    calls: list[tuple[bytes, bool]] = []

    class Listening(Server):
        def on_request(self, stream_id: int, head: object, payload: bytes, is_complete: bool) -> None:
            calls.append((payload, is_complete))

    server = Listening()
    server.feed(PREFACE, settings(), headers(1, POST, end_stream=False), data(1, b"abc", end_stream=True))
    server.feed(headers(3, POST, end_stream=False))
    assert [(b"abc", True), (b"", False)] == calls


def test_a_request_and_its_reset_in_the_same_bytes_are_never_told() -> None:
    server = greeted_server()
    server.feed(headers(1, POST, end_stream=False), reset(1))
    server.feed(headers(3, POST, end_stream=False), window_update(3, 0))
    assert [] == server.told()


def test_a_compressed_head_is_read_as_the_client_meant_it() -> None:
    encoder, server = hpack.Encoder(), greeted_server()
    for stream_id in (1, 3, 5):
        block = encoder.encode([*GET, ("user-agent", "a browser"), ("cookie", "a=1"), ("cookie", "b=2")])
        server.feed(frame(HEADERS, 5, stream_id, block))
    assert [[("host", "x"), ("user-agent", "a browser"), ("cookie", "a=1; b=2")]] * 3 == [
        head.fields.fields for head in server.heads
    ]


def test_the_size_of_a_head_is_what_it_took_on_the_wire() -> None:
    server = greeted_server()
    wire = headers(1, GET)
    server.feed(wire)
    assert len(wire) == server.heads[0].size


# ---- responses


def test_a_response_ends_the_stream() -> None:
    server = greeted_server()
    server.feed(headers(1, GET))
    server.codec.send_head(1, OK, b"hello", end_stream=True)
    head, body = server.written()
    assert [(":status", "200"), ("content-type", "text/plain")] == server.fields(head.payload)
    assert Frame(DATA, END_STREAM, 1, b"hello") == body
    assert server.codec.is_idle


def test_an_early_response_stops_the_request() -> None:
    """RFC 9113 section 8.1: with NO_ERROR, behind the whole response. What is on its way is dropped, not its window."""
    server = greeted_server()
    server.feed(headers(1, POST, end_stream=False), data(1, b"abc"))
    server.codec.send_head(1, OK, b"no", end_stream=True)
    written = server.written()
    assert [HEADERS, DATA, RST_STREAM] == [each.kind for each in written]
    assert [(1, ErrorCode.NO_ERROR)] == codes(written, RST_STREAM)
    server.told()
    before = server.codec._window.left + server.codec._window._returned
    assert [] == server.feed(data(1, b"more"), headers(1, [("t", "1")]))
    assert [] == server.told()
    assert before == server.codec._window.left + server.codec._window._returned


def test_a_refused_request_is_answered_on_its_stream() -> None:
    server = greeted_server()
    server.feed(headers(1, [*POST[:2], (":path", "*")], end_stream=False), data(1, b"abc"))
    server.codec.send_head(1, HeaderEncoder().encode_response(400, []), end_stream=True)
    assert [(1, ErrorCode.NO_ERROR)] == codes(server.written(), RST_STREAM)


def test_a_reset_of_ours_is_final() -> None:
    server = greeted_server()
    server.feed(headers(1, POST, end_stream=False))
    server.codec.reset_stream(1, ErrorCode.INTERNAL_ERROR)
    assert [(1, ErrorCode.INTERNAL_ERROR)] == codes(server.written(), RST_STREAM)
    server.told()
    assert [] == server.feed(data(1, b"late"), window_update(1, 5), reset(1), headers(1, [("t", "1")]))
    assert [] == server.told()


def test_ping_is_answered_with_its_own_bytes() -> None:
    assert [Frame(PING, ACK, 0, b"12345678")] == greeted_server().feed(frame(PING, 0, 0, b"12345678"))


# ---- windows


def test_no_window_comes_back_before_the_bytes_are_taken() -> None:
    server = greeted_server()
    server.feed(headers(1, POST, end_stream=False))
    assert [] == server.feed(*[data(1, bytes(16_384))] * 4)
    server.codec.acknowledge(1, 32_767)
    assert [] == server.written()
    server.codec.acknowledge(1, 1)
    assert [Frame(WINDOW_UPDATE, 0, 1, (32_768).to_bytes(4))] == server.written()


def test_no_more_comes_back_than_came() -> None:
    server = greeted_server()
    server.feed(headers(1, POST, end_stream=False), data(1, bytes(10_000)))
    server.codec.acknowledge(1, 1_000_000)
    assert 10_000 == server.codec._window._returned


def test_padding_comes_back_by_itself() -> None:
    """Nobody will ever take it."""
    server = greeted_server()
    padded = frame(DATA, PADDED, 1, b"\xfea" + bytes(254))
    server.feed(headers(1, POST, end_stream=False))
    assert [] == server.feed(padded * 128)
    assert [Frame(WINDOW_UPDATE, 0, 1, (129 * 255).to_bytes(4))] == server.feed(padded)


def test_the_connection_s_window_comes_back_with_a_stream_that_ends() -> None:
    """Bytes that nobody took are dropped with their stream; the connection lives on."""
    server = greeted_server()
    for stream_id in range(1, 400, 2):
        server.feed(headers(stream_id, POST, end_stream=False), data(stream_id, bytes(60_000)))
        server.codec.send_head(stream_id, OK, end_stream=True)
    assert not server.errors
    assert 200 * 60_000 > 65_535 + 8_388_352


def test_the_connection_s_window_holds() -> None:
    server = greeted_server()
    for stream_id in range(1, 2 * MAX_STREAMS, 2):
        server.feed(headers(stream_id, POST, end_stream=False), data(stream_id, bytes(65_536)))
    # 128 full streams fit; the connection has room for one more byte than that, so none may overstep it.
    assert not server.errors
    server.codec._window.left = 3
    server.codec.acknowledge(1, 10)
    server.feed(data(1, bytes(4)))
    assert [("connection error", ErrorCode.FLOW_CONTROL_ERROR)] == server.told()[-1:]


def test_an_ended_stream_needs_no_window() -> None:
    server = greeted_server()
    server.feed(headers(1, POST, end_stream=False), data(1, bytes(50_000), end_stream=True))
    server.codec.acknowledge(1, 50_000)
    assert [] == server.written()


# ---- streams and the end of the connection


@conformance("HTTP/2 to clients", "a client may have 128 streams open; more are refused", "load-balancer-listeners")
def test_the_129th_stream_is_refused() -> None:
    server = greeted_server()
    written = server.feed(*(headers(2 * n + 1, GET) for n in range(MAX_STREAMS + 2)))
    assert [(257, ErrorCode.REFUSED_STREAM), (259, ErrorCode.REFUSED_STREAM)] == codes(written, RST_STREAM)
    assert MAX_STREAMS == server.codec.open_streams
    server.codec.send_head(1, OK, end_stream=True)
    server.told()
    server.feed(headers(261, GET), data(257, b"late"))
    assert [("request", 261, ASKED), ("end", 261)] == server.told()


@conformance(
    "HTTP/2 to clients", "behind 10,000 requests the connection ends with GOAWAY", "load-balancer-troubleshooting"
)
def test_the_10_000th_request_is_the_last() -> None:
    server = greeted_server()
    for number in range(MAX_REQUESTS - 1):
        server.codec.feed(headers(2 * number + 1, GET))
        server.codec.send_head(2 * number + 1, OK, end_stream=True)
    assert [] == codes(server.written(), GOAWAY)
    server.told()
    last = 2 * MAX_REQUESTS - 1
    assert [(last, ErrorCode.NO_ERROR)] == [
        (int.from_bytes(each.payload[:4]), int.from_bytes(each.payload[4:]))
        for each in server.feed(headers(last, GET), headers(last + 2, GET), data(last + 2, b"x"))
        if each.kind == GOAWAY
    ]
    assert [("request", last, ASKED), ("end", last)] == server.told()
    server.codec.send_head(last, OK, b"last words", end_stream=True)
    assert [("finished",)] == server.told()
    assert [HEADERS, DATA] == [each.kind for each in server.written()]


def test_shutting_down_lets_streams_end() -> None:
    """For a connection that has reached its age, or a load balancer that drains."""
    server = greeted_server()
    server.feed(headers(1, POST, end_stream=False))
    server.told()
    server.codec.shut_down()
    server.codec.shut_down()
    assert [(1, ErrorCode.NO_ERROR)] == codes(server.written(), GOAWAY)
    server.feed(headers(3, GET), data(1, b"abc", end_stream=True))
    assert [("body", 1, b"abc"), ("end", 1)] == server.told()
    server.codec.send_head(1, OK, end_stream=True)
    assert [("finished",)] == server.told()


def test_shutting_down_an_idle_connection_finishes_it() -> None:
    server = greeted_server()
    server.codec.shut_down()
    server.codec.shut_down()
    assert [("finished",)] == server.told()


def test_a_last_answer_leaves_before_the_connection_is_finished() -> None:
    """Whoever hears `on_finished` closes, and what is written behind that is lost."""
    order: list[str] = []

    class Ordered(Server):
        def _write(self, wire: bytes) -> None:
            order.append("write")
            super()._write(wire)

        def on_finished(self) -> None:
            order.append("finished")

        def on_request(self, stream_id: int, head: object, payload: bytes, is_complete: bool) -> None:
            self.codec.shut_down()
            self.codec.send_head(stream_id, OK, b"bye", end_stream=True)

    server = Ordered()
    server.feed(PREFACE, settings(), headers(1, GET))
    assert ["write", "finished"] == order


def test_a_client_that_leaves_gets_its_answers() -> None:
    server = greeted_server()
    server.feed(headers(1, GET))
    assert [(1, ErrorCode.NO_ERROR)] == codes(server.feed(goaway(0)), GOAWAY)
    server.told()
    server.codec.send_head(1, OK, end_stream=True)
    assert [("finished",)] == server.told()


def test_a_stopped_codec_is_silent() -> None:
    server = greeted_server()
    server.feed(headers(1, GET))
    server.codec.stop()
    server.told()
    assert [] == server.feed(headers(3, GET))
    server.codec.send_head(1, OK, end_stream=True)
    assert [] == server.written()
    assert [] == server.told()


# ---- against another implementation


class Echo(Server):
    """Sends a request's body back, as far as it may; returns windows only for what it could send."""

    def on_request(self, stream_id: int, head: object, payload: bytes, is_complete: bool) -> None:
        self.codec.send_head(stream_id, OK, end_stream=False)
        self.on_request_body(stream_id, payload, is_complete)

    def on_request_body(self, stream_id: int, payload: bytes, is_complete: bool) -> None:
        self.codec.send_data(stream_id, payload, end_stream=is_complete)
        self.codec.acknowledge(stream_id, len(payload))

    def on_request_trailers(self, stream_id: int, lines: list[str]) -> None:
        self.codec.send_trailers(stream_id, HeaderEncoder().encode_lines(lines))


class Uploader:
    """A client by the h2 library that sends bodies as far as it may, and collects what comes back."""

    def __init__(self, uploads: list[bytes], *, with_trailers: bool) -> None:
        config = h2.config.H2Configuration(client_side=True, header_encoding="latin-1")
        self.connection = h2.connection.H2Connection(config)
        self.connection.initiate_connection()
        self.with_trailers = with_trailers
        self.waiting: dict[int, bytes] = {}
        for body in uploads:
            stream_id = self.connection.get_next_available_stream_id()
            self.connection.send_headers(stream_id, [*POST, ("user-agent", "h2")])
            self.waiting[stream_id] = body
        self.received = dict.fromkeys(self.waiting, b"")
        self.trailers: dict[int, object] = {}
        self.ended: set[int] = set()

    def send(self) -> bytes:
        """What may be sent now."""
        for stream_id, rest in list(self.waiting.items()):
            connection = self.connection
            size = min(len(rest), connection.local_flow_control_window(stream_id), connection.max_outbound_frame_size)
            if size == len(rest):
                connection.send_data(stream_id, rest, end_stream=not self.with_trailers)
                if self.with_trailers:
                    connection.send_headers(stream_id, [("t", "1")], end_stream=True)
                del self.waiting[stream_id]
            elif size:
                connection.send_data(stream_id, rest[:size])
                self.waiting[stream_id] = rest[size:]
        return self.connection.data_to_send()

    def receive(self, wire: bytes) -> None:
        """Takes what the server wrote; the h2 library raises for what breaks the rules."""
        for event in self.connection.receive_data(wire):
            match event:
                case h2.events.DataReceived():
                    self.received[event.stream_id] += event.data
                    self.connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                case h2.events.TrailersReceived():
                    self.trailers[event.stream_id] = event.headers
                case h2.events.StreamEnded():
                    self.ended.add(event.stream_id)
                case h2.events.StreamReset() | h2.events.ConnectionTerminated():
                    raise AssertionError(event)


bodies = st.lists(st.binary(max_size=400).map(lambda part: part * 1000), min_size=1, max_size=4)


@profile(max_examples=40)
@given(bodies, st.booleans(), st.integers(500, 70_000))
def test_an_independent_client_gets_back_what_it_sent(uploads: list[bytes], with_trailers: bool, cut: int) -> None:
    """Both sides keep to each other's windows, or the h2 library would say so."""
    client = Uploader(uploads, with_trailers=with_trailers)
    server = Echo()
    server.codec.start()
    for _ in range(2000):
        wire = client.send()
        for start in range(0, len(wire), cut):
            server.codec.feed(wire[start : start + cut])
        wire, server.wire = server.wire, b""
        client.receive(wire)
        if client.ended == client.received.keys():
            break
    assert uploads == list(client.received.values())
    assert ({key: [("t", "1")] for key in client.received} if with_trailers else {}) == client.trailers
    assert server.codec.is_idle
