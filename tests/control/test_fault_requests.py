"""`/_edgeproxy/faults` over HTTP, in front of a load balancer that runs."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from edgeproxy.control.admin import AdminEndpoint
from edgeproxy.control.fault_requests import PATH
from tests.helpers.proxies import RunningProxy, answering_itself, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@contextlib.asynccontextmanager
async def administered() -> AsyncIterator[tuple[Any, RunningProxy]]:
    """A client of the admin endpoint, and the load balancer."""
    text = answering_itself().replace("Protocol: HTTP\n", "Protocol: HTTP\n        Faults: [{Delay: 0.01}]\n")
    async with running(text) as edgeproxy:
        endpoint = AdminEndpoint(edgeproxy.proxy, authority=lambda: None, metrics=bytes)
        async with TestClient(TestServer(endpoint.application())) as client:
            yield client, edgeproxy


async def test_a_fault_begins_is_listed_and_ends() -> None:
    async with administered() as (client, edgeproxy):
        response = await client.post(PATH, json={"Status": 503, "Where": {"Listener": 80}})
        document = await response.json()
        assert (201, "fault-1", "active") == (response.status, document["Id"], document["State"])
        assert 503 == (await edgeproxy.ask()).status

        listed = (await (await client.get(PATH)).json())["Faults"]
        assert [("file-1", 1), ("fault-1", 1)] == [(each["Id"], each["Hits"]) for each in listed]

        response = await client.delete(f"{PATH}/fault-1")
        assert (200, {"Removed": 1}) == (response.status, await response.json())
        assert 200 == (await edgeproxy.ask()).status


async def test_clear_leaves_those_of_the_file() -> None:
    async with administered() as (client, _):
        for _ in range(3):
            await client.post(PATH, json={"Reset": True})
        assert {"Removed": 3} == await (await client.delete(PATH)).json()
        assert ["file-1"] == [each["Id"] for each in (await (await client.get(PATH)).json())["Faults"]]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"Status": 418}, "Status: 'Status' value '418' must be one that"),
        (
            {"Status": 503, "Where": {"Listener": 1}},
            "Where.Listener: Listener '1' not found. The listeners are: dev",
        ),
        ({"Target": "draining"}, "Target: A fault with 'Target' can only stand at a target group or at a target."),
        ([], "A fault is a JSON object"),
    ],
)
async def test_a_bad_fault_is_a_400_and_changes_nothing(data: Any, message: str) -> None:
    async with administered() as (client, edgeproxy):
        response = await client.post(PATH, json=data)
        assert 400 == response.status
        assert (await response.json())["Message"].startswith(message)
        assert 200 == (await edgeproxy.ask()).status


async def test_web_pages_cannot_begin_one_unasked() -> None:
    """A page may send text to any host; for anything else its browser asks first, and gets no leave."""
    async with administered() as (client, _):
        data = json.dumps({"Status": 503})
        for kind in ("text/plain", "application/x-www-form-urlencoded"):
            response = await client.post(PATH, data=data, headers={"Content-Type": kind})
            assert 415 == response.status
        assert 405 == (await client.options(PATH)).status


async def test_a_fault_may_come_in_pieces() -> None:
    async def pieces(*data: bytes) -> AsyncIterator[bytes]:
        for each in data:
            yield each

    json_type = {"Content-Type": "application/json"}
    async with administered() as (client, _):
        response = await client.post(PATH, data=pieces(b'{"Status":', b" 503}"), headers=json_type)
        assert 201 == response.status
        response = await client.post(PATH, data=pieces(*[b" " * 4096] * 17), headers=json_type)
        assert 413 == response.status


@pytest.mark.parametrize("data", [b"[" * 60_000, b'{"Delay":' + b"[" * 20_000 + b"]" * 20_000 + b"}"])
async def test_what_is_nested_too_deeply_is_refused(data: bytes) -> None:
    async with administered() as (client, _):
        response = await client.post(PATH, data=data, headers={"Content-Type": "application/json"})
        assert 400 == response.status
        assert "nested too deeply" in (await response.json())["Message"]


async def test_what_is_too_big_is_refused() -> None:
    async with administered() as (client, _):
        data = b'{"Status": 503}'.ljust(70_000)
        response = await client.post(PATH, data=data, headers={"Content-Type": "application/json"})
        assert 413 == response.status


@pytest.mark.parametrize(
    ("fault_id", "status", "message"),
    [
        ("nope", 404, "There is no fault 'nope'. The faults are: file-1."),
        ("file-1", 409, "The fault 'file-1' stands in the configuration file: take it out there."),
    ],
)
async def test_only_what_was_added_can_be_removed(fault_id: str, status: int, message: str) -> None:
    async with administered() as (client, _):
        response = await client.delete(f"{PATH}/{fault_id}")
        assert (status, message) == (response.status, (await response.json())["Message"])


async def test_other_methods_are_told_which_there_are() -> None:
    async with administered() as (client, _):
        response = await client.put(PATH)
        assert (405, "GET, HEAD, POST, DELETE") == (response.status, response.headers["Allow"])
        assert "PUT is not answered here: only GET, HEAD, POST and DELETE are." == (await response.json())["Message"]
        response = await client.get(f"{PATH}/fault-1")
        assert "GET is not answered here: only DELETE is." == (await response.json())["Message"]
