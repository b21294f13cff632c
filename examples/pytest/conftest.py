"""The shop behind its load balancer, for every test in this folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from app import Shop

from edgeproxy.testing import targets

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = Path(__file__).parent


@pytest.fixture(scope="session")
def alb_config() -> Path:
    """The fixture `alb` runs the configuration of production."""
    return FOLDER / "edgeproxy.yaml"


@pytest.fixture(scope="session")
def alb_names() -> list[str]:
    """Its throw-away certificate covers the shop's name; the clients that it makes find it under any."""
    return ["shop.example.com"]


@pytest.fixture
def instance() -> Callable[[str], targets.AiohttpTarget]:
    """Makes instances of the shop; the load balancer that gets one starts it, and stops it with the test."""

    def make(name: str) -> targets.AiohttpTarget:
        return targets.aiohttp(Shop(name).app(), keepalive_timeout=75)

    return make
