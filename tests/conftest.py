"""Fixtures that tests of several rooms share."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from edgeproxy.runtime.loop import loop_factory
from tests.helpers.process import EdgeProxyProcess, ListeningScript

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# A busy machine is slow and nothing is wrong: no example has a time limit. The examples are the same in every run, so
# that what passes here passes there; new ones are looked for by `python -m tests.fuzz` and, in every property, by
# `pytest --hypothesis-profile=search`.
hypothesis.settings.register_profile(
    "search", deadline=None, database=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.register_profile("same", hypothesis.settings.get_profile("search"), derandomize=True)
hypothesis.settings.load_profile("same")


def pytest_configure(config: pytest.Config) -> None:
    """Say what the marker means that this file acts on, and let Ctrl-C reach the programs under test."""
    config.addinivalue_line("markers", "both_loops: runs on the usual event loop and on asyncio's own.")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # As a shell has it for what it runs in the background; it is inherited.
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Tests run on the loop that users get, uvloop where there is one; those of the core on asyncio's as well."""
    usual = loop_factory() or asyncio.new_event_loop
    factories: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {usual.__module__.partition(".")[0]: usual}
    if item.get_closest_marker("both_loops") is not None:
        factories["asyncio"] = asyncio.new_event_loop
    return factories


@pytest.fixture
def run_edgeproxy(tmp_path: Path) -> Iterator[Callable[..., EdgeProxyProcess]]:
    """Starts `edgeproxy VERB …` as a process of its own and waits until it is ready."""
    started: list[EdgeProxyProcess] = []

    def run(*arguments: str | Path, **settings: Any) -> EdgeProxyProcess:
        started.append(EdgeProxyProcess(arguments, working_directory=tmp_path, **settings))
        return started[-1]

    yield run
    for each in started:
        each.close()


@pytest.fixture
def run_script() -> Iterator[Callable[..., int]]:
    """Starts a Python script that listens on the port it is given last, and returns that port once it does."""
    started: list[ListeningScript] = []

    def run(script: Path, *arguments: str) -> int:
        started.append(ListeningScript(script, arguments))
        return started[-1].port

    yield run
    for each in started:
        each.close()
