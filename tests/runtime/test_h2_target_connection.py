"""The target's side of a proxy on real sockets, over HTTP/2: heads, bodies both ways, trailers, resets, GOAWAY."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import TYPE_CHECKING, Any, cast

import pytest
import trustme

from edgeproxy.exchange.outcome import Outcome
from edgeproxy.runtime.h2_target_connection import H2TargetConnection, TargetStream
from tests.helpers.h2_peer import OK, Fields, H2Stream, H2Target, answering_h2, echoing_h2, h2_client, silent_h2
from tests.helpers.https import locator, over_tls
from tests.helpers.proxies import forwarding_to, running
from tests.helpers.targets import ScriptedTarget, answering, leaving_after, silent
from tests.helpers.wait import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from edgeproxy.exchange.exchange import Exchange
    from edgeproxy.protocol.h2_client import H2ClientCodec
    from edgeproxy.runtime.h2_client_connection import H2ClientConnection
    from tests.helpers.h2_peer import H2Peer
    from tests.helpers.proxies import RunningProxy

PAGE = "load-balancer-target-groups"
MIB = 1 << 20
WINDOW = 65_536
HIGH_WATER = 65_536


@contextlib.asynccontextmanager
async def served(
    *ports: int,
    folder: Path,
    version: str = "HTTP2",
    protocol: str = "HTTP",
    time_scale: float = 0.1,
    **options: Any,
) -> AsyncIterator[tuple[RunningProxy, H2Peer]]:
    """A proxy in front of targets that speak HTTP/2, and a client of it.

    Time is not as quick as elsewhere: a connection is of use when a target in Python has said its SETTINGS, and that is
    not over in a hundredth of ten seconds on every machine.
    """
    text = forwarding_to(*ports, group=f"ProtocolVersion: {version}", **options)
    text = over_tls(text.replace("{Name: app, Protocol: HTTP,", f"{{Name: app, Protocol: {protocol},"), folder)
    async with (
        running(text, certificates=locator(folder), time_scale=time_scale) as edgeproxy,
        h2_client(edgeproxy.port(443)) as client,
    ):
        yield edgeproxy, client


async def status_of(stream: H2Stream) -> str | None:
    await stream.head()
    return stream.value(":status")


def connections_of(edgeproxy: RunningProxy) -> set[H2TargetConnection]:
    """The connections to the only target."""
    (pool,) = edgeproxy.proxy._pools._pools.values()
    return {each for each in pool.connections if isinstance(each, H2TargetConnection)}


# ---- heads


@pytest.mark.conformance("HTTP/2 to targets", "HTTP2 with the protocol HTTP is h2c with prior knowledge", PAGE)
@pytest.mark.both_loops
async def test_a_request_goes_to_the_target_in_http2_and_its_response_comes_back(tmp_path: Path) -> None:
    async with (
        H2Target(answering_h2(b"hello", ("content-type", "text/plain"), ("x-answer", "1"))) as target,
        served(target.port, folder=tmp_path) as (_, client),
    ):
        stream = await client.begin("GET", "/a?b=c", ("X-Mixed", "1"), ("cookie", "a=1"), host="App.Test")
        body = await stream.read_all()
        (request,) = target.requests

    assert b"hello" == body
    (trace,) = [value for name, value in request.fields if name == "x-amzn-trace-id"]
    assert [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "app.test"),
        (":path", "/a?b=c"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-port", "443"),
        ("x-amzn-trace-id", trace),
        ("x-mixed", "1"),
        ("cookie", "a=1"),
    ] == request.fields
    assert trace.startswith("Root=1-")
    assert [":status", "date", "content-type", "x-answer"] == [name for name, _ in stream.fields]


@pytest.fixture
def target_tls() -> ssl.SSLContext:
    """For a certificate that nobody trusts and that is for another name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["h2", "http/1.1"])
    trustme.CA().issue_cert("elsewhere.test").configure_cert(context)
    return context


@pytest.mark.conformance("HTTP/2 to targets", "with the protocol HTTPS it is TLS with ALPN h2", PAGE)
@pytest.mark.both_loops
async def test_an_https_group_agrees_on_h2(tmp_path: Path, target_tls: ssl.SSLContext) -> None:
    async with (
        H2Target(answering_h2(), tls=target_tls) as target,
        served(target.port, folder=tmp_path, protocol="HTTPS") as (edgeproxy, client),
    ):
        await edgeproxy.healthy()
        assert b"ok" == await (await client.begin("GET", "/")).read_all()
        (request,) = target.requests
        agreed = request.peer._writer.get_extra_info("ssl_object").selected_alpn_protocol()

    assert ("https", "h2") == (request.value(":scheme"), agreed)


