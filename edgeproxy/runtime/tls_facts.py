"""What is known of a client's TLS connection once its handshake is over, or has failed: for headers and logs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from edgeproxy.runtime.client_certificate import ClientCertificate

SESSION_REUSED: Final = "session-reused"
"""The access log's word in place of a certificate on resumption (user guide, load-balancer-access-logs)."""

VERIFIED: Final = "Success"
"""Also without any client certificate (observed)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFacts:
    """What logs and headers say about a TLS connection.

    Source: user guide, load-balancer-access-logs, load-balancer-connection-logs.

    Attributes:
        protocol: `TLSv1.2`, `TLSv1.3`, ...
        cipher: OpenSSL's name of the suite.
        domain_name: The name the client sent; `-` if it sent none, or if no certificate of the list matched.
        certificate_arn: The certificate presented, or `session-reused`.
        key_exchange: The group that the keys were agreed in, such as `secp256r1`; `-` where nobody can tell.
        client_certificate: What the client presented; None without mutual TLS, or if it had none.
        verify_status: `Success`, or `Failed:` and one of the guide's codes.
    """

    protocol: str = "-"
    cipher: str = "-"
    domain_name: str = "-"
    certificate_arn: str = "-"
    key_exchange: str = "-"
    client_certificate: ClientCertificate | None = None
    verify_status: str = VERIFIED


UNFINISHED: Final = TlsFacts(verify_status="Failed:UnmappedConnectionError")
"""Of a handshake that came to nothing without a word about a client certificate; the guide's code for the rest."""
