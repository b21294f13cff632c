"""Finding: what one examination says about a target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from edgeproxy.control.doctor.facts import Fact

Severity = Literal["problem", "advice", "good", "skipped"]
"""`problem`: requests will fail. `advice`: it works, and could work better. `skipped`: this was not looked at."""


class Finding(msgspec.Struct, frozen=True, kw_only=True, rename="pascal", omit_defaults=True):
    """One thing about one target.

    Attributes:
        name: For programs: `keep-alive`, `health-check`.
        severity: How bad it is.
        sentence: What was seen and what the load balancer makes of it.
        cure: What to do about it; "" where there is nothing to do.
        fact: What the load balancer does, which is why this matters.
        page: AWS's page that says so.
        measured: Numbers and texts behind the sentence, for programs; durations are in seconds.
    """

    name: str
    severity: Severity
    sentence: str
    cure: str = ""
    fact: str = ""
    page: str = ""
    measured: dict[str, Any] = {}


def found(name: str, severity: Severity, sentence: str, fact: Fact, /, cure: str = "", **measured: Any) -> Finding:
    """A finding and the fact that it rests on."""
    return Finding(
        name=name,
        severity=severity,
        sentence=sentence,
        cure=cure,
        fact=fact.text,
        page=fact.page,
        measured={_pascal(key): _rounded(value) for key, value in measured.items()},
    )


def duration(seconds: float) -> str:
    """`12 ms`, `0.4 s`, `5 s`: as exact as a reader wants it."""
    if seconds < 0.1:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    return f"{seconds:.1f}".removesuffix(".0") + " s" if seconds < 20 else f"{seconds:.0f} s"


def _pascal(key: str) -> str:
    return "".join(word.capitalize() for word in key.split("_"))


def _rounded(value: Any) -> Any:
    return round(value, 3) if isinstance(value, float) else value
