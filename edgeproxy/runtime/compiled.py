"""Topology to what exchanges use: routing tables, actions, forwarding.

It is built aside and swapped in as one object per listener. Building has no side effects on what is serving, so an
error while building leaves everything as it was. The live side of target groups (`TargetGroupState`) is found by name
and reused: a reload forgets neither health nor counters.
"""

from __future__ import annotations

import random
import secrets
from typing import TYPE_CHECKING, NamedTuple

from edgeproxy.balancing.group import TargetGroupState
from edgeproxy.balancing.sticky_token import KEY_BYTES
from edgeproxy.exchange.context import ExchangeContext
from edgeproxy.exchange.desync_mode import DesyncMode
from edgeproxy.exchange.forwarding import RequestForwarding
from edgeproxy.exchange.response_headers import ResponseHeaders
from edgeproxy.exchange.trace import TraceIds
from edgeproxy.model import ids
from edgeproxy.rules.predicates import needs_dropped_header
from edgeproxy.rules.table import RoutingTable
from edgeproxy.runtime.access_log_line import LineFormat
from edgeproxy.runtime.compiled_actions import ActionCompiler
from edgeproxy.runtime.dropped_names import DroppedNames
from edgeproxy.runtime.ledger import CountingRules, Ledger
from edgeproxy.runtime.request_ring import ListenerPlace, RequestRing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from edgeproxy.balancing.token_sealer import TokenSealer
    from edgeproxy.exchange.ports import TargetDialer
    from edgeproxy.model.action import Action
    from edgeproxy.model.listener import Listener
    from edgeproxy.model.load_balancer import LoadBalancer, LoadBalancerSettings
    from edgeproxy.model.rule import Rule
    from edgeproxy.model.topology import Topology
    from edgeproxy.runtime.clock import Clock
    from edgeproxy.runtime.log_outlets import LogOutlets
    from edgeproxy.runtime.metrics import Metrics

ListenerKey = tuple[str, int]
"""A load balancer's name and a declared port."""


class CompiledListener(NamedTuple):
    """One listener, ready to serve."""

    load_balancer: str
    listener: Listener
    settings: LoadBalancerSettings
    context: ExchangeContext


class Compiled(NamedTuple):
    """A whole topology, ready to serve."""

    topology: Topology
    listeners: dict[ListenerKey, CompiledListener]
    groups: dict[str, TargetGroupState]
    in_use: frozenset[str]
    """Names of the target groups that some rule refers to."""


