"""Plan: everything that is decided before the event loop starts."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from edgeproxy.control.config.loader import LoadedConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from edgeproxy.control.addresses import Address
    from edgeproxy.control.config.watch import FileWatch
    from edgeproxy.control.quick_config import QuickConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What to run, and how.

    Attributes:
        loaded: The first configuration.
        source: What it is called in the start-up output: a file's name, `the command line`, `the demo`.
        base_dir: Relative paths in the configuration start here.
        certs_dir: The folder of the development CA.
        load: Reads the configuration again; None where there is no file.
        watched: The file whose changes are taken over, as it was before it was read; None not to watch.
        names: Host names for the development certificate, besides the usual ones.
        binds: Declared listener port -> where it is really bound.
        time_scale: What every duration of the load balancer is multiplied with.
        admin: Where the admin endpoint listens; None for nowhere.
        access_log: `-` for standard output, `off`, or a file's path.
        connection_log: `-` for standard output, `off`, or a file's path.
        health_check_log: `-` for standard output, `off`, or a file's path.
        drain_seconds: How long running requests may take to finish once a signal asked to stop.
        fault_header: Responses say with X-Edgeproxy-Fault which faults on purpose took the request.
    """

    loaded: LoadedConfig
    source: str
    base_dir: Path
    certs_dir: Path
    admin: Address | None
    load: Callable[[], LoadedConfig] | None = None
    watched: FileWatch | None = None
    names: Sequence[str] = ()
    binds: Mapping[int, Address] = dataclasses.field(default_factory=dict)
    time_scale: float = 1.0
    access_log: str = "-"
    connection_log: str = "off"
    health_check_log: str = "off"
    drain_seconds: float = 30.0
    fault_header: bool = False

    def authority(self) -> bytes | None:
        """The development CA's certificate as PEM; None while there is none."""
        try:
            return (self.certs_dir / "ca.pem").read_bytes()
        except OSError:
            return None


def loaded_without_file(quick: QuickConfig) -> LoadedConfig:
    """A quick configuration in the form in which a file's content comes.

    Raises:
        ConfigError: The real load balancer would refuse it.
    """
    return LoadedConfig(topology=quick.topology(), warnings=(), path=Path())
