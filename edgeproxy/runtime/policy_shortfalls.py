"""Says once for each security policy what this machine's Python and OpenSSL make otherwise than the policy says."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgeproxy.runtime.server_tls import ServerTls

_log = logging.getLogger("edgeproxy")


class PolicyShortfalls:
    """The policies that were looked at."""

    def __init__(self) -> None:
        self._names: set[str] = set()

    def tell(self, tls: ServerTls) -> None:
        """A listener is going to use this."""
        if tls.policy.name in self._names:
            return
        self._names.add(tls.policy.name)
        sentence = tls.shortfalls()
        if sentence:
            _log.info("%s", sentence)
