"""What a target sends, what the codec tells of it, and what the target gets. RFC 9113 section 8."""

from __future__ import annotations

import h2.config
import h2.connection
import h2.events
import hpack
import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from edgeproxy.protocol.h2_client import ASSUMED_STREAMS, MAX_STREAMS
from edgeproxy.protocol.h2_frames import ErrorCode
from edgeproxy.protocol.h2_hpack import HeaderEncoder
from edgeproxy.protocol.limits import MAX_RESPONSE_HEAD
from edgeproxy.protocol.message import CHUNKED, UNTIL_CLOSE, ResponseHead
from tests.helpers.h2_wire import (
    ACK,
    DATA,
    GET,
    GOAWAY,
    HEADERS,
    OK,
    PING,
    PREFACE,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Client,
    Event,
    Fields,
    Frame,
    ResponseFacts,
    block,
    codes,
    data,
    frame,
    goaway,
    greeted_client,
    headers,
    reset,
    settings,
    window_update,
)

MAX_CONCURRENT, WINDOW = 3, 4
ENCODER = HeaderEncoder()
REQUEST = ENCODER.encode_request("GET", "http", "app", "/x?y", ["Accept: */*", "TE: trailers"])
RESPONSE = ResponseFacts(200, [("transfer-encoding", "chunked")], CHUNKED)
LENGTH_5: Fields = [*OK, ("content-length", "5")]


def asking(count: int = 1, *, end_stream: bool = True, is_head: bool = False) -> Client:
    """A client codec with some requests outstanding."""
    client = greeted_client()
    for _ in range(count):
        client.codec.open(REQUEST, end_stream=end_stream, is_head=is_head)
    client.written()
    return client


# ---- the beginning


def test_the_preface_and_no_push() -> None:
    client = Client()
    client.codec.start()
    assert client.wire.startswith(PREFACE)
    assert [
        Frame(SETTINGS, 0, 0, bytes.fromhex("000200000000 000400010000")),
        Frame(WINDOW_UPDATE, 0, 0, (8_388_352).to_bytes(4)),
    ] == client.written()


def test_a_request_may_leave_with_the_preface() -> None:
    client = Client()
    client.codec.start()
    assert client.codec.can_open
    assert 1 == client.codec.open(REQUEST, end_stream=True)
    assert [SETTINGS, WINDOW_UPDATE, HEADERS] == [each.kind for each in client.written()]


@pytest.mark.parametrize("wire", [b"HTTP/1.1 400 Bad Request\r\n\r\n", frame(SETTINGS, ACK), headers(1, OK)])
def test_a_target_that_does_not_begin_with_settings_is_left(wire: bytes) -> None:
    client = Client()
    client.codec.start()
    client.codec.open(REQUEST, end_stream=True)
    client.feed_bytewise(wire)
    assert [("connection error", ErrorCode.PROTOCOL_ERROR)] == client.told()
    assert not client.codec.can_open


# ---- requests


def test_a_request_is_written() -> None:
    client = greeted_client()
    client.written()
    stream_id = client.codec.open(REQUEST, b"abc", end_stream=False)
    client.codec.send_data(stream_id, b"def", end_stream=True)
    head, first, second = client.written()
    assert [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "app"),
        (":path", "/x?y"),
        ("accept", "*/*"),
        ("te", "trailers"),
    ] == client.fields(head.payload)
    assert (HEADERS, 4, 1) == head[:3]
    assert [Frame(DATA, 0, 1, b"abc"), Frame(DATA, 1, 1, b"def")] == [first, second]


def test_streams_are_numbered_as_a_client_numbers_them() -> None:
    client = greeted_client()
    assert [1, 3, 5] == [client.codec.open(REQUEST, end_stream=True) for _ in range(3)]


@pytest.mark.parametrize(
    ("pairs", "streams"), [(((MAX_CONCURRENT, 3),), 3), ((), MAX_STREAMS), (((MAX_CONCURRENT, 10_000),), MAX_STREAMS)]
)
def test_a_target_gets_as_many_streams_as_it_allows(pairs: tuple[tuple[int, int], ...], streams: int) -> None:
    client = greeted_client(*pairs)
    opened = 0
    while client.codec.can_open:
        client.codec.open(REQUEST, end_stream=True)
        opened += 1
    assert streams == opened
    client.feed(headers(1, OK))
    assert client.codec.can_open


