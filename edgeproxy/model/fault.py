"""Fault: a failure on purpose. AWS has no such thing; the key `Faults` is edgeproxy's own.

One fault does one thing to the requests that it draws: the key that is given says which. Where it stands says whose
requests they are: a listener's, a rule's, or those that go to a target group or a target. A fault that is added to a
running load balancer stands nowhere and says it with `Where`.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from edgeproxy.errors import ConfigError
from edgeproxy.model.base import Model

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

STATUSES: Final = (400, 401, 403, 405, 408, 413, 414, 463, 464, 500, 501, 502, 503, 504, 505, 507, 561, 562)
"""The statuses that the load balancer answers with by itself. 460 is none: it is only logged. Source: user guide,
load-balancer-troubleshooting."""

MAX_SECONDS: Final = 3600.0
MAX_IDLE_SECONDS: Final = 4000.0
MAX_RATE: Final = 1_000_000_000
MAX_SIZE: Final = 1_000_000_000_000
MAX_COUNT: Final = 1_000_000_000
MAX_LASTING: Final = 604_800.0

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_KINDS: Final = "Delay, Bandwidth, Status, Reset, Truncate, CloseBeforeSend, Target and IdleTimeout"


class FaultWhere(Model, frozen=True):
    """Whose requests a fault that is added at run time draws from; all of them where nothing is said."""

    listener: str | int | None = None
    """A listener: its port, `NAME:PORT` with the load balancer's name, or its ARN."""
    rule: str | int | None = None
    """A rule of that listener: its priority, or `default`. The ARN of a rule needs no `Listener`."""
    target_group: str | None = None
    """A target group: its name or ARN."""
    target: str | None = None
    """A target of that target group: its `ID`, or `ID:PORT`."""

    def __post_init__(self) -> None:
        """Keep numbers as text, then check.

        Raises:
            ConfigError: A law is broken.
        """
        for field in ("listener", "rule"):
            value = getattr(self, field)
            if isinstance(value, int):
                msgspec.structs.force_setattr(self, field, str(value))
        super().__post_init__()

    def problems(self) -> Iterator[ConfigError]:
        """The parts belong together."""
        if self.rule is not None and self.listener is None and not str(self.rule).startswith("arn:"):
            yield ConfigError("Rule", self.rule, "A 'Rule' needs its 'Listener' beside it, unless it is an ARN")
        if self.target is not None and self.target_group is None:
            yield ConfigError("Target", self.target, "A 'Target' needs its 'TargetGroup' beside it")
        if self.target_group is not None and (self.listener is not None or self.rule is not None):
            reason = "A fault stands either at a listener or rule, or at a target group or target, not at both"
            yield ConfigError("TargetGroup", self.target_group, reason)


