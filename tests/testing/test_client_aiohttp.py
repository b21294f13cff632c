"""aiohttp finds the load balancer under any name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edgeproxy.testing import Alb, targets
from tests.helpers.named_alb import URLS, host_of, named_alb

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def alb() -> Iterator[Alb]:
    with named_alb() as made:
        yield made


@pytest.mark.parametrize("url", URLS)
async def test_aiohttp(alb: Alb, url: str) -> None:
    async with alb.clients.aiohttp() as client, client.get(url) as response:
        assert host_of(url) == await response.text()


async def test_other_ports_lead_to_where_they_always_led(alb: Alb) -> None:
    with targets.answering("other") as other:
        async with alb.clients.aiohttp() as client, client.get(other.url) as response:
            assert "other" == await response.text()
