"""The target's side of a proxy on real sockets: targets that leave, reset, babble, stall, and answer too early."""

from __future__ import annotations

import asyncio
import socket
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from edgeproxy.runtime.target_connection import TargetConnection
from tests.helpers.conversation import request
from tests.helpers.proxies import RunningProxy, forwarding_to, running
from tests.helpers.targets import (
    Script,
    ScriptedTarget,
    answering,
    echoing,
    garbage,
    half_closing_after,
    leaving_after,
    resetting_after,
    saying,
    silent,
)
from tests.helpers.wait import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.helpers.conversation import Conversation

pytestmark = pytest.mark.both_loops

HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"
HALF_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.mark.conformance(
    "target failures",
    "a target that closes or resets with a request outstanding, or does not speak HTTP",
    "load-balancer-troubleshooting",
)
@pytest.mark.parametrize(
    "script",
    [
        leaving_after(b""),
        leaving_after(b"HTTP/1.1 200 OK\r\nContent-"),
        resetting_after(b""),
        half_closing_after(b""),
        garbage,
        saying(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok"),
        saying(b"HTTP/1.1 200 OK\r\nBroken Header\x00: 1\r\n\r\n"),
        saying(b"HTTP/1.1 200 OK\r\nX-Large: " + b"x" * 40_000 + b"\r\n\r\n"),
    ],
    ids=["leaves", "leaves in the head", "resets", "half-closes", "garbage", "two lengths", "bad header", "large head"],
)
async def test_a_target_that_gives_no_response_is_a_502(script: Script) -> None:
    async with ScriptedTarget(script) as target, running(forwarding_to(target.port)) as edgeproxy:
        client = await edgeproxy.connect()
        answer = await client.ask("GET /")
        own = await client.ask("GET /")

        await until(lambda: not target.open)

    assert (502, 502) == (answer.status, own.status)
    assert "awselb/2.0" == answer.headers["server"]


@pytest.mark.parametrize("start", [HALF, HALF_CHUNKED], ids=["length", "chunks"])
@pytest.mark.parametrize("end", [leaving_after, resetting_after, half_closing_after])
async def test_a_response_that_breaks_off_is_cut_and_never_padded(start: bytes, end: Callable[[bytes], Script]) -> None:
    async with ScriptedTarget(end(start)) as target, running(forwarding_to(target.port)) as edgeproxy:
        client = await edgeproxy.connect()
        await client.send(request("GET /"))
        received = await client.read_until_cut()

    assert received.startswith(b"HTTP/1.1 200 OK\r\n")
    assert received.endswith((b"\r\n\r\nhalf", b"\r\n\r\n4\r\nhalf\r\n", b"\r\n\r\n"))


async def test_a_reset_does_not_end_a_body_without_a_length() -> None:
    """An orderly close ends such a body; after a reset nobody knows what is missing."""
    script = resetting_after(b"HTTP/1.1 200 OK\r\n\r\nhalf")
    async with ScriptedTarget(script) as target, running(forwarding_to(target.port)) as edgeproxy:
        client = await edgeproxy.connect()
        await client.send(request("GET /"))
        received = await client.read_until_cut()

    assert not received.endswith(b"0\r\n\r\n")


async def test_a_half_closing_target_has_answered_when_its_response_is_complete() -> None:
    async with (
        ScriptedTarget(half_closing_after(OK)) as target,
        running(forwarding_to(target.port)) as edgeproxy,
    ):
        client = await edgeproxy.connect()
        answers = []
        for _ in range(3):
            answers.append((await client.ask("GET /")).status)
            await until(lambda: not target.open)

    assert [200, 200, 200] == answers
    assert 3 == target.accepted


async def test_a_target_that_closes_to_end_its_body_ends_it_in_order() -> None:
    script = leaving_after(b"HTTP/1.1 200 OK\r\n\r\nno length")
    async with ScriptedTarget(script) as target, running(forwarding_to(target.port)) as edgeproxy:
        client = await edgeproxy.connect()
        first = await client.ask("GET /")
        second = await client.ask("GET /")

    assert "chunked" == first.headers["transfer-encoding"]
    assert [b"no length"] * 2 == [first.body, second.body]


@pytest.mark.conformance(
    "target failures", "a target that is silent for the idle timeout", "load-balancer-troubleshooting"
)
async def test_a_silent_target_is_a_504() -> None:
    async with ScriptedTarget(silent) as target, running(forwarding_to(target.port, idle_timeout=5)) as edgeproxy:
        client = await edgeproxy.connect()
        answer = await client.ask("GET /")
        await until(lambda: not target.open)

    assert (504, True) == (answer.status, answer.keeps_alive)


async def test_a_target_that_promises_more_than_it_sends_is_cut_after_the_idle_timeout() -> None:
    async with ScriptedTarget(saying(HALF)) as target, running(forwarding_to(target.port, idle_timeout=5)) as edgeproxy:
        client = await edgeproxy.connect()
        await client.send(request("GET /"))
        head = await client.read_head()
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await client.read_exactly(10)
        await until(lambda: not target.open)

    assert head.startswith(b"HTTP/1.1 200 ")


async def test_a_target_that_takes_no_more_of_the_upload_is_a_504() -> None:
    async def script(conversation: Conversation, head: bytes) -> None:
        conversation.transport.pause_reading()
        await stopped.wait()

    stopped = asyncio.Event()
    async with ScriptedTarget(script) as target, running(forwarding_to(target.port, idle_timeout=5)) as edgeproxy:
        client = await edgeproxy.connect()
        sending = asyncio.create_task(
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n" + b"x" * 8_000_000)
        )
        answer = await client.read_message()
        await client.close()
        await asyncio.wait([sending])
        stopped.set()
        assert isinstance(sending.exception(), (OSError, TimeoutError, type(None)))

    assert 504 == answer.status


@pytest.mark.parametrize("size", [10, 8_000_000])
async def test_an_answer_before_the_body_has_come_reaches_the_client_and_closes_its_connection(size: int) -> None:
    """The rest of the body must neither reach the next request nor destroy the answer."""
    async with (
        ScriptedTarget(saying(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 9\r\n\r\ntoo large")) as target,
        running(forwarding_to(target.port)) as edgeproxy,
    ):
        client = await edgeproxy.connect()
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
        await until(lambda: target.heads)
        sending = asyncio.create_task(client.send(b"x" * (size - 1)))
        answer = await client.read_message()
        await until(lambda: not target.open)
        rest = await client.read_to_end()
        await client.close()
        await asyncio.wait([sending])
        assert isinstance(sending.exception(), (OSError, TimeoutError, type(None)))

    assert (413, b"too large", False, b"") == (answer.status, answer.body, answer.keeps_alive, rest)


async def test_a_pooled_connection_that_closes_as_a_request_is_sent_is_a_502_and_nothing_is_retried() -> None:
    async def once(conversation: Conversation, head: bytes) -> None:
        await conversation.send(OK)
        await conversation.read_head()

    async with ScriptedTarget(once) as target, running(forwarding_to(target.port)) as edgeproxy:
        client = await edgeproxy.connect()
        statuses = [(await client.ask(f"GET /{number}")).status for number in range(4)]

    assert [200, 502, 200, 502] == statuses
    assert [b"/0", b"/1", b"/2", b"/3"] == [head.split(b" ")[1] for head in target.heads]


@pytest.mark.parametrize("script", [leaving_after(b""), resetting_after(b""), saying(b"unasked noise")])
async def test_a_target_that_ends_or_babbles_as_soon_as_it_has_accepted_is_a_502(script: Script) -> None:
    """Its end may be there before the request is sent."""
    async with ScriptedTarget(script, speaks_first=True) as target, running(forwarding_to(target.port)) as edgeproxy:
        client = await edgeproxy.connect()
        statuses = {(await client.ask("GET /")).status for _ in range(30)}

    assert {502} == statuses


async def test_a_pooled_connection_with_unasked_bytes_is_not_used_again() -> None:
    async def babbling(conversation: Conversation, head: bytes) -> None:
        await conversation.send(OK)
        await released.wait()
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")
        await conversation.read_to_end()

    released = asyncio.Event()
    async with ScriptedTarget(babbling) as target, running(forwarding_to(target.port)) as edgeproxy:
        client = await edgeproxy.connect()
        await client.ask("GET /")
        released.set()
        await until(lambda: not target.open)
        answer = await client.ask("GET /")

    assert b"ok" == answer.body
    assert 2 == target.accepted


async def test_bytes_behind_a_response_are_never_passed_on() -> None:
    async with (
        ScriptedTarget(saying(OK + b"HTTP/1.1 200 OK\r\n")) as target,
        running(forwarding_to(target.port)) as edge,
    ):
        client = await edge.connect()
        answers = [await client.ask("GET /") for _ in range(2)]

    assert [b"ok", b"ok"] == [answer.body for answer in answers]
    assert 2 == target.accepted


async def test_a_connection_whose_reading_was_paused_reads_again_for_the_next_request() -> None:
    """The last bytes of a response may be what fills the client's buffer."""
    body = b"x" * 30_000
    async with ScriptedTarget(answering(body)) as target, running(forwarding_to(target.port)) as edgeproxy:
        client = await edgeproxy.connect(receive_buffer=4096)
        await until(lambda: edgeproxy.connections)
        (connection,) = edgeproxy.connections
        assert connection._transport is not None
        connection._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        connection._transport.set_write_buffer_limits(high=0)
        client.transport.pause_reading()
        await client.send(request("GET /"))
        await until(lambda: 1 == edgeproxy.proxy.metrics.load_balancers["dev"].request_count)
        assert connection._is_blocked
        answer = await edgeproxy.ask("GET /")

    assert body == answer.body
    assert 1 == target.accepted


async def test_interim_responses_are_passed_over() -> None:
    script = saying(b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK)
    async with ScriptedTarget(script) as target, running(forwarding_to(target.port)) as edgeproxy:
        answer = await edgeproxy.ask()

    assert (200, b"ok") == (answer.status, answer.body)


async def test_a_response_passes_through_while_the_request_is_still_coming() -> None:
    async def duplex(conversation: Conversation, head: bytes) -> None:
        await conversation.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while (size := await conversation.read_exactly(3)) != b"0\r\n":
            await conversation.send(size + await conversation.read_exactly(3))
        await conversation.read_exactly(2)
        await conversation.send(b"0\r\n\r\n")
        await conversation.read_to_end()

    async with ScriptedTarget(duplex) as target, running(forwarding_to(target.port)) as edgeproxy:
        client = await edgeproxy.connect()
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        await client.read_head()
        for letter in (b"a", b"b", b"c"):
            await client.send(b"1\r\n" + letter + b"\r\n")
            assert b"1\r\n" + letter + b"\r\n" == await client.read_exactly(6)
        await client.send(b"0\r\n\r\n")

        assert b"0\r\n\r\n" == await client.read_to_end()


async def test_bodies_arrive_as_they_were_sent_in_either_framing() -> None:
    body = bytes(range(256)) * 4096
    async with ScriptedTarget(echoing) as target, running(forwarding_to(target.port)) as edgeproxy:
        client = await edgeproxy.connect()
        with_length = await client.ask("POST /", body=body)
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for start in range(0, len(body), 100_000):
            part = body[start : start + 100_000]
            await client.send(b"%x;ext=1\r\n%b\r\n" % (len(part), part))
        await client.send(b"0\r\nTrailer: dropped\r\n\r\n")
        in_chunks = await client.read_message()

    assert body == with_length.body
    assert body == in_chunks.body


def narrow(edgeproxy: RunningProxy) -> TargetConnection:
    """The only connection to a target, made so narrow that what the target does not read stays in the proxy."""
    (pool,) = edgeproxy.proxy._pools._pools.values()
    (connection,) = pool.connections
    assert isinstance(connection, TargetConnection)
    assert connection._transport is not None
    connection._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    connection._transport.set_write_buffer_limits(high=0)
    return connection


async def test_a_connection_that_has_not_taken_its_request_is_not_used_again() -> None:
    """The next exchange would write behind what is unsent, and nobody would tell it to wait."""

    async def script(conversation: Conversation, head: bytes) -> None:
        if b"POST" in head:
            conversation.transport.pause_reading()
            await stuck.wait()
        await conversation.send(OK)
        await over.wait()

    stuck, over = asyncio.Event(), asyncio.Event()
    async with (
        ScriptedTarget(script, receive_buffer=4096) as target,
        running(forwarding_to(target.port)) as edgeproxy,
    ):
        client = await edgeproxy.connect()
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 30000\r\n\r\n")
        await until(lambda: target.heads)
        connection = narrow(edgeproxy)
        await client.send(b"x" * 30_000)
        await until(lambda: connection._is_blocked)
        stuck.set()
        answers = [await client.read_message(), await client.ask("GET /")]

        assert not connection.is_open
        over.set()

    assert [200, 200] == [answer.status for answer in answers]
    assert 2 == target.accepted


@pytest.mark.conformance(
    "idle timeout", "bytes that a target takes keep the request alive", "edit-load-balancer-attributes"
)
async def test_a_target_that_reads_slowly_is_waited_for() -> None:
    """The upload is complete for us; bytes that move are a sign of life, in this direction as well."""
    size = 400_000
    durations: list[float] = []

    async def script(conversation: Conversation, head: bytes) -> None:
        started = monotonic()
        left = size
        while left:
            conversation.transport.pause_reading()
            await edgeproxy.sweeps(1)
            conversation.transport.resume_reading()
            left -= len(await conversation.read(min(left, 8192)))
        durations.append(monotonic() - started)
        await conversation.send(OK)

    async with (
        ScriptedTarget(script, receive_buffer=4096) as target,
        running(forwarding_to(target.port, idle_timeout=10)) as edgeproxy,
    ):
        client = await edgeproxy.connect()
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
        await until(lambda: target.heads)
        narrow(edgeproxy)
        await client.send(b"x" * size)
        answer = await client.read_message()

    assert 200 == answer.status
    assert durations[0] > 2 * 10 * 0.01
