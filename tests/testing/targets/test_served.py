"""Apps as targets."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from aiohttp import web

from edgeproxy.testing import targets
from tests.helpers.wait import until_blocking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


async def asgi_app(scope: dict[str, Any], receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"hi"})


def wsgi_app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", "2")])
    return [b"hi"]


def aiohttp_app() -> web.Application:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text="hi")

    app = web.Application()
    app.router.add_get("/", answer)
    return app


MAKERS: dict[str, Callable[[], targets.LocalTarget]] = {
    "asgi": lambda: targets.asgi(asgi_app),
    "wsgi": lambda: targets.wsgi(wsgi_app),
    "aiohttp": lambda: targets.aiohttp(aiohttp_app()),
}


def ask(target: targets.LocalTarget) -> tuple[int, bytes]:
    with urllib3.PoolManager(retries=False) as client:
        answer = client.request("GET", target.url)
        return answer.status, answer.data


@pytest.mark.parametrize("name", MAKERS)
def test_it_answers_and_leaves_nothing_behind(name: str) -> None:
    threads = set(threading.enumerate())
    with MAKERS[name]() as target:
        assert (200, b"hi") == ask(target)

    until_blocking(lambda: threads >= set(threading.enumerate()))


async def test_a_blocking_call_of_the_test_does_not_lock_an_app_up() -> None:
    """It is served by a thread of its own, whatever loop the test runs on."""
    with targets.asgi(asgi_app) as target:
        assert (200, b"hi") == ask(target)


def test_an_asgi_app_that_cannot_start_is_an_error() -> None:
    async def broken(scope: dict[str, Any], receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    target = targets.asgi(broken, lifespan="on")
    with pytest.raises(RuntimeError, match="The ASGI app did not start"):
        target.start()

    assert not target.is_started


def test_options_are_the_server_s() -> None:
    with targets.aiohttp(aiohttp_app(), keepalive_timeout=75) as target:
        assert target._runner is not None
        assert 75 == target._runner._kwargs["keepalive_timeout"]
