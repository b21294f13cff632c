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


_GRPC_CURE: Final = (
    "Name the code in the matcher (GrpcCode, such as 0 or 0-99), or with HealthCheckPath a method that answers as it "
    "wants, such as /grpc.health.v1.Health/Check. A method that does not exist is answered with 12."
)
GRPC_NAMES: Final = (
    *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS"),
    *("PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED"),
    *("INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"),
)
"""gRPC's names for its codes, from 0 on."""


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
            f"The health check {subject.said(probe.path)} is answered with {_code(subject, status)}, as the matcher "
            f"{subject.health.matcher} wants: healthy.",
            _fact(subject),
            status=status or 0,
            seconds=seconds,
        )
    ]
    if seconds > probe.timeout / 2:
        findings.append(_slow(subject, seconds))
    return findings


def _failure(subject: Subject, result: CheckResult, status: int | None) -> Finding:
    health = subject.health
    where = f"{subject.said(health.path)} on port {health.port}"
    verdict = f"unhealthy with {result.reason} ({result.description})"
    if result.kind is CheckKind.RESPONSE_CODE_MISMATCH and status is not None:
        sentence = f"The health check {where} is answered with {status}, the matcher wants {health.matcher}: {verdict}."
        cure = _CURES.get(status // 100, _CURES[5])
    elif result.kind is CheckKind.GRPC_STATUS_MISMATCH:
        said = _code(subject, status)
        sentence = f"The health check {where} is answered with {said}, the matcher wants {health.matcher}: {verdict}."
        cure = _GRPC_CURE
    elif result.kind is CheckKind.GRPC_STATUS_MISSING:
        sentence = f"The health check {where} is answered without grpc-status: {verdict}."
        cure = "See that a gRPC server listens there, not one for web pages."
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
        _fact(subject),
        cure,
        status=status or 0,
        reason=result.reason or "",
        matcher=health.matcher,
    )


def _fact(subject: Subject) -> facts.Fact:
    return facts.GRPC_STATUS if subject.version == "GRPC" else facts.HEALTH_CHECK


def _code(subject: Subject, status: int | None) -> str:
    """As the matcher has it: the code of HTTP, or gRPC's with its name."""
    if subject.version != "GRPC" or status is None:
        return str(status)
    name = GRPC_NAMES[status] if status < len(GRPC_NAMES) else "no code of gRPC's"
    return f"grpc-status {status} ({name})"


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