@pytest.mark.conformance("HTTP/2 to targets", ":authority is what Host would be", "edit-load-balancer-attributes")
@pytest.mark.parametrize(("preserves", "authority"), [("false", "app.test"), ("true", "App.test:443")])
async def test_the_authority_follows_host_preservation(tmp_path: Path, preserves: str, authority: str) -> None:
    attribute = f"routing.http.preserve_host_header.enabled: {preserves}"
    async with (
        H2Target(answering_h2()) as target,
        served(target.port, folder=tmp_path, attributes=attribute) as (_, client),
    ):
        await (await client.begin("GET", "/", host="App.test:443")).read_all()

    assert authority == target.requests[0].value(":authority")


async def test_a_response_to_head_has_no_body_whatever_its_length_says(tmp_path: Path) -> None:
    async def script(stream: H2Stream) -> None:
        await stream.send_head([*OK, ("content-length", "5")], end=True)

    async with H2Target(script) as target, served(target.port, folder=tmp_path) as (_, client):
        stream = await client.begin("HEAD", "/")
        await stream.ended()

    assert ("200", "5", b"") == (stream.value(":status"), stream.value("content-length"), await stream.read_all())


async def test_interim_responses_are_passed_over(tmp_path: Path) -> None:
    async def script(stream: H2Stream) -> None:
        await stream.send_head([(":status", "103"), ("link", "</a.css>")])
        await answering_h2()(stream)

    async with H2Target(script) as target, served(target.port, folder=tmp_path) as (_, client):
        stream = await client.begin("GET", "/")
        body = await stream.read_all()

    assert ("200", b"ok") == (stream.value(":status"), body)


# ---- bodies and trailers


