"""One end of a connection reads and writes what the test says."""

from __future__ import annotations

from tests.helpers.conversation import Conversation, connect, request
from tests.helpers.targets import ScriptedTarget, half_closing_after, leaving_after, resetting_after


async def read(answer: bytes, line: str = "GET /") -> object:
    async with ScriptedTarget(leaving_after(answer)) as target:
        client = await connect("127.0.0.1", target.port)
        message = await client.ask(line)
        await client.close()
    return message.body


async def test_a_body_is_read_by_length_by_chunks_or_to_the_end() -> None:
    assert b"four" == await read(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfourmore")
    assert b"abc" == await read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
    assert b"all" == await read(b"HTTP/1.1 200 OK\r\n\r\nall")
    assert b"" == await read(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert b"" == await read(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", "HEAD /")


def test_a_request_is_completed() -> None:
    assert b"GET / HTTP/1.1\r\nHost: app.test\r\n\r\n" == request("GET /")
    assert b"GET / HTTP/1.0\r\nHost: b\r\n\r\n" == request("GET / HTTP/1.0", "Host: b")
    assert b"POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 2\r\n\r\nok" == request("POST /", body=b"ok")


async def test_a_cut_ends_the_reading_with_what_came() -> None:
    async with ScriptedTarget(resetting_after(b"half")) as target:
        client = await connect("127.0.0.1", target.port)
        await client.send(request("GET /"))

        assert await client.read_until_cut() in {b"half", b""}
        client.abort()


async def test_a_half_closed_conversation_goes_on_in_the_other_direction() -> None:
    heard = []

    async def script(conversation: Conversation, head: bytes) -> None:
        heard.append(await conversation.read_to_end())
        await conversation.send(b"heard you")

    async with ScriptedTarget(script) as target:
        client = await connect("127.0.0.1", target.port)
        await client.send(request("GET /") + b"more")
        client.half_close()
        answer = await client.read_to_end()
        await client.close()

    assert ([b"more"], b"heard you") == (heard, answer)


async def test_a_client_may_come_from_another_address() -> None:
    async with ScriptedTarget(half_closing_after(b"x")) as target:
        client = await connect("127.0.0.1", target.port, source="127.0.0.9")

        assert "127.0.0.9" == client.local_address[0]
        await client.close()
