"""The admin endpoint's stream of requests, in front of a real load balancer."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from edgeproxy.control.addresses import Address
from edgeproxy.control.admin import STOP_SECONDS, AdminEndpoint
from edgeproxy.control.live_requests import AT_A_TIME
from edgeproxy.runtime.request_ring import CAPACITY
from tests.helpers.conversation import PATIENCE_SECONDS, connect
from tests.helpers.proxies import answering_itself, running
from tests.helpers.wait import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.helpers.conversation import Conversation, Message
    from tests.helpers.proxies import RunningProxy

PATH = "/_edgeproxy/requests"


class Served:
    """A load balancer and its admin endpoint."""

    def __init__(self, edgeproxy: RunningProxy, endpoint: AdminEndpoint, address: Address) -> None:
        self.edgeproxy = edgeproxy
        self.endpoint = endpoint
        self._port = address.port
        self._opened: list[Conversation] = []

    @property
    def followers(self) -> int:
        return len(self.edgeproxy.proxy.requests._followers)

    async def connect(self, **options: Any) -> Conversation:
        self._opened.append(await connect("127.0.0.1", self._port, **options))
        return self._opened[-1]

    async def get(self, query: str = "", method: str = "GET") -> Message:
        return await (await self.connect()).ask(f"{method} {PATH}{query} HTTP/1.0")

    async def lines(self, query: str = "") -> list[Any]:
        return [json.loads(line) for line in (await self.get(query)).body.splitlines()]

    async def follow(self, query: str = "?follow=1", **options: Any) -> Conversation:
        """A connection whose answer has begun; from now on everything is streamed."""
        before = self.followers
        stream = await self.connect(**options)
        await stream.send(f"GET {PATH}{query} HTTP/1.0\r\n\r\n".encode())
        await stream.read_head()
        await until(lambda: self.followers == before + 1)
        return stream

    async def close(self) -> None:
        for each in self._opened:
            each.abort()
        await self.endpoint.stop()


async def next_line(stream: Conversation) -> Any:
    async with asyncio.timeout(PATIENCE_SECONDS):
        return json.loads(await stream._reader.readline())


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[Served]:
    async with running(answering_itself()) as edgeproxy:
        endpoint = AdminEndpoint(edgeproxy.proxy, authority=lambda: None, metrics=bytes)
        running_endpoint = Served(edgeproxy, endpoint, await endpoint.start(Address("127.0.0.1", 0)))
        yield running_endpoint
        await running_endpoint.close()


async def test_the_first_question_is_told_that_requests_are_kept_from_now_on() -> None:
    async with serving() as served:
        (line,) = await served.lines()

        assert "listening" == line["event"]
        assert "Requests are kept from now on" in line["message"]


async def test_a_later_question_gets_the_recent_requests() -> None:
    async with serving() as served:
        await served.get()
        await served.edgeproxy.ask("GET /one")
        await served.edgeproxy.ask("GET /two")

        assert ["/one", "/two"] == [line["path"] for line in await served.lines()]
        assert ["/two"] == [line["path"] for line in await served.lines("?path=/t*&follow=0")]


async def test_lines_are_json_and_never_from_a_cache() -> None:
    async with serving() as served:
        headers = (await served.get()).headers

        assert ("application/x-ndjson; charset=utf-8", "no-store") == (
            headers["content-type"],
            headers["cache-control"],
        )


@pytest.mark.parametrize("query", ["?follow=1", "?follow=true", "?follow"])
async def test_a_follower_gets_each_request_when_it_ends(query: str) -> None:
    async with serving() as served:
        await served.get()
        await served.edgeproxy.ask("GET /before")
        stream = await served.follow(query)
        await served.edgeproxy.ask("GET /one")
        first = await next_line(stream)
        await served.edgeproxy.ask("GET /two")

        assert ["/one", "/two"] == [first["path"], (await next_line(stream))["path"]]


async def test_a_filter_holds_for_a_stream_as_well() -> None:
    async with serving() as served:
        stream = await served.follow("?follow=1&path=/b&path=/c&status=2xx")
        for path in ("/a", "/b", "/c"):
            await served.edgeproxy.ask(f"GET {path}")

        assert ["/b", "/c"] == [(await next_line(stream))["path"] for _ in range(2)]


@pytest.mark.parametrize("query", ["?stat=404", "?follow=1&status=abc"])
async def test_a_wrong_filter_is_refused_with_a_sentence(query: str) -> None:
    async with serving() as served:
        answer = await served.get(query)

        assert 400 == answer.status
        assert " is not a " in json.loads(answer.body)["Message"]


async def test_what_a_client_sends_cannot_leave_its_line() -> None:
    async with serving() as served:
        stream = await served.follow()
        await served.edgeproxy.ask("GET /%0Anew%1Bline\N{LATIN SMALL LETTER E WITH ACUTE}")
        line = await stream.read(1 << 16)

        assert line.isascii()
        assert [b"\n"] == [line[position : position + 1] for position in range(len(line)) if line[position] < 0x20]


async def test_head_is_not_a_stream() -> None:
    async with serving() as served:
        answer = await served.get("?follow=1", method="HEAD")

        assert (200, b"", 0) == (answer.status, answer.body, served.followers)


@pytest.mark.parametrize("is_reset", [False, True])
async def test_a_follower_that_leaves_is_not_kept_for(is_reset: bool) -> None:
    async with serving() as served:
        stream = await served.follow()
        assert served.edgeproxy.proxy.requests.keep is not None
        stream.reset() if is_reset else stream.abort()
        await until(lambda: not served.followers)

        assert served.edgeproxy.proxy.requests.keep is None


async def overtake(served: Served) -> int:
    """Requests until the only follower, which does not read, is behind by more than is kept; how many."""
    ring = served.edgeproxy.proxy.requests
    (follower,) = ring._followers
    client = await served.edgeproxy.connect()
    total = 0
    while ring._total - follower._position <= CAPACITY:
        assert 200 == (await client.ask("GET /" + "x" * 2000)).status
        total += 1
    return total


async def test_a_reader_that_does_not_read_costs_bounded_memory_and_is_told_what_it_missed() -> None:
    """What it gets and what it missed is everything, and the load balancer never waited."""
    async with serving() as served:
        stream = await served.follow(receive_buffer=4096)
        total = await overtake(served)
        assert len(served.edgeproxy.proxy.requests._entries) == CAPACITY
        got = missed = 0
        while got + missed < total:
            line = await next_line(stream)
            got, missed = (got, missed + line["count"]) if "event" in line else (got + 1, missed)

        assert missed > 0
        assert total == got + missed


async def test_a_burst_is_rendered_a_few_at_a_time() -> None:
    async with serving() as served:
        stream = await served.follow()
        client = await served.edgeproxy.connect()
        for _ in range(3 * AT_A_TIME):
            await client.ask("GET /")

        assert 3 * AT_A_TIME == len([await next_line(stream) for _ in range(3 * AT_A_TIME)])


async def test_stopping_ends_the_streams_after_what_is_there() -> None:
    async with serving() as served:
        stream = await served.follow()
        await served.edgeproxy.ask("GET /last")
        async with asyncio.timeout(1.5):
            await served.endpoint.stop()

        assert "/last" == json.loads(await stream.read_to_end())["path"]


async def test_stopping_does_not_wait_for_a_reader_that_does_not_read() -> None:
    async with serving() as served:
        await served.follow(receive_buffer=4096)
        await overtake(served)
        async with asyncio.timeout(4 * STOP_SECONDS):
            await served.endpoint.stop()
