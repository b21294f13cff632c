"""The client's side of a proxy on real sockets: keep-alive, pipelining, half-closed, slow and silent clients."""

from __future__ import annotations

import asyncio
import socket
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from edgeproxy.exchange.outcome import Outcome
from tests.helpers.conversation import request
from tests.helpers.proxies import answering_itself, forwarding_to, running
from tests.helpers.targets import ScriptedTarget, answering, echoing, gated, leaving_after, pouring, silent
from tests.helpers.wait import until

if TYPE_CHECKING:
    from tests.helpers.conversation import Conversation
    from tests.helpers.proxies import RunningProxy

pytestmark = pytest.mark.both_loops


def counters(edgeproxy: RunningProxy) -> dict[int, int]:
    return dict(edgeproxy.proxy.metrics.load_balancers["dev"].elb_status)


async def test_a_request_goes_to_the_target_and_its_answer_comes_back() -> None:
    async with ScriptedTarget(answering(b"hello")) as target, running(forwarding_to(target.port)) as edgeproxy:
        answer = await edgeproxy.ask("GET /some/where?x=1")

    assert (200, b"hello") == (answer.status, answer.body)
    assert target.heads[0].startswith(b"GET /some/where?x=1 HTTP/1.1\r\n")


async def test_pipelined_requests_are_answered_in_order() -> None:
    paths = [f"/{number}" for number in range(20)]
    rules = (
        "[{Priority: 1, Conditions: [{Field: path-pattern, Values: [/7]}], Actions: [{Type: fixed-response, "
        "FixedResponseConfig: {StatusCode: '404'}}]}]"
    )
    async with ScriptedTarget(answering()) as target, running(forwarding_to(target.port, rules=rules)) as edgeproxy:
        client = await edgeproxy.connect()
        await client.send(b"".join(request(f"GET {path}") for path in paths))
        statuses = [(await client.read_message()).status for _ in paths]

    assert [404 if path == "/7" else 200 for path in paths] == statuses
    assert [path for path in paths if path != "/7"] == [head.split(b" ")[1].decode() for head in target.heads]
    assert 1 == target.accepted


async def test_more_pipelined_requests_than_are_held_are_answered_all_the_same() -> None:
    """Beyond the limit reading pauses, and goes on when the turn comes."""
    count = 3000
    async with running(answering_itself()) as edgeproxy, ScriptedTarget(answering()) as target:
        await edgeproxy.apply(forwarding_to(target.port))
        client = await edgeproxy.connect()
        sending = asyncio.create_task(client.send(request("GET /", "X-Padding: " + "x" * 100) * count))
        for _ in range(count):
            assert 200 == (await client.read_message()).status
        await sending


async def test_a_pipelined_body_is_not_taken_for_a_request() -> None:
    async with ScriptedTarget(echoing) as target, running(forwarding_to(target.port)) as edgeproxy:
        client = await edgeproxy.connect()
        await client.send(request("POST /", body=b"GET / HTTP/1.1\r\n\r\n") + request("POST /", body=b"second"))
        bodies = [(await client.read_message()).body for _ in range(2)]

    assert [b"GET / HTTP/1.1\r\n\r\n", b"second"] == bodies


async def test_a_client_that_expects_100_continue_gets_it_before_it_sends_the_body() -> None:
    async with ScriptedTarget(echoing) as target, running(forwarding_to(target.port)) as edgeproxy:
        client = await edgeproxy.connect()
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        interim = await client.read_head()
        await client.send(b"body")
        answer = await client.read_message()

    assert b"HTTP/1.1 100 Continue\r\n\r\n" == interim
    assert b"body" == answer.body
    assert b"expect" not in target.heads[0].lower()


async def test_an_answer_to_head_has_no_body_and_the_connection_goes_on() -> None:
    async with ScriptedTarget(answering(b"four")) as target, running(forwarding_to(target.port)) as edgeproxy:
        client = await edgeproxy.connect()
        first = await client.ask("HEAD /")
        second = await client.ask("GET /")

    assert ("4", b"") == (first.headers["content-length"], first.body)
    assert b"four" == second.body


