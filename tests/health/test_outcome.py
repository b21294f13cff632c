"""The words for what a check found."""

from __future__ import annotations

import pytest

from edgeproxy.health.outcome import (
    FAILED,
    INTERNAL_ERROR,
    PASSED,
    TIMED_OUT,
    CheckKind,
    CheckResult,
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
