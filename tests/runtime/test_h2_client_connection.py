"""The client's side of a proxy on real sockets, over HTTP/2: streams, windows, resets, time, and the end."""

from __future__ import annotations

import asyncio
import io
import re
import shlex
import struct
from typing import TYPE_CHECKING

import pytest

from edgeproxy.runtime.access_log import AccessLog
from edgeproxy.runtime.h2_client_connection import MAX_UNREAD_ANSWERS, H2ClientConnection
from tests.helpers.conversation import connect
from tests.helpers.h2_client import StreamResetError, connect_h2, h2_context
from tests.helpers.h2_wire import GET, HEADERS, PING, POST, PREFACE, Fields, data, frame, headers, reset, settings
from tests.helpers.https import over_tls, running_tls
from tests.helpers.proxies import answering_itself, forwarding_to
from tests.helpers.targets import (
    ROOM,
    ScriptedTarget,
    answering,
    echoing,
    garbage,
    gated,
    leaving_after,
    pouring,
    silent,
)
from tests.helpers.wait import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.conversation import Conversation
    from tests.helpers.proxies import RunningProxy

pytestmark = pytest.mark.both_loops

BIG = 32 << 20
"""More than all buffers between a target and a client hold."""


REDIRECTING = """\
LoadBalancers:
  - Name: dev
    Listeners:
      - Port: 80
        Protocol: HTTP
        DefaultActions: [{Type: redirect, RedirectConfig: {StatusCode: HTTP_301, Port: "444"}}]
"""


def statuses(edgeproxy: RunningProxy) -> dict[int, int]:
    return dict(edgeproxy.proxy.metrics.load_balancers["dev"].elb_status)


def only_connection(edgeproxy: RunningProxy) -> H2ClientConnection:
    (connection,) = edgeproxy.connections
    assert isinstance(connection, H2ClientConnection)
    return connection


def waiting(edgeproxy: RunningProxy) -> int:
    """Bytes that wait for the client's windows, or for the transport."""
    return sum(only_connection(edgeproxy)._codec.waiting.values())


# ---- requests and responses


@pytest.mark.conformance(
    "HTTP/2 to clients",
    "names reach an HTTP/1.1 target in lower case but for those that the load balancer writes",
    "how-elastic-load-balancing-works",
)
async def test_a_request_goes_to_the_target_and_its_answer_comes_back(tmp_path: Path) -> None:
    script = answering(b"hello", headers=("X-Thing: 1", "Connection: keep-alive", "Keep-Alive: timeout=5"))
    async with ScriptedTarget(script) as target, running_tls(forwarding_to(target.port), tmp_path) as edgeproxy:
        client = await connect_h2(edgeproxy.port(443))
        answer = await client.ask("GET", "/some/where?x=1", ("x-one", "1"), host="APP.test")
        client.abort()

    assert (200, b"hello") == (answer.status, answer.body)
    assert ["date", "content-length", "x-thing"] == answer.names
    lines = target.heads[0].decode().split("\r\n")
    assert "GET /some/where?x=1 HTTP/1.1" == lines[0]
    names = ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Port", "Host", "X-Amzn-Trace-Id", "x-one"]
    assert names == [line.partition(":")[0] for line in lines[1:-2]]
    assert {"X-Forwarded-Proto: https", "Host: app.test", "x-one: 1"} <= set(lines)


async def test_a_request_that_is_refused_is_logged_as_what_it_came_over(tmp_path: Path) -> None:
    stream = io.StringIO()
    log = AccessLog(stream)
    async with running_tls(answering_itself(), tmp_path, access_log=log) as edgeproxy:
        client = await connect_h2(edgeproxy.port(443))
        assert 400 == (await client.ask("OPTIONS", "*")).status
        client.abort()
    log.close()

    assert "h2" == stream.getvalue().partition(" ")[0]


