"""A load balancer for one test: where it is, who trusts it, how it is changed, and its time."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from edgeproxy.errors import ConfigError, EdgeProxyError
from edgeproxy.testing import Alb, targets, throw_away_ca
from tests.helpers.proxies import open_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def alb() -> Iterator[Alb]:
    with Alb() as made:
        yield made


def status(alb: Alb, path: str = "/") -> int:
    return alb.clients.urllib3().request("GET", alb.url(path)).status


def test_it_is_on_free_ports_and_targets_see_the_declared_ones(alb: Alb) -> None:
    alb.register(targets.answering())

    assert 200 == status(alb)
    (request,) = alb.expect()
    assert ("443", "localhost") == (request.target_headers["X-Forwarded-Port"], request.target_headers["Host"])
    assert {80, 443} == set(alb.real_ports())
    assert not {80, 443} & set(alb.real_ports().values())


def test_redirects_of_the_default_lead_to_where_https_really_is(alb: Alb) -> None:
    answer = alb.clients.urllib3().request("GET", alb.http_url("/x?y"), redirect=False)

    assert (301, alb.url("/x?y")) == (answer.status, answer.headers["Location"])


async def test_the_asynchronous_context_manager_is_the_same() -> None:
    async with Alb(targets=[targets.answering("hi")]) as alb, alb.clients.aiohttp() as session:
        await alb.wait_healthy()
        async with session.get("https://localhost/") as response:
            assert "hi" == await response.text()


async def test_a_blocking_client_in_an_asynchronous_test_is_answered() -> None:
    async with Alb() as alb:
        assert 503 == status(alb)


def test_nothing_of_it_is_left_behind() -> None:
    throw_away_ca()
    files = open_files()
    threads = set(threading.enumerate())
    with Alb(targets=[targets.answering(), targets.silent()]) as alb:
        status(alb)
        alb.clients.connect()

    assert files == open_files()
    assert threads == set(threading.enumerate())


def test_a_load_balancer_that_cannot_start_leaves_nothing_behind() -> None:
    threads = set(threading.enumerate())
    broken = {
        "LoadBalancers": [
            {
                "Name": "alb",
                "Listeners": [
                    {
                        "Port": 443,
                        "Protocol": "HTTPS",
                        "Certificates": [{"CertificateArn": "missing.pem"}],
                        "DefaultActions": [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}],
                    }
                ],
            }
        ]
    }
    with pytest.raises(ConfigError, match=r"missing\.pem"):
        Alb(broken, targets=[]).start()

    assert threads == set(threading.enumerate())


def test_what_does_not_run_says_so(alb: Alb) -> None:
    with pytest.raises(RuntimeError, match="has been started already"):
        alb.start()
    with pytest.raises(RuntimeError, match="does not run"):
        _ = Alb().requests
    alb.stop()
    alb.stop()


def test_a_subprocess_trusts_it(alb: Alb) -> None:
    code = f"import ssl, urllib.request; print(urllib.request.urlopen('{alb.url()}').status)"
    alb.add_rule(path="/", fixed_response=200)

    said = subprocess.run([sys.executable, "-c", code], env=alb.env, capture_output=True, text=True, check=True)
    assert "200\n" == said.stdout


def test_configurations_are_applied_while_it_runs(alb: Alb, tmp_path: Path) -> None:
    text = """
LoadBalancers:
  - Name: other
    Listeners:
      - Port: 8443
        Protocol: HTTPS
        Certificates: [{CertificateArn: own.pem}]
        DefaultActions: [{Type: fixed-response, FixedResponseConfig: {StatusCode: "204"}}]
