"""Alb: a load balancer for one test, or for a few. Start it, change it, ask it, stop it.

with Alb(targets=[app]) as alb:
    alb.add_rule(path="/old/*", redirect={"Path": "/new"})
    requests.get(alb.url("/old/x"), verify=alb.ca_file)
    alb.expect(path="/old/x", status=301)

What changes the load balancer has happened when the call returns. What depends on targets, `wait_healthy` and
`advance`, is awaited in an asynchronous test, because a target may need the test's own loop to answer; in a plain test
it blocks.
"""

from __future__ import annotations

import functools
import math
import os
from typing import TYPE_CHECKING, Self

import msgspec

from edgeproxy.testing import configuration as config
from edgeproxy.testing.addresses import LOOPBACK
from edgeproxy.testing.asking import Asking
from edgeproxy.testing.certificates import throw_away_ca
from edgeproxy.testing.clients import Clients
from edgeproxy.testing.lifetime import Lifetime
from edgeproxy.testing.loop_thread import LoopThread
from edgeproxy.testing.movable_time import MovableLoop, MovableTime
from edgeproxy.testing.proxying import Files, Proxying
from edgeproxy.testing.running import RUNNING
from edgeproxy.testing.waiting import waited

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Iterable, Sequence

    from edgeproxy.model.listener import Listener
    from edgeproxy.model.topology import Topology
    from edgeproxy.testing.addresses import StartsAndStops, TargetLike
    from edgeproxy.testing.configuration import Configuration


