"""Target: where requests go. TargetHealth: what is known about one."""

from __future__ import annotations

import enum
import ipaddress
import re
from typing import TYPE_CHECKING

import msgspec

from edgeproxy.errors import ConfigError
from edgeproxy.model import validate
from edgeproxy.model.base import Model, sentences
from edgeproxy.model.fault import Fault, fault_list_problems

if TYPE_CHECKING:
    from collections.abc import Iterator

# RFC 1123 labels, and underscores, which container networks have in their names.
_HOST_NAME = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*\.?\Z")
_WITH_PORT = re.compile(r"(?P<host>\[[^\]]+\]|[^:/]+)(:[0-9]+)?\Z")


class Target(Model, frozen=True):
    """One registered target. Identity inside a group is (Id, Port).

    Source: API reference, TargetDescription.
    """

    missing_sentences = sentences(Id="A target id must be specified")

    id: str
    """An IPv4 or IPv6 address, or a name that resolves (our extension: AWS takes addresses and instance ids)."""
    port: int | None = None
    """1-65535; the target group's port where omitted."""
    availability_zone: str | None = None
    """Kept and echoed: everything here is in one zone."""
    faults: tuple[Fault, ...] = ()
    """Failures on purpose for the requests that go to it (our extension)."""

    def problems(self) -> Iterator[ConfigError]:
        """The id can be an address and the port can be a port."""
        if self.port is not None:
            yield from validate.port("Port", self.port)
        yield from fault_list_problems(self.faults, marks_targets=True)
        if not _is_address_or_name(self.id):
            with_port = _WITH_PORT.match(self.id)
            bare = with_port["host"].strip("[]") if with_port else ""
            reason = f"'{self.id}' is not an IP address or a host name; a port stands under 'Port'"
            suggestion = bare if _is_address_or_name(bare) else None
            yield ConfigError("Id", self.id, reason, code="InvalidTarget", suggestion=suggestion)


def _is_address_or_name(text: str) -> bool:
    return _is_address(text) or _HOST_NAME.match(text) is not None


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


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
