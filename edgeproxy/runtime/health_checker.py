"""The active health checks: who is asked when, and what the answers change.

One task per registered target of a group that is in use. The rate is fixed: a slow answer does not shift the next check
(user guide, target-group-health-checks). The first check of a new target goes out at once.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from edgeproxy.health.machine import TargetHealthMachine
from edgeproxy.health.matcher import HttpCodeMatcher
from edgeproxy.health.outcome import INTERNAL_ERROR, CheckResult, name_not_resolved
from edgeproxy.model.target import TargetHealthState
from edgeproxy.runtime.health_probe import Probe, run_probe
from edgeproxy.runtime.resolver import Resolve, resolve

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable

    from edgeproxy.balancing.group import TargetGroupState
    from edgeproxy.balancing.target_state import TargetState
    from edgeproxy.model.target_group import TargetGroup

_log = logging.getLogger("edgeproxy.health")

_DEFAULT_MATCHER: Final = "200"


class TargetWatch:
    """One target's checks."""

    def __init__(self, target: TargetState, machine: TargetHealthMachine) -> None:
        self.target = target
        self.machine = machine
        self.task: asyncio.Task[None] | None = None


class GroupHealthChecker:
    """Checks the targets of one target group."""

    def __init__(
        self,
        state: TargetGroupState,
        *,
        time_scale: float,
        target_context: Callable[[], ssl.SSLContext],
        on_moved: Callable[[TargetState], None],
        run: Callable[[Probe], Awaitable[CheckResult]] = run_probe,
        resolve_name: Resolve = resolve,
    ) -> None:
        """`on_moved` is told when a target's name has come to mean another address."""
        self._state = state
        self._time_scale = time_scale
        self._target_context = target_context
        self._on_moved = on_moved
        self._run = run
        self._resolve = resolve_name
        self._watches: dict[tuple[str, int], TargetWatch] = {}
        self._group: TargetGroup | None = None
        self._tls: ssl.SSLContext | None = None
        self._matcher = HttpCodeMatcher.parse(_DEFAULT_MATCHER)
        self._was_failing_open = False

    def apply(self, group: TargetGroup, *, is_in_use: bool) -> None:
        """Follows the configuration: new settings hold from the next check on, and no target forgets its health."""
        self._group = group
        self._matcher = HttpCodeMatcher.parse(group.matcher.http_code or _DEFAULT_MATCHER)
        is_tls = group.effective_health_check_protocol == "HTTPS"
        self._tls = (self._tls or self._target_context()) if is_tls else None
        for key in [key for key in self._watches if key not in self._state.targets]:
            self._stop(self._watches.pop(key))
        for key, target in self._state.targets.items():
            watch = self._watches.get(key)
            if watch is None:
                machine = TargetHealthMachine(group.healthy_threshold_count, group.unhealthy_threshold_count)
                machine.register()
                watch = self._watches[key] = TargetWatch(target, machine)
            watch.machine.configure(group.healthy_threshold_count, group.unhealthy_threshold_count)
            watch.machine.in_use(is_in_use)
            target.health = watch.machine.health
            if is_in_use and watch.task is None:
                watch.task = asyncio.get_running_loop().create_task(self._check_forever(watch))
            elif not is_in_use:
                self._stop(watch)
        self._state.on_health_change()

    def stop(self) -> None:
        """Stops all checks without waiting for them to end."""
        for watch in self._watches.values():
            self._stop(watch)

    async def close(self) -> None:
        """Stops all checks and waits for them to end."""
        tasks = [watch.task for watch in self._watches.values() if watch.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._watches.clear()

    @staticmethod
    def _stop(watch: TargetWatch) -> None:
        if watch.task is not None:
            watch.task.cancel()
            watch.task = None

    async def _check_forever(self, watch: TargetWatch) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            if watch.machine.on_checking():
                self._publish(watch)
            try:
                result = await self._check(watch.target)
            except Exception:
                # Without this one surprise would end the checks of a target for good.
                _log.exception("A health check of %s in %s went wrong", watch.target.label, self._state.name)
                result = INTERNAL_ERROR
            _log.debug("Health check of %s in %s: %s", watch.target.label, self._state.name, result.kind.value)
            if watch.machine.on_check(result):
                self._publish(watch)
            assert self._group is not None
            due = max(due + self._group.health_check_interval_seconds * self._time_scale, loop.time())
            await asyncio.sleep(due - loop.time())

    async def _check(self, target: TargetState) -> CheckResult:
        group = self._group
        assert group is not None
        address = await self._address_of(target)
        if address is None:
            return name_not_resolved(target.id)
        return await self._run(
            Probe(
                address=address,
                port=target.port if group.health_check_port == "traffic-port" else int(group.health_check_port),
                protocol=group.effective_health_check_protocol,
                path=group.effective_health_check_path,
                timeout=group.health_check_timeout_seconds * self._time_scale,
                matcher=self._matcher,
                tls=self._tls,
            )
        )

    async def _address_of(self, target: TargetState) -> str | None:
        """The target's address; names are asked anew before every check, and keep their address while it is valid."""
        if target.address == target.id:
            return target.address
        try:
            addresses = await self._resolve(target.id)
        except OSError:
            return None
        if not addresses:
            return None
        if target.address not in addresses:
            had_address = target.address is not None
            target.address = addresses[0]
            if had_address:
                self._on_moved(target)
        return target.address

    def _publish(self, watch: TargetWatch) -> None:
        """A target's health has changed visibly."""
        target, health = watch.target, watch.machine.health
        target.health = health
        self._state.on_health_change()
        if health.state is TargetHealthState.HEALTHY:
            _log.info("Target %s of target group %s is healthy.", target.label, self._state.name)
        elif health.state is TargetHealthState.UNHEALTHY:
            _log.warning(
                "Target %s of target group %s is unhealthy: %s (%s).",
                target.label,
                self._state.name,
                health.reason,
                health.description,
            )
        self._announce_fail_open()

    def _announce_fail_open(self) -> None:
        """Fail-open surprises people: say when it begins and when it ends."""
        states = {target.health.state for target in self._state.targets.values()}
        is_failing_open = self._state.is_failing_open and TargetHealthState.UNHEALTHY in states
        if is_failing_open and not self._was_failing_open:
            _log.warning(
                "Target group %s has too few healthy targets and fails open: requests go to all its targets.",
                self._state.name,
            )
        elif self._was_failing_open and not is_failing_open:
            _log.info("Target group %s fails open no longer.", self._state.name)
        self._was_failing_open = is_failing_open
