"""What a health check of the target finds: the load balancer's exact request, judged by the matcher."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edgeproxy.control.doctor import facts
from edgeproxy.control.doctor.finding import duration, found
from edgeproxy.control.doctor.subject import tls_for
from edgeproxy.health.outcome import CheckKind
from edgeproxy.runtime.health_probe import Probe, ProbeFacts, run_probe

if TYPE_CHECKING:
    from edgeproxy.control.doctor.finding import Finding
    from edgeproxy.control.doctor.probe import Dialer
    from edgeproxy.control.doctor.subject import Subject
    from edgeproxy.health.outcome import CheckResult

_CURES: Final = {
    2: "Add the code to the matcher.",
    3: "Answer there without a redirect (checks do not follow one), ask for another path with HealthCheckPath, or add "
    "the code to the matcher.",
    4: "Ask for a path that needs no login with HealthCheckPath, or add the code to the matcher.",
    5: "Look at the app's log. No matcher takes a 5xx.",
}


def probe_of(subject: Subject) -> Probe:
    """The subject's health check."""
    health = subject.health
    return Probe(
        address=subject.address,
        port=health.port,
        protocol=health.protocol,
        path=health.path,
        timeout=health.timeout,
        matcher=subject.matcher,
        tls=tls_for(health.protocol, subject.version),
        facts=ProbeFacts(),
        version=subject.version,
    )


async def examine_health_path(subject: Subject, dialer: Dialer) -> list[Finding]:
    """Check the health as the load balancer does, once."""
    probe = probe_of(subject)
    start = dialer.now()
    result = await run_probe(probe)
    seconds = dialer.now() - start
    assert probe.facts is not None
    status = probe.facts.status
    if not result.passed:
        return [_failure(subject, result, status)]
    findings = [
        found(
            "health-check",
            "good",
            f"The health check GET {probe.path} is answered with {status}, as the matcher {subject.health.matcher} "
            "wants: healthy.",
            facts.HEALTH_CHECK,
            status=status or 0,
            seconds=seconds,
        )
    ]
    if seconds > probe.timeout / 2:
        findings.append(_slow(subject, seconds))
    return findings


def _failure(subject: Subject, result: CheckResult, status: int | None) -> Finding:
    health = subject.health
    where = f"GET {health.path} on port {health.port}"
    verdict = f"unhealthy with {result.reason} ({result.description})"
    if result.kind is CheckKind.RESPONSE_CODE_MISMATCH and status is not None:
        sentence = f"The health check {where} is answered with {status}, the matcher wants {health.matcher}: {verdict}."
        cure = _CURES.get(status // 100, _CURES[5])
    elif result.kind is CheckKind.TIMEOUT:
        sentence = f"The health check {where} has no answer within {duration(health.timeout)}: {verdict}."
        cure = "Answer from memory, without asking databases; or raise HealthCheckTimeoutSeconds."
    else:
        sentence = f"The health check {where} fails: {verdict}."
        cure = (
            "See that the app listens there, not on 127.0.0.1 alone, and that it speaks "
            f"{health.protocol} in the target group's protocol version {subject.version}."
        )
    return found(
        "health-check",
        "problem",
        sentence,
        facts.HEALTH_CHECK,
        cure,
        status=status or 0,
        reason=result.reason or "",
        matcher=health.matcher,
    )


def _slow(subject: Subject, seconds: float) -> Finding:
    return found(
        "health-check-time",
        "advice",
        f"The health check took {duration(seconds)}, the ALB waits {duration(subject.health.timeout)}. Under load this "
        "becomes Target.Timeout.",
        facts.HEALTH_CHECK,
        "Answer from memory, without asking databases; or raise HealthCheckTimeoutSeconds.",
        seconds=seconds,
    )
