"""Store: the one way by which a running load balancer gets another configuration.

Whatever changes the configuration (the file, a signal, a test) hands over a whole topology. Changes queue up, because
two at once could leave the listeners of one with the rules of the other. A change that is refused changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol

from edgeproxy.control.output import event
from edgeproxy.errors import EdgeProxyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgeproxy.control.config.loader import LoadedConfig
    from edgeproxy.model.topology import Topology

logger = logging.getLogger(__name__)


class AppliesTopology(Protocol):
    """What the store needs of the running load balancer; `runtime.proxy.EdgeProxy` is one."""

    @property
    def topology(self) -> Topology:
        """The configuration that serves."""

    async def apply(self, topology: Topology) -> None:
        """Serve this configuration from now on, or raise EdgeProxyError and keep the old one."""


class Store:
    """Holds the current topology and replaces it.

    Attributes:
        proxy: What runs the topology.
        load: Reads the configuration file again; None where the configuration came from the command line.
    """

    def __init__(self, proxy: AppliesTopology, *, load: Callable[[], LoadedConfig] | None = None) -> None:
        self._proxy = proxy
        self._load = load
        self._one_at_a_time = asyncio.Lock()

    @property
    def topology(self) -> Topology:
        """The configuration that serves."""
        return self._proxy.topology

    async def replace(self, topology: Topology) -> None:
        """Serve this topology instead.

        Raises:
            EdgeProxyError: It was refused, and the one before keeps serving.
        """
        async with self._one_at_a_time:
            await self._proxy.apply(topology)

    async def reload(self) -> bool:
        """Read the file again and serve what it says; whether that worked. What is wrong with it goes to the log."""
        if self._load is None:
            logger.warning("There is no configuration file to read again.", extra=event("reload_without_file"))
            return False
        try:
            # in a thread, because a long file takes YAML a while and requests go on meanwhile
            loaded = await asyncio.to_thread(self._load)
            await self.replace(loaded.topology)
        except EdgeProxyError as error:
            _report_refused(error)
            return False
        except Exception:
            logger.exception(_REFUSED, extra=event("reload_refused"))
            return False
        _report_taken(loaded)
        return True


_REFUSED = "The changed configuration was not taken; the one before keeps serving."


def _report_refused(error: EdgeProxyError) -> None:
    # a file's error lists everything that was found, one a line
    logger.error("%s\n%s", _REFUSED, error, extra=event("reload_refused", problems=str(error).splitlines()))


def _report_taken(loaded: LoadedConfig) -> None:
    for warning in loaded.warnings:
        logger.warning("%s", warning, extra=event("configuration_warning"))
    logger.info("%s was read again and serves now.", loaded.path, extra=event("reloaded", path=str(loaded.path)))
