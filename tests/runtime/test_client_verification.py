from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import crypto

from edgeproxy.runtime.client_verification import ClientVerification
from tests.helpers.client_authority import ClientAuthority, of_version

PAGE = "load-balancer-connection-logs"
ROOT = ClientAuthority("root")
LEAF = ROOT.issue("joe").certificate
EXPIRED = 10


def verified(*problems: tuple[int, int], ignores_expiry: bool = False) -> tuple[list[bool], str | None]:
    """What becomes of OpenSSL's problems, each with the depth at which it found them, and in the end."""
    verification = ClientVerification(ignores_expiry=ignores_expiry)
    certificates = {0: LEAF, 1: ROOT.certificate}
    went_on = [
        verification.on_certificate(crypto.X509.from_cryptography(certificates[depth]), problem, depth)
        for problem, depth in problems
    ]
    return went_on, verification.on_finished([LEAF.public_bytes(Encoding.DER)])


@pytest.mark.conformance("Mutual TLS", "the codes of the connection log", PAGE, status="default")
@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (2, "ClientCertUntrusted"),
        (18, "ClientCertUntrusted"),
        (20, "ClientCertUntrusted"),
        (9, "ClientCertNotYetValid"),
        (EXPIRED, "ClientCertExpired"),
        (7, "ClientCertInvalid"),
        (8, "ClientCertCrlProcessingError"),
        (22, "ClientCertMaxChainDepthExceeded"),
        (23, "ClientCertCrlHit"),
        (26, "ClientCertPurposeInvalid"),
        (28, "ClientCertRejected"),
        (66, "ClientCertIncompatible"),
    ],
)
def test_a_problem_with_the_leaf_ends_the_handshake(problem: int, code: str) -> None:
    assert ([False], code) == verified((problem, 0))


def test_a_problem_above_the_leaf_waits_until_the_leaf_is_known() -> None:
    assert ([True, True], "ClientCertUntrusted") == verified((20, 1), (0, 0))


def test_the_first_problem_counts() -> None:
    assert ([True, False], "ClientCertCrlHit") == verified((23, 1), (EXPIRED, 0))


@pytest.mark.parametrize("problem", [0, 3, 11, 12])
def test_what_is_of_no_consequence(problem: int) -> None:
    assert ([True, True], None) == verified((problem, 1), (problem, 0))


def test_only_the_leafs_expiry_is_ignored() -> None:
    assert ([True], None) == verified((EXPIRED, 0), ignores_expiry=True)
    assert ([True, True], "ClientCertExpired") == verified((EXPIRED, 1), (0, 0), ignores_expiry=True)


def test_the_leaf_is_remembered() -> None:
    verification = ClientVerification(ignores_expiry=False)
    verification.on_certificate(crypto.X509.from_cryptography(LEAF), 20, 0)
    assert LEAF.public_bytes(Encoding.DER) == verification.leaf


def test_a_leaf_of_an_unsupported_kind_is_refused_in_the_end() -> None:
    leaf = ROOT.issue("joe", key=ed25519.Ed25519PrivateKey.generate()).certificate
    verification = ClientVerification(ignores_expiry=False)

    assert verification.on_certificate(crypto.X509.from_cryptography(leaf), 0, 0)
    assert "ClientCertTypeUnsupported" == verification.on_finished([leaf.public_bytes(Encoding.DER)])


@pytest.mark.parametrize("number", [1, 3])
def test_a_leaf_of_a_version_that_there_is_not_is_invalid(number: int) -> None:
    """OpenSSL takes it."""
    leaf = of_version(LEAF, number)
    verification = ClientVerification(ignores_expiry=False)

    assert verification.on_certificate(crypto.load_certificate(crypto.FILETYPE_ASN1, leaf), 0, 0)
    assert "ClientCertInvalid" == verification.on_finished([leaf])


def test_of_the_reasons_of_openssl_one_is_about_the_certificate() -> None:
    verification = ClientVerification(ignores_expiry=False)
    verification.on_error("no shared cipher")
    assert verification.code is None
    verification.on_error("excessive message size")
    assert "ClientCertMaxSizeExceeded" == verification.code


@pytest.mark.conformance("Mutual TLS", "four certificates, 64 KB", "load-balancer-limits", status="default")
@pytest.mark.parametrize(
    ("chain", "code"),
    [
        ([b"x"] * 4, None),
        ([b"x"] * 5, "ClientCertMaxChainDepthExceeded"),
        ([b"x" * 65536], None),
        ([b"x" * 65536, b"x"], "ClientCertMaxSizeExceeded"),
    ],
)
def test_chains_have_limits(chain: list[bytes], code: str | None) -> None:
    assert code == ClientVerification(ignores_expiry=False).on_finished(chain)
