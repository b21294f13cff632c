"""How faults get between an exchange and what it would do: listeners with faults have another context.

    routing   `FaultedRouting`  gives rules and listeners with faults another action
    dialer    `FaultedDialer`   looks at the target group and the target, and may stand between (`faulted_target.py`)
    ledger    `FaultedLedger`   ends what an injection has begun

A listener without faults has none of this, and its requests look at nothing.

Faults of listeners and rules take a request when its rule is known, before the action; those of target groups and
targets when the target is chosen. The first that answers or resets wins; delays add up.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, cast

import msgspec

from edgeproxy.exchange.actions import ForwardAction
from edgeproxy.exchange.faulted_target import FaultedTarget
from edgeproxy.exchange.injection import Answer, Injection, answer_of
from edgeproxy.exchange.outcome import Outcome
from edgeproxy.exchange.sticky import StickyForwardAction
from edgeproxy.exchange.transforming import TransformingAction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgeproxy.balancing.target_state import TargetState
    from edgeproxy.exchange.actions import CompiledAction
    from edgeproxy.exchange.context import ExchangeContext
    from edgeproxy.exchange.exchange import Exchange
    from edgeproxy.exchange.fault_draws import ActiveFault
    from edgeproxy.exchange.ports import ExchangeLedger, TargetDialer, TargetPort, Timers
    from edgeproxy.exchange.record import ExchangeRecord
    from edgeproxy.protocol.message import RequestHead
    from edgeproxy.rules.table import RoutingTable


class ListenerFaults(msgspec.Struct, frozen=True):
    """The faults that requests on one listener can meet.

    Attributes:
        everywhere: Those of the listener.
        by_rule: Those of its rules, by priority as records have it.
        by_group: Those of target groups and their targets, by the group's name.
    """

    everywhere: tuple[ActiveFault, ...] = ()
    by_rule: Mapping[str, tuple[ActiveFault, ...]] = {}
    by_group: Mapping[str, tuple[ActiveFault, ...]] = {}

    def __bool__(self) -> bool:
        return bool(self.everywhere or self.by_rule or self.by_group)


class FaultInjector:
    """Makes contexts with faults.

    Attributes:
        timers: The time, and how to wait.
        tells_client: Responses carry the names of the faults that took the request.
    """

    def __init__(self, timers: Timers, *, tells_client: bool = False) -> None:
        self.timers = timers
        self.tells_client = tells_client

    def context(self, context: ExchangeContext, faults: ListenerFaults) -> ExchangeContext:
        """The context of a listener with these faults; the same where there are none."""
        if not faults:
            return context
        return msgspec.structs.replace(
            context,
            # It is asked as the table is.
            routing=cast("RoutingTable[CompiledAction]", FaultedRouting(context.routing, faults, self)),
            dialer=FaultedDialer(context.dialer, faults.by_group, self),
            ledger=FaultedLedger(context.ledger),
        )

    def injection(self, exchange: Exchange) -> Injection:
        """The exchange's injection; a new one if no fault has taken it yet."""
        found = exchange.injection
        if found is None:
            found = Injection(exchange, self.timers, tells_client=self.tells_client)
            exchange.note_injection(found)
        return found


class FaultedRouting:
    """A routing table whose answers have faults."""

    __slots__ = ("_actions", "_faults", "_injector", "_routing", "identity")

    def __init__(self, routing: RoutingTable[CompiledAction], faults: ListenerFaults, injector: FaultInjector) -> None:
        self._routing = routing
        self._faults = faults
        self._injector = injector
        self._actions: dict[CompiledAction, CompiledAction] = {}
        self.identity = object()

    def match(self, facts: RequestHead) -> CompiledAction:
        """What the table answers, with its faults."""
        action = self._routing.match(facts)
        faulted = self._actions.get(action)
        if faulted is None:
            faulted = self._actions[action] = self._with_faults(action)
        return faulted

    def _with_faults(self, action: CompiledAction) -> CompiledAction:
        does_forward = forwards(action)
        found = self._faults.everywhere + self._faults.by_rule.get(action.priority, ())
        faults = [each for each in found if does_forward or not each.fault.needs_target]
        return FaultedAction(action, faults, self._injector, does_forward=does_forward) if faults else action


def forwards(action: CompiledAction) -> bool:
    """Whether an action, transforms or not, sends requests to targets."""
    inner = action.action if isinstance(action, TransformingAction) else action
    return isinstance(inner, ForwardAction | StickyForwardAction)


