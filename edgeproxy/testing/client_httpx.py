"""`httpx`: the URL is changed on its way down, after the Host header and the cookies were made from it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import httpx

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from edgeproxy.testing.alb import Alb

_PORTS: Final = {"http": 80, "https": 443}


class _Transport(httpx.HTTPTransport):
    def __init__(self, alb: Alb, context: ssl.SSLContext, **options: Any) -> None:
        super().__init__(verify=context, **options)
        self._alb = alb

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with _leading(self._alb, request):
            return super().handle_request(request)


class _AsyncTransport(httpx.AsyncHTTPTransport):
    def __init__(self, alb: Alb, context: ssl.SSLContext, **options: Any) -> None:
        super().__init__(verify=context, **options)
        self._alb = alb

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        with _leading(self._alb, request):
            return await super().handle_async_request(request)


def client(
    alb: Alb, context: ssl.SSLContext, *, http1: bool = True, http2: bool = False, **options: Any
) -> httpx.Client:
    """A client whose connections lead to the load balancer."""
    return httpx.Client(transport=_Transport(alb, context, http1=http1, http2=http2), **options)


def async_client(
    alb: Alb, context: ssl.SSLContext, *, http1: bool = True, http2: bool = False, **options: Any
) -> httpx.AsyncClient:
    """The same, asynchronous."""
    return httpx.AsyncClient(transport=_AsyncTransport(alb, context, http1=http1, http2=http2), **options)


@contextlib.contextmanager
def _leading(alb: Alb, request: httpx.Request) -> Iterator[None]:
    """The connection is the load balancer's, and the URL the test's again when cookies and redirects are looked at."""
    url = request.url
    found = alb.real_address(url.port or _PORTS[url.scheme])
    if found is not None:
        request.extensions = {**request.extensions, "sni_hostname": url.host}
        request.url = url.copy_with(host=found[0], port=found[1])
    try:
        yield
    finally:
        request.url = url
