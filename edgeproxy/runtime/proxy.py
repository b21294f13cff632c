"""EdgeProxy: a whole load balancer in this process. Start it, apply topologies to it, ask it, stop it.

A change of configuration is built aside and then swapped in: new listeners are bound first, so that a port that is
taken leaves the old configuration serving; then each listener's context is replaced. Exchanges that are under way
keep the context they began with. Nothing in here is global: a process may hold several proxies.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from edgeproxy.errors import EdgeProxyError
from edgeproxy.model.topology import Topology
from edgeproxy.protocol.h1_server import request_fields_memo
from edgeproxy.runtime.clock import Clock
from edgeproxy.runtime.compiled import Compiled, CompiledListener, Compiler, ListenerKey
from edgeproxy.runtime.deadlines import DeadlineSweep
from edgeproxy.runtime.faults import Faults
from edgeproxy.runtime.health_probe import RunProbe, run_probe
from edgeproxy.runtime.listener import Bind, ListenerSocket
from edgeproxy.runtime.live_groups import LiveGroups
from edgeproxy.runtime.log_outlets import LogOutlets
from edgeproxy.runtime.metrics import Metrics
from edgeproxy.runtime.policy_shortfalls import PolicyShortfalls
from edgeproxy.runtime.request_ring import RequestRing
from edgeproxy.runtime.resolver import Resolve, resolve
from edgeproxy.runtime.server_tls import ServerTls, server_tls, tls_parts
from edgeproxy.runtime.status import ListenerStatus, ProxyState, TargetGroupStatus, group_status
from edgeproxy.runtime.target_pools import TargetPools

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from edgeproxy.runtime.access_log import AccessLog
    from edgeproxy.runtime.certificate_choice import CertificateLocator
    from edgeproxy.runtime.trust_store import TrustStoreLocator

__all__ = ["Bind", "EdgeProxy", "ProxyState"]

_log = logging.getLogger("edgeproxy")

CERTIFICATE_CHECK_SECONDS = 1.0
"""How often certificate files are looked at, on the real clock whatever the time scale."""


class EdgeProxy:
    """An application load balancer; it does nothing before `start`.

    Args:
        certificates: Finds the files behind `CertificateArn`; needed for HTTPS listeners.
        trust_stores: Finds the files of trust stores; needed for listeners that verify clients.
        binds: Where declared ports are really bound; one that is not named is bound as declared, on all interfaces.
        time_scale: Every duration of the load balancer times this.
        access_log: Gets a line per request; closed by whoever made it.
        connection_log: Gets a line per client connection; closed by whoever made it.
        health_check_log: Gets a line per health check; closed by whoever made it.
        stickiness_key: Gives the 32 bytes that stickiness cookies are sealed with, when they are first needed;
            without it they are random, and cookies are worth nothing after a restart.
        clock: The time.
        resolve_name: Gives the addresses of targets that are registered by name.
        probe: Runs one health check.
        fault_header: Responses say with X-Edgeproxy-Fault which faults on purpose took the request.
    """

    def __init__(  # noqa: PLR0913 - each can do without the others
        self,
        *,
        certificates: CertificateLocator | None = None,
        trust_stores: TrustStoreLocator | None = None,
        binds: Mapping[int, Bind] | None = None,
        time_scale: float = 1.0,
        access_log: AccessLog | None = None,
        connection_log: AccessLog | None = None,
        health_check_log: AccessLog | None = None,
        stickiness_key: Callable[[], bytes] | None = None,
        clock: Clock | None = None,
        resolve_name: Resolve = resolve,
        probe: RunProbe = run_probe,
        fault_header: bool = False,
    ) -> None:
        self._certificates = certificates
        self._trust_stores = trust_stores
        self._binds: Mapping[int, Bind] = {} if binds is None else binds
        self._time_scale = time_scale
        self._clock = clock or Clock()
        self._logs = LogOutlets(
            access_log=access_log,
            connection_log=connection_log,
            health_check_log=health_check_log,
            clock=self._clock,
        )
        self._memo = request_fields_memo()
        self._listeners: dict[ListenerKey, ListenerSocket] = {}
        self._leaving: list[ListenerSocket] = []
        self._shortfalls = PolicyShortfalls()
        self._certificates_checked = 0.0
        self._compiled: Compiled | None = None
        self._applying = asyncio.Lock()
        self.metrics = Metrics()
        self.requests = RequestRing(self._clock)
        self.state = ProxyState.STARTING
        self._pools = TargetPools(self._clock, time_scale=time_scale)
        self._groups = LiveGroups(
            self._pools,
            metrics=self.metrics,
            logs=self._logs,
            clock=self._clock,
            time_scale=time_scale,
            resolve_name=resolve_name,
            probe=probe,
        )
        self.faults = Faults(
            self._clock,
            pools=self._pools,
            checkers=self._groups.checkers,
            time_scale=time_scale,
            tells_client=fault_header,
        )
        self._groups.mark_of = self.faults.mark_of
        self._sweep = DeadlineSweep(self._clock.now, time_scale=time_scale)
        self._compiler = Compiler(
            dialer=self._pools,
            metrics=self.metrics,
            logs=self._logs,
            clock=self._clock,
            time_scale=time_scale,
            stickiness_key=stickiness_key,
            requests=self.requests,
        )

    # ---- life

    async def start(self, topology: Topology) -> None:
        """Binds every listener and starts the health checks.

        Raises:
            BindError: a port is taken or forbidden; nothing is left open.
            ConfigError: a certificate cannot be used.
        """
        self._sweep.visit(self._on_sweep)
        try:
            await self.apply(topology)
        except BaseException:
            await self.stop(0)
            raise
        self._sweep.start()
        self.state = ProxyState.RUNNING

    async def apply(self, topology: Topology) -> None:
        """Makes this the running topology.

        Raises:
            BindError, ConfigError: it cannot be; the old one goes on serving.
        """
        async with self._applying:
            compiled = self._compiler.compile(topology, self._groups)
            tls = {key: self._tls_for(key, wanted, topology) for key, wanted in compiled.listeners.items()}
            opened = await self._open_new(compiled, tls)
            await self._commit(compiled, opened)

    async def stop(self, grace_seconds: float) -> None:
        """Stops accepting, lets running requests finish for at most `grace_seconds`, and closes everything."""
        if self.state is ProxyState.STOPPED:
            return
        self.state = ProxyState.DRAINING
        listeners = [*self._listeners.values(), *self._leaving]
        for listener in listeners:
            listener.drain()
        deadline = self._clock.now() + grace_seconds
        # Polling, because what is waited for is spread over many connections and happens once in a process's life.
        while any(listener.connections for listener in listeners) and self._clock.now() < deadline:
            await asyncio.sleep(min(self._sweep.interval, 0.02))
        for listener in listeners:
            listener.cut()
        self._sweep.stop()
        self.faults.stop()
        await self._groups.close()
        # Transports report their end in the loop's next rounds.
        for _ in range(3):
            await asyncio.sleep(0)
        await self._logs.close()
        self.state = ProxyState.STOPPED

    async def deliver_logs(self) -> bool:
        """Completes the log objects that are being written, instead of when their five minutes are over.

        Returns:
            False when a disk or a pipe takes too long; it is then done later.
        """
        return await self._logs.deliver()

    def cut_clients(self) -> None:
        """Closes every client connection at once; whatever has no response yet is answered with 502."""
        for listener in (*self._listeners.values(), *self._leaving):
            listener.cut()

    # ---- questions

    @property
    def topology(self) -> Topology:
        """What is running."""
        return self._compiled.topology if self._compiled is not None else Topology()

    @property
    def listeners(self) -> list[ListenerStatus]:
        """The open listeners, in the order of the topology."""
        return [
            ListenerStatus(listener.load_balancer, listener.protocol, listener.port, listener.addresses)
            for listener in self._listeners.values()
        ]

    @property
    def target_groups(self) -> list[TargetGroupStatus]:
        """The target groups with what is known of their targets."""
        return [group_status(group, self._groups[group.name]) for group in self.topology.target_groups]

    # ---- applying

    def _tls_for(self, key: ListenerKey, wanted: CompiledListener, topology: Topology) -> ServerTls | None:
        """The listener's TLS: the one in use if nothing about it was changed."""
        if wanted.listener.protocol != "HTTPS":
            return None
        live = self._listeners.get(key)
        running = self._compiled.listeners.get(key) if self._compiled is not None else None
        offers_h2 = wanted.settings.http2_enabled
        parts = (tls_parts(wanted.listener, topology), offers_h2)
        if live is not None and running is not None:
            before = (tls_parts(running.listener, self.topology), running.settings.http2_enabled)
            if before == parts:
                return live.tls
        tls = server_tls(
            wanted.listener,
            topology,
            certificates=self._certificates,
            trust_stores=self._trust_stores,
            offers_h2=offers_h2,
            before=live.tls if live is not None else None,
        )
        self._shortfalls.tell(tls)
        return tls

    async def _open_new(
        self, compiled: Compiled, tls: Mapping[ListenerKey, ServerTls | None]
    ) -> dict[ListenerKey, ListenerSocket]:
        """The listeners that are not open yet, bound but not known to anybody, and all prepared; all or none."""
        opened: dict[ListenerKey, ListenerSocket] = {}
        try:
            for key, wanted in compiled.listeners.items():
                if key in self._listeners:
                    continue
                listener = ListenerSocket(
                    load_balancer=wanted.load_balancer,
                    port=wanted.listener.port,
                    connection_log=self._logs.connection_log(wanted.load_balancer, wanted.listener.port),
                    tls=tls[key],
                    context=wanted.context,
                    counters=self.metrics.load_balancers[wanted.load_balancer],
                    memo=self._memo,
                    settings=wanted.settings,
                    time_scale=self._time_scale,
                    now=self._clock.now,
                )
                listener.bind(self._binds.get(listener.port, Bind(None, listener.port)))
                opened[key] = listener
            for key in compiled.listeners:
                await (opened.get(key) or self._listeners[key]).prepare(tls[key])
        except EdgeProxyError:
            for listener in self._listeners.values():
                listener.discard()
            for listener in opened.values():
                listener.stop_accepting()
            raise
        return opened

    async def _commit(
        self,
        compiled: Compiled,
        opened: Mapping[ListenerKey, ListenerSocket],
    ) -> None:
        """From here on nothing can fail. One swap: nothing awaits before every listener has its new context."""
        self._logs.apply(compiled.topology)
        self._groups.update(compiled)
        for key in [key for key in self._listeners if key not in compiled.listeners]:
            leaving = self._listeners.pop(key)
            leaving.drain()
            self._leaving.append(leaving)
        for key, wanted in compiled.listeners.items():
            listener = opened.get(key) or self._listeners[key]
            listener.configure(wanted.settings)
        self._listeners = {key: opened.get(key) or self._listeners[key] for key in compiled.listeners}
        self._compiled = compiled
        self.faults.follow(compiled, self._listeners)
        for listener in list(self._listeners.values()):
            await listener.serve()

    # ---- time

    def _on_sweep(self, now: float) -> None:
        self._clock.synchronise()
        # First: what clients wait for is silent only if nothing moves there.
        self._pools.check(now)
        for listener in self._listeners.values():
            listener.check(now)
        for listener in self._leaving:
            listener.check(now)
        self._leaving = [listener for listener in self._leaving if listener.connections]
        self._groups.check(now)
        self.faults.check(now)
        self.metrics.share_out(self._groups)
        self.requests.rest(now)
        self._logs.flush()
        if now - self._certificates_checked >= CERTIFICATE_CHECK_SECONDS:
            self._certificates_checked = now
            for listener in self._listeners.values():
                if listener.tls is not None and listener.tls.reload_if_changed():
                    _log.info("The certificates of listener %s:%d were reloaded.", listener.protocol, listener.port)

    def __repr__(self) -> str:
        return f"<EdgeProxy {self.state.value} {list(self._listeners.values())}>"