class Fault(Model, frozen=True):
    """A failure on purpose: exactly one kind, and which requests it draws."""

    delay: float | None = None
    """Seconds, at most 3600. At a listener or a rule the request waits before its action is carried out, at a target
    group or a target the response is held back. May stand beside `Status`, `Reset` and `CloseBeforeSend`."""
    jitter: float | None = None
    """Seconds: each delay is drawn between `Delay` minus this and `Delay` plus this."""
    bandwidth: int | None = None
    """Bytes in a second that pass between client and target, in each direction."""
    status: int | None = None
    """The load balancer answers with its own page of this status: 400, 401, 403, 405, 408, 413, 414, 463, 464, 500,
    501, 502, 503, 504, 505, 507, 561 or 562."""
    reset: bool = False
    """The client's connection is reset; over HTTP/2 its stream."""
    after: float | None = None
    """With `Reset`: the request goes on, and the reset comes at this second of it."""
    truncate: int | None = None
    """The response is cut behind so many bytes of its body."""
    close_before_send: bool = False
    """The connection to the target closes in the moment in which the request is sent on it: 502."""
    target: Literal["unhealthy", "draining"] | None = None
    """Targets are in this state, whatever their health checks say; only at a target group or a target."""
    idle_timeout: float | None = None
    """Seconds: what the request would get, or its WebSocket, if the idle timeout were this."""
    percentage: float = 100.0
    """Of the requests, more than 0 and at most 100."""
    count: int | None = None
    """The fault is over after so many requests."""
    lasting: float | None = msgspec.field(default=None, name="For")
    """Seconds after which the fault is over."""
    seed: int | None = None
    """Of the draws; where omitted it follows from the name and the place, so that runs repeat."""
    name: str | None = None
    """1-64 letters, digits, dots, underscores and hyphens; the kind where omitted."""
    where: FaultWhere | None = None
    """For faults that are added at run time; in a file the place of the fault says it."""

    @property
    def kind(self) -> str:
        """The key that says what happens."""
        given = [key for key, is_given in self._given() if is_given]
        return "Delay" if given == ["Delay"] else next(key for key in given if key != "Delay")

    @property
    def label(self) -> str:
        """The name, or what the fault does in the form of one."""
        if self.name is not None:
            return self.name
        match self.kind:
            case "Status":
                return f"status-{self.status}"
            case "Target":
                return f"target-{self.target}"
            case kind:
                return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", kind).lower()

    @property
    def needs_target(self) -> bool:
        """Whether it means nothing to a request that the load balancer answers by itself."""
        return self.bandwidth is not None or self.truncate is not None or self.close_before_send

    def _given(self) -> Iterator[tuple[str, bool]]:
        yield "Delay", self.delay is not None
        yield "Bandwidth", self.bandwidth is not None
        yield "Status", self.status is not None
        yield "Reset", self.reset
        yield "Truncate", self.truncate is not None
        yield "CloseBeforeSend", self.close_before_send
        yield "Target", self.target is not None
        yield "IdleTimeout", self.idle_timeout is not None

    def problems(self) -> Iterator[ConfigError]:
        """One kind, in its limits, with what belongs to it."""
        yield from self._kind_problems()
        yield from _seconds("Delay", self.delay, MAX_SECONDS)
        yield from _seconds("Jitter", self.jitter, MAX_SECONDS)
        yield from _seconds("After", self.after, MAX_SECONDS)
        yield from _seconds("IdleTimeout", self.idle_timeout, MAX_IDLE_SECONDS)
        yield from _seconds("For", self.lasting, MAX_LASTING)
        yield from _whole("Bandwidth", self.bandwidth, 1, MAX_RATE, "bytes in a second")
        yield from _whole("Truncate", self.truncate, 0, MAX_SIZE, "bytes")
        yield from _whole("Count", self.count, 1, MAX_COUNT, "requests")
        if self.status is not None and self.status not in STATUSES:
            listed = ", ".join(map(str, STATUSES))
            reason = f"'Status' value '{self.status}' must be one that the load balancer answers with: {listed}"
            yield ConfigError("Status", self.status, reason)
        if not 0 < self.percentage <= 100:
            reason = f"'Percentage' value '{self.percentage}' must be more than 0 and at most 100"
            yield ConfigError("Percentage", self.percentage, reason)
        if self.name is not None and not _NAME.match(self.name):
            reason = (
                f"The fault's name '{self.name}' must have 1 to 64 letters, digits, dots, underscores and hyphens, "
                "beginning with a letter or a digit"
            )
            yield ConfigError("Name", self.name, reason)

    def _kind_problems(self) -> Iterator[ConfigError]:
        given = [key for key, is_given in self._given() if is_given]
        others = [key for key in given if key != "Delay"]
        if not given:
            yield ConfigError("", None, f"A fault needs one of the keys {_KINDS}")
        elif len(others) > 1:
            listed = " and ".join(f"'{key}'" for key in others)
            yield ConfigError("", None, f"A fault does one thing; {listed} are two faults, so write two")
        elif "Delay" in given and others and others[0] not in ("Status", "Reset", "CloseBeforeSend"):
            reason = f"'Delay' cannot stand beside '{others[0]}'; write two faults"
            yield ConfigError("Delay", self.delay, reason)
        if self.jitter is not None and (self.delay is None or self.jitter > self.delay):
            reason = f"'Jitter' value '{self.jitter}' needs a 'Delay' beside it that is not smaller"
            yield ConfigError("Jitter", self.jitter, reason)
        if self.after is not None and (not self.reset or self.delay is not None):
            reason = "'After' belongs to 'Reset', and cannot stand beside 'Delay'"
            yield ConfigError("After", self.after, reason)
        if self.target is not None and (self.percentage != 100 or self.count is not None):
            reason = "A fault with 'Target' marks targets, not requests, so it has neither 'Percentage' nor 'Count'"
            yield ConfigError("Target", self.target, reason)


def fault_list_problems(faults: Sequence[Fault], *, marks_targets: bool) -> Iterator[ConfigError]:
    """The laws for the faults that a resource in a file has.

    Args:
        faults: The list under its key `Faults`.
        marks_targets: The resource is a target group or a target.
    """
    for index, fault in enumerate(faults):
        if fault.where is not None:
            reason = "'Where' is for faults that are added at run time; in a file the fault's place says it"
            yield ConfigError(f"Faults[{index}].Where", None, reason)
        if fault.target is not None and not marks_targets:
            yield ConfigError(f"Faults[{index}].Target", fault.target, ONLY_AT_TARGETS)


ONLY_AT_TARGETS: Final = "A fault with 'Target' can only stand at a target group or at a target"


def _seconds(key: str, value: float | None, high: float) -> Iterator[ConfigError]:
    if value is not None and not (0 < value <= high and math.isfinite(value)):
        reason = f"'{key}' value '{value}' must be more than 0 and at most {high:g} seconds"
        yield ConfigError(key, value, reason)


def _whole(key: str, value: int | None, low: int, high: int, unit: str) -> Iterator[ConfigError]:
    if value is not None and not low <= value <= high:
        yield ConfigError(key, value, f"'{key}' value '{value}' must be between {low} and {high} {unit}")
