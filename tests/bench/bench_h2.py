"""What an HTTP/2 request costs in the codec, beside other implementations, and how many rules each of them keeps.

    python -m tests.bench.bench_h2

No sockets. A client sends one request after the other on one connection, a browser's 16 fields each, and gets a small
answer; the figures are CPU microseconds per request. Rows: the same request again, another path each time, another
path and another cookie each time. Below: the cases of tests/helpers/h2_cases.py that each implementation notices, an
error of the connection counting for an error of a stream.

`h2` comes with the test dependencies; `jh2` and `httpunk` are measured where they are installed.
"""

from __future__ import annotations

import importlib
import struct
import time
from typing import TYPE_CHECKING, Any

import hpack

from edgeproxy.protocol.h1_client import response_head_memo
from edgeproxy.protocol.h1_server import request_fields_memo
from edgeproxy.protocol.h2_client import H2ClientCodec
from edgeproxy.protocol.h2_hpack import HeaderEncoder
from edgeproxy.protocol.h2_server import H2ServerCodec
from tests.helpers.h2_cases import CASES, Case, Scope
from tests.helpers.h2_wire import (
    ACK,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    data,
    frame,
    frames,
    settings,
    window_update,
)

if TYPE_CHECKING:
    from collections.abc import Callable

REQUESTS = 2000
ROUNDS = 5

RESPONSE = [
    ("server", "nginx"),
    ("date", "Sun, 22 Nov 2026 10:00:00 GMT"),
    ("content-type", "application/json"),
    ("content-length", "23"),
    ("etag", "x"),
    ("cache-control", "no-cache"),
]
BODY = b'{"ok":true,"v":1234567}'
LINES = [f"{name}: {value}" for name, value in RESPONSE]


