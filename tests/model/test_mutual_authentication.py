from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edgeproxy.model.mutual_authentication import MutualAuthentication

Read = Callable[[Callable[[], Any]], list[tuple[str, str]]]
PAGE = "API reference, MutualAuthenticationAttributes"


def made(**fields: Any) -> Callable[[], MutualAuthentication]:
    return lambda: MutualAuthentication(**fields)


@pytest.mark.conformance("Mutual TLS", "off, passthrough and verify", PAGE)
def test_there_are_three_modes(refusals: Read) -> None:
    expected = [("Mode", "'on' is no Mode; it must be one of: off, passthrough, verify")]

    assert expected == refusals(made(mode="on"))
    assert [True, False] == [made(mode=mode)().is_off for mode in ("off", "passthrough")]


@pytest.mark.conformance("Mutual TLS", "verify needs a trust store", PAGE)
@pytest.mark.parametrize("arn", [None, ""])
def test_verify_needs_a_trust_store(arn: str | None, refusals: Read) -> None:
    reason = "A TrustStoreArn must be specified when the mutual authentication mode is 'verify'"
    assert [("TrustStoreArn", reason)] == refusals(made(mode="verify", trust_store_arn=arn))


@pytest.mark.conformance("Mutual TLS", "what only verify takes", PAGE, status="default")
@pytest.mark.parametrize("mode", ["off", "passthrough"])
@pytest.mark.parametrize(
    ("key", "fields"),
    [
        ("TrustStoreArn", {"trust_store_arn": "ca"}),
        ("IgnoreClientCertificateExpiry", {"ignore_client_certificate_expiry": True}),
        ("AdvertiseTrustStoreCaNames", {"advertise_trust_store_ca_names": "on"}),
    ],
)
def test_what_belongs_to_verify_is_refused_elsewhere(
    mode: str, key: str, fields: dict[str, Any], refusals: Read
) -> None:
    reason = f"{key} cannot be specified when the mutual authentication mode is '{mode}'"
    assert [(key, reason)] == refusals(made(mode=mode, **fields))


def test_an_empty_trust_store_is_what_terraform_sends(refusals: Read) -> None:
    assert [] == refusals(made(mode="passthrough", trust_store_arn=""))
