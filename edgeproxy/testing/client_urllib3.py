"""`urllib3` and `requests`, which is built on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.connection import create_connection

if TYPE_CHECKING:
    import socket
    import ssl

    import requests

    from edgeproxy.testing.alb import Alb


def pool_manager(alb: Alb, context: ssl.SSLContext, **options: Any) -> urllib3.PoolManager:
    """A pool manager whose connections lead to the load balancer."""
    manager = urllib3.PoolManager(**{"ssl_context": context, "retries": False, **options})
    manager.pool_classes_by_scheme = _pool_classes(alb)
    return manager


def requests_session(alb: Alb, context: ssl.SSLContext) -> requests.Session:
    """A session whose connections lead to the load balancer."""
    import requests  # noqa: PLC0415 - urllib3 is used without it as well
    from requests.adapters import HTTPAdapter  # noqa: PLC0415

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **options: Any) -> Any:
            super().init_poolmanager(*args, **options, ssl_context=context)
            self.poolmanager.pool_classes_by_scheme = _pool_classes(alb)

        def build_connection_pool_key_attributes(self, *args: Any, **options: Any) -> Any:
            host, pool = super().build_connection_pool_key_attributes(*args, **options)
            # The context knows whom to trust and what to show; requests would have it trust everybody else as well, and
            # with `verify=False` change a context that others use.
            pool.pop("ca_certs", None)
            pool.pop("cert_reqs", None)  # type: ignore[misc]  # its types know nothing of leaving it out
            return host, pool

        def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
            """The context does it."""

    session = requests.Session()
    session.trust_env = False
    for scheme in ("http://", "https://"):
        session.mount(scheme, Adapter())
    return session


def _pool_classes(alb: Alb) -> dict[str, Any]:
    class Leading:
        def _new_conn(self) -> socket.socket:
            found = alb.real_address(self.port)  # type: ignore[attr-defined]
            if found is None:
                return super()._new_conn()  # type: ignore[misc,no-any-return]
            return create_connection(found, self.timeout)  # type: ignore[attr-defined]

    class Plain(Leading, HTTPConnection):
        pass

    class Secure(Leading, HTTPSConnection):
        pass

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}
