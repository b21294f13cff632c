"""Subjects that stand for scripted targets, with an idle timeout that a test can wait for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from edgeproxy.control.doctor.probe import Dialer
from edgeproxy.control.doctor.subject import HealthSettings, Subject

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.helpers.targets import ScriptedTarget


class FakeClock:
    """A clock that a test moves; it measures, and nobody waits by it."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def dialer() -> Dialer:
    return Dialer()


@pytest.fixture
def told() -> list[str]:
    """What was told before something that takes long: pass its `append`."""
    return []


@pytest.fixture
def subject_of() -> Callable[..., Subject]:
    """The subject that a scripted target is; its idle timeout is long, and what is given overrides."""

    def make(target: ScriptedTarget | int, *, health: dict[str, Any] | None = None, **changes: Any) -> Subject:
        port = target if isinstance(target, int) else target.port
        settings: dict[str, Any] = {
            "id": "127.0.0.1",
            "address": "127.0.0.1",
            "idle_timeout": 20.0,
            "patience": 21.0,
        } | changes
        return Subject(port=port, health=HealthSettings(**({"port": port} | (health or {}))), **settings)

    return make
