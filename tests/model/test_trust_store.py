from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edgeproxy.model.trust_store import TrustStore, is_path

Read = Callable[[Callable[[], Any]], list[tuple[str, str]]]
ReadCodes = Callable[[Callable[[], Any]], list[str]]


@pytest.mark.conformance("Mutual TLS", "what a trust store may be called", "API reference, CreateTrustStore")
@pytest.mark.parametrize("name", ["", "-a", "a-", "a--b", "a_b", "a" * 33])
def test_names_follow_their_pattern(name: str, refusals: Read) -> None:
    assert ["Name"] == [path for path, _ in refusals(lambda: TrustStore(name=name, ca_certificates_bundle="ca.pem"))]


@pytest.mark.parametrize("name", ["a", "my-clients-2", "a" * 32])
def test_names_that_are_fine(name: str, refusals: Read) -> None:
    assert [] == refusals(lambda: TrustStore(name=name, ca_certificates_bundle="ca.pem"))


def test_a_bundle_is_needed(refusals: Read) -> None:
    expected = [("CaCertificatesBundle", "A trust store needs a CaCertificatesBundle: a PEM file, or a folder of them")]
    assert expected == refusals(lambda: TrustStore(name="a", ca_certificates_bundle=""))


@pytest.mark.conformance("Mutual TLS", "30 revocation files in a trust store", "load-balancer-limits")
def test_there_are_at_most_thirty_revocation_files(codes: ReadCodes) -> None:
    def with_files(count: int) -> Callable[[], TrustStore]:
        return lambda: TrustStore(name="a", ca_certificates_bundle="ca.pem", revocations=("crl.pem",) * count)

    assert [[], ["TooManyTrustStoreRevocationEntries"]] == [codes(with_files(30)), codes(with_files(31))]


@pytest.mark.parametrize(
    ("reference", "expected"), [("clients", False), ("arn:aws:x/ca.pem", False), ("ca.pem", True), ("certs/ca", True)]
)
def test_a_path_is_told_from_a_name(reference: str, expected: bool) -> None:
    assert expected == is_path(reference)
