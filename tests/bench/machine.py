"""The machine a run was made on, in words, and which of its cores does what.

The proxy gets one core for itself; the load generator, the target and the bench process share another one. So a
proxy's processor time is its own, and a fast proxy is never measured against a load generator that steals its core.
"""

from __future__ import annotations

import contextlib
import os
import platform
import resource
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, kw_only=True)
class Cores:
    """Which core runs the proxy and which one runs everything else (the same one on a machine that has only one)."""

    proxy: int
    load: int


def choose_cores() -> Cores:
    """The first allowed core for the proxy, the second for load generator and target."""
    allowed = sorted(os.sched_getaffinity(0))
    return Cores(proxy=allowed[0], load=allowed[min(1, len(allowed) - 1)])


@contextlib.contextmanager
def pinned_to(core: int) -> Iterator[None]:
    """Processes started inside the block inherit the pinning; the caller gets its own cores back."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def allow_many_files() -> None:
    """Raise the soft limit of open files to the hard one, for us and for every process we start."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def cpu_model(cpuinfo: str) -> str:
    """The first `model name` of /proc/cpuinfo's text, or the architecture where there is none (ARM)."""
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def describe(now: dt.datetime) -> Mapping[str, str]:
    """What a reader of a table must know about where it comes from."""
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    return {
        "Date": f"{now:%Y-%m-%d %H:%M} UTC",
        "CPU": cpu_model(Path("/proc/cpuinfo").read_text(encoding="utf-8")),
        "Cores": str(len(os.sched_getaffinity(0))),
        "Kernel": f"{platform.system()} {platform.release()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "Load average at the start (1, 5, 15 minutes)": load,
    }


def complain_about_platform() -> str | None:
    """Why no measurement is possible here, or None."""
    if sys.platform != "linux":
        return "The bench needs Linux: it pins processes to cores and reads processor time and memory from /proc."
    return None
