"""TargetState: what has been seen of one registered target. Mutable, no logic.

A state outlives every recompilation of the topology: `TargetGroupState.update` keeps the object of a target that stays
registered, so a reload forgets neither its health nor its running requests.
"""

from __future__ import annotations

import ipaddress
from typing import Final

from edgeproxy.model import ids
from edgeproxy.model.target import TargetHealth, TargetHealthState

REGISTERING: Final = TargetHealth(
    TargetHealthState.INITIAL, "Elb.RegistrationInProgress", "Target registration is in progress"
)
"""The health of a target nobody has looked at yet. Source: user guide, target-group-health-checks."""


class TargetState:
    """One target of one target group; its identity there is `(id, port)`."""

    # hot path
    __slots__ = (
        "_address",
        "drain_until",
        "errors",
        "group_name",
        "handled",
        "health",
        "id",
        "is_anomalous",
        "label",
        "may_start_slowly",
        "outstanding",
        "port",
        "slow_since",
        "weight",
    )

    group_name: Final[str]
    id: Final[str]
    """As registered: an IP address, or a name that the runtime resolves."""
    port: Final[int]
    health: TargetHealth
    """Whoever assigns this calls `TargetGroupState.on_health_change` afterwards."""
    outstanding: int
    """Requests sent to this target and not answered yet."""
    label: str
    """`address:port` as the access log writes it; the registered name while there is no address."""
    drain_until: float
    """When the deregistration delay ends, while the target is draining."""
    handled: int
    """Requests that ended since anomalies were last looked for (`anomaly.py`)."""
    errors: int
    """How many of those were a 5XX of the target or a connection that could not be made."""
    is_anomalous: bool
    """The target fails more often than the others of its group."""
    weight: float
    """The share under weighted_random, in (0, 1]; below 1 while mitigation is in effect."""
    slow_since: float | None
    """When the target entered slow start (`slow_start.py`), if it did."""
    may_start_slowly: bool
    """False for a target that was registered when its group had no settled healthy target, until it fails."""

    def __init__(self, group_name: str, target_id: str, port: int, *, health: TargetHealth = REGISTERING) -> None:
        self.group_name = group_name
        self.id = target_id
        self.port = port
        self.health = health
        self.outstanding = 0
        self.drain_until = 0.0
        self.handled = 0
        self.errors = 0
        self.is_anomalous = False
        self.weight = 1.0
        self.slow_since = None
        self.may_start_slowly = False
        self.address = target_id if _is_address(target_id) else None

    @property
    def key(self) -> tuple[str, int]:
        """The identity inside the group."""
        return self.id, self.port

    @property
    def address(self) -> str | None:
        """The IP address to connect to; None while a name has not been resolved."""
        return self._address

    @address.setter
    def address(self, address: str | None) -> None:
        self._address = address
        self.label = ids.endpoint(address or self.id, self.port)

    def __repr__(self) -> str:
        return f"<TargetState {self.group_name} {self.label} {self.health.state} outstanding={self.outstanding}>"


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
