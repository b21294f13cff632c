"""`edgeproxy demo`: a load balancer in front of two sample targets, to look at and to curl.

It is the scene that edgeproxy is for: HTTP redirects to HTTPS, HTTPS has a certificate by the development CA, and the
health check counts the 404 on `/` as healthy. Listeners are declared on the ports where they are bound, so that the
redirect leads a browser to the right place.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edgeproxy.control.addresses import Address
from edgeproxy.control.options import ADMIN_DEFAULT
from edgeproxy.control.output import LogFormat, configure_logging, event
from edgeproxy.control.plan import Plan, loaded_without_file
from edgeproxy.control.quick_config import QuickConfig
from edgeproxy.runtime import loop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from edgeproxy.control.demo_targets import SampleTarget
    from edgeproxy.control.exit_codes import ExitCode

logger = logging.getLogger(__name__)

_PORT_PAIRS = ((80, 443), (8000, 8443))
_TARGET_PORTS = (8080, 8081)
_DRAIN_SECONDS = 5.0


def run_demo(*, admin: Address | None, certs_dir: Path, log_format: LogFormat) -> ExitCode:
    """Run the demo until a signal ends it."""
    configure_logging(log_format)
    return loop.run(_demo(admin, certs_dir))


async def _demo(admin: Address | None, certs_dir: Path) -> ExitCode:
    from edgeproxy.control.serving import serve  # noqa: PLC0415 - the message about a missing port comes from there

    http_port, https_port = choose_ports(can_bind)
    async with sample_targets() as targets:
        quick = QuickConfig(
            targets=[Address("127.0.0.1", target.port) for target in targets],
            health_codes="200,404",
            http_port=http_port,
            https_port=https_port,
            name="demo",
        )
        plan = Plan(
            loaded=loaded_without_file(quick),
            source="the demo",
            base_dir=Path(),
            certs_dir=certs_dir,
            admin=admin,
            drain_seconds=_DRAIN_SECONDS,
        )
        return await serve(plan, on_started=lambda _: _invite(http_port, https_port, plan))


@contextlib.asynccontextmanager
async def sample_targets() -> AsyncIterator[Sequence[SampleTarget]]:
    """Two sample targets on 8080 and 8081, or on free ports where those are taken."""
    from edgeproxy.control.demo_targets import SampleTarget  # noqa: PLC0415 - only the demo needs aiohttp at its start

    targets = [SampleTarget("sample-1"), SampleTarget("sample-2")]
    async with contextlib.AsyncExitStack() as stack:
        for target, port in zip(targets, _TARGET_PORTS, strict=True):
            await target.start(port)
            stack.push_async_callback(target.stop)
            note = "" if target.port == port else f" (port {port} is taken)"
            message = f"{target.name} listens on 127.0.0.1:{target.port}{note}"
            logger.info("%s", message, extra=event("sample_target", port=target.port) | {"banner": True})
        yield targets


def choose_ports(is_free: Callable[[int], bool]) -> tuple[int, int]:
    """The HTTP and the HTTPS listener's port: 80 and 443, else 8000 and 8443, else any two that are free."""
    for pair in _PORT_PAIRS:
        if all(is_free(port) for port in pair):
            return pair
    return free_port(), free_port()


def can_bind(port: int) -> bool:
    """Whether this process may listen on the port, and nobody else does."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("", 0))
        port: int = probe.getsockname()[1]
    return port


def _invite(http_port: int, https_port: int, plan: Plan) -> None:
    command = "edgeproxy" if shutil.which("edgeproxy") else sys.argv[0]
    for line in invitation(http_port, https_port, plan.certs_dir / "ca.pem", admin=plan.admin, command=command):
        logger.info("%s", line, extra=event("invitation") | {"banner": True})


def invitation(http_port: int, https_port: int, authority: Path, *, admin: Address | None, command: str) -> list[str]:
    """What to try, as lines to copy into a shell."""
    http = "http://localhost" + ("" if http_port == 80 else f":{http_port}")
    https = "https://localhost" + ("" if https_port == 443 else f":{https_port}")
    where = "" if str(admin) == ADMIN_DEFAULT else f" --admin {admin}"
    return [
        "Try:",
        f"  curl --cacert {authority} {https}/hello",
        f"  curl --cacert {authority} -iL {http}/hello",
        *([] if admin is None else [f"  {command} health{where}"]),
        f"A browser shows {https}/hello without a warning after: {command} certs trust",
        "Ctrl-C ends it.",
    ]
