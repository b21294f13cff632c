from __future__ import annotations

import json
from typing import TYPE_CHECKING

import aiohttp
import pytest

from edgeproxy.control.demo_targets import SampleTarget, header_lines

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def target() -> AsyncIterator[SampleTarget]:
    target = SampleTarget("sample")
    await target.start(0)
    yield target
    await target.stop()


async def test_the_root_is_not_found(target: SampleTarget) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{target.port}/") as response:
        assert 404 == response.status


async def test_everything_else_is_an_echo_of_the_request(target: SampleTarget) -> None:
    url = f"http://127.0.0.1:{target.port}/a%2Fb?x=%20y"
    headers = {"X-Second": "2", "x-first": "1"}
    async with aiohttp.ClientSession() as session, session.put(url, data=b"h\xe9llo", headers=headers) as response:
        echo = json.loads(await response.text())

    assert ("sample", "PUT", "/a%2Fb", "x=%20y") == (echo["target"], echo["method"], echo["path"], echo["query"])
    assert (5, "h\\xe9llo") == (echo["body_bytes"], echo["body_begins"])
    assert echo["headers"].index("X-Second: 2") < echo["headers"].index("x-first: 1")


async def test_a_long_body_is_measured_and_its_beginning_shown(target: SampleTarget) -> None:
    url = f"http://127.0.0.1:{target.port}/upload"
    async with aiohttp.ClientSession() as session, session.post(url, data=b"x" * 900_000) as response:
        echo = json.loads(await response.text())

    assert (900_000, 200) == (echo["body_bytes"], len(echo["body_begins"]))


async def test_a_taken_port_is_replaced_by_a_free_one(target: SampleTarget) -> None:
    other = SampleTarget("other")
    await other.start(target.port)
    try:
        assert other.port not in (0, target.port)
    finally:
        await other.stop()


def test_header_lines_keep_their_order_and_case() -> None:
    assert ["b: 1", "A: \xff"] == header_lines([(b"b", b"1"), (b"A", b"\xff")])
