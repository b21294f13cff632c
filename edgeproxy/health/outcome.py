"""What one health check found, and the words for it.

The reason codes and descriptions are the ones DescribeTargetHealth prints when the result makes or keeps a target
unhealthy. Source: user guide, target-group-health-checks, section health check reason codes.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


class CheckKind(enum.Enum):
    """How a check ended."""

    PASSED = "passed"
    RESPONSE_CODE_MISMATCH = "response code mismatch"
    """A response with a status outside the matcher, 5xx included."""
    GRPC_STATUS_MISMATCH = "grpc-status mismatch"
    """A call that was answered with a grpc-status outside the matcher."""
    GRPC_STATUS_MISSING = "grpc-status missing"
    """A call that was answered without a grpc-status."""
    TIMEOUT = "timeout"
    """No connection, no TLS session or no response head within the timeout."""
    FAILED = "failed"
    """Refused, reset, closed before a valid response, or a response that is not HTTP."""
    NAME_NOT_RESOLVED = "name not resolved"
    """The target was registered by a name without an address. Our own kind: AWS registers addresses and ids."""
    INTERNAL_ERROR = "internal error"
    """The load balancer's own fault."""


class CheckResult(NamedTuple):
    """The result of one check. `detail` is the code, HTTP's or gRPC's, or the name that did not resolve."""

    kind: CheckKind
    detail: str = ""

    @property
    def passed(self) -> bool:
        """Whether the target answered as the matcher wants."""
        return self.kind is CheckKind.PASSED

    @property
    def reason(self) -> str | None:
        """The reason code of a target that this result makes unhealthy; None for a pass."""
        return None if self.passed else _WORDS[self.kind][0]

    @property
    def description(self) -> str | None:
        """The description that goes with `reason`; None for a pass."""
        return None if self.passed else _WORDS[self.kind][1](self.detail)


PASSED: Final = CheckResult(CheckKind.PASSED)
TIMED_OUT: Final = CheckResult(CheckKind.TIMEOUT)
FAILED: Final = CheckResult(CheckKind.FAILED)
INTERNAL_ERROR: Final = CheckResult(CheckKind.INTERNAL_ERROR)
GRPC_STATUS_MISSING: Final = CheckResult(CheckKind.GRPC_STATUS_MISSING)


def description_of(failures: Iterable[CheckResult]) -> str | None:
    """The description after these failures in a row, the latest last: its own, with every code that led to it.

    That different codes stand together in the brackets was seen; which checks they come from is not documented
    (unconfirmed).
    """
    *_, latest = failures
    if latest.kind not in _WITH_CODES:
        return latest.description
    codes = {each.detail for each in failures if each.kind is latest.kind}
    return latest._replace(detail=", ".join(sorted(codes))).description


def log_reason(result: CheckResult) -> str:
    """The reason code of the health-check log; `-` for a pass. Source: user guide, load-balancer-health-check-logs."""
    if result.kind is CheckKind.RESPONSE_CODE_MISMATCH and result.detail.startswith("5"):
        return "TargetError"
    return _LOG_REASONS[result.kind]


def response_code_mismatch(status: int) -> CheckResult:
    """The target answered with a status that the matcher does not name."""
    return CheckResult(CheckKind.RESPONSE_CODE_MISMATCH, str(status))


def grpc_status_mismatch(status: int) -> CheckResult:
    """The target answered a call with a status that the matcher does not name."""
    return CheckResult(CheckKind.GRPC_STATUS_MISMATCH, str(status))


def name_not_resolved(name: str) -> CheckResult:
    """The target's name has no address."""
    return CheckResult(CheckKind.NAME_NOT_RESOLVED, name)


def _always(text: str) -> Callable[[str], str]:
    return lambda _detail: text


_WITH_CODES: Final = frozenset({CheckKind.RESPONSE_CODE_MISMATCH, CheckKind.GRPC_STATUS_MISMATCH})

_WORDS: Final[Mapping[CheckKind, tuple[str, Callable[[str], str]]]] = {
    CheckKind.RESPONSE_CODE_MISMATCH: (
        "Target.ResponseCodeMismatch",
        "Health checks failed with these codes: [{}]".format,
    ),
    # What calls that fail are described as is not documented; the list of codes holds gRPC's (unconfirmed).
    CheckKind.GRPC_STATUS_MISMATCH: (
        "Target.ResponseCodeMismatch",
        "Health checks failed with these codes: [{}]".format,
    ),
    CheckKind.GRPC_STATUS_MISSING: ("Target.FailedHealthChecks", _always("Health checks failed")),
    CheckKind.TIMEOUT: ("Target.Timeout", _always("Request timed out")),
    CheckKind.FAILED: ("Target.FailedHealthChecks", _always("Health checks failed")),
    CheckKind.NAME_NOT_RESOLVED: (
        "Target.FailedHealthChecks",
        "Health checks failed: the name '{}' does not resolve on this network".format,
    ),
    CheckKind.INTERNAL_ERROR: ("Elb.InternalError", _always("Health checks failed due to an internal error")),
}

_LOG_REASONS: Final[Mapping[CheckKind, str]] = {
    CheckKind.PASSED: "-",
    CheckKind.RESPONSE_CODE_MISMATCH: "ResponseCodeMismatch",
    CheckKind.GRPC_STATUS_MISMATCH: "GRPCUnexpectedStatus",
    CheckKind.GRPC_STATUS_MISSING: "GRPCStatusHeaderEmpty",
    CheckKind.TIMEOUT: "TimedOut",
    CheckKind.FAILED: "ConnectionReset",
    CheckKind.NAME_NOT_RESOLVED: "ConnectionReset",
    CheckKind.INTERNAL_ERROR: "InternalError",
}
