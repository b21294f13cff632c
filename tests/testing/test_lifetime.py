"""What is started is stopped, whichever way it is used."""

from __future__ import annotations

from typing import Self

from edgeproxy.testing.lifetime import Lifetime


class Listed(Lifetime):
    def __init__(self) -> None:
        self.calls: list[str] = []

    def start(self) -> Self:
        self.calls.append("start")
        return self

    def stop(self) -> None:
        self.calls.append("stop")


def test_with() -> None:
    listed = Listed()
    with listed as same:
        assert same is listed
    assert ["start", "stop"] == listed.calls


async def test_async_with() -> None:
    listed = Listed()
    async with listed as same:
        assert ["start"] == same.calls
    assert ["start", "stop"] == listed.calls