def test_before_it_says_a_target_gets_what_the_rfc_recommends() -> None:
    client = Client()
    client.codec.start()
    for _ in range(ASSUMED_STREAMS):
        client.codec.open(REQUEST, end_stream=True)
    assert not client.codec.can_open


def test_the_slot_is_free_when_the_response_is_told() -> None:
    """So that whoever hears of it may open the next request at once."""
    could: list[bool] = []

    class Eager(Client):
        def on_response(self, stream_id: int, head: object, payload: bytes, is_complete: bool) -> None:
            could.append(self.codec.can_open)

    client = Eager()
    client.codec.start()
    client.feed(settings((MAX_CONCURRENT, 1)))
    client.codec.open(REQUEST, end_stream=True)
    client.feed(headers(1, OK, end_stream=False), data(1, b"abc", end_stream=True))
    client.codec.open(REQUEST, end_stream=True)
    client.feed(headers(3, OK))
    assert [True, True] == could


def test_a_request_waits_for_the_target_s_window() -> None:
    client = greeted_client((WINDOW, 4))
    client.written()
    client.codec.open(REQUEST, b"abcdef", end_stream=True)
    assert [b"abcd"] == [each.payload for each in client.written() if each.kind == DATA]
    assert [b"ef"] == [each.payload for each in client.feed(window_update(1, 10))]


# ---- responses

EXCHANGES = {
    "no body": (headers(1, OK), [("response", 1, ResponseFacts(200, [], UNTIL_CLOSE)), ("end", 1)]),
    "length": (
        headers(1, LENGTH_5, end_stream=False) + data(1, b"abc") + data(1, b"de", end_stream=True),
        [("response", 1, ResponseFacts(200, LENGTH_5[1:], 5)), ("body", 1, b"abcde"), ("end", 1)],
    ),
    "body": (
        headers(1, OK, end_stream=False) + data(1, b"abc") + data(1, b"", end_stream=True),
        [("response", 1, RESPONSE), ("body", 1, b"abc"), ("end", 1)],
    ),
    "trailers": (
        headers(1, OK, end_stream=False) + data(1, b"abc") + headers(1, [("grpc-status", "0")]),
        [("response", 1, RESPONSE), ("body", 1, b"abc"), ("trailers", 1, ["grpc-status: 0"])],
    ),
    "trailers only": (
        headers(1, [*OK, ("grpc-status", "5")]),
        [("response", 1, ResponseFacts(200, [("grpc-status", "5")], UNTIL_CLOSE)), ("end", 1)],
    ),
    "interim responses": (
        headers(1, [(":status", "100")], end_stream=False)
        + headers(1, [(":status", "103"), ("link", "x")], end_stream=False)
        + headers(1, OK),
        [("response", 1, ResponseFacts(200, [], UNTIL_CLOSE)), ("end", 1)],
    ),
    "two that alternate": (
        headers(3, OK, end_stream=False) + headers(1, OK) + data(3, b"x", end_stream=True),
        [
            ("response", 3, RESPONSE),
            ("response", 1, ResponseFacts(200, [], UNTIL_CLOSE)),
            ("end", 1),
            ("body", 3, b"x"),
            ("end", 3),
        ],
    ),
    "reset": (
        headers(1, OK, end_stream=False) + data(1, b"x") + reset(1, 2),
        [("response", 1, RESPONSE), ("body", 1, b"x"), ("reset", 1, 2)],
    ),
    "reset at once": (reset(1, 7), [("reset", 1, 7)]),
    "goaway": (goaway(1), [("reset", 3, ErrorCode.REFUSED_STREAM), ("goaway",)]),
    "no content": (
        headers(1, [(":status", "204")], end_stream=False) + data(1, b"", end_stream=True),
        [("response", 1, ResponseFacts(204, [("transfer-encoding", "chunked")], CHUNKED)), ("end", 1)],
    ),
}


@pytest.mark.parametrize("name", EXCHANGES)
@pytest.mark.parametrize("size", [1, 9, 10, 1 << 20])
def test_the_same_is_told_however_the_bytes_are_cut(name: str, size: int) -> None:
    wire, events = EXCHANGES[name]
    client = asking(2)
    for start in range(0, len(wire), size):
        client.codec.feed(wire[start : start + size])
    assert events == client.told()


