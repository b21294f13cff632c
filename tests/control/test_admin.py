from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from edgeproxy.control.addresses import Address
from edgeproxy.control.admin import PATHS, AdminEndpoint
from edgeproxy.errors import BindError
from edgeproxy.runtime.status import ProxyState

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp.test_utils import TestClient


@pytest.fixture
async def client(proxy: Any, aiohttp_client: Callable[..., Any]) -> Any:
    endpoint = AdminEndpoint(proxy, authority=lambda: b"PEM", metrics=lambda: b"a_total 1\n")
    return await aiohttp_client(endpoint.application())


async def test_health_is_answered_while_running(client: TestClient[Any, Any]) -> None:
    response = await client.get("/_edgeproxy/health")

    assert 200 == response.status
    assert "running" == (await response.json())["Status"]
    assert "no-store" == response.headers["Cache-Control"]


@pytest.mark.parametrize("status", ["starting", "draining"])
async def test_health_is_503_while_starting_or_draining(client: TestClient[Any, Any], proxy: Any, status: str) -> None:
    proxy.state = ProxyState(status)
    response = await client.get("/_edgeproxy/health")

    assert 503 == response.status
    assert status == (await response.json())["Status"]


async def test_the_running_configuration_is_shown(client: TestClient[Any, Any]) -> None:
    response = await client.get("/_edgeproxy/state")

    assert "application/json" == response.content_type
    assert "edgeproxy" == json.loads(await response.read())["LoadBalancers"][0]["Name"]


async def test_the_development_ca_is_handed_out(client: TestClient[Any, Any]) -> None:
    assert b"PEM" == await (await client.get("/_edgeproxy/ca.pem")).read()


async def test_without_a_ca_a_sentence_says_so(proxy: Any, aiohttp_client: Callable[..., Any]) -> None:
    endpoint = AdminEndpoint(proxy, authority=lambda: None, metrics=bytes)
    client = await aiohttp_client(endpoint.application())
    response = await client.get("/_edgeproxy/ca.pem")

    assert 404 == response.status
    assert (await response.json())["Message"].startswith("There is no development CA yet")


async def test_metrics_are_prometheuss_text(client: TestClient[Any, Any]) -> None:
    response = await client.get("/metrics")

    assert "text/plain; version=0.0.4; charset=utf-8" == response.headers["Content-Type"]
    assert b"a_total 1\n" == await response.read()


@pytest.mark.parametrize("path", PATHS)
async def test_head_is_answered_without_a_body(client: TestClient[Any, Any], path: str) -> None:
    response = await client.head(path)

    assert (200, b"") == (response.status, await response.read())


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
async def test_nothing_can_be_changed(client: TestClient[Any, Any], method: str) -> None:
    response = await client.request(method, "/_edgeproxy/health")

    assert (405, "GET, HEAD") == (response.status, response.headers["Allow"])
    assert f"{method} is not answered here: only GET and HEAD are." == (await response.json())["Message"]


async def test_another_path_is_told_the_paths_there_are(client: TestClient[Any, Any]) -> None:
    response = await client.get("/")

    assert 404 == response.status
    assert "/_edgeproxy/health" in (await response.json())["Message"]


async def test_port_zero_means_any_free_port(proxy: Any) -> None:
    endpoint = AdminEndpoint(proxy, authority=lambda: None, metrics=bytes)
    address = await endpoint.start(Address("127.0.0.1", 0))
    await endpoint.stop()

    assert ("127.0.0.1", True) == (address.host, address.port > 0)


async def test_a_taken_port_is_a_bind_error(proxy: Any) -> None:
    first = AdminEndpoint(proxy, authority=lambda: None, metrics=bytes)
    second = AdminEndpoint(proxy, authority=lambda: None, metrics=bytes)
    address = await first.start(Address("127.0.0.1", 0))
    try:
        with pytest.raises(BindError, match=f"Port {address.port} on 127.0.0.1 could not be bound"):
            await second.start(address)
    finally:
        await first.stop()