async def logged_lines(tmp_path: Path, *wires: bytes) -> list[list[str]]:
    """The log's fields of what a client that sends these bytes, each in one piece, is logged as."""
    stream = io.StringIO()
    log = AccessLog(stream)
    async with running_tls(answering_itself(), tmp_path, access_log=log) as edgeproxy:
        for wire in wires:
            client = await connect("127.0.0.1", edgeproxy.port(443), tls=h2_context())
            await client.send(PREFACE + settings() + wire + frame(PING, payload=bytes(8)))
            kind = -1
            while kind != PING:
                size, kind = struct.unpack(">IB", b"\0" + await client.read_exactly(4))
                await client.read_exactly(5 + size)
            client.abort()
    log.close()
    return [shlex.split(line) for line in stream.getvalue().splitlines()]


@pytest.mark.conformance(
    "HTTP/2 to clients",
    "a malformed request is reset and logged as a 400 of which nothing was sent",
    "load-balancer-access-logs",
    status="default",
)
async def test_a_malformed_request_is_logged(tmp_path: Path) -> None:
    too_long = headers(1, [*POST, ("content-length", "1")], end_stream=False) + data(1, b"ab")
    first, second = await logged_lines(tmp_path, headers(1, [*GET, ("Name", "1")]), too_long)

    for line in (first, second):
        assert ["h2", "-", "-1", "-1", "-1", "400", "-"] == [line[0], *line[4:10]]
        assert ["0", "-", "-"] == [line[11], *line[27:29]]
    assert re.fullmatch(r"- https://dev-\d+\.us-east-1\.elb\.amazonaws\.com:443- -", first[12])
    assert "POST https://x:443/ HTTP/2.0" == second[12]


async def test_a_request_that_is_given_up_at_once_is_logged(tmp_path: Path) -> None:
    """Its head waited for the body, and so nobody was told of it."""
    (line,) = await logged_lines(tmp_path, headers(1, POST, end_stream=False) + reset(1))
    assert ["400", "0", "POST https://x:443/ HTTP/2.0"] == [line[8], line[11], line[12]]


@pytest.mark.conformance("desync mitigation", "requests of HTTP/2 are not classified", "load-balancer-access-logs")
@pytest.mark.parametrize("fields", [[(":method", "G(T"), *GET[1:]], [*GET, ("content-length", "+5")]])
async def test_a_request_that_is_refused_has_no_classification(tmp_path: Path, fields: Fields) -> None:
    (line,) = await logged_lines(tmp_path, headers(1, fields, end_stream=False))
    assert ["400", "-", "-"] == [line[8], *line[27:29]]


@pytest.mark.conformance(
    "HTTP/2 to clients", "neither :authority nor Host is a 400", "load-balancer-troubleshooting", status="default"
)
@pytest.mark.parametrize("fields", [GET[:3], [*GET[:3], (":authority", "")]], ids=["none", "empty"])
async def test_a_request_names_a_host(tmp_path: Path, fields: Fields) -> None:
    (line,) = await logged_lines(tmp_path, headers(1, fields))
    assert "400" == line[8]


@pytest.mark.conformance(
    "HTTP/2 to clients", "cookie crumbs become one Cookie line", "how-elastic-load-balancing-works", status="default"
)
async def test_cookie_crumbs_become_one_line(tmp_path: Path) -> None:
    async with ScriptedTarget(answering()) as target, running_tls(forwarding_to(target.port), tmp_path) as edgeproxy:
        client = await connect_h2(edgeproxy.port(443))
        await client.ask("GET", "/", ("cookie", "a=1"), ("x-between", "2"), ("cookie", "b=2"), ("cookie", "c=3"))
        client.abort()

    assert b"\r\ncookie: a=1; b=2; c=3\r\nx-between: 2\r\n" in target.heads[0]


