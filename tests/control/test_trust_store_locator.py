from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edgeproxy.control.trust_store_locator import FileTrustStoreLocator
from edgeproxy.errors import ConfigError
from edgeproxy.model.trust_store import TrustStore

if TYPE_CHECKING:
    from pathlib import Path

    from edgeproxy.runtime.trust_store import TrustStoreFiles


def located(base: Path, bundle: str, *revocations: str) -> TrustStoreFiles:
    store = TrustStore(name="a", ca_certificates_bundle=bundle, revocations=revocations)
    return FileTrustStoreLocator(base).locate_trust_store(store)


def test_paths_start_at_the_configurations_folder(tmp_path: Path) -> None:
    found = located(tmp_path, "ca.pem", "lists/crl.pem", "/elsewhere/crl.der")

    assert (tmp_path / "ca.pem",) == found.bundle
    assert ["lists/crl.pem", "/elsewhere/crl.der"] == [
        str(path).removeprefix(f"{tmp_path}/") for path in found.revocations
    ]
    assert {*found.bundle, *found.revocations} == set(found.watched)


def test_a_folder_stands_for_the_certificates_in_it(tmp_path: Path) -> None:
    """In order, and itself watched, so that new ones are noticed."""
    folder = tmp_path / "cas"
    folder.mkdir()
    for name in ("b.pem", "a.crt", "c.cer", "d.key", "README"):
        (folder / name).touch()
    found = located(tmp_path, "cas")

    assert ["a.crt", "b.pem", "c.cer"] == [path.name for path in found.bundle]
    assert folder in found.watched


def test_a_folder_without_certificates_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cas").mkdir()
    with pytest.raises(ConfigError) as caught:
        located(tmp_path, "cas")

    assert ("CaCertificatesBundle", "CaCertificatesBundleNotFound") == (caught.value.path, caught.value.code)
    assert f"The folder '{tmp_path / 'cas'}' has no .pem, .crt or .cer files." == caught.value.reason
