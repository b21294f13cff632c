"""What the tests of the model share: a way to read refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from edgeproxy.errors import ConfigError
from edgeproxy.model.base import each_error

if TYPE_CHECKING:
    from collections.abc import Callable

Refusals = list[tuple[str, str]]


@pytest.fixture
def refusals() -> Callable[[Callable[[], Any]], Refusals]:
    """Each broken law that a constructor reports, as (path, reason); empty where it is happy."""

    def read(make: Callable[[], Any]) -> Refusals:
        try:
            make()
        except ConfigError as error:
            return [(one.path, one.reason) for one in each_error(error)]
        return []

    return read


@pytest.fixture
def codes() -> Callable[[Callable[[], Any]], list[str]]:
    """The error codes that a constructor reports."""

    def read(make: Callable[[], Any]) -> list[str]:
        try:
            make()
        except ConfigError as error:
            return [one.code for one in each_error(error)]
        return []

    return read
