"""`edgeproxy run`: from what was typed to a running load balancer."""

from __future__ import annotations

import dataclasses
import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeproxy.control.config.loader import load_file
from edgeproxy.control.config.watch import FileWatch
from edgeproxy.control.exit_codes import ExitCode
from edgeproxy.control.output import LogFormat, configure_logging
from edgeproxy.control.plan import Plan, loaded_without_file
from edgeproxy.control.quick_config import QuickConfig
from edgeproxy.errors import EdgeProxyError
from edgeproxy.runtime import loop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgeproxy.control.addresses import Address


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The options of `edgeproxy run`, as the command line declares them."""

    config: Path | None
    target: Sequence[Address]
    health_path: str | None
    health_codes: str | None
    cert: Path | None
    key: Path | None
    name: Sequence[str]
    bind: Sequence[tuple[int, Address]]
    time_scale: float
    no_watch: bool
    admin: Address | None
    access_log: str
    certs_dir: Path
    drain_seconds: float
    log_format: LogFormat
    connection_log: str = "off"
    health_check_log: str = "off"
    fault_header: bool = False

    def check(self) -> None:
        """Refuse options that contradict each other.

        Raises:
            click.UsageError: Both a file and targets were named, or an option stands without the one it belongs to.
        """
        if self.target and self.config is not None:
            raise click.UsageError("--target runs without a file, so it cannot stand beside --config.")
        if not self.target:
            for name in ("health_path", "health_codes", "cert", "key"):
                if getattr(self, name) is not None:
                    option = "--" + name.replace("_", "-")
                    raise click.UsageError(f"{option} belongs to --target; in a configuration file the file says it.")
        if self.key is not None and self.cert is None:
            raise click.UsageError("--key belongs to --cert, which is missing.")

    def shared(self) -> dict[str, Any]:
        """What the plan takes over as it is, file or not."""
        return {
            "certs_dir": self.certs_dir,
            "admin": self.admin,
            "names": self.name,
            "binds": dict(self.bind),
            "time_scale": self.time_scale,
            "access_log": self.access_log,
            "connection_log": self.connection_log,
            "health_check_log": self.health_check_log,
            "drain_seconds": self.drain_seconds,
            "fault_header": self.fault_header,
        }


def run_until_stopped(options: RunOptions) -> ExitCode:
    """Load, run, and say how it ended."""
    options.check()
    configure_logging(options.log_format)
    try:
        plan = _plan_for_file(options, options.config) if options.config is not None else _plan_for_targets(options)
    except EdgeProxyError as error:
        click.echo(str(error), err=True)
        return ExitCode.NOT_FINE
    from edgeproxy.control.serving import serve  # noqa: PLC0415 - a wrong file is said without loading the sockets

    return loop.run(serve(plan))


def _plan_for_file(options: RunOptions, path: Path) -> Plan:
    watched = None if options.no_watch else FileWatch(path)
    load = functools.partial(load_file, path, os.environ)
    return Plan(
        loaded=load(),
        source=str(path),
        base_dir=path.parent,
        load=load,
        watched=watched,
        **options.shared(),
    )


def _plan_for_targets(options: RunOptions) -> Plan:
    quick = QuickConfig(
        targets=options.target,
        health_path=options.health_path or "/",
        health_codes=options.health_codes or "200",
        certificate=options.cert,
        key=options.key,
    )
    return Plan(loaded=loaded_without_file(quick), source="the command line", base_dir=Path(), **options.shared())
