"""Security policies: which TLS versions and cipher suites an HTTPS listener accepts, as data.

A listener has exactly one policy, known by name; lists of one's own do not exist (user guide, describe-ssl-policies).
The first suite in the policy's order that the client also offers wins. `POLICIES` is that page's table, as far as it is
supported here: a new policy is one entry made of the groups above it.

A known wart: Python before 3.15 cannot say which TLS 1.3 suites to use, nor in which order. OpenSSL then prefers
TLS_AES_256_GCM_SHA384 where the load balancer prefers TLS_AES_128_GCM_SHA256; the set of three is the same.
"""

from __future__ import annotations

import difflib
import ssl
from dataclasses import dataclass
from typing import Final

from edgeproxy.errors import ConfigError

DEFAULT_POLICY: Final = "ELBSecurityPolicy-2016-08"
"""What a listener without `SslPolicy` gets (API reference, CreateListener)."""

TLS13: Final = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
_GCM_128: Final = ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256")
_CBC_128: Final = ("ECDHE-ECDSA-AES128-SHA256", "ECDHE-RSA-AES128-SHA256")
_SHA1_128: Final = ("ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES128-SHA")
_GCM_256: Final = ("ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384")
_CBC_256: Final = ("ECDHE-ECDSA-AES256-SHA384", "ECDHE-RSA-AES256-SHA384")
_SHA1_256: Final = ("ECDHE-RSA-AES256-SHA", "ECDHE-ECDSA-AES256-SHA")  # RSA first, as the page's CLI sample prints it
_NO_FORWARD_SECRECY: Final = (
    "AES128-GCM-SHA256",
    "AES128-SHA256",
    "AES128-SHA",
    "AES256-GCM-SHA384",
    "AES256-SHA256",
    "AES256-SHA",
)
EVERY_TLS12_SUITE: Final = _GCM_128 + _CBC_128 + _SHA1_128 + _GCM_256 + _CBC_256 + _SHA1_256 + _NO_FORWARD_SECRECY
"""The 18 suites up to TLS 1.2 of the widest policies, in their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityPolicy:
    """One named policy.

    Attributes:
        name: AWS's name, such as `ELBSecurityPolicy-2016-08`.
        protocols: TLS versions, newest first, in OpenSSL's spelling: `TLSv1.3`, `TLSv1.2`, `TLSv1.1`, `TLSv1`.
        ciphers: Suites in OpenSSL's spelling, the preferred one first.
    """

    name: str
    protocols: tuple[str, ...]
    ciphers: tuple[str, ...]

    def configure(self, context: ssl.SSLContext) -> None:
        """Makes a context accept this policy's versions and suites, preferring the policy's order."""
        limit_versions(context, self.protocols)
        set_suites(context, self.ciphers, is_legacy="TLSv1" in self.protocols)
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE


def _policy(name: str, protocols: str, *groups: tuple[str, ...]) -> tuple[str, SecurityPolicy]:
    ciphers = tuple(cipher for group in groups for cipher in group)
    return name, SecurityPolicy(name=name, protocols=tuple(protocols.split()), ciphers=ciphers)


POLICIES: Final[dict[str, SecurityPolicy]] = dict(
    [
        _policy("ELBSecurityPolicy-TLS13-1-2-Res-2021-06", "TLSv1.3 TLSv1.2", TLS13, _GCM_128, _GCM_256),
        _policy(
            "ELBSecurityPolicy-TLS13-1-2-2021-06", "TLSv1.3 TLSv1.2", TLS13, _GCM_128, _CBC_128, _GCM_256, _CBC_256
        ),
        _policy("ELBSecurityPolicy-2016-08", "TLSv1.2 TLSv1.1 TLSv1", EVERY_TLS12_SUITE),
    ]
)

# TLS 1.0 and 1.1 as exact bounds make Python warn that they are old; the user asked for exactly that by naming the
# policy. MINIMUM_SUPPORTED says the same without the warning, because OP_NO_SSLv3 is always on.
_LOWEST: Final = {
    "TLSv1": ssl.TLSVersion.MINIMUM_SUPPORTED,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}
_HIGHEST: Final = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


def security_policy(name: str | None) -> SecurityPolicy:
    """The policy of that name; None is the API's default.

    Raises:
        ConfigError: With ELBv2's code `SSLPolicyNotFound` when the name is unknown.
    """
    policy = POLICIES.get(name or DEFAULT_POLICY)
    if policy is not None:
        return policy
    near = difflib.get_close_matches(str(name), POLICIES, n=1, cutoff=0.5)
    raise ConfigError(
        "SslPolicy",
        name,
        f"SSL policy '{name}' not found. Known policies: {', '.join(sorted(POLICIES))}.",
        code="SSLPolicyNotFound",
        suggestion=near[0] if near else None,
    )


def limit_versions(context: ssl.SSLContext, protocols: tuple[str, ...]) -> None:
    """Bounds a context to the versions, newest first; without a deprecation warning for the old ones."""
    context.options |= ssl.OP_NO_SSLv3
    context.minimum_version = _LOWEST[protocols[-1]]
    context.maximum_version = _HIGHEST[protocols[0]]


def set_suites(context: ssl.SSLContext, ciphers: tuple[str, ...], *, is_legacy: bool) -> None:
    """Offers the suites in order.

    TLS 1.0 and 1.1 sign with SHA-1, which OpenSSL allows at security level 0 only and distributions forbid by default;
    naming the level makes a policy mean the same on every machine.
    """
    tls12 = [cipher for cipher in ciphers if cipher not in TLS13]
    context.set_ciphers(":".join([*tls12, f"@SECLEVEL={0 if is_legacy else 2}"]))
    set_ciphersuites = getattr(context, "set_ciphersuites", None)  # Python 3.15
    tls13 = [cipher for cipher in ciphers if cipher in TLS13]
    if set_ciphersuites is not None and tls13:
        set_ciphersuites(":".join(tls13))
