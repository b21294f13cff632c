"""The active health checks: who is asked when, and what the answers change.

One task per registered target of a group that is in use. The rate is fixed: a slow answer does not shift the next check
(user guide, target-group-health-checks). The first check of a new target goes out at once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final

from edgeproxy.health.machine import TargetHealthMachine
from edgeproxy.health.matcher import GrpcCodeMatcher, HttpCodeMatcher
from edgeproxy.health.outcome import INTERNAL_ERROR, CheckResult, name_not_resolved
from edgeproxy.model.target import TargetHealthState
from edgeproxy.runtime.health_check_log import CheckRecord
from edgeproxy.runtime.health_probe import Probe, ProbeFacts, RunProbe, run_probe
from edgeproxy.runtime.resolver import Resolve, resolve

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from edgeproxy.balancing.group import TargetGroupState
    from edgeproxy.balancing.target_state import TargetState
    from edgeproxy.health.matcher import CodeMatcher
    from edgeproxy.model.target import TargetHealth
    from edgeproxy.model.target_group import TargetGroup

_log = logging.getLogger("edgeproxy.health")

_DEFAULT_MATCHER: Final = "200"

_LOG_TYPES: Final = {"HTTP2": "h2", "GRPC": "grpc"}
"""Types of the health-check log that say more than the protocol (user guide, load-balancer-health-check-logs)."""


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
        target_context: Callable[[TargetGroup], ssl.SSLContext],
        on_moved: Callable[[TargetState], None],
        run: RunProbe = run_probe,
        resolve_name: Resolve = resolve,
        on_checked: Callable[[CheckRecord], None] | None = None,
        epoch: Callable[[], float] = time.time,
        mark_of: Callable[[TargetState], TargetHealth | None] = lambda _target: None,
    ) -> None:
        """A group without targets.

        Args:
            state: The group.
            time_scale: Every duration times this.
            target_context: Gives the TLS context for a group's HTTPS checks.
            on_moved: Is told when a target's name has come to mean another address.
            run: Runs a probe.
            resolve_name: Gives the addresses of a name.
            on_checked: Is told of every check that ended, for the health-check log.
            epoch: Seconds since 1970.
            mark_of: Gives the health that a target has whatever its checks say; None where they decide.
        """
        self._state = state
        self._time_scale = time_scale
        self._target_context = target_context
        self._on_moved = on_moved
        self._run = run
        self._resolve = resolve_name
        self._on_checked = on_checked
        self._epoch = epoch
        self._mark_of = mark_of
        self._load_balancer = "-"
        self._watches: dict[tuple[str, int], TargetWatch] = {}
        self._group: TargetGroup | None = None
        self._tls: ssl.SSLContext | None = None
        self._matcher: CodeMatcher = HttpCodeMatcher.parse(_DEFAULT_MATCHER)
        self._was_failing_open = False
        self._was_out_of_dns = False

    def apply(self, group: TargetGroup, *, is_in_use: bool, load_balancer: str = "-") -> None:
        """Follows the configuration: new settings hold from the next check on, and no target forgets its health.

        A target that is registered no more is draining, and checked no more. `load_balancer` is the resource,
        `app/NAME/ID`, for the log.
        """
        self._group = group
        self._load_balancer = load_balancer
        self._matcher = _matcher_of(group)
        is_tls = group.effective_health_check_protocol == "HTTPS"
        self._tls = self._target_context(group) if is_tls else None
        for key in [key for key in self._watches if key not in self._state.targets]:
            gone = self._watches.pop(key)
            self._stop(gone)
            gone.machine.deregister()
            gone.target.health = gone.machine.health
        for key, target in self._state.targets.items():
            watch = self._watches.get(key)
            if watch is None:
                machine = TargetHealthMachine(group.healthy_threshold_count, group.unhealthy_threshold_count)
                machine.register()
                watch = self._watches[key] = TargetWatch(target, machine)
            watch.machine.configure(group.healthy_threshold_count, group.unhealthy_threshold_count)
            watch.machine.in_use(is_in_use)
            target.health = self._health_of(watch)
            if is_in_use and watch.task is None:
                watch.task = asyncio.get_running_loop().create_task(self._check_forever(watch))
            elif not is_in_use:
                self._stop(watch)
        self._state.on_health_change()
        self._announce_group_health()

    def refresh(self) -> None:
        """Somebody else's mark may have been put on a target, or taken off."""
        changed = [watch for watch in self._watches.values() if watch.target.health != self._health_of(watch)]
        for watch in changed:
            self._publish(watch)

    def _health_of(self, watch: TargetWatch) -> TargetHealth:
        return self._mark_of(watch.target) or watch.machine.health

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
        is_first = True
        while True:
            if watch.machine.on_checking():
                self._publish(watch)
            facts = ProbeFacts()
            # Not the loop's clock: uvloop's counts milliseconds, and the log has nine decimals.
            started, begun = self._epoch(), time.monotonic()
            try:
                result = await self._check(watch.target, facts)
            except Exception:
                # Without this one surprise would end the checks of a target for good.
                _log.exception("A health check of %s in %s went wrong", watch.target.label, self._state.name)
                result = INTERNAL_ERROR
            self._report(watch.target, result, facts, started=started, latency=time.monotonic() - begun)
            _log.debug("Health check of %s in %s: %s", watch.target.label, self._state.name, result.kind.value)
            if watch.machine.on_check(result):
                self._publish(watch)
            elif is_first and not result.passed:
                # The state says nothing until the threshold is reached, and by default that is half a minute away.
                _log.info(
                    "The first health check of target %s of target group %s failed: %s.",
                    watch.target.label,
                    self._state.name,
                    result.description,
                )
            is_first = False
            assert self._group is not None
            due = max(due + self._group.health_check_interval_seconds * self._time_scale, loop.time())
            await asyncio.sleep(due - loop.time())

    def _report(
        self, target: TargetState, result: CheckResult, facts: ProbeFacts, *, started: float, latency: float
    ) -> None:
        if self._on_checked is None or self._group is None:
            return
        self._on_checked(
            CheckRecord(
                protocol=_LOG_TYPES.get(self._group.protocol_version) or self._group.effective_health_check_protocol,
                started=started,
                latency=latency,
                target=target.label,
                target_group=self._group.name,
                result=result,
                status=facts.status,
                load_balancer=self._load_balancer,
                node_address=facts.node_address,
            )
        )

    async def _check(self, target: TargetState, facts: ProbeFacts | None = None) -> CheckResult:
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
                facts=facts,
                version=group.protocol_version,
            )
        )

    async def _address_of(self, target: TargetState) -> str | None:
        """The target's address; names are asked anew before every check, and keep their address while it is valid."""
        if target.address == target.id:
            return target.address
        assert self._group is not None
        try:
            # A resolver that never answers must not end the checks; TimeoutError is an OSError.
            async with asyncio.timeout(self._group.health_check_timeout_seconds * self._time_scale):
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
        target, health = watch.target, self._health_of(watch)
        if target.health == health:
            return
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
        self._announce_group_health()

    def _announce_group_health(self) -> None:
        """Fail-open surprises people: say when it begins and when it ends. A group that only starts is no surprise."""
        states = {target.health.state for target in self._state.targets.values()}
        is_known = TargetHealthState.UNHEALTHY in states or TargetHealthState.INITIAL not in states
        self._announce_fail_open(is_failing_open=is_known and self._state.is_failing_open)
        is_out_of_dns = is_known and self._state.is_out_of_dns
        if is_out_of_dns and not self._was_out_of_dns:
            _log.warning(
                "Target group %s is below its DNS failover threshold: in AWS the load balancer's node would leave DNS.",
                self._state.name,
            )
        self._was_out_of_dns = is_out_of_dns

    def _announce_fail_open(self, *, is_failing_open: bool) -> None:
        if is_failing_open and not self._was_failing_open:
            _log.warning(
                "Target group %s has too few healthy targets and fails open: requests go to all its targets.",
                self._state.name,
            )
        elif self._was_failing_open and not is_failing_open:
            _log.info("Target group %s fails open no longer.", self._state.name)
        self._was_failing_open = is_failing_open


def _matcher_of(group: TargetGroup) -> CodeMatcher:
    matcher = group.effective_matcher
    if group.protocol_version == "GRPC":
        assert matcher.grpc_code is not None  # a group without it was refused
        return GrpcCodeMatcher.parse(matcher.grpc_code)
    return HttpCodeMatcher.parse(matcher.http_code or _DEFAULT_MATCHER)
