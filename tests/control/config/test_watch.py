from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from edgeproxy.control.config.watch import POLL_SECONDS, SETTLE_SECONDS, FileWatch, watch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "edgeproxy.yaml"
    path.write_text("one")
    return path


def test_nothing_has_changed_at_first(file: Path) -> None:
    assert not FileWatch(file).has_changed()


def test_a_save_in_place_is_a_change(file: Path) -> None:
    watched = FileWatch(file)
    file.write_text("another length")

    assert watched.has_changed()


def test_an_editors_rename_over_the_file_is_a_change(file: Path) -> None:
    """The same size and time, but another inode."""
    watched = FileWatch(file)
    aside = file.with_suffix(".new")
    aside.write_text("two")
    aside.replace(file)

    assert watched.has_changed()


def test_a_symbolic_link_that_is_switched_is_a_change(tmp_path: Path, file: Path) -> None:
    """How Kubernetes updates a mounted ConfigMap."""
    link = tmp_path / "link.yaml"
    link.symlink_to(file)
    watched = FileWatch(link)
    other = tmp_path / "other.yaml"
    other.write_text("two")
    aside = tmp_path / "aside.yaml"
    aside.symlink_to(other)
    aside.replace(link)

    assert watched.has_changed()


def test_a_file_that_is_gone_for_a_moment_is_no_change(file: Path) -> None:
    watched = FileWatch(file)
    file.unlink()

    assert not watched.has_changed()
    assert not watched.accept()


def test_a_file_that_is_still_being_written_is_left_alone(file: Path) -> None:
    watched = FileWatch(file)
    file.write_text("one and")
    first_look = watched.accept()
    file.write_text("one and two")
    second_look = watched.accept()

    assert [False, False, True] == [first_look, second_look, watched.accept()]


class ScriptedSleep:
    """Stands in for `asyncio.sleep`: at each poll the next step is taken; after the last one the watch is cancelled."""

    def __init__(self, *steps: Callable[[], object]) -> None:
        self._steps = list(steps)
        self.slept: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)
        if seconds != POLL_SECONDS:
            return
        if not self._steps:
            raise asyncio.CancelledError
        self._steps.pop(0)()


async def test_each_change_is_reported_once(file: Path) -> None:
    seen: list[str] = []

    def read() -> None:
        seen.append(file.read_text())

    async def on_change() -> None:
        read()

    sleep = ScriptedSleep(
        lambda: None, lambda: file.write_text("second"), lambda: None, lambda: file.write_text("third one")
    )
    with pytest.raises(asyncio.CancelledError):
        await watch(FileWatch(file), on_change, sleep=sleep)

    assert ["second", "third one"] == seen
    assert SETTLE_SECONDS in sleep.slept
