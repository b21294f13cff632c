"""Verification of a client's certificate: OpenSSL's verdict in the load balancer's words.

OpenSSL builds the chain and asks `ClientVerification.on_certificate` about each problem and, at the end, about each
certificate from the authority down to the leaf. What concerns the leaf ends the handshake with the alert that fits.
What concerns a certificate above it is kept until the handshake is over, because only then is the leaf known, which the
connection log names; the connection is cut then.

Unconfirmed, and only here: which of OpenSSL's problems AWS files under which code beyond the obvious ones; that revoked
authorities count as well as revoked leaves; that a list that is too old still counts, and one that is absent does not
matter (both as in s2n-tls, whose errors these codes are); that an intermediate alone may be trusted; that only the
leaf's expiry can be ignored, and that it must have begun to be valid; that the 4 of the chain's depth counts what the
client sends.
Source: user guide, load-balancer-connection-logs (error reason codes), mutual-authentication, load-balancer-limits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from OpenSSL import crypto

from edgeproxy.runtime.client_certificate import parsed
from edgeproxy.runtime.trust_store import unsupported_kind

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_CHAIN: Final = 4
"""Certificates that a client may present, its own included."""
MAX_MESSAGE: Final = 64 * 1024
"""Bytes of a TLS message, here those with the client's chain."""

_TOO_LARGE: Final = "excessive message size"

UNMAPPED: Final = "UnmappedConnectionError"
"""Every failure that is not about a certificate."""

# Numbers of OpenSSL's X509_V_ERR_...; whatever stands in none of these is "untrusted".
_EXPIRED: Final = 10
_WITHOUT_CONSEQUENCE: Final = frozenset(
    {0, 3, 11, 12}
)  # fine; no list of that authority; one from the future; one too old
_CODES: Final = {
    9: "ClientCertNotYetValid",
    _EXPIRED: "ClientCertExpired",
    13: "ClientCertInvalid",  # in these four: damaged fields, a signature that is wrong
    14: "ClientCertInvalid",
    6: "ClientCertInvalid",
    7: "ClientCertInvalid",
    4: "ClientCertCrlProcessingError",
    5: "ClientCertCrlProcessingError",
    8: "ClientCertCrlProcessingError",
    15: "ClientCertCrlProcessingError",
    16: "ClientCertCrlProcessingError",
    33: "ClientCertCrlProcessingError",
    35: "ClientCertCrlProcessingError",
    36: "ClientCertCrlProcessingError",
    44: "ClientCertCrlProcessingError",
    54: "ClientCertCrlProcessingError",
    22: "ClientCertMaxChainDepthExceeded",
    23: "ClientCertCrlHit",
    26: "ClientCertPurposeInvalid",
    28: "ClientCertRejected",
    66: "ClientCertIncompatible",  # in these three: too weak for the listener's security level
    67: "ClientCertIncompatible",
    68: "ClientCertIncompatible",
}


class ClientVerification:
    """What is found out about one client's certificate while its handshake goes on.

    Attributes:
        code: Why it was refused, as in the connection log; None as long as nothing is wrong.
        leaf: The client's own certificate, DER, once it was seen.
    """

    __slots__ = ("_ignores_expiry", "code", "leaf")

    def __init__(self, *, ignores_expiry: bool) -> None:
        self._ignores_expiry = ignores_expiry
        self.code: str | None = None
        self.leaf: bytes | None = None

    def on_certificate(self, certificate: crypto.X509, problem: int, depth: int) -> bool:
        """Whether the handshake goes on.

        Args:
            certificate: The one that OpenSSL is at.
            problem: OpenSSL's number, 0 for none.
            depth: 0 is the leaf.
        """
        is_forgiven = self._is_forgiven(problem, depth)
        if not is_forgiven and self.code is None:
            self.code = _CODES.get(problem, "ClientCertUntrusted")
        if depth:
            return True
        if self.leaf is None:
            self.leaf = crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate)
            self.code = self.code or _kind_problem(self.leaf)
        # What is wrong otherwise is dealt with after the handshake: refusing here would be an "internal error".
        return is_forgiven

    def on_finished(self, chain: Sequence[bytes]) -> str | None:
        """Why the connection has to be cut although the handshake is over; None if everything is fine.

        `chain` is what the client presented, leaf first, DER.
        """
        if self.code is None and len(chain) > MAX_CHAIN:
            self.code = "ClientCertMaxChainDepthExceeded"
        if self.code is None and sum(map(len, chain)) > MAX_MESSAGE:
            self.code = "ClientCertMaxSizeExceeded"
        return self.code

    def on_error(self, reason: str) -> None:
        """OpenSSL has ended the handshake behind the hello; `reason` is in its words."""
        if self.code is None and reason == _TOO_LARGE:
            # It takes 100 KB; what lies between has come whole and is refused in the end.
            self.code = "ClientCertMaxSizeExceeded"

    def _is_forgiven(self, problem: int, depth: int) -> bool:
        is_expired_leaf = problem == _EXPIRED and depth == 0
        return problem in _WITHOUT_CONSEQUENCE or (is_expired_leaf and self._ignores_expiry)


def _kind_problem(leaf: bytes) -> str | None:
    certificate = parsed(leaf)
    if certificate is None:
        return "ClientCertInvalid"
    return None if unsupported_kind(certificate) is None else "ClientCertTypeUnsupported"
