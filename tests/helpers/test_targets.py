"""Scripted targets do what their scripts say, and nothing to health checks."""

from __future__ import annotations

import asyncio

import pytest

from tests.helpers.conversation import Conversation, connect, request
from tests.helpers.targets import (
    Script,
    ScriptedTarget,
    answering,
    echoing,
    garbage,
    gated,
    leaving_after,
    pouring,
    resetting_after,
    silent,
)
from tests.helpers.wait import until

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHECK = request("GET /", "User-Agent: ELB-HealthChecker/2.0")


async def test_requests_are_written_down_and_health_checks_apart() -> None:
    async with ScriptedTarget(answering()) as target:
        client = await connect("127.0.0.1", target.port)
        await client.ask("GET /1")
        await client.ask("GET /2")
        checker = await connect("127.0.0.1", target.port)
        await checker.send(CHECK)
        check = await checker.read_message()
        await client.close()
        await checker.close()

    assert [b"/1", b"/2"] == [head.split(b" ")[1] for head in target.heads]
    assert (200, 1, 1) == (check.status, len(target.health_checks), target.accepted)


async def test_health_is_what_the_test_says_or_left_to_the_script() -> None:
    async with ScriptedTarget(answering(b"script")) as target:
        for status, body in ((503, b""), (None, b"script")):
            target.health_status = status
            checker = await connect("127.0.0.1", target.port)
            await checker.send(CHECK)
            message = await checker.read_message()
            await checker.close()

            assert (status or 200, body) == (message.status, message.body)


async def test_an_echo_answers_in_the_framing_of_the_request() -> None:
    async with ScriptedTarget(echoing) as target:
        client = await connect("127.0.0.1", target.port)
        with_length = await client.ask("POST /", body=b"abc")
        await client.send(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
        in_chunks = await client.read_message()
        await client.close()

    assert ("3", "chunked") == (with_length.headers["content-length"], in_chunks.headers["transfer-encoding"])
    assert (b"abc", b"abc") == (with_length.body, in_chunks.body)


async def test_a_gate_holds_answers_back() -> None:
    gate = asyncio.Event()
    async with ScriptedTarget(gated(gate, OK)) as target:
        client = await connect("127.0.0.1", target.port)
        asking = asyncio.create_task(client.ask("GET /"))
        await until(lambda: target.heads)
        assert not asking.done()
        gate.set()
        assert 200 == (await asking).status
        await client.close()


async def test_a_pouring_target_sends_as_much_as_it_says() -> None:
    async with ScriptedTarget(pouring(200_000)) as target:
        client = await connect("127.0.0.1", target.port)
        sizes = [len((await client.ask("GET /")).body) for _ in range(2)]
        await client.close()

    assert [200_000, 200_000] == sizes


@pytest.mark.parametrize("script", [leaving_after(b""), resetting_after(b"")])
async def test_a_leaving_target_leaves(script: Script) -> None:
    async with ScriptedTarget(script) as target:
        client = await connect("127.0.0.1", target.port)
        await client.send(request("GET /"))

        assert b"" == await client.read_until_cut()
        client.abort()


@pytest.mark.parametrize("script", [silent, garbage])
async def test_a_target_that_stops_ends_its_conversations_and_can_start_again_on_its_port(script: Script) -> None:
    async with ScriptedTarget(script) as target:
        client = await connect("127.0.0.1", target.port)
        await client.send(request("GET /"))
        await until(lambda: target.open)
        port = target.port
        await target.stop()
        await client.read_until_cut()
        client.abort()
        with pytest.raises(OSError, match=r"refused|Connect call failed"):
            await connect("127.0.0.1", port)
        await target.start()
        again = await connect("127.0.0.1", port)
        await again.close()

    assert (port, set()) == (target.port, target.open)


async def test_a_target_may_speak_first() -> None:
    async def script(conversation: Conversation, head: bytes) -> None:
        await conversation.send(b"hello" + head)

    async with ScriptedTarget(script, speaks_first=True) as target:
        client = await connect("127.0.0.1", target.port)

        assert b"hello" == await client.read_to_end()
        await client.close()
