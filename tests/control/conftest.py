"""A load balancer that runs nothing: the control room sees what the test wrote into it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from edgeproxy.control.addresses import Address
from edgeproxy.control.quick_config import QuickConfig
from edgeproxy.model.target import TargetHealth, TargetHealthState
from edgeproxy.runtime.clock import Clock
from edgeproxy.runtime.request_ring import RequestRing
from edgeproxy.runtime.status import ListenerStatus, ProxyState, TargetGroupStatus, TargetStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgeproxy.model.topology import Topology

HEALTHY = TargetHealth(TargetHealthState.HEALTHY)
TIMED_OUT = TargetHealth(TargetHealthState.UNHEALTHY, "Target.Timeout", "Request timed out")


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """A command that runs in this process configures it: later tests would log into this one's closed streams."""
    logger = logging.getLogger("edgeproxy")
    before = logger.handlers, logger.level, logger.propagate
    yield
    logger.handlers, logger.level, logger.propagate = before


class FakeProxy:
    """The shape of `runtime.proxy.EdgeProxy`, as far as the control room looks at it."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.state = ProxyState.RUNNING
        self.listeners = [
            ListenerStatus("edgeproxy", "HTTP", 80, [("0.0.0.0", 8000), ("::", 8000)]),
            ListenerStatus("edgeproxy", "HTTPS", 443, [("127.0.0.1", 443)]),
        ]
        self.target_groups = [
            TargetGroupStatus("app", self._arn("app"), False, [self.target("127.0.0.1", 8080, HEALTHY)])
        ]
        self.requests = RequestRing(Clock())
        self.faults: Any = None
        self.refusal: Exception | None = None

    async def apply(self, topology: Topology) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.topology = topology

    def set_health(self, *healths: TargetHealth, fail_open: bool = False) -> None:
        targets = [self.target("127.0.0.1", 8080 + number, health) for number, health in enumerate(healths)]
        self.target_groups = [TargetGroupStatus("app", self._arn("app"), fail_open, targets)]

    @staticmethod
    def target(id_: str, port: int, health: TargetHealth) -> TargetStatus:
        return TargetStatus(id_, port, str(port), health, id_)

    def _arn(self, name: str) -> str:
        return self.topology.target_group_arn(self.topology.target_group(name))


@pytest.fixture
def topology() -> Topology:
    """HTTP:80 redirects to HTTPS:443, which forwards to 127.0.0.1:8080."""
    return QuickConfig(targets=[Address("127.0.0.1", 8080)]).topology()


@pytest.fixture
def proxy(topology: Topology) -> Any:
    return FakeProxy(topology)


@pytest.fixture
def healthy() -> TargetHealth:
    return HEALTHY


@pytest.fixture
def timed_out() -> TargetHealth:
    return TIMED_OUT