async def test_a_client_of_http_1_0_gets_its_answer_and_the_end_of_the_connection() -> None:
    async with ScriptedTarget(answering()) as target, running(forwarding_to(target.port)) as edgeproxy:
        client = await edgeproxy.connect()
        await client.send(b"GET / HTTP/1.0\r\n\r\n")
        everything = await client.read_to_end()

    assert everything.startswith(b"HTTP/1.1 200 OK\r\n")
    assert everything.endswith(b"\r\n\r\nok")
    assert b"Host: dev-" in target.heads[0]


async def test_a_client_of_http_1_0_gets_a_body_of_unknown_length_until_the_end_of_the_connection() -> None:
    async with (
        ScriptedTarget(leaving_after(b"HTTP/1.1 200 OK\r\n\r\nuntil the end")) as target,
        running(forwarding_to(target.port)) as edgeproxy,
    ):
        client = await edgeproxy.connect()
        await client.send(b"GET / HTTP/1.0\r\n\r\n")
        everything = await client.read_to_end()

    assert b"chunked" not in everything
    assert everything.endswith(b"\r\n\r\nuntil the end")


async def test_large_headers_pass_both_ways() -> None:
    large = "x" * 15_000
    headers = tuple(f"X-Large-{number}: {large}" for number in range(2))
    async with (
        ScriptedTarget(answering(headers=headers)) as target,
        running(forwarding_to(target.port)) as edgeproxy,
    ):
        answer = await edgeproxy.ask("GET /", *headers, f"X-Large-2: {large}")

    assert large == answer.headers["x-large-1"]
    assert f"X-Large-2: {large}\r\n".encode() in target.heads[0]


@pytest.mark.conformance(
    "client connections",
    "after the client keep-alive duration one more request is served",
    "edit-load-balancer-attributes",
)
async def test_an_old_client_connection_ends_with_its_next_response() -> None:
    attributes = "client_keep_alive.seconds: 60"
    async with ScriptedTarget(answering()) as target:
        configuration = forwarding_to(target.port, attributes=attributes)
        async with running(configuration, time_scale=0.002) as edgeproxy:
            client = await edgeproxy.connect()
            answers = [await client.ask("GET /")]
            while answers[-1].keeps_alive:
                answers.append(await client.ask("GET /"))
            rest = await client.read_to_end()

    assert len(answers) > 1
    assert {200} == {answer.status for answer in answers}
    assert b"" == rest


@pytest.mark.conformance("idle timeout", "an idle connection closes silently", "edit-load-balancer-attributes")
async def test_a_client_connection_that_is_idle_for_the_idle_timeout_closes_silently() -> None:
    async with running(answering_itself(idle_timeout=5)) as edgeproxy:
        client = await edgeproxy.connect()
        await client.ask("GET /")
        rest = await client.read_to_end()
        never_used = await edgeproxy.connect()
        nothing = await never_used.read_to_end()

    assert (b"", b"") == (rest, nothing)


async def test_the_idle_time_begins_with_the_end_of_the_response() -> None:
    gate = asyncio.Event()
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    async with ScriptedTarget(gated(gate, answer)) as target, running(forwarding_to(target.port)) as edgeproxy:
        client = await edgeproxy.connect()
        await client.send(request("GET /"))
        await until(lambda: target.heads)
        opened = edgeproxy.proxy._clock.now()
        gate.set()
        await client.read_message()
        (connection,) = edgeproxy.connections

        assert connection.last_activity >= opened


@pytest.mark.conformance(
    "idle timeout", "a request that does not arrive in time is 408", "load-balancer-troubleshooting"
)
@pytest.mark.parametrize(
    "part", [b"GET / HT", b"GET / HTTP/1.1\r\nHost: a\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET"]
)
async def test_a_head_that_stops_coming_is_answered_with_408(part: bytes) -> None:
    async with running(answering_itself(idle_timeout=5)) as edgeproxy:
        client = await edgeproxy.connect()
        await client.send(part)
        if part.endswith(b"GET") and b"\r\n\r\n" in part:
            await client.read_message()
        everything = await client.read_to_end()

    assert everything.startswith(b"HTTP/1.1 408 Request Time-out\r\n")


