"""Security policies applied to OpenSSL through Python's `ssl`, and what that cannot do, said in words.

`configure` sets versions, suites and key exchange groups and keeps the policy's order of preference. What a policy
means depends on the machine as little as Python lets it:

* Distributions forbid TLS 1.0 and 1.1 by their security level; the level is named here, so that a policy decides.
* Python before 3.15 can choose neither the suites of TLS 1.3 nor several key exchange groups: OpenSSL's own stay.
* OpenSSL before 3.5 has no post-quantum key exchange, and most builds have no 3DES.

`shortfalls` looks at what came out, instead of at version numbers, and tries the old versions with a handshake in
memory; so a build that was patched is seen as it is.
"""

from __future__ import annotations

import functools
import platform
import ssl
import warnings
from typing import TYPE_CHECKING, Final, NamedTuple

from edgeproxy.errors import ConfigError
from edgeproxy.model.security_policy import DEFAULT_POLICY, POLICIES
from edgeproxy.model.suggestion import closest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edgeproxy.model.security_policy import SecurityPolicy

# TLS 1.0 and 1.1 as exact bounds make Python warn that they are old; the user asked for exactly that by naming the
# policy. MINIMUM_SUPPORTED says the same without the warning, because OP_NO_SSLv3 is always on.
_LOWEST: Final = {
    "TLSv1": ssl.TLSVersion.MINIMUM_SUPPORTED,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}
_HIGHEST: Final = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}
OLD_VERSIONS: Final = {"TLSv1.1": ssl.TLSVersion.TLSv1_1, "TLSv1": ssl.TLSVersion.TLSv1}

_CLASSICAL_GROUPS: Final = ("x25519", "secp256r1", "secp384r1")
"""What a PQ policy offers to clients without ML-KEM."""

_ML_KEM_SINCE: Final = (3, 5, 0)
"""The version of OpenSSL that has ML-KEM, and X25519MLKEM768 among the groups that it offers by itself."""


_FLIGHTS: Final = 3
"""How often each side of a handshake up to TLS 1.2 has to be asked, at most, until both have finished."""


def security_policy(name: str | None) -> SecurityPolicy:
    """The policy of that name; None is the API's default.

    Raises:
        ConfigError: With ELBv2's code `SSLPolicyNotFound` when the name is unknown.
    """
    policy = POLICIES.get(name or DEFAULT_POLICY)
    if policy is not None:
        return policy
    reason = f"SSL policy '{name}' not found"
    raise ConfigError("SslPolicy", name, reason, code="SSLPolicyNotFound", suggestion=closest(str(name), POLICIES))


def configure(context: ssl.SSLContext, policy: SecurityPolicy) -> None:
    """Makes a context use this policy's versions, suites and groups, preferring the policy's order.

    Raises:
        ConfigError: OpenSSL has none of the policy's suites.
    """
    context.options |= ssl.OP_NO_SSLv3 | ssl.OP_CIPHER_SERVER_PREFERENCE
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        context.minimum_version = _LOWEST[policy.protocols[-1]]
    context.maximum_version = _HIGHEST[policy.protocols[0]]
    _set_suites(context, policy)
    _set_groups(context, policy)


def _set_suites(context: ssl.SSLContext, policy: SecurityPolicy) -> None:
    try:
        context.set_ciphers(cipher_string(policy))
    except ssl.SSLError as error:
        raise ConfigError("SslPolicy", policy.name, f"{_PLATFORM} has no cipher suite of '{policy.name}'.") from error
    set_ciphersuites = getattr(context, "set_ciphersuites", None)  # Python 3.15
    if set_ciphersuites is not None and policy.tls13_ciphers:
        set_ciphersuites(":".join(policy.tls13_ciphers))


def cipher_string(policy: SecurityPolicy) -> str:
    """The suites up to TLS 1.2 as OpenSSL takes them, with the security level that the policy needs."""
    # TLS 1.0 and 1.1 sign with SHA-1, which OpenSSL allows at level 0 only.
    level = 2 if OLD_VERSIONS.keys().isdisjoint(policy.protocols) else 0
    # An empty list is refused; where TLS 1.3 is the only version, these are never used.
    return ":".join([*(policy.tls12_ciphers or ["DEFAULT"]), f"@SECLEVEL={level}"])


