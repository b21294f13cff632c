"""The health-check log: the line, and that every check writes one."""

from __future__ import annotations

import io
import re

import pytest

from edgeproxy.health.outcome import (
    FAILED,
    INTERNAL_ERROR,
    PASSED,
    TIMED_OUT,
    CheckResult,
    name_not_resolved,
    response_code_mismatch,
)
from edgeproxy.runtime.access_log import AccessLog
from edgeproxy.runtime.health_check_log import CheckRecord, render
from tests.helpers.proxies import forwarding_to, running
from tests.helpers.targets import ScriptedTarget, answering
from tests.helpers.wait import until

PAGE = "load-balancer-health-check-logs"


def line(
    result: CheckResult, status: int | None = None, *, protocol: str = "HTTP", latency: float = 0.019584011
) -> str:
    return render(
        CheckRecord(
            protocol=protocol,
            started=1793450699.875678,
            latency=latency,
            target="10.0.2.97:80",
            target_group="web",
            result=result,
            status=status,
            load_balancer="app/demo/98e3a879de9d6b42",
            node_address="198.51.100.57",
        )
    )


@pytest.mark.conformance("health-check log", "ten fields", PAGE)
def test_a_pass_is_the_documented_line() -> None:
    assert (
        "http 2026-10-31T12:44:59.875678Z 0.019584011 10.0.2.97:80 web PASS 200 - "
        "app/demo/98e3a879de9d6b42 198.51.100.57\n"
    ) == line(PASSED, 200)


@pytest.mark.conformance("health-check log", "reason codes", PAGE)
@pytest.mark.parametrize(
    ("result", "status", "expected"),
    [
        (response_code_mismatch(502), 502, "FAIL 502 TargetError"),
        (response_code_mismatch(404), 404, "FAIL 404 ResponseCodeMismatch"),
        (response_code_mismatch(301), 301, "FAIL 301 ResponseCodeMismatch"),
        (TIMED_OUT, None, "FAIL - TimedOut"),
        (FAILED, None, "FAIL - ConnectionReset"),
        (name_not_resolved("a"), None, "FAIL - ConnectionReset"),
        (INTERNAL_ERROR, None, "FAIL - InternalError"),
    ],
)
def test_a_failure_has_its_reason(result: CheckResult, status: int, expected: str) -> None:
    assert expected == " ".join(line(result, status, protocol="HTTPS").split(" ")[5:8])


def test_latency_has_nine_decimals() -> None:
    assert "1.121980746" == line(PASSED, 200, latency=1.121980746).split(" ")[2]


def shape(port: int, found: str) -> re.Pattern[str]:
    moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z \d+\.\d{9}"
    return re.compile(rf"http {moment} 127\.0\.0\.1:{port} app {found} app/dev/[0-9a-f]{{16}} 127\.0\.0\.1")


async def test_every_check_writes_a_line_with_a_fine_latency() -> None:
    stream = io.StringIO()
    log = AccessLog(stream)
    async with (
        ScriptedTarget(answering()) as fit,
        ScriptedTarget(answering(), health_status=503) as unfit,
        running(forwarding_to(fit.port, unfit.port), time_scale=0.005, health_check_log=log) as edgeproxy,
    ):
        await until(lambda: ["healthy", "unhealthy"] == edgeproxy.states())
    log.close()

    lines = stream.getvalue().splitlines()
    passed, failed = shape(fit.port, "PASS 200 -"), shape(unfit.port, "FAIL 503 TargetError")
    assert 1 <= len([each for each in lines if passed.fullmatch(each)])
    assert 2 <= len([each for each in lines if failed.fullmatch(each)])
    assert any(not each.split()[2].endswith("000000") for each in lines), "latencies are finer than milliseconds"
    assert [] == [each for each in lines if not passed.fullmatch(each) and not failed.fullmatch(each)]