@pytest.mark.conformance("idle timeout", "one byte is enough to stay", "load-balancer-troubleshooting")
async def test_a_head_that_comes_byte_by_byte_is_waited_for() -> None:
    async with running(answering_itself(idle_timeout=10)) as edgeproxy:
        client = await edgeproxy.connect()
        started = monotonic()
        for byte in request("GET /", "X-Slow: 0123456789"):
            await client.send(bytes([byte]))
            await edgeproxy.sweeps(1)
        answer = await client.read_message()

    assert monotonic() - started > 2 * 10 * 0.01
    assert 200 == answer.status


@pytest.mark.conformance(
    "idle timeout", "a request body that does not arrive in time is 408", "load-balancer-troubleshooting"
)
async def test_a_body_that_stops_coming_is_answered_with_408() -> None:
    async with ScriptedTarget(echoing) as target, running(forwarding_to(target.port, idle_timeout=5)) as edgeproxy:
        client = await edgeproxy.connect()
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf")
        answer = await client.read_message()

        assert 408 == answer.status
        await until(lambda: not target.open)


@pytest.mark.conformance(
    "idle timeout", "a client that closes first is logged with 460", "load-balancer-troubleshooting"
)
async def test_a_client_that_leaves_before_the_answer_ends_the_exchange_with_its_target() -> None:
    async with ScriptedTarget(silent) as target, running(forwarding_to(target.port)) as edgeproxy:
        client = await edgeproxy.connect()
        await client.send(request("GET /"))
        await until(lambda: target.heads)
        await client.close()
        await until(lambda: not target.open)

        assert {460: 1} == counters(edgeproxy)


async def test_a_client_that_sends_no_more_is_taken_as_gone() -> None:
    async with ScriptedTarget(silent) as target, running(forwarding_to(target.port)) as edgeproxy:
        client = await edgeproxy.connect()
        await client.send(request("GET /"))
        await until(lambda: target.heads)
        client.half_close()

        assert b"" == await client.read_to_end()
        assert {460: 1} == counters(edgeproxy)


async def test_a_client_that_leaves_in_the_middle_of_its_upload_takes_the_target_connection_with_it() -> None:
    async with ScriptedTarget(echoing) as target, running(forwarding_to(target.port)) as edgeproxy:
        client = await edgeproxy.connect()
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 500_000)
        await until(lambda: target.heads)
        client.reset()
        await until(lambda: not target.open)
        await until(lambda: 0 == edgeproxy.client_connections)

        assert {400: 1} == counters(edgeproxy)
        assert 0 == sum(each.outstanding for each in edgeproxy.proxy._groups["app"].targets.values())


async def test_what_a_client_sends_after_a_refused_request_is_thrown_away_until_it_has_the_answer() -> None:
    """Closing with unread bytes would reset the connection and destroy the answer on its way."""
    async with running(answering_itself()) as edgeproxy:
        client = await edgeproxy.connect()
        await client.send(b"GET / HTTP/9.9\r\nHost: a\r\n\r\n")
        await client.send(b"x" * 1_000_000)
        everything = await client.read_to_end()

    assert everything.startswith(b"HTTP/1.1 505 ")
    assert b"Connection: close\r\n" in everything


async def test_a_lingering_client_is_closed_after_a_while() -> None:
    async with running(answering_itself()) as edgeproxy:
        client = await edgeproxy.connect()
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n")
        answer = await client.read_message()
        await until(lambda: 0 == edgeproxy.client_connections)

    assert (200, False) == (answer.status, answer.keeps_alive)