@pytest.mark.conformance(
    "HTTP/2 to clients",
    "a connection begins with SETTINGS for 128 streams, windows of 65,536 bytes and frames of 16,777,215",
    "load-balancer-listeners",
)
async def test_a_connection_begins_as_observed(tmp_path: Path) -> None:
    async with running_tls(answering_itself(), tmp_path) as edgeproxy:
        client = await connect_h2(edgeproxy.port(443))
        await client.until(lambda: client.settings)
        settings, window = client.settings, client.h2.outbound_flow_control_window
        client.abort()

    assert {3: 128, 4: 65_536, 5: 16_777_215} == {code: settings[code] for code in (3, 4, 5)}
    assert 65_535 + 8_388_352 == window
    assert 8 not in settings, "extended CONNECT is not offered"


async def test_a_body_of_stated_length_keeps_its_length(tmp_path: Path) -> None:
    async with ScriptedTarget(echoing) as target, running_tls(forwarding_to(target.port), tmp_path) as edgeproxy:
        client = await connect_h2(edgeproxy.port(443))
        answer = await client.ask("POST", "/", ("content-length", "100000"), body=b"x" * 100_000)
        client.abort()

    assert b"x" * 100_000 == answer.body
    assert b"\r\ncontent-length: 100000\r\n" in target.heads[0]


@pytest.mark.conformance(
    "HTTP/2 to clients", "a body without a length goes to the target in chunks", "load-balancer-troubleshooting",
    status="default",
)  # fmt: skip
async def test_a_body_of_unknown_length_goes_in_chunks(tmp_path: Path) -> None:
    async with ScriptedTarget(echoing) as target, running_tls(forwarding_to(target.port), tmp_path) as edgeproxy:
        client = await connect_h2(edgeproxy.port(443))
        answer = await client.ask("POST", "/", body=b"x" * 100_000)
        client.abort()

    assert b"x" * 100_000 == answer.body
    assert b"\r\ntransfer-encoding: chunked\r\n" in target.heads[0]


async def test_a_head_has_a_length_and_no_body(tmp_path: Path) -> None:
    async with (
        ScriptedTarget(answering(b"hello")) as target,
        running_tls(forwarding_to(target.port), tmp_path) as edgeproxy,
    ):
        client = await connect_h2(edgeproxy.port(443))
        answer = await client.ask("HEAD", "/")
        client.abort()

    assert (["5"], b"") == (answer.values("content-length"), answer.body)


