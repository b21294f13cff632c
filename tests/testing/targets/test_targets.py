"""Every target does what its name says, asked directly and without a load balancer."""

from __future__ import annotations

import socket
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from aiohttp import web

from edgeproxy.testing import targets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path


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


def script_of(tmp_path: Path) -> list[str]:
    script = tmp_path / "app.py"
    script.write_text(
        "import os, sys\n"
        "from http.server import *\n"
        "class App(BaseHTTPRequestHandler):\n"
        "    def do_GET(self):\n"
        "        self.send_response(200); self.end_headers(); self.wfile.write(b'hi')\n"
        "assert os.environ['PORT'] == sys.argv[1]\n"
        "HTTPServer(('127.0.0.1', int(sys.argv[1])), App).serve_forever()\n"
    )
    return ["python", str(script), "{port}"]


MAKERS: dict[str, Callable[[Path], targets.LocalTarget]] = {
    "asgi": lambda _: targets.asgi(asgi_app),
    "wsgi": lambda _: targets.wsgi(wsgi_app),
    "aiohttp": lambda _: targets.aiohttp(aiohttp_app()),
    "process": lambda folder: targets.process(script_of(folder)),
    "handler": lambda _: targets.handler(lambda _: "hi"),
    "answering": lambda _: targets.answering("hi"),
    "slow": lambda _: targets.slow(0.01, "hi"),
    "keep_alive": lambda _: targets.keep_alive(5, "hi"),
    "streaming": lambda _: targets.streaming([b"h", b"i"]),
}


def ask(target: targets.LocalTarget, path: str = "/", **options: Any) -> tuple[int, bytes]:
    with urllib3.PoolManager(retries=False) as client:
        answer = client.request("GET", target.url + path, **options)
        return answer.status, answer.data


@pytest.mark.parametrize("name", MAKERS)
def test_it_answers_and_leaves_nothing_behind(name: str, tmp_path: Path) -> None:
    threads = set(threading.enumerate())
    with MAKERS[name](tmp_path) as target:
        assert (200, b"hi") == ask(target)
        port = target.port

    assert not target.is_started
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)
    # A server's threads may take a moment to see that their connections are closed.
    until = time.monotonic() + 2
    while threads != set(threading.enumerate()) and time.monotonic() < until:
        time.sleep(0.005)
    assert threads == set(threading.enumerate())


def test_it_can_be_started_again_on_its_port() -> None:
    target = targets.answering()
    ports = set()
    for _ in range(2):
        with target:
            assert (200, b"ok") == ask(target)
            ports.add(target.port)

    assert 1 == len(ports)


async def test_the_asynchronous_context_manager_is_the_same() -> None:
    async with targets.answering() as target:
        assert target.is_started


# ---- handlers


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("text", (200, b"text")),
        (b"bytes", (200, b"bytes")),
        (404, (404, b"")),
        ({"a": 1}, (200, b'{"a": 1}')),
        ([1], (200, b"[1]")),
        ((418, "tea"), (418, b"tea")),
        (None, (204, b"")),
        (targets.Response("x", 201, {"X": "1"}), (201, b"x")),
    ],
)
def test_a_handler_answers_in_many_ways(answer: Any, expected: tuple[int, bytes]) -> None:
    with targets.handler(lambda _: answer) as target:
        assert expected == ask(target)


def test_a_handler_sees_the_request_and_may_be_asynchronous() -> None:
    seen = []

    async def handler(request: targets.Request) -> str:
        seen.append(request)
        return "ok"

    with targets.handler(handler) as target:
        ask(target, "/a%20b?c=d", body=b"body", headers={"X-Own": "1"})
        ask(target, body=iter([b"chunk", b"ed"]))

    assert ("/a b", {"c": "d"}, b"body", "1") == (seen[0].path, seen[0].query, seen[0].body, seen[0].headers["x-own"])
    assert b"chunked" == seen[1].body
    assert seen == target.requests


def test_health_checks_are_answered_apart() -> None:
    headers = {"User-Agent": "ELB-HealthChecker/2.0"}
    with targets.answering("mine") as target:
        assert (200, b"") == ask(target, headers=headers)
        target.health_status = 503
        assert (503, b"") == ask(target, headers=headers)
        target.health_status = None
        assert (200, b"mine") == ask(target, headers=headers)

    assert ([], 3) == (target.requests, target.health_checks)


# ---- bad days


def talk(target: targets.LocalTarget, count: int = 1) -> list[bytes]:
    """What comes after each of some requests on one connection; None for a reset."""
    found = []
    with socket.create_connection((target.host, target.port), timeout=5) as sock:
        for _ in range(count):
            sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            try:
                found.append(sock.recv(1000))
            except ConnectionResetError:
                found.append(b"reset")
    return found


def test_targets_on_bad_days() -> None:
    with targets.resetting() as target:
        assert [b"reset"] == talk(target)
    with targets.garbage() as target:
        assert talk(target)[0].startswith(b"\x16\x03\x01")
    with targets.half_closing() as target, socket.create_connection((target.host, target.port), timeout=5) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        received = b""
        while data := sock.recv(1000):
            received += data
        assert received.endswith(b"half of it")
        sock.sendall(b"still read")
    with targets.keep_alive_race() as target:
        first, second = talk(target, 2)
        assert first.endswith(b"ok")
        assert second == b""
    with targets.keep_alive(0.02) as target, socket.create_connection((target.host, target.port), timeout=5) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert sock.recv(1000).endswith(b"ok")
        assert b"" == sock.recv(1)
    with targets.silent() as target, socket.create_connection((target.host, target.port)) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        sock.settimeout(0.05)
        with pytest.raises(TimeoutError):
            sock.recv(1)


def test_a_process_that_ends_or_does_not_listen_is_an_error_that_shows_what_it_said() -> None:
    with pytest.raises(RuntimeError, match="ended with 3: bye"):
        targets.process([sys.executable, "-c", "print('bye', flush=True); raise SystemExit(3)"]).start()
    with pytest.raises(RuntimeError, match=r"does not listen on port \d+ after 0.2 s: "):
        targets.process(["python", "-c", "import time; time.sleep(60)"], within=0.2).start()
