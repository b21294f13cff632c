"""An `EdgeProxy` in this process, on free ports of the loopback, that may leave nothing behind.

async with running(forwarding_to(target.port)) as edgeproxy:
    client = await edgeproxy.connect()
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeproxy.control.config.loader import load_text
from edgeproxy.model.target import TargetHealthState
from edgeproxy.runtime.clock import Clock
from edgeproxy.runtime.deadlines import MIN_SWEEP_SECONDS, SWEEP_SECONDS
from edgeproxy.runtime.health_probe import Probe, run_probe
from edgeproxy.runtime.proxy import Bind, EdgeProxy
from tests.helpers.conversation import Conversation, Message, connect
from tests.helpers.wait import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from edgeproxy.health.outcome import CheckResult
    from edgeproxy.model.topology import Topology
    from edgeproxy.runtime.status import TargetStatus

QUICK = 0.01
"""A time scale at which the usual idle timeout of 60 s is over in 0.6 s, and a health check comes every 0.3 s."""

PATIENT_SECONDS = 0.5
"""What a target has at least for taking a connection and for answering a check, however quick time is.

It lives in this process, and unlike deadlines these two are the event loop's own timeouts, which a machine with other
work uses up.
"""

DECLARED_PORTS = (80, 81, 82, 443, 8080, 8443)
"""Listeners may declare these; each is bound to a free port."""


class UnhurriedTime:
    """The monotonic clock, but for the time in which this process was kept from running.

    A deadline of a few hundredths of a second measures the machine's other work as well. Between two looks, which are a
    sweep apart at most, no more passes than would have without it.
    """

    def __init__(self, time_scale: float) -> None:
        self._most = 1.3 * max(SWEEP_SECONDS * time_scale, MIN_SWEEP_SECONDS)
        self._seen = self._time = time.monotonic()

    def now(self) -> float:
        """Seconds."""
        seen = time.monotonic()
        self._time += min(seen - self._seen, self._most)
        self._seen = seen
        return self._time


class RunningProxy:
    """A started proxy and how to talk to it."""

    def __init__(self, proxy: EdgeProxy, host: str) -> None:
        self.proxy = proxy
        self._host = host
        self._opened: list[Conversation] = []

    def port(self, declared: int = 80) -> int:
        """Where a listener is really bound."""
        return next(each.addresses[0][1] for each in self.proxy.listeners if each.port == declared)

    def url(self, path: str = "/", *, declared: int = 80) -> str:
        """An address for clients that want one."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port(declared)}{path}"

    async def connect(self, declared: int = 80, **options: Any) -> Conversation:
        """A client connection; closed at the end at the latest."""
        conversation = await connect(self._host, self.port(declared), **options)
        self._opened.append(conversation)
        return conversation

    async def ask(self, line: str = "GET /", *headers: str, body: bytes = b"", declared: int = 80) -> Message:
        """One request on a connection of its own."""
        conversation = await self.connect(declared)
        message = await conversation.ask(line, *headers, body=body)
        await conversation.close()
        return message

    async def apply(self, text: str) -> None:
        """Another configuration."""
        await self.proxy.apply(topology(text))

    def targets(self, group: str = "app") -> list[TargetStatus]:
        """What is known of a group's targets."""
        return next(each.targets for each in self.proxy.target_groups if each.name == group)

    def states(self, group: str = "app") -> list[str]:
        """The states of a group's targets."""
        return [target.health.state.value for target in self.targets(group)]

    async def healthy(self, group: str = "app") -> None:
        """Wait until all registered targets of a group are healthy."""
        leaving = TargetHealthState.DRAINING
        await until(
            lambda: {each.health.state for each in self.targets(group)} - {leaving} <= {TargetHealthState.HEALTHY}
        )

    @property
    def connections(self) -> list[Any]:
        """The proxy's ends of the client connections; which class each is of, its test knows."""
        return [each for listener in self.proxy._listeners.values() for each in listener.connections]

    async def sweeps(self, count: int) -> None:
        """Wait until the deadline sweep has come by so many times."""
        seen: list[float] = []
        visitors = self.proxy._sweep._visitors
        visitors.append(seen.append)
        await until(lambda: len(seen) >= count)
        visitors.remove(seen.append)

    @property
    def client_connections(self) -> int:
        """How many client connections are open."""
        return sum(each.active_connections for each in self.proxy.metrics.load_balancers.values())

    async def close_clients(self) -> None:
        """Close every client connection that the test has left."""
        for conversation in self._opened:
            conversation.abort()
        self._opened.clear()


