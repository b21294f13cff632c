"""LogOutlets: where the lines of each load balancer's three logs go at this moment.

A line is rendered once and may go to two places: the stream that the command line names, which all load balancers
share, and the directory that the load balancer's own attributes name. Outlets stay the same objects for as long as
the proxy lives, and a reload changes where they lead: an exchange that began before it writes its line after it.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from edgeproxy.model import ids
from edgeproxy.runtime.connection_log import ConnectionLog
from edgeproxy.runtime.health_check_log import render as render_check
from edgeproxy.runtime.log_directory import LogDirectory
from edgeproxy.runtime.log_object import ACCESS, CONNECTION, HEALTH_CHECK, LogFamily, LogOwner
from edgeproxy.runtime.log_writer import CLOSE_SECONDS

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

    from edgeproxy.model.load_balancer import LoadBalancer
    from edgeproxy.model.topology import Topology
    from edgeproxy.runtime.clock import Clock
    from edgeproxy.runtime.health_check_log import CheckRecord
    from edgeproxy.runtime.log_writer import LogWriter


class LogOutlet:  # hot path
    """One log of one load balancer.

    Attributes:
        write: Takes a line, its line feed included; None while it goes nowhere and need not be rendered.
        directory: The load balancer's own place for it, if it has one.
    """

    __slots__ = ("_stream", "directory", "write")

    def __init__(self, stream: LogWriter | None) -> None:
        self._stream = stream
        self.directory: LogDirectory | None = None
        self.write: Callable[[str], None] | None = None
        self.lead_to(None)

    def lead_to(self, directory: LogDirectory | None) -> None:
        """From now on, besides the stream."""
        self.directory = directory
        if self._stream is not None and directory is not None:
            self.write = _both(self._stream.write, directory.write)
        else:
            writer = directory or self._stream
            self.write = None if writer is None else writer.write


class LoadBalancerLogs(NamedTuple):
    """The outlets of one load balancer."""

    access: LogOutlet
    connection: LogOutlet
    health_check: LogOutlet


class LogOutlets:
    """See the top of this file."""

    def __init__(
        self,
        *,
        access_log: LogWriter | None = None,
        connection_log: LogWriter | None = None,
        health_check_log: LogWriter | None = None,
        clock: Clock,
    ) -> None:
        """The streams are closed by whoever made them."""
        self._streams = (access_log, connection_log, health_check_log)
        self._clock = clock
        self._outlets: dict[str, LoadBalancerLogs] = {}
        self._closing: set[asyncio.Future[None]] = set()

    def of(self, load_balancer: str) -> LoadBalancerLogs:
        """The outlets of a load balancer, by its name."""
        logs = self._outlets.get(load_balancer)
        if logs is None:
            logs = self._outlets[load_balancer] = LoadBalancerLogs(*map(LogOutlet, self._streams))
        return logs

    def epoch(self) -> float:
        """Seconds since 1970."""
        return self._clock.now() + self._clock.offset

    def connection_log(self, load_balancer: str, port: int) -> ConnectionLog:
        """What writes the lines of one listener's connections."""
        resource = ids.load_balancer_resource(load_balancer)
        outlet = self.of(load_balancer).connection
        return ConnectionLog(outlet, load_balancer=resource, port=port, clock=self._clock)

    def apply(self, topology: Topology) -> None:
        """Has every outlet lead to where its load balancer's attributes say."""
        wanted = {balancer.name: balancer for balancer in topology.load_balancers}
        for name in self._outlets.keys() | wanted.keys():
            logs = self.of(name)
            for family, outlet in zip((ACCESS, CONNECTION, HEALTH_CHECK), logs, strict=True):
                owner = LogOwner(topology.account_id, topology.region, name)
                self._apply(outlet, family, owner, wanted.get(name))

    def _apply(self, outlet: LogOutlet, family: LogFamily, owner: LogOwner, balancer: LoadBalancer | None) -> None:
        delivery = balancer.settings.log(family.name) if balancer is not None else None
        before = outlet.directory
        if delivery is None or delivery.directory is None:
            # A bucket of S3 is out of reach; `control/config/lint.py` says so.
            directory = None
        else:
            bucket, prefix = Path(delivery.directory), delivery.prefix
            if before is not None and (before.owner, before.bucket, before.prefix) == (owner, bucket, prefix):
                return
            directory = LogDirectory(family, owner, bucket=bucket, prefix=prefix, epoch=self.epoch)
            directory.announce()
        outlet.lead_to(directory)
        if before is not None:
            self._close_aside(before)

    def on_checked(self, record: CheckRecord) -> None:
        """A health check has ended."""
        # app/NAME/ID; `-` for a group that no load balancer uses any more
        write = self.of(record.load_balancer.partition("/")[2].partition("/")[0]).health_check.write
        if write is not None:
            write(render_check(record))

    def flush(self) -> None:
        """Hands over what was collected; called once per deadline sweep."""
        for writer in self._writers():
            writer.flush()

    async def deliver(self) -> bool:
        """Writes everything and completes the objects that are open; whether it was done in reasonable time."""
        events = [writer.deliver() for writer in self._writers()]
        return all(await asyncio.gather(*(asyncio.to_thread(_wait, event) for event in events)))

    async def close(self) -> None:
        """Like `deliver`, for the last time."""
        for writer in self._streams:
            if writer is not None:
                writer.flush()
        for directory in self._directories():
            self._close_aside(directory)
        for logs in self._outlets.values():
            for outlet in logs:
                outlet.lead_to(None)
        if self._closing:
            await asyncio.wait(self._closing)

    def _close_aside(self, directory: LogDirectory) -> None:
        """In a thread, because a disk may take its time. Nobody writes to it any more."""
        closing = asyncio.get_running_loop().run_in_executor(None, directory.close)
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    def _writers(self) -> Iterator[LogWriter]:
        yield from (writer for writer in self._streams if writer is not None)
        yield from self._directories()

    def _directories(self) -> Iterator[LogDirectory]:
        for logs in self._outlets.values():
            yield from (outlet.directory for outlet in logs if outlet.directory is not None)


def _both(first: Callable[[str], None], second: Callable[[str], None]) -> Callable[[str], None]:
    def write(line: str) -> None:  # hot path
        first(line)
        second(line)

    return write


def _wait(event: threading.Event) -> bool:
    return event.wait(CLOSE_SECONDS)
