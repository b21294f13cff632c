"""Says once for each security policy what this machine's Python and OpenSSL make otherwise than the policy says."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgeproxy.runtime.server_tls import ServerTls

_log = logging.getLogger("edgeproxy")


class PolicyShortfalls:
    """The policies that were looked at, in each library."""

    def __init__(self) -> None:
        self._seen: set[tuple[type, str]] = set()

    def tell(self, tls: ServerTls) -> None:
        """A listener is going to use this."""
        # Mutual TLS comes from another library, with an OpenSSL of its own.
        key = (type(tls), tls.policy.name)
        if key in self._seen:
            return
        self._seen.add(key)
        sentence = tls.shortfalls()
        if sentence:
            _log.info("%s", sentence)
