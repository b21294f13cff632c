"""From a configuration to a running load balancer, and to its end: what `run` and `demo` share.

The order matters. Listeners come up first, because a client is waiting; the admin endpoint, whose library takes longest
to import, comes after them. On the way down the admin endpoint goes last, because it says `draining` meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib
import logging
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from edgeproxy.control.announce import announce_admin, announce_started, announce_warnings, bind_hint
from edgeproxy.control.certificate_locator import FileCertificateLocator
from edgeproxy.control.config.watch import watch
from edgeproxy.control.exit_codes import ExitCode
from edgeproxy.control.output import event, silent_about_server_names
from edgeproxy.control.signals import StopSignals, answering
from edgeproxy.control.store import Store
from edgeproxy.control.trust_store_locator import FileTrustStoreLocator
from edgeproxy.errors import BindError, ConfigError, EdgeProxyError
from edgeproxy.runtime.access_log import AccessLog
from edgeproxy.runtime.log_writer import Descriptor
from edgeproxy.runtime.proxy import Bind, EdgeProxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from edgeproxy.control.addresses import Address
    from edgeproxy.control.admin import AdminEndpoint
    from edgeproxy.control.plan import Plan

logger = logging.getLogger(__name__)

STANDARD_OUTPUT = 1


async def serve(plan: Plan, *, on_started: Callable[[EdgeProxy], object] | None = None) -> ExitCode:
    """Run the load balancer until a signal ends it.

    Args:
        plan: What to run and how.
        on_started: Called once everything is up; the demo prints what to try.
    """
    signals = StopSignals()
    loop = asyncio.get_running_loop()
    signals.install(loop)
    try:
        with (
            silent_about_server_names(),
            log_to("--access-log", plan.access_log) as access_log,
            log_to("--connection-log", plan.connection_log) as connection_log,
            log_to("--health-check-log", plan.health_check_log) as health_check_log,
        ):
            proxy = _proxy(
                plan, access_log=access_log, connection_log=connection_log, health_check_log=health_check_log
            )
            # Until the very end: without a handler this signal kills.
            async with answering(signal.SIGUSR1, lambda: _deliver_logs(proxy)):
                return await _run(proxy, plan, signals, on_started)
    except EdgeProxyError as error:
        return _report(error, plan)
    finally:
        signals.remove(loop)


async def _run(
    proxy: EdgeProxy, plan: Plan, signals: StopSignals, on_started: Callable[[EdgeProxy], object] | None
) -> ExitCode:
    try:
        await proxy.start(plan.loaded.topology)
        announce_started(proxy, plan.source)
        announce_warnings([*map(str, plan.loaded.warnings), *_unused_binds(plan)])
        async with _admin_endpoint(proxy, plan) as admin:
            async with _reloading(proxy, plan):
                announce_admin(admin)
                if on_started is not None:
                    on_started(proxy)
                await signals.wait()
            await proxy.stop(plan.drain_seconds)
    except EdgeProxyError:
        await proxy.stop(0)
        raise
    logger.info("edgeproxy has stopped.", extra=event("stopped"))
    return ExitCode.FINE


@contextlib.contextmanager
def log_to(option: str, place: str) -> Iterator[AccessLog | None]:
    """The log that an option asks for: `-` is standard output, `off` none, all else a file that is appended to.

    Raises:
        ConfigError: The file cannot be opened.
    """
    if place == "off":
        yield None
        return
    with contextlib.ExitStack() as stack:
        try:
            number = STANDARD_OUTPUT if place == "-" else _open_file(Path(place), stack)
        except OSError as error:
            raise ConfigError(option, place, f"'{place}' cannot be opened: {error.strerror}.") from error
        log = AccessLog(Descriptor(number), words=option.removeprefix("--").replace("-", " "))
        stack.callback(log.close)
        yield log


def _open_file(path: Path, stack: contextlib.ExitStack) -> int:
    return stack.enter_context(path.open("ab", buffering=0)).fileno()


def _proxy(
    plan: Plan, *, access_log: AccessLog | None, connection_log: AccessLog | None, health_check_log: AccessLog | None
) -> EdgeProxy:
    topology = plan.loaded.topology
    certificates = FileCertificateLocator(
        plan.base_dir, plan.certs_dir, plan.names, account_id=topology.account_id, region=topology.region
    )
    return EdgeProxy(
        certificates=certificates,
        trust_stores=FileTrustStoreLocator(plan.base_dir),
        binds={declared: Bind(address.host, address.port) for declared, address in plan.binds.items()},
        time_scale=plan.time_scale,
        access_log=access_log,
        connection_log=connection_log,
        health_check_log=health_check_log,
        stickiness_key=functools.partial(_stickiness_key, plan.certs_dir),
        fault_header=plan.fault_header,
    )


def _unused_binds(plan: Plan) -> Iterator[str]:
    """What `--bind` says about ports that no listener has: probably not what was meant."""
    ports = {each.port for balancer in plan.loaded.topology.load_balancers for each in balancer.listeners}
    for port in sorted(plan.binds.keys() - ports):
        known = ", ".join(map(str, sorted(ports))) or "none"
        yield f"--bind {port}=… has no effect: no listener has port {port}. The listeners' ports are: {known}."


def _report(error: EdgeProxyError, plan: Plan) -> ExitCode:
    if isinstance(error, BindError):
        is_admin = plan.admin is not None and (error.host, error.port) == (plan.admin.host, plan.admin.port)
        hint = "Choose another with --admin HOST:PORT, or --admin off." if is_admin else bind_hint(error, plan.binds)
        logger.error("%s. %s", error, hint, extra=event("port_not_bound", port=error.port) | {"banner": True})
        return ExitCode.PORT_NOT_BOUND
    for problem in str(error).splitlines():
        logger.error("%s", problem, extra=event("configuration_refused") | {"banner": True})
    return ExitCode.NOT_FINE


@contextlib.asynccontextmanager
async def _admin_endpoint(proxy: EdgeProxy, plan: Plan) -> AsyncIterator[Address | None]:
    if plan.admin is None:
        yield None
        return
    # imported in a thread, so that the listeners answer in the meantime
    module = await asyncio.to_thread(importlib.import_module, "edgeproxy.control.admin")
    endpoint: AdminEndpoint = module.AdminEndpoint(proxy, authority=plan.authority, metrics=lambda: _metrics(proxy))
    address = await endpoint.start(plan.admin)
    try:
        yield address
    finally:
        await endpoint.stop()


def _stickiness_key(directory: Path) -> bytes:
    from edgeproxy.control.stickiness_key import stickiness_key  # noqa: PLC0415 - few configurations need one

    return stickiness_key(directory)


def _metrics(proxy: EdgeProxy) -> bytes:
    from edgeproxy.runtime.prometheus import render  # noqa: PLC0415 - few ask for it

    return render(proxy.metrics, proxy.target_groups, proxy.topology)


@contextlib.asynccontextmanager
async def _reloading(proxy: EdgeProxy, plan: Plan) -> AsyncIterator[None]:
    """SIGHUP and changes of the file make the store read the configuration again."""
    store = Store(proxy, load=plan.load)
    async with answering(signal.SIGHUP, store.reload), asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(watch(plan.watched, store.reload)) if plan.watched is not None else None
        try:
            yield
        finally:
            if watching is not None:
                watching.cancel()


async def _deliver_logs(proxy: EdgeProxy) -> None:
    if await proxy.deliver_logs():
        logger.info("The logs so far are complete.", extra=event("logs_delivered"))
    else:
        logger.warning("The logs so far are not complete yet: what they are written to takes too long.")