@pytest.mark.both_loops
async def test_bodies_flow_both_ways_and_are_not_changed(tmp_path: Path) -> None:
    sent = bytes(range(256)) * (3 * MIB // 256)
    async with H2Target(echoing_h2) as target, served(target.port, folder=tmp_path) as (_, client):
        stream = await client.begin("POST", "/", ("content-length", str(len(sent))), end=False)
        sending = asyncio.create_task(stream.send(sent, end=True))
        received = await stream.read_all()
        await sending

    assert (len(sent), None) == (len(received), stream.reset_code)
    assert sent == received
    assert str(len(sent)) == target.requests[0].value("content-length")


@pytest.mark.conformance("HTTP/2 to targets", "bidirectional streaming", PAGE)
@pytest.mark.both_loops
async def test_a_response_begins_and_flows_while_the_request_is_being_sent(tmp_path: Path) -> None:
    async with H2Target(echoing_h2) as target, served(target.port, folder=tmp_path) as (_, client):
        stream = await client.begin("POST", "/", end=False)
        answers = []
        for number in range(20):
            await stream.send(b"%d" % number)
            answers.append(await stream.read())
        await stream.send(b"", end=True)
        rest = await stream.read_all()

    assert [b"%d" % number for number in range(20)] == answers
    assert b"" == rest


@pytest.mark.conformance("HTTP/2 to targets", "trailers are relayed, both ways", PAGE)
async def test_trailers_are_passed_on_both_ways(tmp_path: Path) -> None:
    async with H2Target(echoing_h2) as target, served(target.port, folder=tmp_path) as (_, client):
        stream = await client.begin("POST", "/", ("te", "trailers"), end=False)
        await stream.send(b"body")
        await stream.send_trailers([("x-sum", "1"), ("x-end", "2")])
        body = await stream.read_all()
        (request,) = target.requests

    assert ("trailers", [("x-sum", "1"), ("x-end", "2")]) == (request.value("te"), request.trailers)
    assert (b"body", [("x-sum", "1"), ("x-end", "2")]) == (body, stream.trailers)


async def test_trailers_that_come_before_the_target_is_there_are_told_it(tmp_path: Path) -> None:
    """The first request of a proxy has to wait for a connection."""
    async with H2Target(echoing_h2) as target, served(target.port, folder=tmp_path) as (_, client):
        stream = await client.begin("POST", "/", end=False)
        stream.peer.h2.send_data(stream.id, b"body")
        stream.peer.h2.send_headers(stream.id, [("x-end", "1")], end_stream=True)
        await client.flush()

        assert b"body" == await stream.read_all()
        assert [("x-end", "1")] == target.requests[0].trailers


@pytest.mark.conformance("gRPC", "trailers behind a head with content-length: 0 are lost", "observed")
async def test_trailers_of_a_response_that_says_it_is_empty_are_lost(tmp_path: Path) -> None:
    async def script(stream: H2Stream) -> None:
        await stream.send_head([*OK, ("content-length", "0")])
        await stream.send_trailers([("grpc-status", "0")])

    async with H2Target(script) as target, served(target.port, folder=tmp_path) as (_, client):
        stream = await client.begin("POST", "/")
        await stream.ended()

    assert ("200", None, None) == (stream.value(":status"), stream.trailers, stream.reset_code)


# ---- flow control


@pytest.mark.both_loops
async def test_a_target_that_does_not_read_stops_the_client(tmp_path: Path) -> None:
    """No more is taken than the windows on the way and the codec's high mark."""
    async with H2Target(silent_h2) as target, served(target.port, folder=tmp_path) as (edgeproxy, client):
        stream = await client.begin("POST", "/", end=False)
        sending = asyncio.create_task(stream.send(bytes(8 * MIB), end=True))
        await until(lambda: target.requests and target.requests[0].received >= 65_535)
        (connection,) = connections_of(edgeproxy)
        await until(lambda: not stream.room)
        await edgeproxy.sweeps(3)
        assert 0 == stream.room
        assert connection._codec.unsent <= HIGH_WATER + WINDOW
        sending.cancel()


@pytest.mark.both_loops
async def test_a_client_that_does_not_read_stops_the_target(tmp_path: Path) -> None:
    streams: list[H2Stream] = []

    async def script(stream: H2Stream) -> None:
        streams.append(stream)
        await stream.send_head(OK)
        await stream.send(bytes(8 * MIB), end=True)

    async with H2Target(script) as target, served(target.port, folder=tmp_path) as (edgeproxy, client):
        stream = await client.begin("GET", "/")
        await stream.head()
        await until(lambda: stream.received >= 65_535 and not streams[0].room)
        await edgeproxy.sweeps(3)
        (connection,) = cast("list[H2ClientConnection]", edgeproxy.connections)
        assert 65_535 == stream.received
        assert connection._codec.unsent <= HIGH_WATER + 2 * WINDOW
        assert 8 * MIB == len(await stream.read_all())


async def test_one_slow_client_does_not_stop_the_other_streams_of_a_target_connection(tmp_path: Path) -> None:
    async def script(stream: H2Stream) -> None:
        await stream.send_head(OK)
        await stream.send(bytes(MIB), end=True)

    async with H2Target(script) as target, served(target.port, folder=tmp_path) as (edgeproxy, slow):
        waiting = [await slow.begin("GET", "/") for _ in range(20)]
        for each in waiting:
            await each.head()
        async with h2_client(edgeproxy.port(443)) as quick:
            assert MIB == len(await (await quick.begin("GET", "/")).read_all())

    assert 1 == len(target.peers)


# ---- endings


@pytest.mark.both_loops
async def test_a_target_that_ends_early_ends_the_request_as_well(tmp_path: Path) -> None:
    async def script(stream: H2Stream) -> None:
        await stream.send_head(OK)
        await stream.send(b"enough", end=True)

    async with H2Target(script) as target, served(target.port, folder=tmp_path) as (_, client):
        stream = await client.begin("POST", "/", end=False)
        body = await stream.read_all()
        await until(lambda: stream.reset_code is not None)
        await until(lambda: target.requests[0].reset_code is not None)
        again = await (await client.begin("GET", "/")).read_all()

    assert (b"enough", 0) == (body, stream.reset_code)
    assert 8 == target.requests[0].reset_code
    assert (b"enough", 1) == (again, len(target.peers))


@pytest.mark.both_loops
@pytest.mark.parametrize("script", [silent_h2, echoing_h2])
async def test_a_client_that_resets_its_stream_resets_the_targets(
    script: Callable[[H2Stream], Any], tmp_path: Path
) -> None:
    async with H2Target(script) as target, served(target.port, folder=tmp_path) as (edgeproxy, client):
        stream = await client.begin("POST", "/", end=False)
        await until(lambda: target.requests)
        await stream.reset()
        await target.requests[0].ended()
        (state,) = edgeproxy.proxy._groups["app"].targets.values()

    assert (8, 0) == (target.requests[0].reset_code, state.outstanding)


@pytest.mark.conformance("target failures", "a stream that the target resets is a 502", "load-balancer-troubleshooting")
@pytest.mark.parametrize("code", [7, 8, 2])
async def test_a_reset_before_the_response_is_a_502(tmp_path: Path, code: int) -> None:
    async with (
        H2Target(lambda stream: stream.reset(code)) as target,
        served(target.port, folder=tmp_path) as (_, client),
    ):
        assert "502" == await status_of(await client.begin("GET", "/"))

    assert 1 == len(target.requests)


async def test_a_reset_in_the_middle_of_the_response_resets_the_clients_stream(tmp_path: Path) -> None:
    async def script(stream: H2Stream) -> None:
        await stream.send_head(OK)
        await stream.send(b"some")
        await stream.reset(2)

    async with H2Target(script) as target, served(target.port, folder=tmp_path) as (_, client):
        stream = await client.begin("GET", "/")
        await stream.ended()

    assert 2 == stream.reset_code


@pytest.mark.both_loops
async def test_a_target_that_closes_with_requests_outstanding_fails_them_all(tmp_path: Path) -> None:
    async with H2Target(silent_h2) as target, served(target.port, folder=tmp_path) as (_, client):
        streams = [await client.begin("GET", "/") for _ in range(3)]
        await until(lambda: 3 == len(target.requests))
        target.peers[0].abort()
        statuses = [await status_of(stream) for stream in streams]

    assert ["502"] * 3 == statuses


@pytest.mark.parametrize(
    "fields",
    [[*OK, ("content-length", "9")], [*OK, ("content-length", "x")], [(":status", "99")], [*OK, ("connection", "x")]],
)
async def test_a_malformed_response_is_a_502(tmp_path: Path, fields: Fields) -> None:
    async def script(stream: H2Stream) -> None:
        stream.peer.h2.config.validate_outbound_headers = False
        stream.peer.h2.config.normalize_outbound_headers = False
        await stream.send_head(fields, end=True)

    async with H2Target(script) as target, served(target.port, folder=tmp_path) as (_, client):
        assert "502" == await status_of(await client.begin("GET", "/"))

    assert 1 == len(target.requests)


@pytest.mark.conformance("timeouts", "a stream that its target leaves silent is a 504", "load-balancer-troubleshooting")
async def test_a_silent_stream_is_a_504_and_others_on_its_connection_go_on(tmp_path: Path) -> None:
    gate = asyncio.Event()

    async def script(stream: H2Stream) -> None:
        if stream.value(":path") == "/silent":
            return
        await stream.send_head(OK)
        while not gate.is_set():
            await stream.send(b"x")
            await edgeproxy.sweeps(1)
        await stream.send(b"", end=True)

    async with H2Target(script) as target, served(target.port, folder=tmp_path, idle_timeout=5) as (edgeproxy, client):
        busy = await client.begin("GET", "/busy")
        reading = asyncio.create_task(busy.read_all())
        status = await status_of(await client.begin("GET", "/silent"))
        gate.set()
        body = await reading
        quick = await (await client.begin("GET", "/quick")).read_all()

    assert ("504", None, b"", 1) == (status, busy.reset_code, quick, len(target.peers))
    assert {b"x"[0]} == set(body)


async def test_a_connection_that_nothing_comes_from_gets_no_other_request(tmp_path: Path) -> None:
    """It may be gone without a word: what is asked on it would be lost, one idle timeout after the other."""
    async with (
        H2Target(silent_h2) as target,
        served(target.port, folder=tmp_path, idle_timeout=5) as (edgeproxy, client),
    ):
        statuses = [await status_of(await client.begin("GET", "/")) for _ in range(2)]
        await until(lambda: not connections_of(edgeproxy))

    assert (["504"] * 2, 2) == (statuses, len(target.peers))


@pytest.mark.both_loops
async def test_a_target_that_takes_nothing_any_more_is_left_in_the_end(tmp_path: Path) -> None:
    """Closing in order would wait for ever for what lies in the transport."""

    async def script(stream: H2Stream) -> None:
        stream.peer.h2.increment_flow_control_window(8 * MIB)
        stream.peer.h2.increment_flow_control_window(8 * MIB, stream.id)
        await stream.peer.flush()
        stream.peer._writer.transport.pause_reading()  # type: ignore[attr-defined]

    async with (
        H2Target(script, receive_buffer=4096) as target,
        served(target.port, folder=tmp_path, idle_timeout=5) as (edgeproxy, client),
    ):
        stream = await client.begin("POST", "/", end=False)
        sending = asyncio.create_task(stream.send(bytes(8 * MIB), end=True))
        status = await status_of(stream)
        sending.cancel()
        await until(lambda: not connections_of(edgeproxy))
        # It would not notice: it does not read.
        target.peers[0].abort()

    assert "504" == status


async def test_a_target_that_reads_slowly_is_not_silent(tmp_path: Path) -> None:
    """What it takes of a request counts, though it never sends a byte of its own and never reaches the low mark."""
    gate = asyncio.Event()

    async def script(stream: H2Stream) -> None:
        stream.peer.h2.increment_flow_control_window(MIB)
        for _ in range(30):
            await edgeproxy.sweeps(1)
            stream.peer.h2.increment_flow_control_window(100, stream.id)
            await stream.peer.flush()
        gate.set()
        await stream.send_head(OK, end=True)

    async with H2Target(script) as target, served(target.port, folder=tmp_path, idle_timeout=3) as (edgeproxy, client):
        stream = await client.begin("POST", "/", end=False)
        sending = asyncio.create_task(stream.send(bytes(MIB), end=True))
        status = await status_of(stream)
        sending.cancel()

    assert (True, "200") == (gate.is_set(), status)


# ---- GOAWAY


@pytest.mark.both_loops
async def test_behind_a_goaway_what_was_taken_is_answered_and_the_rest_goes_elsewhere(tmp_path: Path) -> None:
    gate = asyncio.Event()

    async def script(stream: H2Stream) -> None:
        if stream.value(":path") == "/slow":
            await gate.wait()
        await answering_h2()(stream)

    async with H2Target(script) as target, served(target.port, folder=tmp_path) as (edgeproxy, client):
        slow = await client.begin("GET", "/slow")
        await until(lambda: target.requests)
        # The library would send nothing behind its own.
        await target.peers[0].send_raw(bytes.fromhex("0000080700000000000000000100000000"))
        await until(lambda: all(each._codec.is_going_away for each in connections_of(edgeproxy)))
        quick = await (await client.begin("GET", "/quick")).read_all()
        gate.set()
        answer = await slow.read_all()
        await until(lambda: 1 == len(connections_of(edgeproxy)))

    assert (b"ok", b"ok", 2) == (quick, answer, len(target.peers))


async def test_a_stream_that_a_goaway_leaves_out_is_a_502(tmp_path: Path) -> None:
    """Nothing is retried, as for HTTP/1.1."""
    async with H2Target(silent_h2) as target, served(target.port, folder=tmp_path) as (_, client):
        stream = await client.begin("GET", "/")
        await until(lambda: target.requests)
        await target.peers[0].go_away(last_stream_id=0)

        assert "502" == await status_of(stream)


# ---- targets that speak something else


@pytest.mark.both_loops
@pytest.mark.parametrize("version", ["HTTP2", "GRPC"])
async def test_a_target_that_speaks_http1_is_a_502(tmp_path: Path, version: str) -> None:
    refusal = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    async with (
        ScriptedTarget(leaving_after(refusal), speaks_first=True) as target,
        served(target.port, folder=tmp_path, version=version, time_scale=0.02) as (edgeproxy, client),
    ):
        assert "502" == await status_of(await client.begin("POST", "/"))
        await until(lambda: "initial" not in edgeproxy.states())
        (seen,) = edgeproxy.targets()

    assert "Target.FailedHealthChecks" == seen.health.reason


@pytest.mark.both_loops
async def test_a_target_that_says_nothing_at_all_is_a_504_after_the_connect_timeout(tmp_path: Path) -> None:
    async with (
        ScriptedTarget(silent, speaks_first=True) as target,
        served(target.port, folder=tmp_path, idle_timeout=4000, time_scale=0.01) as (_, client),
    ):
        assert "504" == await status_of(await client.begin("GET", "/"))


async def test_a_target_of_http1_is_told_no_trailers(tmp_path: Path) -> None:
    async with (
        ScriptedTarget(answering()) as target,
        served(target.port, folder=tmp_path, version="HTTP1") as (_, client),
    ):
        stream = await client.begin("POST", "/", end=False)
        await stream.send(b"body")
        await stream.send_trailers([("x-end", "1")])
        body = await stream.read_all()

    assert b"ok" == body
    assert b"x-end" not in target.heads[0].lower()


@pytest.mark.parametrize(
    "ask", [lambda stream: stream.send_request("GET", b""), lambda stream: stream.send_upgrade(b"")]
)
async def test_an_exchange_of_http1_that_comes_here_is_a_464(ask: Callable[[TargetStream], None]) -> None:
    """A listener that leaves may serve one more request by the rules of before, when the group has another version."""

    class Recording:
        outcome: Outcome | None = None

        def on_target_lost(self, outcome: Outcome) -> None:
            self.outcome = outcome

    exchange = Recording()
    stream = TargetStream(cast("H2TargetConnection", None), cast("H2ClientCodec", None))
    stream.exchange = cast("Exchange", exchange)
    ask(stream)

    assert Outcome.VERSION_REFUSED is exchange.outcome