class FaultedAction:
    """An action some of whose requests meet the faults of its listener or its rule."""

    __slots__ = ("_action", "_does_forward", "_faults", "_injector", "priority")

    def __init__(
        self, action: CompiledAction, faults: Sequence[ActiveFault], injector: FaultInjector, *, does_forward: bool
    ) -> None:
        self.priority = action.priority
        self._action = action
        self._does_forward = does_forward
        self._faults = faults
        self._injector = injector

    def perform(self, exchange: Exchange) -> None:
        """Does what the action does, unless a fault takes the request."""
        now = self._injector.timers.now()
        taken = _taken(self._faults, now)
        if not taken:
            self._action.perform(exchange)
            return
        injection = self._injector.injection(exchange)
        delay = _begin(injection, taken)
        if delay:
            injection.hold(delay, lambda: self._go_on(exchange, injection, taken))
        else:
            self._go_on(exchange, injection, taken)

    def _go_on(self, exchange: Exchange, injection: Injection, taken: Sequence[ActiveFault]) -> None:
        for each in taken:
            fault = each.fault
            answer = None if fault.status is None else answer_of(fault.status)
            if each.fault.needs_target or (answer is not None and answer.has_group and self._does_forward):
                injection.pending.append(each)
            elif answer is not None and fault.status is not None:
                injection.note(each)
                exchange.answer_page(fault.status, answer.outcome)
                return
            elif fault.reset and fault.after is None:
                injection.note(each)
                exchange.reset(Outcome.FAULT_CUT)
                return
        self._action.perform(exchange)


def _taken(faults: Sequence[ActiveFault], now: float) -> list[ActiveFault]:
    """The faults that take a request that comes by; behind one that ends it, no other sees it."""
    taken = []
    for each in faults:
        if each.takes(now):
            taken.append(each)
            if _ends(each):
                break
    return taken


def _ends(each: ActiveFault) -> bool:
    """Whether the fault answers, or resets before there is an answer."""
    fault = each.fault
    return fault.status is not None or (fault.reset and fault.after is None)


def _begin(injection: Injection, taken: Sequence[ActiveFault]) -> float:
    """What begins at once; how long the request is delayed."""
    total = 0.0
    for each in taken:
        injection.watch(each)
        delay = each.delay()
        if delay:
            injection.note(each)
            total += delay
    return total


class FaultedDialer:
    """Finds connections for exchanges, some of which meet faults on the way."""

    __slots__ = ("_by_group", "_dialer", "_injector")

    def __init__(
        self, dialer: TargetDialer, by_group: Mapping[str, tuple[ActiveFault, ...]], injector: FaultInjector
    ) -> None:
        self._dialer = dialer
        self._by_group = by_group
        self._injector = injector

    def dial(self, target: TargetState, exchange: Exchange) -> TargetPort | None:
        """A connection, unless a fault takes the request; see `TargetDialer`."""
        now = self._injector.timers.now()
        injection = exchange.injection
        taken: list[ActiveFault] = []
        if injection is None or not any(_ends(each) for each in injection.pending):
            found = self._by_group.get(target.group_name, ())
            taken = _taken([each for each in found if each.place.has_target(target.id, target.port)], now)
        if injection is None and not taken:
            return self._dialer.dial(target, exchange)
        injection = self._injector.injection(exchange)
        pending, injection.pending = injection.pending, []
        for each in taken:
            injection.watch(each)
        self._go_on(target, exchange, injection, pending, taken)
        # Whatever came of it was said already, with the time of now: the request may have waited.
        return None

    def _go_on(
        self,
        target: TargetState,
        exchange: Exchange,
        injection: Injection,
        pending: Sequence[ActiveFault],
        taken: Sequence[ActiveFault],
    ) -> None:
        for each in (*pending, *taken):
            if _ends(each):
                injection.note(each)
                # Those that wait for a target have been delayed already.
                delay = each.delay() if each in taken else 0.0
                exchange.await_target()
                if delay:
                    injection.hold(delay, functools.partial(_end, exchange, injection, each))
                else:
                    _end(exchange, injection, each)
                return
        self._connect(target, exchange, injection, pending, taken)

    def _connect(
        self,
        target: TargetState,
        exchange: Exchange,
        injection: Injection,
        pending: Sequence[ActiveFault],
        taken: Sequence[ActiveFault],
    ) -> None:
        active = [each for each in (*pending, *taken) if each.fault.needs_target or each.fault.delay is not None]
        for each in active:
            injection.note(each)
        asking: Exchange = exchange
        between = None
        if active:
            between = FaultedTarget(exchange, injection, pending=pending, taken=taken)
            # It does what an exchange does for a connection, and what a connection does for an exchange.
            asking = cast("Exchange", between)
        port = self._dialer.dial(target, asking)
        if port is not None:
            asking.on_target_ready(port, injection.now)


def _end(exchange: Exchange, injection: Injection, each: ActiveFault) -> None:
    """Answers or resets a request whose target is chosen."""
    status = each.fault.status
    if status is None:
        exchange.reset(Outcome.FAULT_CUT)
        return
    answer: Answer = answer_of(status)
    if answer.has_target:
        exchange.dispatched = injection.now
    else:
        exchange.forget_target(keeps_group=answer.has_group)
    exchange.answer_page(status, answer.outcome)


class FaultedLedger:
    """Ends what injections have begun, then does what the ledger does."""

    __slots__ = ("_ledger",)

    def __init__(self, ledger: ExchangeLedger) -> None:
        self._ledger = ledger

    def open_tunnel(self, record: ExchangeRecord) -> None:
        """A WebSocket is open."""
        self._ledger.open_tunnel(record)

    def count_grpc(self, record: ExchangeRecord) -> None:
        """The exchange that is about to be closed is a call of gRPC."""
        self._ledger.count_grpc(record)

    def close(self, record: ExchangeRecord) -> None:
        """The exchange has ended."""
        if record.injection is not None:
            record.injection.end()
        self._ledger.close(record)