class Compiler:
    """Compiles topologies for one proxy."""

    def __init__(
        self,
        *,
        dialer: TargetDialer,
        metrics: Metrics,
        logs: LogOutlets,
        clock: Clock,
        draw: Callable[[], float] | None = None,
        time_scale: float = 1.0,
        stickiness_key: Callable[[], bytes] | None = None,
        requests: RequestRing | None = None,
    ) -> None:
        """`stickiness_key` gives the 32 bytes that cookies are sealed with; it is asked once, if at all."""
        self._dialer = dialer
        self._metrics = metrics
        self._logs = logs
        self._clock = clock
        self._requests = requests or RequestRing(clock)
        self._draw = draw or random.Random().random  # noqa: S311 - a lottery between target groups, not a secret
        self._trace_ids = TraceIds()
        self._dropped_names = DroppedNames()
        self._time_scale = time_scale
        self._stickiness_key = stickiness_key or (lambda: secrets.token_bytes(KEY_BYTES))
        self._sealer: TokenSealer | None = None

    def compile(self, topology: Topology, live_groups: Mapping[str, TargetGroupState]) -> Compiled:
        """Everything the topology asks for, around the live states of the groups that stay.

        Raises:
            ConfigError: a condition cannot be compiled.
        """
        groups = {
            group.name: live_groups.get(group.name) or self._new_group(topology, group.name)
            for group in topology.target_groups
        }
        listeners = {
            (balancer.name, listener.port): CompiledListener(
                load_balancer=balancer.name,
                listener=listener,
                settings=balancer.settings,
                context=self._context(topology, balancer, listener, groups),
            )
            for balancer in topology.load_balancers
            for listener in balancer.listeners
        }
        in_use = frozenset(
            topology.target_group(entry.target_group_arn).name
            for balancer in topology.load_balancers
            for listener in balancer.listeners
            for action in _all_actions(listener)
            for entry in action.forward_targets
        )
        return Compiled(topology, listeners, groups, in_use)

    def _new_group(self, topology: Topology, name: str) -> TargetGroupState:
        arn = ids.target_group_arn(topology.account_id, topology.region, name)
        return TargetGroupState(name, arn, now=self._clock.now, draw=self._draw)

    def _cookie_sealer(self) -> TokenSealer:
        if self._sealer is None:
            from edgeproxy.balancing import token_sealer  # noqa: PLC0415 - few configurations need it

            self._sealer = token_sealer.TokenSealer(self._stickiness_key(), secrets.token_bytes)
        return self._sealer

    def _context(
        self, topology: Topology, balancer: LoadBalancer, listener: Listener, groups: dict[str, TargetGroupState]
    ) -> ExchangeContext:
        dns_name = ids.load_balancer_dns_name(topology.region, balancer.name, balancer.scheme)
        actions = ActionCompiler(
            topology,
            groups,
            listener,
            dns_name=dns_name,
            draw=self._draw,
            sealer=self._cookie_sealer,
            time_scale=self._time_scale,
        )
        return ExchangeContext(
            routing=RoutingTable.build(
                ((rule, actions.of_rule(rule)) for rule in rules_that_can_match(listener, balancer.settings)),
                default=actions.of_default(),
            ),
            forwarding=self._forwarding(balancer, listener, dns_name),
            dialer=self._dialer,
            ledger=self._ledger(balancer, listener, dns_name),
            clock=self._clock,
            desync_mode=DesyncMode(balancer.settings.desync_mitigation_mode),
            response_headers=ResponseHeaders(
                listener.settings.response_headers, has_server=listener.settings.server_header
            ),
            allows_several_hosts=balancer.settings.preserve_host_header,
        )

    def _forwarding(self, balancer: LoadBalancer, listener: Listener, dns_name: str) -> RequestForwarding:
        return RequestForwarding(
            protocol=listener.protocol,
            port=listener.port,
            dns_name=dns_name,
            settings=balancer.settings,
            trace_ids=self._trace_ids,
            tls_names=listener.settings.tls_names,
            client_certificate_mode=listener.client_certificate_mode,
            client_certificate_names=listener.settings.client_certificate_names,
            on_dropped=self._dropped_names.warn,
        )

    def _ledger(self, balancer: LoadBalancer, listener: Listener, dns_name: str) -> Ledger:
        return Ledger(
            counters=self._metrics.load_balancers[balancer.name],
            log=self._logs.of(balancer.name).access,
            line_format=LineFormat(
                load_balancer=ids.load_balancer_resource(balancer.name),
                dns_name=dns_name,
                protocol=listener.protocol,
                port=listener.port,
            ),
            clock=self._clock,
            ring=self._requests,
            place=ListenerPlace(balancer.name, listener.protocol.lower(), listener.port),
            rules=CountingRules(
                tuple(rule.priority for rule in listener.rules), balancer.settings.drop_invalid_header_fields
            ),
        )


def rules_that_can_match(listener: Listener, settings: LoadBalancerSettings) -> list[Rule]:
    """The listener's rules but for those that ask for a header which is dropped before anybody sees it."""
    if not settings.drop_invalid_header_fields:
        return list(listener.rules)
    return [rule for rule in listener.rules if not any(map(needs_dropped_header, rule.conditions))]


def _all_actions(listener: Listener) -> list[Action]:
    return [*listener.default_actions, *(action for rule in listener.rules for action in rule.actions)]
