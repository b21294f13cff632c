from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from edgeproxy.control.doctor.health_path import examine_health_path
from edgeproxy.control.doctor.probe import Dialer
from tests.helpers.targets import ScriptedTarget, silent

if TYPE_CHECKING:
    from edgeproxy.control.doctor.finding import Finding


async def look(status: int, subject_of: Any, dialer: Dialer, **health: Any) -> list[Finding]:
    async with ScriptedTarget(silent, health_status=status) as target:
        return await examine_health_path(subject_of(target, health=health), dialer)


async def test_a_code_of_the_matcher_is_healthy(subject_of: Any, dialer: Dialer) -> None:
    [finding] = await look(404, subject_of, dialer, matcher="200,404")

    assert ("health-check", "good", 404) == (finding.name, finding.severity, finding.measured["Status"])


@pytest.mark.parametrize(
    ("status", "cure"),
    [(204, "Add the code"), (302, "without a redirect"), (404, "HealthCheckPath"), (503, "No matcher")],
)
async def test_another_code_is_told_with_its_cure(status: int, cure: str, subject_of: Any, dialer: Dialer) -> None:
    [finding] = await look(status, subject_of, dialer, path="/up")

    assert "problem" == finding.severity
    assert f"is answered with {status}, the matcher wants 200" in finding.sentence
    assert f"Target.ResponseCodeMismatch (Health checks failed with these codes: [{status}])" in finding.sentence
    assert cure in finding.cure
    assert finding.page.endswith("/target-group-health-checks.html")


async def test_the_request_is_the_load_balancers(subject_of: Any, dialer: Dialer) -> None:
    async with ScriptedTarget(silent) as target:
        await examine_health_path(subject_of(target, health={"path": "/up"}), dialer)

        [head] = target.health_checks
        assert head.startswith(b"GET /up HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n" % target.port)


async def test_no_answer_in_time_is_a_timeout(subject_of: Any, dialer: Dialer) -> None:
    async with ScriptedTarget(silent, health_status=None) as target:
        [finding] = await examine_health_path(subject_of(target, health={"timeout": 0.02}), dialer)

    assert "has no answer within 20 ms: unhealthy with Target.Timeout (Request timed out)" in finding.sentence


async def test_a_health_port_that_nobody_listens_on_fails(subject_of: Any, dialer: Dialer) -> None:
    async with ScriptedTarget(silent) as target:
        pass
    [finding] = await examine_health_path(subject_of(target), dialer)

    assert "fails: unhealthy with Target.FailedHealthChecks (Health checks failed)" in finding.sentence


async def test_a_slow_check_is_a_warning(subject_of: Any, clock: Any) -> None:
    class Slow(ScriptedTarget):
        async def _play(self, conversation: Any) -> None:
            clock.seconds += 3
            await super()._play(conversation)

    async with Slow(silent) as target:
        findings = await examine_health_path(subject_of(target), Dialer(now=clock))

    assert ["good", "advice"] == [each.severity for each in findings]
    assert "The health check took 3 s, the ALB waits 5 s." in findings[1].sentence
