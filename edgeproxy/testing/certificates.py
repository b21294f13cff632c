"""The throw-away CA: one for the process, in a folder that is gone when the process ends."""

from __future__ import annotations

import functools
import ssl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from edgeproxy.control.certs import DevelopmentCA

if TYPE_CHECKING:
    from collections.abc import Iterable


class ThrowAwayCA:
    """A certificate authority that nobody outside of the tests will ever trust.

    Attributes:
        folder: Where its files are.
        file: Its certificate, PEM.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="edgeproxy-testing-")
        self.folder = Path(self._folder.name)
        self._ca = DevelopmentCA.open(self.folder)
        self.file = self._ca.path

    def issue(self, *names: str) -> Path:
        """A certificate with its key, one PEM file: for a listener, or for a client in mutual TLS."""
        return self._ca.issue(names).path

    def client_context(self, certificate: Path | None = None, *, alpn: Iterable[str] = ()) -> ssl.SSLContext:
        """A context for clients that trust this CA and nobody else.

        Args:
            certificate: What the client shows if it is asked, as from `issue`.
            alpn: The protocols it offers, such as `h2`.
        """
        context = ssl.create_default_context(cafile=self.file)
        if certificate is not None:
            context.load_cert_chain(certificate)
        if protocols := list(alpn):
            context.set_alpn_protocols(protocols)
        return context

    def __repr__(self) -> str:
        return f"<ThrowAwayCA {self.file}>"


@functools.cache
def throw_away_ca() -> ThrowAwayCA:
    """The process's, made when it is first asked for."""
    return ThrowAwayCA()
