"""The proxy behind an `Alb`: an `EdgeProxy` on the loopback, on an event loop and a clock of its own.

Everything here runs on that loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec

from edgeproxy.control.certificate_locator import FileCertificateLocator
from edgeproxy.control.trust_store_locator import FileTrustStoreLocator
from edgeproxy.model.action import Action, FixedResponseConfig
from edgeproxy.model.target import TargetHealthState
from edgeproxy.runtime.clock import Clock
from edgeproxy.runtime.deadlines import SWEEP_SECONDS
from edgeproxy.runtime.proxy import Bind, EdgeProxy
from edgeproxy.testing.memory_log import MemoryLog
from edgeproxy.testing.movable_time import MovableTime, Skipping
from edgeproxy.testing.recorded import Recorder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edgeproxy.model.listener import Certificate
    from edgeproxy.model.topology import Topology
    from edgeproxy.model.trust_store import TrustStore
    from edgeproxy.runtime.server_certificate import CertificateFiles
    from edgeproxy.runtime.trust_store import TrustStoreFiles
    from edgeproxy.testing.certificates import ThrowAwayCA

KEY = bytes(32)
"""Seals stickiness cookies, which are worth nothing outside of a test: so `explain` can read them."""

_PAUSES = (0.01, 0.02, 0.05, 0.1, 0.25)
_NOT_WAITED_FOR = (TargetHealthState.DRAINING, TargetHealthState.UNUSED)


class FreePorts(Mapping[int, Bind]):
    """Every listener is bound to a free port of the loopback, whatever port it declares."""

    def __getitem__(self, declared: int) -> Bind:
        return Bind("127.0.0.1", 0)

    def __iter__(self) -> Iterator[int]:
        return iter(range(1, 65536))

    def __len__(self) -> int:
        return 65535


class Files:
    """Certificates and trust stores, relative to the folder of the configuration that was applied last."""

    def __init__(self, folder: Path, ca: ThrowAwayCA, names: Sequence[str]) -> None:
        self.folder = folder
        self._ca = ca
        self._names = tuple(names)

    def locate(self, certificate: Certificate, hosts: Sequence[str] = ()) -> CertificateFiles:
        """Implements `CertificateLocator`."""
        return FileCertificateLocator(self.folder, self._ca.folder, self._names).locate(certificate, hosts)

    def locate_trust_store(self, store: TrustStore) -> TrustStoreFiles:
        """Implements `TrustStoreLocator`."""
        return FileTrustStoreLocator(self.folder).locate_trust_store(store)


class Proxying:
    """See the top of this file.

    Attributes:
        proxy: The load balancer.
        clock: Its time.
        wall: The same in seconds since 1970.
        log: Its access log.
        recorder: Its requests.
        skipping: Moves its time.
    """

    def __init__(self, movable: MovableTime, files: Files, *, time_scale: float, fault_header: bool = False) -> None:
        self.wall = movable.wall
        self.clock = Clock(movable.now, movable.wall)
        self.log = MemoryLog()
        self.recorder = Recorder(self.clock)
        self.skipping = Skipping(movable, sweep_seconds=SWEEP_SECONDS * time_scale)
        self._time_scale = time_scale
        self.proxy = EdgeProxy(
            certificates=files,
            trust_stores=files,
            binds=FreePorts(),
            time_scale=time_scale,
            access_log=self.log,
            stickiness_key=lambda: KEY,
            clock=self.clock,
            probe=self.skipping.probe,
            fault_header=fault_header,
        )
        # A follower that never leaves: requests are kept from the first one on.
        self.proxy.requests.follow()
        self.proxy.requests.keep = self.recorder.keep

    def real_port(self, declared: int) -> int:
        """Where a listener is bound; 0 if there is none with that port."""
        return next((each.addresses[0][1] for each in self.proxy.listeners if each.port == declared), 0)

    async def reset(self, topology: Topology) -> None:
        """As after a start: no connection, no request, no health is remembered, and no fault is left."""
        self.proxy.faults.clear()
        self.proxy.cut_clients()
        await self.proxy.apply(without_groups(topology))
        await self.proxy.apply(topology)
        for _ in range(2):
            await asyncio.sleep(0)  # connections report their end
        self.recorder.clear()
        self.log.lines.clear()

    async def wait_healthy(self, group: str | None, within: float) -> None:
        """Returns when every registered target that is checked is healthy; time passes as fast as checks answer.

        Raises:
            TimeoutError: It was not within so many real seconds; the message names the targets.
            ConfigError: There is no such target group.
        """
        if group is not None:
            group = self.proxy.topology.target_group(group).name
        deadline = time.monotonic() + within
        await self.skipping.settle()
        for attempt in range(1_000_000):
            waiting = self._not_healthy(group)
            if not waiting:
                return
            if time.monotonic() >= deadline:
                raise TimeoutError(f"After {within:g} s these targets are not healthy: {'; '.join(waiting)}.")
            if attempt:
                await asyncio.sleep(_PAUSES[min(attempt, len(_PAUSES)) - 1])
            await self.skipping.skip(self._interval(group) * self._time_scale)

    def _not_healthy(self, group: str | None) -> list[str]:
        found = []
        for each in self.proxy.target_groups:
            if group not in (None, each.name):
                continue
            for target in each.targets:
                health = target.health
                if health.state is not TargetHealthState.HEALTHY and health.state not in _NOT_WAITED_FOR:
                    why = f", {health.reason}: {health.description}" if health.reason else ""
                    found.append(f"{target.id}:{target.port} of {each.name} is {health.state}{why}")
        return found

    def _interval(self, group: str | None) -> float:
        groups = self.proxy.topology.target_groups
        return max(each.health_check_interval_seconds for each in groups if group in (None, each.name))


def without_groups(topology: Topology) -> Topology:
    """The same listeners, which answer 503."""
    config = FixedResponseConfig(status_code="503")
    answer = (Action(type="fixed-response", fixed_response_config=config),)
    balancers = tuple(
        msgspec.structs.replace(
            balancer,
            listeners=tuple(
                msgspec.structs.replace(listener, rules=(), default_actions=answer) for listener in balancer.listeners
            ),
        )
        for balancer in topology.load_balancers
    )
    return msgspec.structs.replace(topology, load_balancers=balancers, target_groups=())
