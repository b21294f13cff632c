"""edgeproxy and aiohttp do today what is recorded of them; what nginx and HAProxy did is compared in test_cases.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.differential.cases import OURS, recorded, requests
from tests.differential.probe import ask_all
from tests.differential.servers import aiohttp_port, our_port

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager


async def _changes(name: str, place: AbstractAsyncContextManager[int]) -> dict[str, tuple[str, str]]:
    """Case -> what is recorded, and what was seen instead."""
    _, outcomes = recorded()
    async with place as port:
        seen = await ask_all(port, requests())
    return {case: (outcomes[case][name], words) for case, words in seen.items() if words != outcomes[case][name]}


@pytest.mark.slow
async def test_edgeproxy_does_what_is_recorded() -> None:
    """After a change that is meant: `python -m tests.differential --record`, and a reason in differences.yaml."""
    assert {} == await _changes(OURS, our_port())


@pytest.mark.slow
async def test_aiohttp_does_what_is_recorded() -> None:
    """A new version of aiohttp may read some of it in another way: then record again."""
    assert {} == await _changes("aiohttp", aiohttp_port())
