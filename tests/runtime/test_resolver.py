"""Names to addresses."""

from __future__ import annotations

import socket

import pytest

from edgeproxy.runtime.resolver import resolve


async def test_a_name_that_every_machine_knows_resolves() -> None:
    assert "127.0.0.1" in await resolve("localhost")


async def test_an_address_is_its_own_name() -> None:
    assert ["127.0.0.1"] == await resolve("127.0.0.1")


async def test_ipv4_comes_first_and_nothing_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 0, 0, 0)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.2", 0)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.2", 0)),
        ]

    class Loop:
        async def getaddrinfo(self, *_: object, **__: object) -> list[tuple[object, ...]]:
            return found()

    monkeypatch.setattr("edgeproxy.runtime.resolver.asyncio.get_running_loop", Loop)

    assert ["127.0.0.2", "127.0.0.1", "::1"] == await resolve("app.test")


@pytest.mark.both_loops
@pytest.mark.parametrize("name", ["does-not-exist.invalid", "a..b", "x" * 70 + ".test"])
async def test_a_name_without_an_address_is_an_oserror(name: str) -> None:
    """Whatever is wrong with it: some names are refused before anybody is asked."""
    with pytest.raises(OSError, match=r"."):
        await resolve(name)
