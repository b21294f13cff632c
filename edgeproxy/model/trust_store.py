"""TrustStore: the certificate authorities that a listener believes when clients present certificates.

What stands inside the files is looked at when a listener begins to use them, see `runtime/trust_store.py`.
Source: API reference, CreateTrustStore and AddTrustStoreRevocations; user guide, load-balancer-limits.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from edgeproxy.errors import ConfigError
from edgeproxy.model import validate
from edgeproxy.model.attributes import Attributes  # noqa: TC001 - the decoder reads the annotations
from edgeproxy.model.base import Model, sentences

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_TRUST_STORES: Final = 20
"""Per region; AWS raises it on request."""
MAX_REVOCATION_FILES: Final = 30
"""Per trust store; AWS raises it on request."""

_NAME: Final = re.compile(r"([a-zA-Z0-9]+-)*[a-zA-Z0-9]+\Z")


class TrustStore(Model, frozen=True):
    """Certificate authorities, and what they have revoked. Where AWS reads from S3, files stand here.

    Source: API reference, CreateTrustStore and AddTrustStoreRevocations.
    """

    missing_sentences = sentences(
        Name="A trust store name must be specified",
        CaCertificatesBundle="A trust store needs a CaCertificatesBundle: a PEM file, or a folder of them",
    )

    name: str
    """1-32 letters, digits and hyphens, unique in the file."""
    ca_certificates_bundle: str
    """A PEM file with the certificates of the authorities, or a folder of `.pem`, `.crt` and `.cer` files; relative to
    the configuration's folder."""
    revocations: tuple[str, ...] = ()
    """Files with certificate revocation lists, PEM or DER, at most 30."""
    tags: Attributes = ()
    """Kept and echoed."""

    def problems(self) -> Iterator[ConfigError]:
        """ELBv2's laws for one trust store."""
        yield from validate.length("Name", self.name, 1, validate.NAME_LENGTH)
        if self.name and not _NAME.match(self.name):
            reason = f"Trust store name '{self.name}' can only contain letters, digits and single hyphens between them"
            yield ConfigError("Name", self.name, reason)
        if not self.ca_certificates_bundle:
            yield ConfigError("CaCertificatesBundle", "", self.missing_sentences["CaCertificatesBundle"])
        yield from validate.at_most(
            "Revocations",
            len(self.revocations),
            MAX_REVOCATION_FILES,
            "A trust store can only have '{limit}' revocation files; this one has {count}",
            code="TooManyTrustStoreRevocationEntries",
        )


def is_path(reference: str) -> bool:
    """Whether a `TrustStoreArn` names a bundle by itself: neither an ARN nor a name holds a dot or a slash alone."""
    return not reference.startswith("arn:") and not _NAME.match(reference)
