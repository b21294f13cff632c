"""What a server does with bytes: asks, and puts the answers into the words that `cases.py` explains.

A request that is always fine, `LAST`, goes behind the first answer and ends the connection: so the end need not be
waited for, and whatever the server has kept of the case's bytes shows. Only a server that gives no answer at all costs
time.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import TYPE_CHECKING, NamedTuple

from aiohttp import web

from tests.helpers.conversation import Conversation, connect
from tests.helpers.targets import ScriptedTarget

if TYPE_CHECKING:
    from collections.abc import Mapping

PATIENCE_SECONDS = 4.0
"""A server that has not answered by then waits for more."""

AT_ONCE = 24
"""Connections at the same time."""

LAST = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
_PAGE_TITLE = re.compile(rb"<title>(\d{3}) ")


# ---- those who count


async def _count(conversation: Conversation, head: bytes) -> None:
    """Answers one request with the length of its body; gives up on what it cannot read.

    The connection ends, so that no case can disturb another one through a pool.
    """
    with contextlib.suppress(ValueError):
        size = await _size_seen(conversation, head)
        answer = b"%d" % size
        last = b"X-Last: yes\r\n" if head.startswith(b"GET /last ") else b""
        fields = b"X-Length: %b\r\nContent-Length: %d\r\n%b" % (answer, len(answer), last)
        body = b"" if head.startswith(b"HEAD ") else answer
        await conversation.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n%b\r\n%b" % (fields, body))


async def _size_seen(conversation: Conversation, head: bytes) -> int:
    _, _, section = head.lower().partition(b"\r\n")
    fields = {name: value.strip() for name, _, value in (line.partition(b":") for line in section.split(b"\r\n"))}
    if b"transfer-encoding" not in fields:
        return len(await conversation.read_exactly(int(fields.get(b"content-length", b"0"))))
    seen = 0
    while size := int((await _read_line(conversation)).partition(b";")[0], 16):
        seen += len(await conversation.read_exactly(size))
        await _read_line(conversation)
    while await _read_line(conversation):
        pass  # trailers
    return seen


async def _read_line(conversation: Conversation) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        line += await conversation.read_exactly(1)
    return line.strip()


def counting_target() -> ScriptedTarget:
    """A target that says how long the body is that it saw."""
    return ScriptedTarget(_count)


async def count_in_aiohttp(request: web.BaseRequest) -> web.Response:
    """The same as a handler of aiohttp's server."""
    size = str(len(await request.read()))
    headers = {"X-Length": size}
    if request.method == "GET" and request.rel_url.path == "/last":
        headers["X-Last"] = "yes"
    return web.Response(text=size, headers=headers)


# ---- asking


async def ask_all(port: int, cases: Mapping[str, bytes]) -> dict[str, str]:
    """What the server on this port does with each."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def in_turn(data: bytes) -> str:
        async with turns:
            return await ask(port, data)

    outcomes = await asyncio.gather(*(in_turn(data) for data in cases.values()))
    return dict(zip(cases, outcomes, strict=True))


async def ask(port: int, data: bytes) -> str:
    """What the server on this port does with these bytes."""
    conversation = await connect("127.0.0.1", port)
    try:
        return await _ask(conversation, data)
    finally:
        conversation.abort()


async def _ask(conversation: Conversation, data: bytes) -> str:
    # Nobody waits for the server to take it all: one that refuses may not.
    conversation.transport.write(data)
    received, is_last_sent = b"", False
    while True:
        more = await _read(conversation)
        received += more or b""
        answers, is_whole = answers_in(received, is_head=data.startswith(b"HEAD "), is_closed=more == b"")
        if not more:
            words = [answer.words for answer in answers if not answer.is_last]
            if more is None:
                words.append("waits")
            return ", ".join(words) or "closes"
        if is_whole and answers and not is_last_sent:
            is_last_sent = True
            conversation.transport.write(LAST)


async def _read(conversation: Conversation) -> bytes | None:
    """Some bytes; none at the connection's end; None when nothing comes."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await conversation.read(1 << 16)
    except ConnectionError:
        return b""
    except TimeoutError:
        return None


# ---- understanding


class Answer(NamedTuple):
    """One final response: what it means, and whether it is the one to `LAST`."""

    words: str
    is_last: bool = False


def answers_in(data: bytes, *, is_head: bool, is_closed: bool) -> tuple[list[Answer], bool]:
    """The final responses in these bytes, and whether nothing is missing of the last one.

    Args:
        data: What a server has sent.
        is_head: The first response is one to HEAD, and without a body if the request was taken.
        is_closed: Nothing more will come.
    """
    answers: list[Answer] = []
    while data:
        if not data.startswith(b"HTTP/"):
            # The answer to HTTP/0.9: a body that ends with the connection.
            return ([*answers, _bare(data)], True) if is_closed else (answers, False)
        head, separator, data = data.partition(b"\r\n\r\n")
        if not separator:
            return answers, False
        status, fields = _split(head)
        if status < 200:
            continue
        has_body = status not in {204, 304} and not (is_head and not answers and status == 200)
        size = _size_of_body(fields, data) if has_body else 0
        if size is None or size > len(data):
            if not is_closed:
                return answers, False
            size = len(data)
        data = data[size:]
        words = f"takes {fields['x-length']}" if status == 200 and "x-length" in fields else f"refuses {status}"
        answers.append(Answer(words, "x-last" in fields))
    return answers, True


def _split(head: bytes) -> tuple[int, dict[str, str]]:
    line, *lines = head.decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)}
    return int(line.split(" ")[1]), fields


def _size_of_body(fields: Mapping[str, str], data: bytes) -> int | None:
    """How many bytes the body takes; None if that is not known yet, or ends with the connection."""
    if "chunked" in fields.get("transfer-encoding", ""):
        end = data.find(b"0\r\n\r\n")
        return end + 5 if end >= 0 else None
    return int(fields["content-length"]) if "content-length" in fields else None


def _bare(data: bytes) -> Answer:
    title = _PAGE_TITLE.search(data)
    return Answer(f"refuses {title[1].decode()}" if title else f"takes {data.decode('latin-1')}")
