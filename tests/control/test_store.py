from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from edgeproxy.control.config.loader import ConfigFileError, ConfigWarning, LoadedConfig, Problem
from edgeproxy.control.store import Store
from edgeproxy.errors import BindError, ConfigError
from edgeproxy.model.topology import Topology

if TYPE_CHECKING:
    from collections.abc import Callable

NEW = Topology(region="eu-west-1")
FILE = Path("edgeproxy.yaml")


def loaded(*warnings: ConfigWarning) -> LoadedConfig:
    return LoadedConfig(topology=NEW, warnings=warnings, path=FILE)


def failing(error: Exception) -> Callable[[], LoadedConfig]:
    def load() -> LoadedConfig:
        raise error

    return load


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "edgeproxy")
    return caplog


async def test_a_topology_replaces_the_one_before(proxy: Any) -> None:
    store = Store(proxy)
    await store.replace(NEW)

    assert NEW == store.topology


async def test_a_refused_topology_changes_nothing(proxy: Any, topology: Topology) -> None:
    store = Store(proxy)
    proxy.refusal = BindError("", 80, "Address already in use")
    with pytest.raises(BindError):
        await store.replace(NEW)

    assert topology == store.topology


async def test_changes_wait_for_each_other(proxy: Any) -> None:
    """Two at once could leave the listeners of one with the rules of the other."""
    running: list[int] = []
    most: list[int] = []

    async def apply(_: Topology) -> None:
        running.append(1)
        most.append(len(running))
        await asyncio.sleep(0)
        running.pop()

    proxy.apply = apply
    store = Store(proxy)
    await asyncio.gather(*(store.replace(NEW) for _ in range(3)))

    assert [1, 1, 1] == most


async def test_a_reload_serves_what_the_file_says_now(proxy: Any, log: pytest.LogCaptureFixture) -> None:
    store = Store(proxy, load=loaded)

    assert await store.reload()
    assert NEW == store.topology
    assert "edgeproxy.yaml was read again and serves now." in log.text


async def test_a_reload_repeats_the_files_warnings(proxy: Any, log: pytest.LogCaptureFixture) -> None:
    warning = ConfigWarning(file="edgeproxy.yaml", line=3, col=5, path="Rules[1]", reason="can never match")
    await Store(proxy, load=lambda: loaded(warning)).reload()

    assert "edgeproxy.yaml:3:5: Rules[1]: can never match" in log.text


async def test_a_file_with_mistakes_changes_nothing_and_lists_them_all(
    proxy: Any, topology: Topology, log: pytest.LogCaptureFixture
) -> None:
    problems = [
        Problem(file="edgeproxy.yaml", line=1, col=2, path="A", reason="is wrong"),
        Problem(file="edgeproxy.yaml", line=3, col=4, path="B", reason="is wrong, too"),
    ]
    store = Store(proxy, load=failing(ConfigFileError(problems)))

    assert not await store.reload()
    assert topology == store.topology
    assert (
        "The changed configuration was not taken; the one before keeps serving.\n"
        "edgeproxy.yaml:1:2: A: is wrong\n"
        "edgeproxy.yaml:3:4: B: is wrong, too"
    ) == log.messages[-1]


async def test_a_file_that_cannot_be_applied_changes_nothing(
    proxy: Any, topology: Topology, log: pytest.LogCaptureFixture
) -> None:
    proxy.refusal = ConfigError("Certificates[0]", "app.pem", "The file does not exist.")
    store = Store(proxy, load=loaded)

    assert not await store.reload()
    assert topology == store.topology
    assert "Certificates[0]: The file does not exist." in log.messages[-1]


async def test_a_failure_of_our_own_does_not_end_the_load_balancer(
    proxy: Any, topology: Topology, log: pytest.LogCaptureFixture
) -> None:
    store = Store(proxy, load=failing(RuntimeError("a mistake in edgeproxy")))

    assert not await store.reload()
    assert topology == store.topology
    assert "a mistake in edgeproxy" in log.text


async def test_without_a_file_there_is_nothing_to_reload(proxy: Any, log: pytest.LogCaptureFixture) -> None:
    assert not await Store(proxy).reload()
    assert "There is no configuration file to read again." in log.text