@pytest.mark.conformance("HTTP/2 to clients", "128 requests at a time on one connection", "load-balancer-listeners")
async def test_128_requests_wait_for_their_answers_at_a_time(tmp_path: Path) -> None:
    gate = asyncio.Event()
    script = gated(gate, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    async with (
        ScriptedTarget(script) as target,
        running_tls(forwarding_to(target.port), tmp_path, time_scale=1) as edgeproxy,
    ):
        client = await connect_h2(edgeproxy.port(443))
        await client.until(lambda: client.settings)
        streams = [await client.begin("GET", f"/{number}") for number in range(128)]
        await until(lambda: len(target.heads) == 128)
        gate.set()
        answers = [await client.answer(stream) for stream in streams]
        client.abort()

    assert [b"ok"] * 128 == [answer.body for answer in answers]


async def test_a_reload_counts_for_the_next_stream(tmp_path: Path) -> None:
    async with running_tls(answering_itself("old"), tmp_path) as edgeproxy:
        client = await connect_h2(edgeproxy.port(443))
        before = await client.ask()
        await edgeproxy.apply(over_tls(answering_itself("new"), tmp_path))
        after = await client.ask()
        client.abort()

    assert (b"old", b"new") == (before.body, after.body)


# ---- errors of one stream are not the connection's


@pytest.mark.parametrize(
    ("script", "status"),
    [(garbage, 502), (leaving_after(b""), 502), (silent, 504)],
    ids=["garbage", "closes", "silent"],
)
async def test_a_target_in_trouble_costs_its_stream_only(script: object, status: int, tmp_path: Path) -> None:
    async with ScriptedTarget(script) as target, running_tls(forwarding_to(target.port), tmp_path) as edgeproxy:  # type: ignore[arg-type]
        client = await connect_h2(edgeproxy.port(443))
        answers = [await client.ask(), await client.ask()]
        client.abort()

    assert [status, status] == [answer.status for answer in answers]
    assert ["server", "date", "content-type", "content-length"] == answers[0].names


async def test_a_target_that_is_not_there_costs_its_stream_only(tmp_path: Path) -> None:
    async with ScriptedTarget(answering()) as target:
        pass
    async with running_tls(forwarding_to(target.port), tmp_path) as edgeproxy:
        client = await connect_h2(edgeproxy.port(443))
        answers = [await client.ask(), await client.ask("POST", body=b"x" * 10)]
        client.abort()

    assert [502, 502] == [answer.status for answer in answers]


async def test_no_target_is_503(tmp_path: Path) -> None:
    async with running_tls(forwarding_to(), tmp_path) as edgeproxy:
        client = await connect_h2(edgeproxy.port(443))
        answer = await client.ask()
        client.abort()

    assert 503 == answer.status


async def test_a_response_that_breaks_off_is_reset(tmp_path: Path) -> None:
    """Ending the stream would make it look complete."""
    script = leaving_after(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345")
    async with ScriptedTarget(script) as target, running_tls(forwarding_to(target.port), tmp_path) as edgeproxy:
        client = await connect_h2(edgeproxy.port(443))
        stream = await client.begin()
        with pytest.raises(StreamResetError) as reset:
            await client.answer(stream)
        body = bytes(client.streams[stream].body)
        client.abort()

    assert (2, b"12345") == (reset.value.code, body)


@pytest.mark.conformance("Timeouts", "a client that stalls in its body gets 408", "load-balancer-troubleshooting")
async def test_a_client_that_falls_silent_in_its_body_gets_408(tmp_path: Path) -> None:
    async with ScriptedTarget(echoing) as target, running_tls(forwarding_to(target.port), tmp_path) as edgeproxy:
        client = await connect_h2(edgeproxy.port(443))
        stream = await client.begin("POST", "/", end=False)
        await client.send_body(stream, b"part")
        answer = await client.answer(stream)
        other = await client.ask("POST", "/", body=b"whole")
        client.abort()

    assert (408, b"whole") == (answer.status, other.body)


async def test_a_head_that_is_refused_has_a_length_and_no_body(tmp_path: Path) -> None:
    async with running_tls(answering_itself(), tmp_path) as edgeproxy:
        client = await connect_h2(edgeproxy.port(443))
        answer = await client.ask("HEAD", "/", ("x-large", "x" * 16_384))
        client.abort()

    assert (400, ["122"], b"") == (answer.status, answer.values("content-length"), answer.body)


async def test_headers_that_are_too_large_are_answered_with_400(tmp_path: Path) -> None:
    async with running_tls(answering_itself(), tmp_path) as edgeproxy:
        client = await connect_h2(edgeproxy.port(443))
        large = await client.ask("GET", "/", ("x-large", "x" * 16_384))
        larger = await client.ask("GET", "/", *((f"x-large-{number}", "x" * 8000) for number in range(9)))
        fine = await client.ask()
        client.abort()

    assert [400, 400, 200] == [large.status, larger.status, fine.status]


async def test_an_early_answer_ends_the_request(tmp_path: Path) -> None:
    """The rest of the body is not wanted, and the connection goes on."""

    async def refusing(conversation: Conversation, head: bytes) -> None:
        await conversation.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        await conversation.read_to_end()

    async with ScriptedTarget(refusing) as target, running_tls(forwarding_to(target.port), tmp_path) as edgeproxy:
        client = await connect_h2(edgeproxy.port(443))
        stream = await client.begin("POST", "/", end=False)
        answer = await client.answer(stream)
        other = await client.ask("POST", "/", body=b"x" * 200_000)
        await until(lambda: not target.open)
        client.abort()

    assert [(413, b"no"), (413, b"no")] == [(each.status, each.body) for each in (answer, other)]


# ---- the client changes its mind


@pytest.mark.conformance("Generated answers", "a client that leaves is logged as 460", "load-balancer-troubleshooting")
async def test_cancelling_reaches_the_target(tmp_path: Path) -> None:
    async with (
        ScriptedTarget(silent) as target,
        running_tls(forwarding_to(target.port), tmp_path, time_scale=1) as edgeproxy,
    ):
        client = await connect_h2(edgeproxy.port(443))
        kept, cancelled = await client.begin(), await client.begin()
        await until(lambda: len(target.open) == 2)
        await client.reset(cancelled)
        await until(lambda: len(target.open) == 1)
        logged = statuses(edgeproxy)
        client.abort()
        await until(lambda: not target.open)
        await until(lambda: statuses(edgeproxy) == {460: 2})

    assert {460: 1} == logged
    assert not client.streams[kept].has_ended


async def test_cancelling_while_connecting_keeps_the_connection_for_others(tmp_path: Path) -> None:
    async with ScriptedTarget(answering()) as target, running_tls(forwarding_to(target.port), tmp_path) as edgeproxy:
        client = await connect_h2(edgeproxy.port(443))
        stream = client.h2.get_next_available_stream_id()
        fields = [(":method", "GET"), (":scheme", "https"), (":authority", "a"), (":path", "/")]
        client.h2.send_headers(stream, fields, end_stream=True)
        client.h2.reset_stream(stream, 8)
        await client.flush()
        answer = await client.ask()
        client.abort()

    assert 200 == answer.status
    assert {460: 1} == statuses(edgeproxy)


async def test_cancelling_in_the_middle_of_a_response(tmp_path: Path) -> None:
    async with ScriptedTarget(pouring(BIG)) as target, running_tls(forwarding_to(target.port), tmp_path) as edgeproxy:
        client = await connect_h2(edgeproxy.port(443))
        stream = await client.begin()
        await client.until(lambda: client.streams[stream].received > 1 << 20)
        await client.reset(stream)
        await until(lambda: not target.open)
        await client.ping()
        await client.until(lambda: client.pongs)
        client.abort()


async def test_leaving_ends_every_stream(tmp_path: Path) -> None:
    async with (
        ScriptedTarget(silent) as target,
        running_tls(forwarding_to(target.port), tmp_path, time_scale=1) as edgeproxy,
    ):
        client = await connect_h2(edgeproxy.port(443))
        for _ in range(10):
            await client.begin()
        await until(lambda: len(target.open) == 10)
        await client.conversation.close()
        await until(lambda: not target.open)

    assert {460: 10} == statuses(edgeproxy)


# ---- backpressure


async def test_a_stream_that_is_not_read_pauses_its_target_and_nobody_else(tmp_path: Path) -> None:
    async with (
        ScriptedTarget(pouring(BIG)) as target,
        running_tls(forwarding_to(target.port), tmp_path, time_scale=1) as edgeproxy,
    ):
        client = await connect_h2(edgeproxy.port(443))
        client.h2.increment_flow_control_window(1 << 30)
        client.takes = False
        stuck = await client.begin()
        await client.until(lambda: client.streams[stuck].received == 65_535)
        await edgeproxy.sweeps(1)
        held = waiting(edgeproxy)
        client.takes = True
        other = await client.begin()
        await client.until(lambda: client.streams[other].has_ended)
        client.h2.acknowledge_received_data(65_535, stuck)
        await client.flush()
        answer = await client.answer(stuck)
        client.abort()

    assert BIG == len(answer.body)
    assert held <= 64 * 1024 + 256 * 1024


async def test_a_target_that_does_not_read_closes_the_windows_of_its_stream(tmp_path: Path) -> None:
    gate = asyncio.Event()

    async def slow(conversation: Conversation, head: bytes) -> None:
        await gate.wait()
        await conversation.read_exactly(BIG)
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
        await conversation.read_to_end()

    async with (
        ScriptedTarget(slow, receive_buffer=1 << 16) as target,
        running_tls(forwarding_to(target.port), tmp_path, time_scale=1) as edgeproxy,
    ):
        client = await connect_h2(edgeproxy.port(443))
        await client.until(lambda: client.settings)
        stream = await client.begin("POST", "/", ("content-length", str(BIG)), end=False)
        sent = 0

        async def upload() -> None:
            nonlocal sent
            while sent < BIG:
                await client.send_body(stream, ROOM, end=sent + len(ROOM) == BIG)
                sent += len(ROOM)

        uploading = asyncio.create_task(upload())
        await edgeproxy.sweeps(2)
        stopped_at = sent
        await edgeproxy.sweeps(1)
        assert stopped_at == sent
        gate.set()
        await uploading
        answer = await client.answer(stream)
        client.abort()

    assert b"done" == answer.body
    assert stopped_at < BIG // 2


async def test_answers_without_a_body_do_not_pile_up_for_a_client_that_reads_nothing(tmp_path: Path) -> None:
    """Heads have no window: when the transport is full, the proxy does not read further requests."""
    count = 3000
    async with running_tls(REDIRECTING, tmp_path, time_scale=1) as edgeproxy:
        conversation = await connect("127.0.0.1", edgeproxy.port(443), tls=h2_context(), receive_buffer=1 << 12)
        head: Fields = [(":method", "HEAD"), (":scheme", "https"), (":path", "/" + "x" * 4000), (":authority", "x")]
        requests = b"".join(headers(number * 2 + 1, head) for number in range(count))
        conversation.transport.pause_reading()
        conversation._writer.write(PREFACE + settings() + requests)
        connection = await until(lambda: edgeproxy.connections and only_connection(edgeproxy))
        assert isinstance(connection, H2ClientConnection)
        await until(lambda: connection._unread_answers >= MAX_UNREAD_ANSWERS)
        await edgeproxy.sweeps(1)
        served = sum(statuses(edgeproxy).values())
        held = connection._transport.get_write_buffer_size()  # type: ignore[union-attr]
        conversation.transport.resume_reading()
        answered = 0
        while answered < count:
            size, kind = struct.unpack(">IB", b"\0" + await conversation.read_exactly(4))
            await conversation.read_exactly(5 + size)
            answered += kind == HEADERS
        conversation.abort()

    assert served < count
    assert held < 4 << 20


# ---- time


async def test_an_idle_connection_says_goaway_and_closes(tmp_path: Path) -> None:
    async with running_tls(answering_itself(), tmp_path) as edgeproxy:
        client = await connect_h2(edgeproxy.port(443))
        await client.ask()
        await client.until_closed()

    assert (1, 0) == client.goaway


@pytest.mark.conformance("Timeouts", "PING does not reset the idle timeout", "edit-load-balancer-attributes")
async def test_pings_do_not_keep_a_connection(tmp_path: Path) -> None:
    async with running_tls(answering_itself(), tmp_path) as edgeproxy:
        client = await connect_h2(edgeproxy.port(443))
        await client.ask()
        while client.goaway is None:
            await client.ping()
            await client.read()
        client.abort()

    assert client.pongs > 1


async def test_a_connection_that_never_says_anything_closes(tmp_path: Path) -> None:
    async with running_tls(answering_itself(), tmp_path) as edgeproxy:
        client = await connect_h2(edgeproxy.port(443))
        client.conversation._writer.write(b"")
        await client.until_closed()

    assert (0, 0) == client.goaway


async def test_a_stream_that_moves_keeps_its_connection(tmp_path: Path) -> None:
    beat = asyncio.Event()

    async def beating(conversation: Conversation, head: bytes) -> None:
        await conversation.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(8):
            await beat.wait()
            beat.clear()
            await conversation.send(b"1\r\nx\r\n")
        await conversation.read_to_end()

    async with (
        ScriptedTarget(beating) as target,
        running_tls(forwarding_to(target.port, idle_timeout=20), tmp_path) as edgeproxy,
    ):
        client = await connect_h2(edgeproxy.port(443))
        stream = await client.begin()
        for number in range(8):
            await edgeproxy.sweeps(10)
            beat.set()
            await client.until(lambda number=number: client.streams[stream].received == number + 1)  # type: ignore[misc]
        await client.reset(stream)
        await edgeproxy.sweeps(5)
        after = client.goaway
        client.abort()

    assert after is None, "the idle time begins with the end of the stream"


@pytest.mark.parametrize("size", [200_000, BIG], ids=["all of it waits", "the target waits as well"])
async def test_a_response_on_a_window_that_stays_shut_is_reset(size: int, tmp_path: Path) -> None:
    """Its exchange may be over long ago; other streams do not matter."""
    async with (
        ScriptedTarget(pouring(size)) as target,
        running_tls(forwarding_to(target.port, idle_timeout=30), tmp_path) as edgeproxy,
    ):
        client = await connect_h2(edgeproxy.port(443))
        client.h2.increment_flow_control_window(1 << 30)
        client.takes = False
        stuck = await client.begin()
        await client.until(lambda: client.streams[stuck].received == 65_535)
        while not client.streams[stuck].has_ended:
            await client.answer(await client.begin("HEAD"))
        left = only_connection(edgeproxy)._codec.open_streams
        client.abort()

    assert client.streams[stuck].reset_code is not None
    assert 0 == left


async def test_a_client_that_takes_a_little_now_and_then_is_served_to_the_end(tmp_path: Path) -> None:
    """A slow reader is not silent, neither while its target waits nor when only the proxy's buffers are left."""
    size = 400_000
    async with (
        ScriptedTarget(pouring(size)) as target,
        running_tls(forwarding_to(target.port, idle_timeout=10), tmp_path) as edgeproxy,
    ):
        client = await connect_h2(edgeproxy.port(443))
        client.h2.increment_flow_control_window(1 << 30)
        client.takes = False
        stream = await client.begin()
        await client.until(lambda: client.streams[stream].received == 65_535)
        opened = 65_535
        while opened < size:
            await edgeproxy.sweeps(5)
            client.h2.increment_flow_control_window(10_000, stream)
            await client.flush()
            opened += 10_000
            wanted = min(opened, size)
            await client.until(lambda wanted=wanted: client.streams[stream].received == wanted)  # type: ignore[misc]
        answer = await client.answer(stream)
        client.abort()

    assert size == len(answer.body)


async def test_a_client_that_reads_nothing_at_all_is_cut(tmp_path: Path) -> None:
    async with (
        ScriptedTarget(pouring(BIG)) as target,
        running_tls(forwarding_to(target.port, idle_timeout=20), tmp_path) as edgeproxy,
    ):
        client = await connect_h2(edgeproxy.port(443), receive_buffer=1 << 12)
        client.h2.increment_flow_control_window(1 << 30)
        client.h2.update_settings({4: 1 << 30})
        await client.begin()
        await client.begin()
        await until(lambda: edgeproxy.client_connections == 1)
        await until(lambda: edgeproxy.client_connections == 0)
        await until(lambda: not target.open)
        client.abort()


@pytest.mark.conformance(
    "Timeouts",
    "client keep-alive: behind the duration one more request is served, followed by GOAWAY",
    "edit-load-balancer-attributes",
)
async def test_an_old_connection_serves_one_more_request(tmp_path: Path) -> None:
    async with running_tls(answering_itself(), tmp_path) as edgeproxy:
        client = await connect_h2(edgeproxy.port(443))
        await client.ask()
        only_connection(edgeproxy).grows_old = 0.0
        streams = [await client.begin(), await client.begin()]
        answer = await client.answer(streams[0])
        await client.until_closed()

    assert (200, (3, 0)) == (answer.status, client.goaway)
    assert not client.streams[streams[1]].has_ended, "the client may ask again elsewhere"


@pytest.mark.slow
@pytest.mark.conformance(
    "HTTP/2 to clients", "after 10,000 requests GOAWAY, and the connection closes", "load-balancer-troubleshooting"
)
async def test_10_000_requests_are_one_connections_share(tmp_path: Path) -> None:
    async with running_tls(answering_itself(), tmp_path, time_scale=1) as edgeproxy:
        client = await connect_h2(edgeproxy.port(443))
        await client.until(lambda: client.settings)
        for _ in range(100):
            streams = [await client.begin() for _ in range(100)]
            answers = [await client.answer(stream) for stream in streams]
            assert {200} == {answer.status for answer in answers}
        await client.until(lambda: client.goaway)
        client.abort()

    assert (19_999, 0) == client.goaway
    assert {200: 10_000} == statuses(edgeproxy)


# ---- the end of a connection


async def test_draining_lets_what_is_under_way_finish(tmp_path: Path) -> None:
    gate = asyncio.Event()
    script = gated(gate, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    async with (
        ScriptedTarget(script) as target,
        running_tls(forwarding_to(target.port), tmp_path, time_scale=1) as edgeproxy,
    ):
        client = await connect_h2(edgeproxy.port(443))
        idle = await connect_h2(edgeproxy.port(443))
        stream = await client.begin()
        await until(lambda: target.heads)
        stopping = asyncio.create_task(edgeproxy.proxy.stop(10))
        await idle.until(lambda: idle.goaway)
        idle.abort()
        await client.until(lambda: client.goaway)
        gate.set()
        answer = await client.answer(stream)
        client.abort()
        await stopping

    assert ((0, 0), (1, 0), b"ok") == (idle.goaway, client.goaway, answer.body)


async def test_what_is_on_its_way_behind_goaway_arrives_while_the_client_opens_windows(tmp_path: Path) -> None:
    """A connection that is closed under a client that still writes is reset, and what the kernel holds is lost."""
    size = 1 << 19
    async with (
        ScriptedTarget(pouring(size)) as target,
        running_tls(forwarding_to(target.port), tmp_path, time_scale=1) as edgeproxy,
    ):
        client = await connect_h2(edgeproxy.port(443), receive_buffer=1 << 12)
        client.h2.increment_flow_control_window(1 << 30)
        client.h2.update_settings({4: 1 << 30})
        await client.flush()
        stream = await client.begin()
        await client.head(stream)
        client.conversation.transport.pause_reading()
        connection = only_connection(edgeproxy)
        connection.drain()
        await until(lambda: connection._transport is None or not connection._transport.get_write_buffer_size())
        await edgeproxy.sweeps(1)
        client.conversation.transport.resume_reading()
        while not client.streams[stream].has_ended:
            client.h2.increment_flow_control_window(1)
            assert await client.read()
        answer = await client.answer(stream)
        goaway = client.goaway
        client.abort()

    assert (size, (1, 0)) == (len(answer.body), goaway)


async def test_stopping_without_grace_cuts_everything(tmp_path: Path) -> None:
    async with (
        ScriptedTarget(silent) as target,
        running_tls(forwarding_to(target.port), tmp_path, time_scale=1) as edgeproxy,
    ):
        client = await connect_h2(edgeproxy.port(443))
        await client.begin()
        await client.begin()
        await until(lambda: len(target.heads) == 2)
        await edgeproxy.proxy.stop(0)
        await client.until_closed()

    assert 2 == sum(statuses(edgeproxy).values())


async def test_a_request_that_is_cut_by_a_stop_gets_its_502(tmp_path: Path) -> None:
    """As over HTTP/1.1: the log says what the client gets."""
    async with ScriptedTarget(silent) as target, running_tls(forwarding_to(target.port), tmp_path) as edgeproxy:
        client = await connect_h2(edgeproxy.port(443))
        stream = await client.begin()
        await until(lambda: len(target.heads) == 1)
        edgeproxy.proxy.cut_clients()
        answer = await client.answer(stream)
        client.abort()

    assert 502 == answer.status
