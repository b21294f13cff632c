"""`aiohttp`: a resolver that answers with the load balancer's address, port included."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

if TYPE_CHECKING:
    import ssl

    from edgeproxy.testing.alb import Alb


class _Resolver(AbstractResolver):
    def __init__(self, alb: Alb) -> None:
        self._alb = alb
        self._others = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = self._alb.real_address(port)
        if found is None:
            return await self._others.resolve(host, port, family)
        address, real_port = found
        return [
            ResolveResult(
                hostname=host, host=address, port=real_port, family=socket.AF_INET, proto=0, flags=socket.AI_NUMERICHOST
            )
        ]

    async def close(self) -> None:
        await self._others.close()


def session(alb: Alb, context: ssl.SSLContext, **options: Any) -> aiohttp.ClientSession:
    """A session whose connections lead to the load balancer."""
    connector = aiohttp.TCPConnector(ssl=context, resolver=_Resolver(alb), use_dns_cache=False)
    return aiohttp.ClientSession(connector=connector, **options)