async def test_a_lingering_client_is_not_closed_before_it_has_its_answer() -> None:
    """However slowly it reads: its further bytes, unread at the close, would destroy what it has not taken yet."""
    size = 300_000

    async def early(conversation: Conversation, head: bytes) -> None:
        await conversation.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)
        await conversation.read_to_end()

    async with ScriptedTarget(early) as target, running(forwarding_to(target.port)) as edgeproxy:
        client = await edgeproxy.connect(receive_buffer=4096)
        await small_buffers(edgeproxy)
        client.transport.pause_reading()
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
        await until(lambda: any(each._linger_until for each in edgeproxy.connections))
        await edgeproxy.sweeps(20)
        await client.send(b"more")
        client.transport.resume_reading()
        answer = await client.read_message()

    assert (413, size) == (answer.status, len(answer.body))


async def test_a_client_that_has_just_gone_does_not_disturb_whoever_ends_its_exchange() -> None:
    """The answer is what makes the system say that nobody is there; a reload that ends a target goes on."""
    async with ScriptedTarget(silent) as target, running(forwarding_to(target.port)) as edgeproxy:
        client = await edgeproxy.connect()
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf")
        await until(lambda: target.heads)
        (connection,) = edgeproxy.connections
        assert connection.exchange is not None
        client.abort()
        await asyncio.sleep(0)  # closed by now, and the proxy has not looked yet
        connection.exchange.on_target_lost(Outcome.DEREGISTERED)
        await until(lambda: 0 == edgeproxy.client_connections)

    assert {502: 1} == counters(edgeproxy)


async def small_buffers(edgeproxy: RunningProxy) -> None:
    """Make the kernel keep little for the client, so that a slow one is felt at once."""
    await until(lambda: edgeproxy.connections)
    for connection in edgeproxy.connections:
        assert connection._transport is not None
        connection._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)


async def test_a_slow_reader_gets_everything_although_it_takes_longer_than_the_idle_timeout() -> None:
    """The target is done long before; bytes that move are a sign of life."""
    size = 300_000
    async with (
        ScriptedTarget(pouring(size)) as target,
        running(forwarding_to(target.port, idle_timeout=8)) as edgeproxy,
    ):
        client = await edgeproxy.connect(receive_buffer=4096)
        await small_buffers(edgeproxy)
        client.transport.pause_reading()
        await client.send(request("GET /"))
        client.transport.resume_reading()
        head = await client.read_head()
        received = 0
        started = monotonic()
        while received < size:
            client.transport.pause_reading()
            await edgeproxy.sweeps(1)
            client.transport.resume_reading()
            data = await client.read(8192)
            assert data, f"cut after {received} bytes"
            received += len(data)

    assert head.startswith(b"HTTP/1.1 200 ")
    assert monotonic() - started > 2 * 8 * 0.01


@pytest.mark.parametrize("header", ["Connection: close", "Connection: keep-alive"])
async def test_a_client_that_never_reads_its_response_is_cut_after_the_idle_timeout(header: str) -> None:
    """Also when the response is complete for us and the connection only waits for the client to take it."""
    async with (
        ScriptedTarget(pouring(150_000)) as target,
        running(forwarding_to(target.port, idle_timeout=5)) as edgeproxy,
    ):
        client = await edgeproxy.connect(receive_buffer=4096)
        await small_buffers(edgeproxy)
        client.transport.pause_reading()
        await client.send(request("GET /", header))
        await until(lambda: target.heads)
        await until(lambda: 0 == edgeproxy.client_connections)

    assert {} == counters(edgeproxy)


async def test_a_client_that_stops_reading_in_the_middle_is_cut_and_its_target_with_it() -> None:
    async with (
        ScriptedTarget(pouring(30_000_000)) as target,
        running(forwarding_to(target.port, idle_timeout=5)) as edgeproxy,
    ):
        client = await edgeproxy.connect(receive_buffer=4096)
        await small_buffers(edgeproxy)
        await client.send(request("GET /"))
        client.transport.pause_reading()
        await until(lambda: 0 == edgeproxy.client_connections)
        await until(lambda: not target.open)
