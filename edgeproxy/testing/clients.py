"""Clients that trust a load balancer under test, and find it under any name.

A client of these connects to the load balancer whatever host its URL names, as long as a listener declares the URL's
port, or really has it: `https://app.example.com/`, `http://localhost/` and `alb.url("/")` all work, and redirects to
port 443 lead somewhere. Each library is imported when it is asked for.

All of them take `context`, what this client speaks TLS with: one that shows a certificate, as `alb.ca.client_context`
makes it, beside one that shows none. Where it is left out it is the load balancer's `ssl_context`.
"""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator
    from pathlib import Path

    import aiohttp as aiohttp_
    import httpx as httpx_
    import requests as requests_
    import urllib3 as urllib3_

    from edgeproxy.testing.alb import Alb


class Clients:
    """Makes clients; what a test leaves open is closed with the load balancer, but for the asynchronous ones."""

    def __init__(self, alb: Alb) -> None:
        self._alb = alb
        self._opened = contextlib.ExitStack()

    def requests(self, *, context: ssl.SSLContext | None = None) -> requests_.Session:
        """A session of `requests`."""
        with _installed("requests"):
            from edgeproxy.testing.client_urllib3 import requests_session  # noqa: PLC0415 - where it is installed

            made = requests_session(self._alb, context or self._alb.ssl_context)
        return self._opened.enter_context(made)

    def urllib3(self, *, context: ssl.SSLContext | None = None, **options: Any) -> urllib3_.PoolManager:
        """A pool manager of `urllib3`."""
        with _installed("urllib3"):
            from edgeproxy.testing.client_urllib3 import pool_manager  # noqa: PLC0415 - where it is installed

        return self._opened.enter_context(pool_manager(self._alb, context or self._alb.ssl_context, **options))

    def httpx(self, *, context: ssl.SSLContext | None = None, **options: Any) -> httpx_.Client:
        """A client of `httpx`."""
        with _installed("httpx"):
            from edgeproxy.testing import client_httpx  # noqa: PLC0415 - where it is installed

        made = client_httpx.client(self._alb, context or self._alb.ssl_context, **options)
        self._opened.callback(made.close)
        return made

    def async_httpx(self, *, context: ssl.SSLContext | None = None, **options: Any) -> httpx_.AsyncClient:
        """An asynchronous client of `httpx`; to be closed by the test."""
        with _installed("httpx"):
            from edgeproxy.testing import client_httpx  # noqa: PLC0415 - where it is installed

        return client_httpx.async_client(self._alb, context or self._alb.ssl_context, **options)

    def aiohttp(self, *, context: ssl.SSLContext | None = None, **options: Any) -> aiohttp_.ClientSession:
        """A session of `aiohttp`; to be closed by the test."""
        from edgeproxy.testing import client_aiohttp  # noqa: PLC0415 - aiohttp takes long to import

        return client_aiohttp.session(self._alb, context or self._alb.ssl_context, **options)

    def grpc(self, *, certificate: Path | None = None, **options: Any) -> Any:
        """A channel of `grpcio`; see `client_grpc.py` for the options.

        gRPC has its own TLS, so it takes the certificate that it shows, as `alb.ca.issue` makes it, and no context.
        """
        with _installed("grpcio"):
            from edgeproxy.testing import client_grpc  # noqa: PLC0415 - where it is installed

        made = client_grpc.channel(self._alb, certificate=certificate, **options)
        self._opened.callback(made.close)
        return made

    def connect(
        self, *, port: int | None = None, host: str = "localhost", context: ssl.SSLContext | None = None
    ) -> socket.socket:
        """A connected socket, with TLS where the listener speaks it.

        Args:
            port: The listener's declared port; the HTTPS listener where it is left out.
            host: The name to ask for in TLS.
            context: To speak TLS with; the load balancer's `ssl_context` where it is left out.
        """
        url = self._alb.url(port=port)
        sock = socket.create_connection(("127.0.0.1", self._alb.port(port)), timeout=10)
        if url.startswith("https:"):
            try:
                sock = (context or self._alb.ssl_context).wrap_socket(sock, server_hostname=host)
            except BaseException:
                sock.close()
                raise
        return self._opened.enter_context(sock)

    def close(self) -> None:
        """Closes what is still open."""
        self._opened.close()


@contextlib.contextmanager
def _installed(package: str) -> Iterator[None]:
    """Says what to install where an import does not find it."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise RuntimeError(f"This client needs {package}, which is not installed: pip install {package}.") from error
