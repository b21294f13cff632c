"""One health check: its bytes, and what each kind of answer means."""

from __future__ import annotations

import asyncio
import datetime as dt
import errno
import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from edgeproxy.health.matcher import HttpCodeMatcher
from edgeproxy.health.outcome import FAILED, INTERNAL_ERROR, PASSED, TIMED_OUT, CheckResult, response_code_mismatch
from edgeproxy.model.security_policy import policy_for_targets
from edgeproxy.runtime.health_probe import Probe, encode_probe, run_probe
from edgeproxy.runtime.target_tls import target_context
from tests.helpers.ports import reserved_port
from tests.helpers.proxies import no_more_than, open_files
from tests.helpers.targets import (
    Script,
    ScriptedTarget,
    garbage,
    half_closing_after,
    leaving_after,
    resetting_after,
    saying,
    silent,
)

if TYPE_CHECKING:
    from pathlib import Path


def probe(port: int, **changes: Any) -> Probe:
    standard = Probe(
        address="127.0.0.1",
        port=port,
        protocol="HTTP",
        path="/",
        timeout=30,
        matcher=HttpCodeMatcher.parse("200"),
        tls=None,
    )
    return standard._replace(**changes)


EXACT = (
    b"GET / HTTP/1.1\r\n"
    b"Host: 10.0.7.140:8080\r\n"
    b"Connection: close\r\n"
    b"User-Agent: ELB-HealthChecker/2.0\r\n"
    b"Accept-Encoding: gzip, compressed\r\n"
    b"\r\n"
)


@pytest.mark.conformance("health checks", "the request, byte for byte", "target-group-health-checks")
def test_the_request_is_the_one_that_a_target_behind_a_real_load_balancer_gets() -> None:
    encoded = encode_probe(probe(8080, address="10.0.7.140"))

    assert EXACT == encoded
    assert 130 == len(encoded)


@pytest.mark.conformance("health checks", "Host has no port on the protocol's own", "load-balancer-troubleshooting")
@pytest.mark.parametrize(
    ("protocol", "port", "host"),
    [
        ("HTTP", 80, b"10.0.0.1"),
        ("HTTPS", 443, b"10.0.0.1"),
        ("HTTP", 443, b"10.0.0.1:443"),
        ("HTTPS", 80, b"10.0.0.1:80"),
    ],
)
def test_the_default_port_of_the_protocol_is_not_named(protocol: str, port: int, host: bytes) -> None:
    encoded = encode_probe(probe(port, address="10.0.0.1", protocol=protocol))

    assert b"\r\nHost: " + host + b"\r\n" in encoded


def test_an_ipv6_address_stands_in_brackets() -> None:
    assert b"\r\nHost: [::1]:8080\r\n" in encode_probe(probe(8080, address="::1"))


def test_a_path_with_a_query_is_sent_as_it_is() -> None:
    assert encode_probe(probe(80, path="/h?x=1")).startswith(b"GET /h?x=1 HTTP/1.1\r\n")


async def test_the_target_gets_the_request_and_then_the_end_of_the_connection() -> None:
    async with ScriptedTarget(silent) as target:
        assert PASSED == await run_probe(probe(target.port))

    assert [encode_probe(probe(target.port))] == target.health_checks


@pytest.mark.conformance("health checks", "which status passes is up to the matcher", "target-group-health-checks")
@pytest.mark.both_loops
@pytest.mark.parametrize(
    ("status", "result"),
    [
        (404, PASSED),
        (204, PASSED),
        (301, response_code_mismatch(301)),
        (500, response_code_mismatch(500)),
        (503, response_code_mismatch(503)),
    ],
)
async def test_a_status_is_asked_of_the_matcher(status: int, result: CheckResult) -> None:
    async with ScriptedTarget(silent, health_status=status) as target:
        assert result == await run_probe(probe(target.port, matcher=HttpCodeMatcher.parse("200-299,404")))


@pytest.mark.conformance("health checks", "what is no response fails the check", "target-group-health-checks")
@pytest.mark.both_loops
@pytest.mark.parametrize(
    ("script", "result"),
    [
        (garbage, FAILED),
        (leaving_after(b""), FAILED),
        (leaving_after(b"HTTP/1.1 200 OK\r\n"), FAILED),
        (half_closing_after(b""), FAILED),
        (resetting_after(b""), FAILED),
        (saying(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"), FAILED),
        (silent, TIMED_OUT),
        (saying(b"HTTP/1.1 200 OK\r\nContent-"), TIMED_OUT),
        (saying(b"HTTP/1.1 100 Continue\r\n\r\n"), TIMED_OUT),
        (saying(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"), PASSED),
        (saying(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nthe rest does not matter"), PASSED),
    ],
)
async def test_an_answer_means(script: Script, result: CheckResult) -> None:
    files, tasks = open_files(), asyncio.all_tasks()
    async with ScriptedTarget(script, health_status=None) as target:
        assert result == await run_probe(probe(target.port, timeout=0.1 if result == TIMED_OUT else 30))
    await no_more_than(files, tasks)


@pytest.mark.both_loops
async def test_nobody_listening_fails_the_check() -> None:
    with reserved_port() as port:
        assert FAILED == await run_probe(probe(port))


@pytest.mark.both_loops
async def test_a_connection_that_is_not_accepted_times_out() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        result = await run_probe(probe(full.getsockname()[1], timeout=0.1))
        for each in waiting:
            each.close()

    assert TIMED_OUT == result


def expired() -> trustme.LeafCert:
    return trustme.CA().issue_cert("elsewhere.test", not_after=dt.datetime(2001, 1, 1, tzinfo=dt.UTC))


@pytest.mark.conformance("health checks", "certificates are not validated", "target-group-health-checks")
@pytest.mark.both_loops
async def test_a_self_signed_or_expired_certificate_does_not_matter(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    expired().configure_cert(context)
    async with ScriptedTarget(silent, tls=context) as target:
        result = await run_probe(probe(target.port, protocol="HTTPS", tls=target_context(policy_for_targets(None))))

    assert PASSED == result


@pytest.mark.both_loops
async def test_a_target_without_tls_fails_an_https_check() -> None:
    async with ScriptedTarget(saying(b"HTTP/1.1 400 Bad Request\r\n\r\n"), speaks_first=True) as target:
        result = await run_probe(probe(target.port, protocol="HTTPS", tls=target_context(policy_for_targets(None))))

    assert FAILED == result


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS])
async def test_what_we_lack_ourselves_is_not_held_against_the_target(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, "too many")

    monkeypatch.setattr("edgeproxy.runtime.health_probe._ProbeConnection", refuse)
    async with ScriptedTarget(silent) as target:
        assert INTERNAL_ERROR == await run_probe(probe(target.port))