def request(path: str, cookie: str) -> list[Any]:
    """A browser's request; like browsers and nghttp2 it does not index the path."""
    return [
        (":method", "GET"),
        hpack.NeverIndexedHeaderTuple(":path", path),
        (":scheme", "https"),
        (":authority", "www.example.com"),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0"),
        ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
        ("accept-language", "en-US,en;q=0.9"),
        ("accept-encoding", "gzip, deflate, br, zstd"),
        ("cookie", f"session=0123456789abcdef{cookie}"),
        ("cookie", "theme=dark"),
        ("referer", "https://www.example.com/some/page"),
        ("sec-fetch-dest", "document"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-site", "same-origin"),
        ("upgrade-insecure-requests", "1"),
        ("cache-control", "max-age=0"),
    ]


def requests(path: Callable[[int], str], cookie: Callable[[int], str]) -> list[bytes]:
    """What a client sends, one piece a request."""
    encoder = hpack.Encoder()
    pieces = [PREFACE + settings() + window_update(0, 2**31 - 1 - 65_535)]
    for number in range(REQUESTS):
        block = encoder.encode(request(path(number), cookie(number)))
        pieces.append(frame(HEADERS, END_HEADERS | END_STREAM, 2 * number + 1, block))
        if not number:
            pieces.append(frame(SETTINGS, ACK))
    return pieces


TRAFFIC = {
    "same": requests(lambda _: "/app/items/42?x=1", lambda _: "a"),
    "paths": requests(lambda n: f"/app/items/{n}?x={7 * n}", lambda _: "a"),
    "paths and cookies": requests(lambda n: f"/app/items/{n}?x={7 * n}", str),
}


class _Sink:
    """Answers at once, or not at all."""

    def __init__(self, *, answers: bool) -> None:
        self.answers = answers
        self.out: list[bytes] = []
        self.encoder = HeaderEncoder()
        self.codec = H2ServerCodec(self, request_fields_memo(), self.out.append)

    def on_request(self, stream_id: int, _head: object, _data: bytes, _is_complete: bool) -> None:
        if self.answers:
            self.codec.send_head(stream_id, self.encoder.encode_response(200, LINES), BODY, end_stream=True)

    def _ignore(self, *_: object) -> None:
        pass

    on_request_body = on_request_trailers = on_request_error = on_stream_reset = _ignore
    on_request_dropped = on_stream_drained = on_goaway = on_finished = on_connection_error = _ignore


class Edgeproxy:
    """This project's codec."""

    name = "edgeproxy"

    def server(self, *, answers: bool) -> Callable[[bytes], bytes]:
        """Takes a client's bytes, returns what the server writes."""
        sink = _Sink(answers=answers)

        def feed(wire: bytes) -> bytes:
            sink.codec.feed(wire)
            out = b"".join(sink.out)
            sink.out.clear()
            return out

        sink.codec.start()
        return feed


class HyperH2:
    """The h2 library, and jh2, which has the same interface."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.connection = importlib.import_module(f"{name}.connection")
        self.config = importlib.import_module(f"{name}.config")
        self.events = importlib.import_module(f"{name}.events")

    def server(self, *, answers: bool) -> Callable[[bytes], bytes]:
        """Takes a client's bytes, returns what the server writes."""
        config = self.config.H2Configuration(client_side=False, header_encoding=False)
        connection = self.connection.H2Connection(config)
        connection.local_settings.max_concurrent_streams = 128
        connection.initiate_connection()
        received = self.events.RequestReceived
        response = [(":status", "200"), *RESPONSE]

        def feed(wire: bytes) -> bytes:
            for event in connection.receive_data(wire):
                if answers and isinstance(event, received):
                    connection.send_headers(event.stream_id, response)
                    connection.send_data(event.stream_id, BODY, end_stream=True)
            return connection.data_to_send() or b""

        return feed


class Httpunk:
    """httpunk's frame codec alone: no streams, no windows, nothing answered by itself."""

    name = "httpunk, frames only"

    def __init__(self) -> None:
        self.module = importlib.import_module("httpunk._httpunk")

    def server(self, *, answers: bool) -> Callable[[bytes], bytes]:
        """Takes a client's bytes, returns what the server writes."""
        codec = self.module.H2Codec("server")
        kind = self.module.H2FrameHeaders
        error = self.module.H2FrameStreamError

        def feed(wire: bytes) -> bytes:
            out = []
            for event in codec.receive(wire.removeprefix(PREFACE)):
                if isinstance(event, kind) and answers:
                    event.headers.raw_items()
                    out.append(codec.serialize_response_headers(event.stream_id, 200, self.module.HeaderMap(RESPONSE)))
                    out.append(codec.serialize_data(event.stream_id, BODY, True))
                elif isinstance(event, error):
                    out.append(codec.serialize_rst_stream(event.stream_id, 1))
            return b"".join(out)

        return feed


def engines() -> list[Any]:
    """Those that are installed."""
    found: list[Any] = [Edgeproxy()]
    for make in (lambda: HyperH2("h2"), lambda: HyperH2("jh2"), Httpunk):
        try:
            found.append(make())
        except ImportError:
            continue
    return found


def microseconds(engine: Any, pieces: list[bytes]) -> float:
    """CPU time per request, the best of a few rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        feed = engine.server(answers=True)
        begin = time.process_time()
        for piece in pieces:
            feed(piece)
        best = min(best, time.process_time() - begin)
    return best / REQUESTS * 1e6


def notices(engine: Any, case: Case) -> bool:
    """Whether an implementation does what a case asks for; for a violation, whether it says anything at all."""
    feed = engine.server(answers=case.is_answered)
    try:
        feed(PREFACE + settings() + frame(SETTINGS, ACK))
        written = feed(case.wire)
    except Exception:
        return case.scope is not Scope.NOTHING
    has_ended = any(each.kind == RST_STREAM for each in frames(written)) or any(
        each.kind == 7 and each.payload[4:8] != bytes(4) for each in frames(written)
    )
    return has_ended is (case.scope is not Scope.NOTHING)


class _ClientSink(_Sink):
    """Counts responses."""

    def __init__(self) -> None:
        self.done = 0
        self.out: list[bytes] = []

    def on_response(self, *_: object) -> None:
        self.done += 1

    on_response_body = on_response_trailers = on_response_error = _Sink._ignore


def client_microseconds() -> float:
    """CPU time to write a request to a target and read its small response."""
    block = struct.pack(">B", 0x88) + b"".join(
        b"\x00" + bytes([len(n)]) + n.encode() + bytes([len(v)]) + v.encode() for n, v in RESPONSE
    )
    best = float("inf")
    encoder = HeaderEncoder()
    lines = [f"{name}: {value}" for name, value in request("/", "a")[4:]]
    for _ in range(ROUNDS):
        sink = _ClientSink()
        codec = H2ClientCodec(sink, response_head_memo(), sink.out.append)
        codec.start()
        codec.feed(settings())
        begin = time.process_time()
        for number in range(REQUESTS):
            stream_id = codec.open(
                encoder.encode_request("GET", "http", "app", f"/app/items/{number}", lines), end_stream=True
            )
            codec.feed(frame(HEADERS, END_HEADERS, stream_id, block) + data(stream_id, BODY, end_stream=True))
            codec.acknowledge(stream_id, len(BODY))
        best = min(best, time.process_time() - begin)
        assert sink.done == REQUESTS
    return best / REQUESTS * 1e6


def main() -> None:
    """Prints the table."""
    print(f"{'us of CPU per request':24}{''.join(f'{name:>20}' for name in TRAFFIC)}{'rules':>12}")
    for engine in engines():
        figures = "".join(f"{microseconds(engine, pieces):20.1f}" for pieces in TRAFFIC.values())
        kept = sum(notices(engine, case) for case in CASES)
        print(f"{engine.name:24}{figures}{kept:>6} of {len(CASES)}")
        for case in CASES:
            if not notices(engine, case) and len(CASES) - kept < 20:
                print(f"    not noticed: {case}")
    print(f"{'edgeproxy, to a target':24}{client_microseconds():20.1f}")


if __name__ == "__main__":
    main()