@contextlib.asynccontextmanager
async def running(
    configuration: str | Topology,
    *,
    time_scale: float = QUICK,
    host: str = "127.0.0.1",
    binds: dict[int, Bind] | None = None,
    grace_seconds: float = 0.0,
    **options: Any,
) -> AsyncIterator[RunningProxy]:
    """Start a proxy; at the end stop it and assert that no task, socket or file of it is left.

    Args:
        configuration: YAML, or a topology.
        time_scale: As for `EdgeProxy`.
        host: Where all listeners are bound.
        binds: Exceptions from that.
        grace_seconds: What `stop` is given.
        options: Further arguments of `EdgeProxy`.
    """
    wanted = topology(configuration) if isinstance(configuration, str) else configuration
    before = open_files()
    tasks = asyncio.all_tasks()
    free = {port: Bind(host, 0) for port in DECLARED_PORTS}
    options.setdefault("clock", Clock(UnhurriedTime(time_scale).now))
    options.setdefault("probe", _patient_probe)
    proxy = EdgeProxy(time_scale=time_scale, binds=free | (binds or {}), **options)
    connector = proxy._pools._connector
    connector.timeout = max(connector.timeout, PATIENT_SECONDS)
    edgeproxy = RunningProxy(proxy, host)
    await proxy.start(wanted)
    try:
        yield edgeproxy
    finally:
        await edgeproxy.close_clients()
        await proxy.stop(grace_seconds)
    await no_more_than(before, tasks)
    assert 0 == edgeproxy.client_connections


async def _patient_probe(probe: Probe) -> CheckResult:
    return await run_probe(probe._replace(timeout=max(probe.timeout, PATIENT_SECONDS)))


async def no_more_than(files: dict[str, str], tasks: set[asyncio.Task[Any]], *, within: float = 30) -> None:
    """Wait until no other files are open and no other tasks run than these.

    Raises:
        AssertionError: There are, and they stay; it names them.
    """
    ours = {"_on_connection"}  # scripted targets notice a moment later that their connection has ended

    known = {*tasks, asyncio.current_task()}

    def left() -> list[str]:
        running_tasks = [each for each in asyncio.all_tasks() - known if each.get_coro().__name__ not in ours]  # type: ignore[union-attr]
        return [repr(each) for each in running_tasks] + opened_since(files)

    try:
        await until(lambda: not left(), within=within)
    except AssertionError:
        gc.collect()
        raise AssertionError(f"left behind: {left()}") from None


def open_files() -> dict[str, str]:
    """Number -> name of everything this process has open."""
    found = {}
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            name = str(entry.readlink())
            # libuv keeps one for the day when it runs out of numbers.
            if not name.startswith(("/proc/", "/dev/null")):
                found[entry.name] = name
    return found


def opened_since(files: dict[str, str]) -> list[str]:
    """What is open and was not when these were all that was; what others have closed meanwhile does not count."""
    return [f"{number} {name}" for number, name in open_files().items() if files.get(number) != name]


def topology(text: str) -> Topology:
    """The topology of a YAML text."""
    return load_text(text, "edgeproxy.yaml", None).topology


def forwarding_to(
    *ports: int,
    idle_timeout: int = 60,
    attributes: str = "",
    group: str = "",
    rules: str = "",
    host: str = "127.0.0.1",
) -> str:
    """A load balancer with an HTTP listener on port 80 that forwards everything to targets on these ports.

    Args:
        ports: The targets' ports.
        idle_timeout: Seconds.
        attributes: More attributes of the load balancer, as `key: value, key: value`.
        group: More fields of the target group, as `Key: value, Key: value`.
        rules: The listener's rules, as a YAML list in one line.
        host: The targets' address or name.
    """
    targets = ", ".join(f"{{Id: '{host}', Port: {port}}}" for port in ports)
    more = f", {group}" if group else ""
    return f"""\
LoadBalancers:
  - Name: dev
    LoadBalancerAttributes: {{idle_timeout.timeout_seconds: {idle_timeout}{", " + attributes if attributes else ""}}}
    Listeners:
      - Port: 80
        Protocol: HTTP
        DefaultActions: [{{Type: forward, TargetGroupArn: app}}]
        Rules: {rules or "[]"}
TargetGroups:
  - {{Name: app, Protocol: HTTP, Port: 80, Targets: [{targets}]{more}}}
"""


def answering_itself(body: str = "ok", *, listeners: tuple[int, ...] = (80,), idle_timeout: int = 60) -> str:
    """A load balancer whose listeners answer with a fixed response, without any target."""
    each = "".join(
        f"""
      - Port: {port}
        Protocol: HTTP
        DefaultActions:
          - Type: fixed-response
            FixedResponseConfig: {{StatusCode: "200", ContentType: text/plain, MessageBody: "{body}"}}"""
        for port in listeners
    )
    return f"""\
LoadBalancers:
  - Name: dev
    LoadBalancerAttributes: {{idle_timeout.timeout_seconds: {idle_timeout}}}
    Listeners:{each}
"""
