"""Which event loop runs."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from edgeproxy.runtime import loop

if TYPE_CHECKING:
    import pytest


async def running_loop() -> str:
    return type(asyncio.get_running_loop()).__module__.partition(".")[0]


def test_uvloop_is_used_where_it_is_installed() -> None:
    assert "uvloop" == loop.run(running_loop())


def test_asyncio_is_used_where_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)

    assert loop.loop_factory() is None
    assert "asyncio" == loop.run(running_loop())
