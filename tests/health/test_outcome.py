"""The words for what a check found."""

from __future__ import annotations

import pytest

from edgeproxy.health.outcome import (
    FAILED,
    GRPC_STATUS_MISSING,
    INTERNAL_ERROR,
    PASSED,
    TIMED_OUT,
    CheckKind,
    CheckResult,
    description_of,
    grpc_status_mismatch,
    log_reason,
    name_not_resolved,
    response_code_mismatch,
)


@pytest.mark.conformance("health check reasons", "reason codes and descriptions", "target-group-health-checks")
@pytest.mark.parametrize(
    ("result", "reason", "description"),
    [
        (
            response_code_mismatch(503),
            "Target.ResponseCodeMismatch",
            "Health checks failed with these codes: [503]",
        ),
        (
            response_code_mismatch(301),
            "Target.ResponseCodeMismatch",
            "Health checks failed with these codes: [301]",
        ),
        (
            grpc_status_mismatch(14),
            "Target.ResponseCodeMismatch",
            "Health checks failed with these codes: [14]",
        ),
        (GRPC_STATUS_MISSING, "Target.FailedHealthChecks", "Health checks failed"),
        (TIMED_OUT, "Target.Timeout", "Request timed out"),
        (FAILED, "Target.FailedHealthChecks", "Health checks failed"),
        (INTERNAL_ERROR, "Elb.InternalError", "Health checks failed due to an internal error"),
    ],
)
def test_failure_has_the_documented_words(result: CheckResult, reason: str, description: str) -> None:
    assert (reason, description, False) == (result.reason, result.description, result.passed)


def test_name_that_does_not_resolve_says_so() -> None:
    """Our own description: AWS targets are addresses, so its list has none for this."""
    result = name_not_resolved("web.internal")
    expected = "Health checks failed: the name 'web.internal' does not resolve on this network"
    assert (result.reason, result.description) == ("Target.FailedHealthChecks", expected)


def test_pass_has_no_words() -> None:
    assert (PASSED.passed, PASSED.reason, PASSED.description) == (True, None, None)


@pytest.mark.parametrize("kind", [kind for kind in CheckKind if kind is not CheckKind.PASSED])
def test_every_failure_has_words(kind: CheckKind) -> None:
    result = CheckResult(kind, "x")
    assert result.reason
    assert result.description


@pytest.mark.conformance("health-check log", "5xx is TargetError", "load-balancer-health-check-logs")
@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (PASSED, "-"),
        (response_code_mismatch(499), "ResponseCodeMismatch"),
        (response_code_mismatch(500), "TargetError"),
        (TIMED_OUT, "TimedOut"),
        (FAILED, "ConnectionReset"),
        (INTERNAL_ERROR, "InternalError"),
    ],
)
def test_the_log_has_reasons_of_its_own(result: CheckResult, reason: str) -> None:
    assert reason == log_reason(result)


def test_the_latest_failure_describes_and_earlier_codes_join_it() -> None:
    failures = [response_code_mismatch(503), TIMED_OUT, response_code_mismatch(404)]
    assert "Health checks failed with these codes: [404, 503]" == description_of(failures)
    assert "Request timed out" == description_of(failures[:2])