"""
    (tmp_path / "own.pem").write_bytes(throw_away_ca().issue("localhost").read_bytes())
    (tmp_path / "edgeproxy.yaml").write_text(text)
    alb.apply(tmp_path / "edgeproxy.yaml")

    assert 204 == status(alb)
    assert [8443] == list(alb.real_ports())
    with pytest.raises(EdgeProxyError, match="not-there"):
        alb.apply(text.replace("own.pem", "not-there.pem"))
    assert 204 == status(alb)


def test_targets_come_and_go(alb: Alb) -> None:
    first, second = targets.answering("1"), targets.answering("2")
    alb.register(first)
    alb.register(second)
    client = alb.clients.urllib3()
    assert {b"1", b"2"} == {client.request("GET", alb.url()).data for _ in range(4)}

    alb.deregister(first)

    assert {b"2"} == {client.request("GET", alb.url()).data for _ in range(4)}
    assert ["draining"] == [each.state for each in alb.target_health() if each.target.endswith(f":{first.port}")]


def test_rules_come_and_go(alb: Alb) -> None:
    alb.add_target_group("api", targets.answering("api"), HealthCheckPath="/health")
    priority = alb.add_rule(path="/api/*", method=["GET", "HEAD"], forward="api")
    alb.add_rule(header={"X-Old": "1"}, query={"a": "b"}, redirect={"Path": "/new", "StatusCode": "HTTP_302"})
    alb.add_rule(host="*.example.com", source_ip="127.0.0.0/8", fixed_response=(418, "tea", "text/plain"))
    rewrite = {"Type": "url-rewrite", "UrlRewriteConfig": {"Rewrites": [{"Regex": "^/v1", "Replace": ""}]}}
    alb.add_rule(path="/v1/*", forward={"api": 1}, transforms=[rewrite], priority=5)
    client = alb.clients.urllib3()

    def ask(path: str, **headers: str) -> tuple[int, bytes]:
        answer = client.request("GET", alb.url(path), headers=headers, redirect=False)
        return answer.status, answer.data

    assert (200, b"api") == ask("/api/x")
    assert 302 == ask("/?a=b", **{"X-Old": "1"})[0]
    assert (418, b"tea") == ask("/", Host="a.example.com")
    assert (200, b"api") == ask("/v1/x")
    (rewritten,) = alb.expect(rule=5)
    assert ("/x", "GET /x HTTP/1.1") == (rewritten.transformed_path, rewritten.target_line)
    alb.remove_rule(priority)
    assert 503 == ask("/api/x")[0]


def test_a_rule_that_aws_would_refuse_is_refused_with_its_sentence(alb: Alb) -> None:
    with pytest.raises(EdgeProxyError, match="at least one condition"):
        alb.add_rule(fixed_response=200)
    with pytest.raises(ConfigError, match="There is no listener with port 9"):
        alb.add_rule(path="/", fixed_response=200, port=9)


def test_a_reset_brings_back_the_beginning() -> None:
    target, late = targets.answering(), targets.answering()
    with Alb(targets=[target]) as alb:
        target.health_status = 500
        alb.advance(60)
        assert ["unhealthy"] == [each.state for each in alb.target_health()]
        alb.add_rule(path="/", fixed_response=418)
        alb.register(late)
        assert 418 == status(alb)
        sock = alb.clients.connect()
        target.health_status = 200

        alb.reset()

        assert b"" == sock.recv(1)
        assert ([], []) == (alb.requests, alb.access_log)
        assert (True, False) == (target.is_started, late.is_started)
        assert 200 == status(alb)
        alb.advance(0)  # the first check is waited for; one that was unhealthy would need five
        assert ["healthy"] == [each.state for each in alb.target_health()]


# ---- time


def test_the_idle_timeout_needs_no_waiting(alb: Alb) -> None:
    alb.register(targets.silent())
    sock = alb.clients.connect()
    sock.sendall(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
    alb.advance(59)
    assert [] == alb.requests

    alb.advance(3)

    assert b"504" == sock.recv(1000).split(b" ")[1]
    alb.expect(path="/slow", status=504)


def test_an_idle_client_connection_is_closed(alb: Alb) -> None:
    sock = alb.clients.connect()
    alb.advance(62)

    assert b"" == sock.recv(1)


def test_scaled_time_passes_in_the_load_balancer_s_own_seconds() -> None:
    with Alb(time_scale=0.1) as alb:
        sock = alb.clients.connect()
        alb.advance(40)
        sock.setblocking(False)
        with pytest.raises((BlockingIOError, OSError)):
            sock.recv(1)
        sock.settimeout(5)
        alb.advance(30)
        assert b"" == sock.recv(1)


def test_every_health_check_on_the_way_is_made(alb: Alb) -> None:
    target = targets.answering()
    alb.register(target)
    alb.wait_healthy()
    before = target.health_checks

    alb.advance(300)

    assert 10 == target.health_checks - before


def test_a_target_that_does_not_answer_its_checks_times_out_in_moved_time(alb: Alb) -> None:
    target = targets.scripted(targets.silent()._script, health_status=None)
    alb.register(target)

    alb.advance(40)

    assert ("unhealthy", "Target.Timeout") == alb.target_health()[0][2:4]


def test_waiting_for_health_takes_the_checks_that_it_takes_and_no_time(alb: Alb) -> None:
    """Five passes in a row, thirty seconds apart."""
    target = targets.answering(health_status=500)
    alb.register(target)
    alb.advance(60)
    assert ["unhealthy"] == [each.state for each in alb.target_health()]
    target.health_status = 200

    alb.wait_healthy()

    assert ["healthy"] == [each.state for each in alb.target_health("app")]


def test_waiting_in_vain_says_what_is_wrong(alb: Alb) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        alb.register(port)
        with pytest.raises(TimeoutError, match=rf"127\.0\.0\.1:{port} of app is unhealthy, Target.FailedHealthChecks"):
            alb.wait_healthy(within=0.3)


def test_a_deregistered_target_is_gone_after_its_delay(alb: Alb) -> None:
    target = targets.answering()
    alb.register(target)
    alb.deregister(target)
    alb.advance(298)
    assert ["draining"] == [each.state for each in alb.target_health()]
    alb.advance(4)

    assert [] == alb.target_health()


def test_slow_start_takes_its_time_without_waiting(alb: Alb) -> None:
    """A target that joins others gets its share little by little."""
    group = {"TargetGroupAttributes": {"slow_start.duration_seconds": "100"}}
    alb.add_target_group("slow", targets.answering("old"), **group)
    alb.add_rule(path="/*", forward="slow")
    alb.wait_healthy("slow")
    alb.advance(101)
    alb.register(targets.answering("new"), group="slow")
    alb.wait_healthy("slow")
    client = alb.clients.urllib3()

    def share() -> int:
        return sum(client.request("GET", alb.url("/x")).data == b"new" for _ in range(40))

    assert share() < 10
    alb.advance(101)
    assert 20 == share()


def test_dates_follow(alb: Alb) -> None:
    status(alb)
    alb.advance(86400)
    status(alb)
    first, second = alb.requests

    assert 86400 <= (second.started - first.started).total_seconds() < 86460
    assert first.started.date() != second.started.date()
    assert second.started.date().isoformat() in alb.access_log[1]


async def test_in_an_asynchronous_test_what_depends_on_targets_is_awaited() -> None:
    """The target answers on the loop that waits for it."""
    checks = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal checks
        await reader.readuntil(b"\r\n\r\n")
        checks += 1
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1") as server, Alb() as alb:
        alb.register(server.sockets[0].getsockname()[1])
        await alb.wait_healthy()
        await alb.advance(60)
        assert ["healthy"] == [each.state for each in alb.target_health()]

    assert 3 == checks
