"""MutualAuthentication: whether a listener asks clients for certificates, and whether it checks them.

Source: user guide, mutual-authentication; API reference, MutualAuthenticationAttributes. The guide gives none of the
sentences of refusal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from edgeproxy.errors import ConfigError
from edgeproxy.model.base import Model, sentences

if TYPE_CHECKING:
    from collections.abc import Iterator

VERIFY = "verify"


class MutualAuthentication(Model, frozen=True):
    """HTTPS only: what becomes of the certificates that clients have.

    Source: API reference, MutualAuthenticationAttributes; user guide, mutual-authentication.
    """

    missing_sentences = sentences(Mode="A Mode must be specified: off, passthrough or verify")

    mode: Literal["off", "passthrough", "verify"]
    """`off`: clients are not asked. `passthrough`: they may present any chain, and targets get it unchecked. `verify`:
    they have to present a certificate that the trust store vouches for, and targets are told about it."""
    trust_store_arn: str | None = None
    """`verify` only: a trust store of this file by name or ARN, or a PEM file or folder of one's own."""
    ignore_client_certificate_expiry: bool = False
    """`verify` only: take certificates that have expired."""
    advertise_trust_store_ca_names: Literal["on", "off"] = "off"
    """`verify` only: tell clients which authorities they may choose a certificate of."""

    @property
    def is_off(self) -> bool:
        """Clients are not asked."""
        return self.mode == "off"

    def problems(self) -> Iterator[ConfigError]:
        """What goes with which mode. Terraform sends an empty TrustStoreArn with `passthrough`."""
        if self.mode == VERIFY:
            if not self.trust_store_arn:
                reason = "A TrustStoreArn must be specified when the mutual authentication mode is 'verify'"
                yield ConfigError("TrustStoreArn", self.trust_store_arn, reason)
            return
        given = {
            "TrustStoreArn": self.trust_store_arn,
            "IgnoreClientCertificateExpiry": self.ignore_client_certificate_expiry,
            "AdvertiseTrustStoreCaNames": self.advertise_trust_store_ca_names == "on",
        }
        for key, value in given.items():
            if value:
                reason = f"{key} cannot be specified when the mutual authentication mode is '{self.mode}'"
                yield ConfigError(key, value, reason)
