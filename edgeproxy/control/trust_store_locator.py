"""Trust stores by path: the files behind `CaCertificatesBundle` and `Revocations`, relative to the configuration's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from edgeproxy.errors import ConfigError

if TYPE_CHECKING:
    from edgeproxy.model.trust_store import TrustStore
    from edgeproxy.runtime.trust_store import TrustStoreFiles

_SUFFIXES: Final = (".pem", ".crt", ".cer")


class FileTrustStoreLocator:
    """Finds trust stores on disk; implements `edgeproxy.runtime.trust_store.TrustStoreLocator`."""

    def __init__(self, base_dir: Path) -> None:
        """Relative paths start at `base_dir`."""
        self._base_dir = base_dir

    def locate_trust_store(self, store: TrustStore) -> TrustStoreFiles:
        """The files of a trust store.

        Raises:
            ConfigError: The bundle is a folder without certificates; `path` is `CaCertificatesBundle`.
        """
        # Only who asks clients for certificates pays for the library that reads them.
        from edgeproxy.runtime.trust_store import TrustStoreFiles  # noqa: PLC0415

        bundle = self._path(store.ca_certificates_bundle)
        revocations = tuple(self._path(each) for each in store.revocations)
        files: tuple[Path, ...] = (bundle,)
        if bundle.is_dir():
            files = tuple(sorted(each for each in bundle.iterdir() if each.suffix in _SUFFIXES))
            if not files:
                reason = f"The folder '{bundle}' has no .pem, .crt or .cer files."
                raise ConfigError(
                    "CaCertificatesBundle", store.ca_certificates_bundle, reason, code="CaCertificatesBundleNotFound"
                )
        return TrustStoreFiles(bundle=files, revocations=revocations, watched=(bundle, *files, *revocations))

    def _path(self, name: str) -> Path:
        return self._base_dir / Path(name).expanduser()