class Alb(Asking, Lifetime):
    """See the top of this file.

    Attributes:
        ca: What signs its certificates.
        clients: Clients that trust it and find it under any name.
        time_scale: Every duration times this.
    """

    def __init__(
        self,
        configuration: Configuration = None,
        *,
        targets: Iterable[TargetLike] = (),
        names: Sequence[str] = (),
        ssl_context: ssl.SSLContext | None = None,
        time_scale: float = 1.0,
        health_path: str = "/",
        health_codes: str = "200",
        fault_header: bool = False,
    ) -> None:
        """A load balancer that is not started.

        Args:
            configuration: A dict in AWS's names, YAML text, a file or a `Topology`; without one, HTTP redirects to
                HTTPS, which forwards to the target group `app`.
            targets: What is registered with the first target group at the start.
            names: What its certificate covers besides `localhost` and the hosts of the rules.
            ssl_context: What its clients speak TLS with; without one, a context that trusts `ca`.
            time_scale: Every duration of the load balancer times this.
            health_path: For the target group `app`, when there is no configuration.
            health_codes: The answers that are healthy there, such as `200-399`.
            fault_header: Responses say with X-Edgeproxy-Fault which faults on purpose took the request.

        Raises:
            ValueError: Time cannot run at this scale.
            EdgeProxyError: The configuration is not valid.
        """
        if not 0 < time_scale < math.inf:
            raise ValueError(f"The time scale {time_scale} must be a number above 0.")
        self._is_default = configuration is None
        self._default = functools.partial(config.default_topology, health_path=health_path, health_codes=health_codes)
        self._initial, self._folder = config.topology_of(configuration)
        self._redirected_to = config.HTTPS_PORT
        if self._is_default:
            self._initial = self._default()
        self._targets = list(targets)
        self._started: list[StartsAndStops] = []
        self._kept_targets = 0
        self._context = ssl_context
        self.ca = throw_away_ca()
        self.time_scale = time_scale
        self._fault_header = fault_header
        self._files = Files(self._folder, self.ca, names)
        self._thread: LoopThread | None = None
        self._proxying: Proxying | None = None
        self.clients = Clients(self)

    # ---- life

    def start(self) -> Self:
        """Starts it, and the targets that can be started; it listens when this returns.

        Raises:
            EdgeProxyError: The configuration cannot run.
        """
        if self._thread is not None:
            raise RuntimeError("This load balancer has been started already.")
        movable = MovableTime()
        self._thread = LoopThread("edgeproxy", MovableLoop(movable))
        RUNNING[self] = False
        try:
            topology = self._initial
            for each in self._targets:
                topology = config.with_target(topology, None, self._listening(each))
            self._thread.run(self._start(movable, topology))
        except BaseException:
            self.stop()
            raise
        return self

    async def _start(self, movable: MovableTime, topology: Topology) -> None:
        self._proxying = Proxying(movable, self._files, time_scale=self.time_scale, fault_header=self._fault_header)
        await self._proxying.proxy.start(topology)
        self._initial = topology
        await self._lead_to_https(self._proxying)
        self._kept_targets = len(self._started)

    async def _lead_to_https(self, proxying: Proxying) -> None:
        """The default's redirects have to lead to where HTTPS really is, which is known only when it listens."""
        port = proxying.real_port(config.HTTPS_PORT)
        if self._is_default and port != self._redirected_to:
            self._redirected_to = port
            balancers = self._default(port).load_balancers
            self._initial = msgspec.structs.replace(self._initial, load_balancers=balancers)
            await proxying.proxy.apply(self._initial)

    def stop(self) -> None:
        """Ends it with all its connections, clients and targets; a second time does nothing."""
        RUNNING.pop(self, None)
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self.clients.close()
        if self._proxying is not None:
            thread.run(self._proxying.proxy.stop(0))
        thread.close()
        self._stop_targets()

    def reset(self) -> None:
        """As after the start: its configuration and targets, no clients, requests, health, faults. Time stays."""
        thread, proxying = self._running()
        self.clients.close()
        self._files.folder = self._folder
        thread.run(self._return(proxying))
        self._stop_targets(self._kept_targets)

    async def _return(self, proxying: Proxying) -> None:
        await proxying.reset(self._initial)
        # A configuration that had no such listener gave its port away.
        await self._lead_to_https(proxying)

    # ---- where it is

    def port(self, declared: int | None = None) -> int:
        """The real port of a listener: of the one that declares this port, or of the HTTPS one."""
        return self.real_ports()[config.listener_of(self.topology, declared).port]

    @property
    def https_port(self) -> int:
        """The real port of the HTTPS listener."""
        return self.port()

    @property
    def http_port(self) -> int:
        """The real port of the first HTTP listener."""
        return self.port(self._first("HTTP").port)

    def url(self, path: str = "/", *, port: int | None = None, host: str = "localhost") -> str:
        """The real address of a path: on the listener that declares this port, or on the HTTPS one if there is one."""
        listener = config.listener_of(self.topology, port)
        return f"{listener.protocol.lower()}://{host}:{self.port(listener.port)}{path}"

    def http_url(self, path: str = "/", *, host: str = "localhost") -> str:
        """The real address of a path on the first HTTP listener."""
        return self.url(path, port=self._first("HTTP").port, host=host)

    def real_ports(self) -> dict[int, int]:
        """Where listeners really are, by the port that they declare."""
        thread, proxying = self._running()
        return thread.call(lambda: {each.port: each.addresses[0][1] for each in proxying.proxy.listeners})

    def real_address(self, port: int) -> tuple[str, int] | None:
        """Where a client that asks for this port, whatever the host, has to connect; None if no listener has it."""
        real = self.real_ports()
        found = real.get(port) or (port if port in real.values() else None)
        return None if found is None else (LOOPBACK, found)

    def _first(self, protocol: str) -> Listener:
        listeners = [listener for balancer in self.topology.load_balancers for listener in balancer.listeners]
        found = next((each for each in listeners if each.protocol == protocol), None)
        if found is None:
            raise ValueError(f"No listener speaks {protocol}.")
        return found

    # ---- trust

    @property
    def ca_file(self) -> str:
        """The CA's certificate, PEM: what `verify=` and `--cacert` want."""
        return str(self.ca.file)

    @property
    def ssl_context(self) -> ssl.SSLContext:
        """What clients speak TLS with."""
        if self._context is None:
            self._context = self.ca.client_context()
        return self._context

    @property
    def env(self) -> dict[str, str]:
        """The environment for a subprocess that shall trust it."""
        names = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
        return {**os.environ, **dict.fromkeys(names, self.ca_file)}

    # ---- time

    def wait_healthy(self, group: str | None = None, *, within: float = 10.0) -> Awaitable[None]:
        """Returns when every registered target, of one target group or of all, is healthy.

        Targets are checked again and again at once, and the load balancer's time passes as if it had been at their
        interval. To be awaited in an asynchronous test; blocks in a plain one.

        Raises:
            TimeoutError: They are not within so many real seconds; the message says what is wrong with which.
        """
        thread, proxying = self._running()
        return waited(thread.start(proxying.wait_healthy(group, within)), "wait_healthy()")

    def advance(self, seconds: float) -> Awaitable[None]:
        """So many seconds of the load balancer's time pass now, with all that is due in them.

        Idle timeouts, health checks, slow start, deregistration delays, connect timeouts, cookie expiry, dates and log
        lines follow. The kernel, the targets, the clients and the validity of certificates do not. To be awaited in an
        asynchronous test; blocks in a plain one.

        Raises:
            ValueError: Time does not go back.
        """
        if not 0 <= seconds < math.inf:
            raise ValueError(f"Time cannot be moved by {seconds} seconds: it must be a number, 0 or more.")
        thread, proxying = self._running()
        return waited(thread.start(proxying.skipping.skip(seconds * self.time_scale)), "advance()")

    def _running(self) -> tuple[LoopThread, Proxying]:
        if self._thread is None or self._proxying is None:
            raise RuntimeError("This load balancer does not run: use it inside `with`, or call start() first.")
        return self._thread, self._proxying

    def __repr__(self) -> str:
        return f"<Alb {'stopped' if self._proxying is None else self._proxying.proxy!r}>"
