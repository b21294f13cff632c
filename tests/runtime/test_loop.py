"""Which event loop runs."""

from __future__ import annotations

import asyncio
import logging
import sys

import pytest

from edgeproxy.runtime import loop


async def running_loop() -> str:
    return type(asyncio.get_running_loop()).__module__.partition(".")[0]


def test_uvloop_is_used_where_it_is_installed() -> None:
    assert "uvloop" == loop.run(running_loop())


def test_asyncio_is_used_where_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)

    assert loop.loop_factory() is None
    assert "asyncio" == loop.run(running_loop())


@pytest.mark.parametrize(
    ("message", "error", "levels"),
    [
        ("Fatal error on SSL protocol", RuntimeError("the handler is closed"), ["DEBUG"]),
        ("Fatal error on SSL protocol", ValueError("of ours"), ["ERROR"]),
        ("Unhandled exception in callback", RuntimeError("of ours"), ["ERROR"]),
        ("Future exception was never retrieved", ConnectionResetError("by the target"), ["DEBUG"]),
        ("Future exception was never retrieved", ValueError("of ours"), ["ERROR"]),
        ("Task exception was never retrieved", ConnectionResetError("in a task of ours"), ["ERROR"]),
    ],
)
def test_only_connections_that_were_reset_are_no_error(
    message: str, error: Exception, levels: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    async def report() -> None:
        asyncio.get_running_loop().call_exception_handler({"message": message, "exception": error})

    with caplog.at_level(logging.DEBUG, "edgeproxy"):
        loop.run(report())

    assert levels == [record.levelname for record in caplog.records if record.name != "asyncio" or record.levelno > 10]
