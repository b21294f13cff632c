"""Target: where requests go. TargetHealth: what is known about one."""

from __future__ import annotations

import enum

import msgspec

from edgeproxy.model.base import Model


class Target(Model):
    """One registered target. Identity inside a group is (Id, Port).

    Source: API reference, TargetDescription.
    """

    id: str
    """An IPv4 or IPv6 address, or a name that resolves (our extension: AWS takes addresses and instance ids)."""
    port: int | None = None
    """1-65535; the target group's port where omitted."""
    availability_zone: str | None = None


class TargetHealthState(enum.StrEnum):
    """Source: API reference, TargetHealth.State."""

    INITIAL = "initial"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNUSED = "unused"
    DRAINING = "draining"
    UNAVAILABLE = "unavailable"


class TargetHealth(msgspec.Struct, frozen=True):
    """A state with AWS's reason code and description; both are None exactly when the target is healthy."""

    state: TargetHealthState
    reason: str | None = None
    description: str | None = None