def _set_groups(context: ssl.SSLContext, policy: SecurityPolicy) -> None:
    groups = policy.groups
    if len(groups) == 1:
        context.set_ecdh_curve(groups[0])
    elif groups and _can_set_groups(context):
        if policy.is_post_quantum:
            groups = (*groups, *_CLASSICAL_GROUPS) if _has_ml_kem() else _CLASSICAL_GROUPS
        context.set_groups(":".join(groups))  # type: ignore[attr-defined] # Python 3.15


def _can_set_groups(context: ssl.SSLContext) -> bool:
    return hasattr(context, "set_groups")


def _has_ml_kem() -> bool:
    return ssl.OPENSSL_VERSION_INFO[:3] >= _ML_KEM_SINCE


_PLATFORM: Final = f"Python {platform.python_version()} with {' '.join(ssl.OPENSSL_VERSION.split()[:2])}"


class Configured(NamedTuple):
    """A server's context with a policy and a certificate, as far as it can be looked at.

    Attributes:
        platform: What it is a context of, with versions.
        chooser: What would have to choose the suites of TLS 1.3 and the groups, and cannot.
        suites: What it takes, in its order.
        accepts: Whether a client gets through that speaks nothing newer than a version.
        has_ml_kem: There is post-quantum key exchange.
        sets_groups: The policy's groups could be set.
    """

    platform: str
    chooser: str
    suites: tuple[str, ...]
    accepts: Callable[[str], bool]
    has_ml_kem: bool
    sets_groups: bool


def python_ssl(context: ssl.SSLContext) -> Configured:
    """A context of Python's `ssl`."""
    return Configured(
        platform=_PLATFORM,
        chooser="Python before 3.15",
        suites=tuple(str(suite["name"]) for suite in context.get_ciphers()),
        accepts=functools.partial(_accepts, context),
        has_ml_kem=_has_ml_kem(),
        sets_groups=_can_set_groups(context),
    )


def shortfalls(policy: SecurityPolicy, configured: Configured) -> str:
    """What a configured context does otherwise than the policy says, in one sentence; "" if nothing."""
    found = [*_version_shortfalls(policy, configured), *_suite_shortfalls(policy, configured)]
    found += _group_shortfalls(policy, configured)
    return f"{policy.name} is not exact here ({configured.platform}): {'; '.join(found)}." if found else ""


def _version_shortfalls(policy: SecurityPolicy, configured: Configured) -> Iterator[str]:
    missing = [each for each in policy.protocols if each in OLD_VERSIONS and not configured.accepts(each)]
    if missing:
        yield f"OpenSSL refuses {' and '.join(missing)}"


def _accepts(server_context: ssl.SSLContext, version: str) -> bool:
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.check_hostname = False
    client_context.verify_mode = ssl.CERT_NONE
    client_context.set_ciphers("ALL:@SECLEVEL=0")
    client_context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        client_context.maximum_version = OLD_VERSIONS[version]
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    waiting = [client, server]
    try:
        for _ in range(_FLIGHTS):
            waiting = [side for side in waiting if not _has_finished(side)]
    except ssl.SSLError:
        return False
    return not waiting


def _has_finished(side: ssl.SSLObject) -> bool:
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def _suite_shortfalls(policy: SecurityPolicy, configured: Configured) -> Iterator[str]:
    missing = [suite for suite in policy.tls12_ciphers if suite not in configured.suites]
    if missing:
        yield f"OpenSSL has no {', '.join(missing)}"
    if "TLSv1.3" not in policy.protocols:
        return
    wanted, taken = policy.tls13_ciphers, [suite for suite in configured.suites if suite.startswith("TLS_")]
    surplus = [suite for suite in taken if suite not in wanted]
    if surplus:
        yield f"{' and '.join(surplus)} can be used, too, because {configured.chooser} cannot choose suites of TLS 1.3"
    if tuple(suite for suite in taken if suite in wanted) != wanted:
        yield f"TLS 1.3 prefers {taken[0]} to {wanted[0]}, because {configured.chooser} cannot set that order"


def _group_shortfalls(policy: SecurityPolicy, configured: Configured) -> Iterator[str]:
    if policy.is_post_quantum and not configured.has_ml_kem:
        yield "keys are agreed on without ML-KEM, which OpenSSL has since 3.5"
    elif len(policy.groups) > 1 and not configured.sets_groups:
        given = "X25519MLKEM768 is the only PQ group" if policy.is_post_quantum else "the curves are OpenSSL's"
        yield f"{given}, because {configured.chooser} cannot set a list of groups"
