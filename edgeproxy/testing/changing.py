"""Changing a load balancer while it runs. Each change has happened when its call returns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Literal

from edgeproxy.errors import EdgeProxyError
from edgeproxy.model.fault import Fault, FaultWhere
from edgeproxy.model.rule import Rule
from edgeproxy.testing import configuration as config
from edgeproxy.testing import rule_making
from edgeproxy.testing.addresses import StartsAndStops, TargetLike, label_of, target_of
from edgeproxy.testing.placed_fault import PlacedFault, fault_keys

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgeproxy.model.target import Target
    from edgeproxy.model.topology import Topology
    from edgeproxy.testing.configuration import Configuration
    from edgeproxy.testing.loop_thread import LoopThread
    from edgeproxy.testing.proxying import Files, Proxying


class Changing(ABC):
    """The part of `Alb` that changes it."""

    _files: Files
    _started: list[StartsAndStops]

    @abstractmethod
    def _running(self) -> tuple[LoopThread, Proxying]:
        """Its thread, and the proxy in it."""

    @property
    def topology(self) -> Topology:
        """The configuration that runs."""
        thread, proxying = self._running()
        return thread.call(lambda: proxying.proxy.topology)

    def _apply(self, topology: Topology) -> None:
        thread, proxying = self._running()
        thread.run(proxying.proxy.apply(topology))

    def _listening(self, what: TargetLike) -> Target:
        """A target that listens: one that can be started is, and this load balancer will stop it."""
        if isinstance(what, StartsAndStops) and not what.is_started:
            what.start()
            self._started.append(what)
        return target_of(what)

    def _stop_targets(self, but_for: int = 0) -> None:
        """Stops what was started here, the last one first."""
        while len(self._started) > but_for:
            self._started.pop().stop()

    def apply(self, configuration: Configuration) -> None:
        """Another configuration, for the requests that come from now on.

        Raises:
            EdgeProxyError: It cannot run; the one before keeps serving.
        """
        topology, folder = config.topology_of(configuration)
        before, self._files.folder = self._files.folder, folder
        try:
            self._apply(topology)
        except EdgeProxyError:
            self._files.folder = before
            raise

    def register(self, *targets: TargetLike, group: str | None = None) -> None:
        """More targets for a target group, the first where none is named; those that can be are started."""
        topology = self.topology
        for each in targets:
            topology = config.with_target(topology, group, self._listening(each))
        self._apply(topology)

    def deregister(self, *targets: TargetLike, group: str | None = None) -> None:
        """Takes targets out of a target group, or of all: they drain, and are gone after the deregistration delay."""
        topology = self.topology
        for each in targets:
            topology = config.without_target(topology, group, target_of(each))
        self._apply(topology)

    def add_target_group(self, name: str, *targets: TargetLike, **settings: Any) -> str:
        """One more target group.

        Args:
            name: Its name, which is returned.
            targets: What is registered with it.
            settings: More of it in AWS's names, such as `HealthCheckPath="/health"`.
        """
        defaults = {"Name": name, "Protocol": "HTTP", "Port": config.ANY_PORT}
        topology = config.with_group(self.topology, {**defaults, **settings})
        for each in targets:
            topology = config.with_target(topology, name, self._listening(each))
        self._apply(topology)
        return name

    def add_rule(
        self,
        *,
        forward: str | Mapping[str, int] | None = None,
        fixed_response: rule_making.Answer | None = None,
        redirect: Mapping[str, str] | None = None,
        actions: Sequence[Mapping[str, Any]] = (),
        conditions: Sequence[Mapping[str, Any]] = (),
        transforms: Sequence[Mapping[str, Any]] = (),
        sticky_seconds: int | None = None,
        priority: int | None = None,
        port: int | None = None,
        **simple: Any,
    ) -> int:
        """One more rule.

        Args:
            forward: A target group, or several with their weights.
            fixed_response: A status, or a status, a body and perhaps a content type.
            redirect: In AWS's names, such as `{"Path": "/new", "StatusCode": "HTTP_302"}`.
            actions: In AWS's names, where none of these is enough.
            conditions: In AWS's names.
            transforms: In AWS's names.
            sticky_seconds: Clients stay with the target group that they came to first.
            priority: Behind all others where it is left out.
            port: The listener's declared one; the HTTPS listener where it is left out.
            simple: Conditions: `path`, `host`, `method` and `source_ip` take a text or several, `header` and `query` a
                dict.

        Returns:
            The priority.

        Raises:
            TypeError: There is no such condition.
            EdgeProxyError: AWS would refuse the rule.
        """
        topology = self.topology
        listener = config.listener_of(topology, port)
        wanted = list(actions)
        if forward is not None:
            wanted.append(rule_making.forward_to(forward, sticky_seconds=sticky_seconds))
        if fixed_response is not None:
            wanted.append(rule_making.fixed_response(fixed_response))
        if redirect is not None:
            wanted.append(rule_making.redirect(redirect))
        settings = {
            "Priority": priority or rule_making.next_priority(listener),
            "Conditions": [*conditions, *rule_making.conditions_of(**rule_making.checked(simple))],
            "Actions": wanted,
            "Transforms": list(transforms),
        }
        rule: Rule = config.decoded(settings, Rule)
        self._apply(config.with_rule(topology, listener, rule))
        return rule.priority

    def remove_rule(self, priority: int, *, port: int | None = None) -> None:
        """One rule less.

        Raises:
            ConfigError: The listener has no such rule.
        """
        topology = self.topology
        self._apply(config.without_rule(topology, config.listener_of(topology, port), priority))

    def fault(
        self,
        *,
        listener: int | None = None,
        rule: int | str | None = None,
        group: str | None = None,
        target: TargetLike | None = None,
        marks: Literal["unhealthy", "draining"] | None = None,
        **what: Any,
    ) -> PlacedFault:
        """A failure on purpose, from now on: `alb.fault(status=503, count=2)`.

        Args:
            listener: Requests that come to the listener that declares this port.
            rule: Requests that this rule of it answers: a priority, or `default`; the HTTPS listener's where none is
                named.
            group: Requests that go to this target group.
            target: Requests that go to this target, of the first target group that has it where none is named.
            marks: The targets there are in this state, whatever their health checks say.
            what: The fields of `edgeproxy.model.fault.Fault`: `delay`, `jitter`, `bandwidth`, `status`, `reset`,
                `after`, `truncate`, `close_before_send`, `idle_timeout`; `percentage`, `count`, `lasting`, `seed`,
                `name`.

        Raises:
            ConfigError: There is no such fault, or no such place.
        """
        topology = self.topology
        if rule is not None and listener is None:
            listener = config.listener_of(topology, None).port
        label = None if target is None else label_of(target_of(target))
        if (label is not None or marks is not None) and group is None:
            group = config.group_with(topology, label).name
        where = FaultWhere(listener=listener, rule=rule, target_group=group, target=label)
        wanted = Fault(where=where, target=marks, **fault_keys(what))
        thread, proxying = self._running()
        return PlacedFault(thread, proxying, thread.call(lambda: proxying.proxy.faults.add(wanted)))
