"""Scripts as targets: they get connections, and health checks are kept from them."""

from __future__ import annotations

import socket
from typing import Any

import urllib3

from edgeproxy.testing import targets


def ask(target: targets.LocalTarget, path: str = "/", **options: Any) -> tuple[int, bytes]:
    with urllib3.PoolManager(retries=False) as client:
        answer = client.request("GET", target.url + path, **options)
        return answer.status, answer.data


def test_health_checks_are_answered_apart() -> None:
    headers = {"User-Agent": "ELB-HealthChecker/2.0"}
    with targets.answering("mine") as target:
        assert (200, b"") == ask(target, headers=headers)
        target.health_status = 503
        assert (503, b"") == ask(target, headers=headers)
        target.health_status = None
        assert (200, b"mine") == ask(target, headers=headers)

    assert ([], 3) == (target.requests, target.health_checks)


def test_a_script_does_what_it_likes_with_a_connection() -> None:
    async def script(side: targets.TargetSide) -> None:
        request = await side.read_request()
        assert request is not None
        await side.send(b"101 " + request.method.encode())
        await side.send(b"[" + await side.read() + b"]")

    with targets.scripted(script) as target, socket.create_connection((target.host, target.port), timeout=5) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert b"101 GET" == sock.recv(100)
        sock.sendall(b"frame")
        assert b"[frame]" == sock.recv(100)
        assert b"" == sock.recv(100)

    assert 1 == target.accepted


def test_requests_that_share_a_connection_are_read_one_after_the_other() -> None:
    with targets.answering() as target, socket.create_connection((target.host, target.port), timeout=5) as sock:
        sock.sendall(b"POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\nhiGET /b HTTP/1.1\r\n\r\n")
        received = b""
        while received.count(b"\r\n\r\nok") < 2:
            received += sock.recv(1000)

    assert [("/a", b"hi"), ("/b", b"")] == [(each.path, each.body) for each in target.requests]
    assert 1 == target.accepted


def test_a_connection_that_ends_in_the_middle_of_a_request_is_no_request() -> None:
    with targets.answering() as target:
        with socket.create_connection((target.host, target.port), timeout=5) as sock:
            sock.sendall(b"POST /a HTTP/1.1\r\nContent-Length: 9\r\n\r\nhi")
            sock.shutdown(socket.SHUT_WR)
            assert b"" == sock.recv(100)

        assert [] == target.requests
