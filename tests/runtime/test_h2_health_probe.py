"""Health checks of targets that speak HTTP/2: what is asked, and what each answer means."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import pytest

from edgeproxy.health.matcher import GrpcCodeMatcher, HttpCodeMatcher
from edgeproxy.health.outcome import (
    FAILED,
    GRPC_STATUS_MISSING,
    PASSED,
    TIMED_OUT,
    CheckResult,
    grpc_status_mismatch,
    response_code_mismatch,
)
from edgeproxy.runtime.access_log import AccessLog
from edgeproxy.runtime.h2_health_probe import grpc_status
from edgeproxy.runtime.health_probe import Probe, ProbeFacts, run_probe
from tests.helpers.grpc_service import GrpcService
from tests.helpers.h2_peer import OK, Fields, H2Stream, H2Target, silent_h2
from tests.helpers.https import locator, over_tls
from tests.helpers.proxies import forwarding_to, running
from tests.helpers.targets import ScriptedTarget, answering, leaving_after, silent
from tests.helpers.wait import until

if TYPE_CHECKING:
    from pathlib import Path

PAGE = "target-group-health-checks"
TRAILERS: Fields = [("grpc-status", "0")]


def probe(port: int, version: str = "HTTP2", **changes: Any) -> Probe:
    standard = Probe(
        address="127.0.0.1",
        port=port,
        protocol="HTTP",
        path="/",
        timeout=30,
        matcher=GrpcCodeMatcher.parse("12") if version == "GRPC" else HttpCodeMatcher.parse("200"),
        tls=None,
        facts=ProbeFacts(),
        version=version,  # type: ignore[arg-type]
    )
    return standard._replace(**changes)


@pytest.mark.conformance("health checks", "an HTTP2 group is asked in HTTP/2", PAGE, status="default")
@pytest.mark.both_loops
async def test_an_http2_group_is_asked_as_an_http1_group_is() -> None:
    async with H2Target(silent_h2) as target:
        assert PASSED == await run_probe(probe(target.port, path="/health?deep"))
        (check,) = target.health_checks

    assert [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", f"127.0.0.1:{target.port}"),
        (":path", "/health?deep"),
        ("user-agent", "ELB-HealthChecker/2.0"),
        ("accept-encoding", "gzip, compressed"),
    ] == check.fields


@pytest.mark.conformance("health checks", "a GRPC group is called with an empty message", PAGE, status="default")
@pytest.mark.both_loops
async def test_a_grpc_group_is_called() -> None:
    async with H2Target(silent_h2) as target:
        assert PASSED == await run_probe(probe(target.port, "GRPC", path="/AWS.ALB/healthcheck"))
        (check,) = target.health_checks
        body = await check.read_all()

    assert [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", f"127.0.0.1:{target.port}"),
        (":path", "/AWS.ALB/healthcheck"),
        ("user-agent", "ELB-HealthChecker/2.0"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
    ] == check.fields
    assert bytes(5) == body


@pytest.mark.conformance("health checks", "grpc-status is matched by GrpcCode", PAGE)
@pytest.mark.parametrize(
    ("fields", "matcher", "expected", "logged"),
    [
        ([*OK, ("grpc-status", "12")], "12", PASSED, 12),
        ([*OK, ("grpc-status", "0")], "0-99", PASSED, 0),
        ([*OK, ("grpc-status", "0")], "12", grpc_status_mismatch(0), 0),
        ([*OK, ("grpc-status", "14")], "0,12", grpc_status_mismatch(14), 14),
        ([*OK], "0-99", GRPC_STATUS_MISSING, None),
        ([*OK, ("grpc-status", "fine")], "0-99", GRPC_STATUS_MISSING, None),
        ([(":status", "503")], "0-99", GRPC_STATUS_MISSING, None),
    ],
)
async def test_what_the_status_of_a_call_means(
    fields: Fields, matcher: str, expected: CheckResult, logged: int | None
) -> None:
    async with H2Target(silent_h2, health_fields=fields) as target:
        asked = probe(target.port, "GRPC", matcher=GrpcCodeMatcher.parse(matcher))
        assert expected == await run_probe(asked)

    assert asked.facts is not None
    assert logged == asked.facts.status


@pytest.mark.parametrize("status", [204, 404, 503])
async def test_a_status_that_does_not_match_is_named(status: int) -> None:
    async with H2Target(silent_h2, health_fields=[(":status", str(status))]) as target:
        assert response_code_mismatch(status) == await run_probe(probe(target.port))


class ByScript(H2Target):
    """A target whose health checks are answered by its script as well."""

    async def _play(self, stream: H2Stream) -> None:
        await self._script(stream)


@pytest.mark.parametrize("trailers", [TRAILERS, [("x-other", "1")]])
async def test_the_status_of_a_call_may_stand_behind_its_body(trailers: Fields) -> None:
    async def script(stream: H2Stream) -> None:
        await stream.send_head([*OK, ("content-type", "application/grpc")])
        await stream.send(bytes(5))
        await stream.send_trailers(trailers)

    async with ByScript(script) as target:
        result = await run_probe(probe(target.port, "GRPC", matcher=GrpcCodeMatcher.parse("0")))

    assert (PASSED if trailers is TRAILERS else GRPC_STATUS_MISSING) == result


async def test_a_call_that_ends_with_its_body_has_no_status() -> None:
    async def script(stream: H2Stream) -> None:
        await stream.send_head(OK)
        await stream.send(bytes(5), end=True)

    async with ByScript(script) as target:
        assert GRPC_STATUS_MISSING == await run_probe(probe(target.port, "GRPC"))


@pytest.mark.parametrize("version", ["HTTP2", "GRPC"])
async def test_a_reset_fails_and_silence_is_a_timeout(version: str) -> None:
    async with ByScript(lambda stream: stream.reset(8)) as target:
        assert FAILED == await run_probe(probe(target.port, version))
    async with ByScript(silent_h2) as target:
        assert TIMED_OUT == await run_probe(probe(target.port, version, timeout=0.2))


@pytest.mark.conformance("health checks", "an HTTP/1.1 port of an HTTP2 group fails", "observed")
@pytest.mark.parametrize("version", ["HTTP2", "GRPC"])
async def test_a_target_that_does_not_speak_http2_fails(version: str) -> None:
    async with ScriptedTarget(leaving_after(b"HTTP/1.1 400 Bad Request\r\n\r\n"), speaks_first=True) as target:
        assert FAILED == await run_probe(probe(target.port, version))
    async with ScriptedTarget(leaving_after(b""), speaks_first=True) as target:
        assert FAILED == await run_probe(probe(target.port, version))
    async with ScriptedTarget(silent, speaks_first=True) as target:
        assert TIMED_OUT == await run_probe(probe(target.port, version, timeout=0.2))


async def test_an_http2_port_of_an_http1_group_fails() -> None:
    async with H2Target(silent_h2) as target:
        assert FAILED == await run_probe(probe(target.port, "HTTP1"))


def test_only_a_number_is_a_status() -> None:
    assert 12 == grpc_status(["content-type: application/grpc", "Grpc-Status: 12"])
    assert 0 == grpc_status(["grpc-status:0"])
    assert [None] * 4 == [grpc_status(lines) for lines in ([], ["grpc-status:"], ["grpc-status: -1"], ["x: 1"])]


# ---- through a whole proxy


@pytest.mark.conformance("health checks", "by default a service that does not know the path is healthy", PAGE)
@pytest.mark.parametrize(("version", "protocol"), [("GRPC", "HTTP"), ("GRPC", "HTTPS")])
async def test_a_grpc_server_is_healthy_as_it_is(version: str, protocol: str, tmp_path: Path) -> None:
    with GrpcService(is_tls=protocol == "HTTPS") as service:
        text = forwarding_to(service.port, group=f"ProtocolVersion: {version}")
        text = over_tls(text.replace("app, Protocol: HTTP,", f"app, Protocol: {protocol},"), tmp_path)
        async with running(text, certificates=locator(tmp_path), time_scale=0.1) as edgeproxy:
            await edgeproxy.healthy()


@pytest.mark.conformance("health-check log", "the types h2 and grpc", "load-balancer-health-check-logs")
@pytest.mark.conformance(
    "health-check log", "GRPCUnexpectedStatus and GRPCStatusHeaderEmpty", "load-balancer-health-check-logs"
)
@pytest.mark.parametrize(
    ("version", "fields", "expected", "reason", "description"),
    [
        ("HTTP2", [*OK], "h2 PASS 200 -", None, None),
        ("GRPC", [*OK, ("grpc-status", "12")], "grpc PASS 12 -", None, None),
        (
            "GRPC",
            [*OK, ("grpc-status", "0")],
            "grpc FAIL 0 GRPCUnexpectedStatus",
            "Target.ResponseCodeMismatch",
            "Health checks failed with these codes: [0]",
        ),
        (
            "GRPC",
            [*OK],
            "grpc FAIL - GRPCStatusHeaderEmpty",
            "Target.FailedHealthChecks",
            "Health checks failed",
        ),
    ],
)
async def test_a_check_is_logged_and_has_its_reason(
    version: str, fields: Fields, expected: str, reason: str | None, description: str | None, tmp_path: Path
) -> None:
    stream = io.StringIO()
    log = AccessLog(stream)
    async with H2Target(silent_h2, health_fields=fields) as target:
        text = over_tls(forwarding_to(target.port, group=f"ProtocolVersion: {version}"), tmp_path)
        async with running(text, certificates=locator(tmp_path), time_scale=0.05, health_check_log=log) as edgeproxy:
            await until(lambda: "initial" not in edgeproxy.states())
            (seen,) = edgeproxy.targets()
    log.close()
    kind, words = re.findall(r"^(\S+) .* app (\S+ \S+ \S+) app/dev/", stream.getvalue(), re.MULTILINE)[0]

    assert expected == f"{kind} {words}"
    assert (reason, description) == (seen.health.reason, seen.health.description)


async def test_an_http1_group_is_asked_in_http1_whatever_its_neighbour_is_asked() -> None:
    async with ScriptedTarget(answering()) as target:
        assert PASSED == await run_probe(probe(target.port, "HTTP1"))

    assert target.health_checks[0].startswith(b"GET / HTTP/1.1\r\n")
