"""Fixtures that tests of several rooms share."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HELPERS = Path(__file__).with_name("helpers")


def _load(name: str) -> Any:
    """A module of tests/helpers; test folders are no packages, so an import statement would not find it."""
    full_name = f"edgeproxy_tests_{name}"
    if full_name not in sys.modules:
        specification = importlib.util.spec_from_file_location(full_name, HELPERS / f"{name}.py")
        assert specification is not None
        assert specification.loader is not None
        module = importlib.util.module_from_spec(specification)
        sys.modules[full_name] = module
        specification.loader.exec_module(module)
    return sys.modules[full_name]


@pytest.fixture
def run_edgeproxy(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Starts `edgeproxy VERB …` as a process of its own and waits until it is ready; see `helpers/process.py`."""
    process = _load("process")
    started: list[Any] = []

    def run(*arguments: str | Path, **settings: Any) -> Any:
        started.append(process.EdgeProxyProcess(arguments, working_directory=tmp_path, **settings))
        return started[-1]

    yield run
    for each in started:
        each.close()


@pytest.fixture
def run_script() -> Iterator[Callable[..., int]]:
    """Starts a Python script that listens on the port it is given last, and returns that port once it does."""
    process = _load("process")
    started: list[Any] = []

    def run(script: Path, *arguments: str) -> int:
        started.append(process.ListeningScript(script, arguments))
        port: int = started[-1].port
        return port

    yield run
    for each in started:
        each.close()
