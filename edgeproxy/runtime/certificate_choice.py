"""The certificates of a listener, and which one a client is shown.

How it is chosen (user guide, https-listener-certificates):

* The first certificate of a listener is its default; the others are its list. Only the list is searched by the name
  that the client sent (SNI); the default takes part when it was added to the list as well.
* No name, or nothing in the list matches: the default is presented. A handshake never fails for its name.
* A literal name goes before a wildcard (the page does not say); `*` stands for exactly one leftmost label.
* Several match: ECDSA goes before RSA if the client can use it, then `ServerCertificate.strength`. What the client can
  use is not told to callbacks, so the best ECDSA and the best RSA certificate share one context and OpenSSL chooses.

`ListenerCertificates` builds one context for each such choice aside and swaps them in together, when the files change
or when a certificate expires that another one of its name can stand in for. It does not know what a context is.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from edgeproxy.errors import ConfigError
from edgeproxy.model.security_policy import TLS13
from edgeproxy.runtime.server_certificate import (
    CertificateFiles,
    ServerCertificate,
    best_by_name,
    read_server_certificate,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from edgeproxy.model.listener import Certificate, Listener

_logger = logging.getLogger(__name__)

ContextT = TypeVar("ContextT")
MadeT_co = TypeVar("MadeT_co", covariant=True)


class CertificateLocator(Protocol):
    """Knows the files behind the name of a certificate."""

    def locate(self, certificate: Certificate, hosts: Sequence[str] = ()) -> CertificateFiles:
        """The files of a certificate.

        Args:
            certificate: What the configuration says.
            hosts: Names that clients will ask this listener for; a certificate made on the spot covers them.

        Raises:
            ConfigError: Nothing usable is known under that name; `path` is relative to the certificate.
        """


class Presented(Generic[ContextT]):
    """A context and the one or two certificates (ECDSA first) that it presents."""

    __slots__ = ("certificates", "context")

    def __init__(self, certificates: tuple[ServerCertificate, ...], context: ContextT) -> None:
        self.certificates = certificates
        self.context = context

    def arn(self, cipher: str) -> str:
        """The certificate that a suite implies; TLS 1.3 suites imply none, and the first one is taken."""
        is_rsa = cipher not in TLS13 and "ECDSA" not in cipher
        return self.certificates[-1 if is_rsa else 0].files.arn


class Choices(Generic[ContextT]):
    """Everything a listener can present, by name. Built whole, never changed."""

    __slots__ = ("_by_name", "_by_parent", "_listed", "default")

    def __init__(
        self,
        default: Presented[ContextT],
        listed: tuple[ServerCertificate, ...],
        by_name: Mapping[str, Presented[ContextT]],
    ) -> None:
        self.default = default
        self._listed = listed
        self._by_name = {name: each for name, each in by_name.items() if not name.startswith("*.")}
        self._by_parent = {name[2:]: each for name, each in by_name.items() if name.startswith("*.")}

    def named(self, server_name: str) -> Presented[ContextT] | None:
        """What the list has for a name, or None."""
        name = server_name.lower()
        found = self._by_name.get(name)
        if found is None and self._by_parent:
            found = self._by_parent.get(name.partition(".")[2])
        return found

    def is_outdated(self, now: datetime) -> bool:
        """A certificate has expired, or begun, that another of the same name goes before, or after."""
        if len(self._listed) < 2:
            return False
        present = {name: each.certificates for name, each in self._by_name.items()}
        present |= {f"*.{name}": each.certificates for name, each in self._by_parent.items()}
        return best_by_name(self._listed, now) != present


class ContextMaker(Protocol[MadeT_co]):
    """Makes the contexts of one listener, and knows which files besides the certificates' they are made of."""

    def files(self) -> Iterable[Path]:
        """What to look at for changes.

        Raises:
            ConfigError: They cannot be found; `path` is relative to the listener.
        """

    def maker(self) -> Callable[[tuple[ServerCertificate, ...]], MadeT_co]:
        """Reads those files, for a whole set of contexts.

        Raises:
            ConfigError: They cannot be used; `path` is relative to the listener.
        """


class ListenerCertificates(Generic[ContextT]):
    """The certificates of one listener as files, and the choices made of them.

    Attributes:
        choices: What is presented now; replaced as a whole.
    """

    def __init__(
        self,
        listener: Listener,
        locator: CertificateLocator,
        contexts: ContextMaker[ContextT],
        now: Callable[[], datetime],
    ) -> None:
        """Reads the files.

        Raises:
            ConfigError: A certificate cannot be used; `path` is relative to the listener.
        """
        self._port = listener.port
        self._hosts = listener.named_hosts
        self._certificates = listener.certificates
        self._locator = locator
        self._contexts = contexts
        self._now = now
        located = self._locate()
        self._seen = self._stamps(located)
        self.choices = self._build(located)

    def reload_if_changed(self) -> bool:
        """Looks at the files and takes new ones for new connections.

        A file that cannot be used, such as one half written, leaves everything as it was and is warned about once.

        Returns:
            Whether other certificates are presented, or asked for, from now on.
        """
        seen = {path: _stamp(path) for path in self._seen}
        if seen == self._seen and not self.choices.is_outdated(self._now()):
            return False
        self._seen = seen
        try:
            located = self._locate()
            stamps = self._stamps(located)  # before reading: what is written meanwhile is seen as a change next time
            self.choices = self._build(located)
        except ConfigError as error:
            _logger.warning("Listener %d keeps its certificates: %s", self._port, error)
            return False
        self._seen = stamps
        return True

    def _locate(self) -> list[CertificateFiles]:
        if not self._certificates:
            raise ConfigError("Certificates", None, "A certificate must be specified for HTTPS listeners")
        located = []
        for index, certificate in enumerate(self._certificates):
            try:
                located.append(self._locator.locate(certificate, self._hosts))
            except ConfigError as error:
                raise error.at(f"Certificates[{index}]") from error
        return located

    def _stamps(self, located: list[CertificateFiles]) -> dict[Path, tuple[int, int, int] | None]:
        paths = [path for files in located for path in (files.chain, files.key) if path is not None]
        return {path: _stamp(path) for path in (*paths, *self._contexts.files())}

    def _build(self, located: list[CertificateFiles]) -> Choices[ContextT]:
        certificates = []
        for index, files in enumerate(located):
            try:
                certificates.append(read_server_certificate(files))
            except ConfigError as error:
                raise error.at(f"Certificates[{index}]") from error
        make = self._contexts.maker()
        made: dict[tuple[CertificateFiles, ...], Presented[ContextT]] = {}

        def presenting(chosen: tuple[ServerCertificate, ...]) -> Presented[ContextT]:
            key = tuple(certificate.files for certificate in chosen)
            if key not in made:
                made[key] = Presented(chosen, make(chosen))
            return made[key]

        default, listed = presenting((certificates[0],)), tuple(certificates[1:])
        chosen = best_by_name(listed, self._now())
        return Choices(default, listed, {name: presenting(best) for name, best in chosen.items()})


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file is written or replaced; None while it is missing."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