def test_a_body_that_comes_along_is_told_with_its_head() -> None:
    calls: list[tuple[bytes, bool]] = []

    class Listening(Client):
        def on_response(self, stream_id: int, head: object, payload: bytes, is_complete: bool) -> None:
            calls.append((payload, is_complete))

    client = Listening()
    client.codec.start()
    client.feed(settings())
    client.codec.open(REQUEST, end_stream=True)
    client.feed(headers(1, OK, end_stream=False), data(1, b"abc", end_stream=True))
    assert [(b"abc", True)] == calls


@pytest.mark.parametrize("fields", [LENGTH_5, [(":status", "304"), ("content-length", "5")]])
def test_a_length_without_a_body_is_fine_for_head(fields: Fields) -> None:
    client = asking(is_head=True)
    client.feed(headers(1, fields))
    assert ("end", 1) == client.told()[-1]


def test_a_not_modified_may_state_a_length() -> None:
    client = asking()
    client.feed(headers(1, [(":status", "304"), ("content-length", "5")]))
    assert ("end", 1) == client.told()[-1]


REFUSED = {
    "body too short": (
        headers(1, LENGTH_5, end_stream=False) + data(1, b"abcd", end_stream=True),
        ErrorCode.PROTOCOL_ERROR,
    ),
    "body too long": (headers(1, LENGTH_5, end_stream=False) + data(1, b"abcdef"), ErrorCode.PROTOCOL_ERROR),
    "no body": (headers(1, LENGTH_5), ErrorCode.PROTOCOL_ERROR),
    "trailers too early": (headers(1, LENGTH_5, end_stream=False) + headers(1, [("t", "1")]), ErrorCode.PROTOCOL_ERROR),
    "body without content": (
        headers(1, [(":status", "204")], end_stream=False) + data(1, b"x"),
        ErrorCode.PROTOCOL_ERROR,
    ),
    "a body without a head": (data(1, b"x"), ErrorCode.PROTOCOL_ERROR),
    "an end without a head": (data(1, b"", end_stream=True), ErrorCode.PROTOCOL_ERROR),
    "a body behind an interim response": (
        headers(1, [(":status", "103")], end_stream=False) + data(1, b"x"),
        ErrorCode.PROTOCOL_ERROR,
    ),
    "no status": (headers(1, [("x", "y")]), ErrorCode.PROTOCOL_ERROR),
    "an interim response that ends": (headers(1, [(":status", "100")]), ErrorCode.PROTOCOL_ERROR),
    "switching protocols": (headers(1, [(":status", "101")], end_stream=False), ErrorCode.PROTOCOL_ERROR),
    "two final heads": (headers(1, OK, end_stream=False) * 2, ErrorCode.PROTOCOL_ERROR),
    "a pseudo-header in trailers": (headers(1, OK, end_stream=False) + headers(1, OK), ErrorCode.PROTOCOL_ERROR),
    "two lengths": (headers(1, [*LENGTH_5, ("content-length", "5")], end_stream=False), ErrorCode.CANCEL),
    "headers too long": (
        frame(HEADERS, 4, 1, b"\x88\x40\x01x\x7f\xa1\x1e" + b"a" * 4000 + b"\xbe" * (MAX_RESPONSE_HEAD // 4000)),
        ErrorCode.CANCEL,
    ),
    "window overstepped": (headers(1, OK, end_stream=False) + data(1, bytes(16_384)) * 5, ErrorCode.FLOW_CONTROL_ERROR),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_response_that_cannot_be_passed_on_is_a_502_and_the_others_live(name: str) -> None:
    wire, code = REFUSED[name]
    client = asking(2)
    assert [(1, code)] == codes(client.feed(wire), RST_STREAM)
    assert ("error", 1, 502) == client.told()[-1]
    client.feed(data(1, b"late"), headers(3, OK))
    assert [("response", 3, ResponseFacts(200, [], UNTIL_CLOSE)), ("end", 3)] == client.told()


BROKEN = {
    "a stream that nobody asked for": (headers(5, OK), ErrorCode.PROTOCOL_ERROR),
    "a stream of its own": (headers(2, OK), ErrorCode.PROTOCOL_ERROR),
    "data on a stream that nobody asked for": (data(5, b"x"), ErrorCode.PROTOCOL_ERROR),
    "a window for a stream that nobody asked for": (window_update(5, 1), ErrorCode.PROTOCOL_ERROR),
    "a closed stream": (headers(1, OK) * 2, ErrorCode.STREAM_CLOSED),
    "data on a closed stream": (headers(1, OK) + data(1, b"x"), ErrorCode.STREAM_CLOSED),
    "push": (frame(PUSH_PROMISE, 4, 1, b"\0\0\0\2" + block(GET)), ErrorCode.PROTOCOL_ERROR),
    "push is announced": (settings((2, 1)), ErrorCode.PROTOCOL_ERROR),
    "a compressed block that cannot be read": (frame(HEADERS, 5, 1, b"\x80"), ErrorCode.COMPRESSION_ERROR),
    "a frame that is longer than allowed": (frame(DATA, 0, 1, bytes(16_385)), ErrorCode.FRAME_SIZE_ERROR),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_target_that_breaks_the_connection_s_rules_is_left(name: str) -> None:
    wire, code = BROKEN[name]
    client = asking(2)
    client.codec.feed(wire)
    assert [(0, code)] == [
        (int.from_bytes(each.payload[:4]), int.from_bytes(each.payload[4:]))
        for each in client.written()
        if each.kind == GOAWAY
    ]
    assert ("connection error", code) == client.told()[-1]
    assert not client.codec.can_open


def test_an_early_response_leaves_the_request_to_whoever_sends_it() -> None:
    """It may go on, or be stopped; the stream lives until then."""
    client = asking(2, end_stream=False)
    client.feed(headers(1, OK), headers(3, OK))
    assert client.codec.is_open(1)
    client.codec.send_data(1, b"rest", end_stream=True)
    client.codec.reset_stream(3)
    assert 0 == client.codec.open_streams
    written = client.written()
    assert [DATA, RST_STREAM] == [each.kind for each in written]
    assert [(3, ErrorCode.CANCEL)] == codes(written, RST_STREAM)


def test_a_second_head_behind_an_early_response_is_refused() -> None:
    client = asking(end_stream=False)
    client.feed(headers(1, OK))
    assert [(1, ErrorCode.STREAM_CLOSED)] == codes(client.feed(headers(1, OK)), RST_STREAM)


def test_no_window_comes_back_before_the_bytes_are_taken() -> None:
    client = asking()
    assert [] == client.feed(headers(1, OK, end_stream=False), *[data(1, bytes(16_384))] * 4)
    client.codec.acknowledge(1, 40_000)
    assert [Frame(WINDOW_UPDATE, 0, 1, (40_000).to_bytes(4))] == client.written()


def test_a_cancelled_request_is_forgotten() -> None:
    client = asking()
    client.codec.reset_stream(1)
    assert [(1, ErrorCode.CANCEL)] == codes(client.written(), RST_STREAM)
    client.feed(headers(1, OK, end_stream=False), data(1, b"late", end_stream=True), reset(1))
    assert [] == client.told()


# ---- the end


def test_a_target_that_goes_away_answers_what_it_took() -> None:
    client = asking(3)
    client.feed(goaway(3))
    assert [("reset", 5, ErrorCode.REFUSED_STREAM), ("goaway",)] == client.told()
    assert not client.codec.can_open
    client.feed(headers(1, OK), headers(5, OK))
    assert [("response", 1, ResponseFacts(200, [], UNTIL_CLOSE)), ("end", 1)] == client.told()
    client.feed(goaway(1))
    assert [("reset", 3, ErrorCode.REFUSED_STREAM), ("goaway",), ("finished",)] == client.told()


def test_a_graceful_goaway_names_the_largest_stream_first() -> None:
    """RFC 9113 section 6.8: 2**31-1, and the true number later."""
    client = asking(1)
    client.feed(goaway(2**31 - 1))
    client.feed(headers(1, OK), goaway(1))
    assert ("finished",) == client.told()[-1]


def test_an_idle_connection_finishes_with_a_goaway() -> None:
    client = greeted_client()
    client.feed(goaway(0))
    assert [("goaway",), ("finished",)] == client.told()


def test_shutting_down_names_no_stream() -> None:
    client = asking()
    client.codec.shut_down()
    assert [Frame(GOAWAY, 0, 0, bytes(8))] == client.written()
    client.feed(headers(1, OK))
    assert ("finished",) == client.told()[-1]


def test_ping_is_answered() -> None:
    client = greeted_client()
    client.written()
    assert [Frame(PING, ACK, 0, b"12345678")] == client.feed(frame(PING, 0, 0, b"12345678"))


def test_a_compressed_response_is_read() -> None:
    client, encoder = asking(2), hpack.Encoder()
    for stream_id in (1, 3):
        wire = encoder.encode([*OK, ("server", "nginx"), ("content-length", "0")])
        client.feed(frame(HEADERS, 5, stream_id, wire))
    assert [[("server", "nginx"), ("content-length", "0")]] * 2 == [head.fields for head in client.heads]


# ---- against another implementation


class EchoTarget:
    """A target by the h2 library that sends back what it gets, as far as it may."""

    def __init__(self) -> None:
        config = h2.config.H2Configuration(client_side=False, header_encoding="latin-1")
        self.connection = h2.connection.H2Connection(config)
        self.connection.initiate_connection()
        self.waiting: dict[int, bytes] = {}
        self.ended: set[int] = set()

    def receive(self, wire: bytes) -> None:
        """Takes what the codec wrote; the h2 library raises for what breaks the rules."""
        for event in self.connection.receive_data(wire):
            match event:
                case h2.events.RequestReceived():
                    self.connection.send_headers(event.stream_id, OK)
                    self.waiting[event.stream_id] = b""
                case h2.events.DataReceived():
                    self.waiting[event.stream_id] += event.data
                    self.connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                case h2.events.StreamEnded():
                    self.ended.add(event.stream_id)
                case h2.events.StreamReset() | h2.events.ConnectionTerminated():
                    raise AssertionError(event)

    def send(self) -> bytes:
        """What may be sent now."""
        for stream_id, rest in list(self.waiting.items()):
            connection = self.connection
            size = min(len(rest), connection.local_flow_control_window(stream_id), connection.max_outbound_frame_size)
            if size == len(rest) and stream_id in self.ended:
                connection.send_data(stream_id, rest, end_stream=True)
                del self.waiting[stream_id]
            elif size:
                connection.send_data(stream_id, rest[:size])
                self.waiting[stream_id] = rest[size:]
        return self.connection.data_to_send()


class Taking(Client):
    """Acknowledges what it is told of at once."""

    def on_response(self, stream_id: int, head: ResponseHead, payload: bytes, is_complete: bool) -> None:
        super().on_response(stream_id, head, payload, is_complete)
        self.codec.acknowledge(stream_id, len(payload))

    def on_response_body(self, stream_id: int, payload: bytes, is_complete: bool) -> None:
        super().on_response_body(stream_id, payload, is_complete)
        self.codec.acknowledge(stream_id, len(payload))


def bodies_of(events: list[Event]) -> dict[int, bytes]:
    """What was told of bodies, by stream, of those that ended."""
    bodies = {event[1]: b"" for event in events if event[0] == "end"}
    for event in events:
        if event[0] == "body":
            bodies[event[1]] += event[2]
    return bodies


uploads_of_pieces = st.lists(
    st.lists(st.binary(max_size=300).map(lambda part: part * 200), max_size=4), min_size=1, max_size=4
)


@profile(max_examples=40)
@given(uploads_of_pieces, st.booleans(), st.integers(500, 70_000))
def test_an_independent_target_sends_back_what_it_got(
    uploads: list[list[bytes]], with_trailers: bool, cut: int
) -> None:
    """Both sides keep to each other's windows, or the h2 library would say so."""
    target, client = EchoTarget(), Taking()
    client.codec.start()
    for pieces in uploads:
        stream_id = client.codec.open(REQUEST, end_stream=False)
        for piece in pieces:
            client.codec.send_data(stream_id, piece, end_stream=False)
        if with_trailers:
            client.codec.send_trailers(stream_id, ENCODER.encode_lines(["t: 1"]))
        else:
            client.codec.send_data(stream_id, b"", end_stream=True)
    for _ in range(2000):
        wire, client.wire = client.wire, b""
        target.receive(wire)
        wire = target.send()
        for start in range(0, len(wire), cut):
            client.codec.feed(wire[start : start + cut])
        if not client.codec.open_streams:
            break
    assert {2 * number + 1: b"".join(pieces) for number, pieces in enumerate(uploads)} == bodies_of(client.events)
