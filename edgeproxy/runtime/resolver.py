"""Names to addresses, for targets registered by name. Our extension: AWS registers addresses and instance ids."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

Resolve = Callable[[str], Awaitable[list[str]]]
"""Gives the addresses of a name, IPv4 first. Raises OSError when there is none."""


async def resolve(name: str) -> list[str]:
    """Asks the system, which knows about /etc/hosts, Docker's DNS and search domains."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        # What cannot be a name is refused by the codec for names, before anybody is asked.
        raise OSError(f"'{name}' cannot be a host name: {error}") from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    return sorted(addresses, key=lambda address: ":" in address)
