"""Waiting for a condition, and no longer."""

from __future__ import annotations

import asyncio

import pytest

from tests.helpers.wait import until, until_blocking


async def test_what_is_true_is_not_waited_for() -> None:
    assert 7 == await until(lambda: 7, within=0)
    assert 7 == until_blocking(lambda: 7, within=0)


async def test_other_tasks_run_meanwhile() -> None:
    event = asyncio.Event()
    asyncio.get_running_loop().call_soon(event.set)

    assert await until(event.is_set)


async def test_what_does_not_come_true_fails_with_the_place_of_the_condition() -> None:
    with pytest.raises(AssertionError, match=r"within 0\.01 s: .*test_wait\.py:"):
        await until(lambda: False, within=0.01)
    with pytest.raises(AssertionError, match=r"within 0\.01 s: .*test_wait\.py:"):
        until_blocking(lambda: False, within=0.01)
