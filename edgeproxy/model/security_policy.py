"""The TLS security policies: which versions, cipher suites and key exchanges each name stands for.

A listener has exactly one policy, known by name; lists of one's own do not exist. The first suite in the policy's order
that the client also offers wins. `POLICIES` is the table of the user guide's page describe-ssl-policies: suites come in
the groups below, in the order in which a line names them. Names are OpenSSL's.

Unconfirmed, and only here:

* The RFC9151 family's exact lists and order come from the policies of the same profile in s2n-tls, whose ELB policies
  mirror the load balancer's; where s2n-tls has none, they are inferred from its neighbours.
* `_SHA1_256` has RSA first, as the guide's CLI sample and its FIPS table print it; the newest other table has ECDSA
  first.
* Which curves a policy takes is documented for the PQ policies only. The RFC9151 curves are s2n-tls's; for the others
  nothing is claimed (`groups` is empty).

Source: user guide, describe-ssl-policies; the two oldest names, gone from its newest edition, from the one of 2022.
"""

from __future__ import annotations

from typing import Final, NamedTuple

DEFAULT_POLICY: Final = "ELBSecurityPolicy-2016-08"
"""What CreateListener takes where no policy is given; the console preselects a newer one."""

TLS13: Final = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
"""The suites of TLS 1.3; the FIPS policies have the first two."""

# Suites up to TLS 1.2. "128" and "256" are the bits of AES, "SHA1" stands for the old MAC.
_GCM_128: Final = "ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-RSA-AES128-GCM-SHA256"
_CBC_128: Final = "ECDHE-ECDSA-AES128-SHA256 ECDHE-RSA-AES128-SHA256"
_SHA1_128: Final = "ECDHE-ECDSA-AES128-SHA ECDHE-RSA-AES128-SHA"
_GCM_256: Final = "ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-RSA-AES256-GCM-SHA384"
_CBC_256: Final = "ECDHE-ECDSA-AES256-SHA384 ECDHE-RSA-AES256-SHA384"
_SHA1_256: Final = "ECDHE-RSA-AES256-SHA ECDHE-ECDSA-AES256-SHA"
_RSA_SHA2: Final = "AES128-GCM-SHA256 AES128-SHA256 AES256-GCM-SHA384 AES256-SHA256"
_RSA_ALL: Final = "AES128-GCM-SHA256 AES128-SHA256 AES128-SHA AES256-GCM-SHA384 AES256-SHA256 AES256-SHA"
_RSA_256_FIRST: Final = "AES256-GCM-SHA384 AES256-SHA256 AES256-SHA AES128-GCM-SHA256 AES128-SHA256 AES128-SHA"

_T13: Final = " ".join(TLS13)
_T13_FIPS: Final = " ".join(TLS13[:2])
_T13_256_FIRST: Final = f"{TLS13[1]} {TLS13[0]}"

_GCM: Final = f"{_GCM_128} {_GCM_256}"
_SHA2: Final = f"{_GCM_128} {_CBC_128} {_GCM_256} {_CBC_256}"
_ECDHE: Final = f"{_GCM_128} {_CBC_128} {_SHA1_128} {_GCM_256} {_CBC_256} {_SHA1_256}"
_EVERY: Final = f"{_ECDHE} {_RSA_ALL}"

_INTEROP1: Final = f"{_T13_256_FIRST} {_GCM_256} {_GCM_128}"
_INTEROP2: Final = f"{_INTEROP1} {_CBC_256} {_CBC_128}"
_INTEROP3: Final = f"{_INTEROP2} {_SHA1_256} {_SHA1_128}"

_VERSIONS: Final = {"3": "TLSv1.3", "2": "TLSv1.2", "1": "TLSv1.1", "0": "TLSv1"}

_PQ_GROUPS: Final = ("SecP256r1MLKEM768", "SecP384r1MLKEM1024", "X25519MLKEM768")
_INTEROP_GROUPS: Final = ("secp384r1", "secp256r1", "secp521r1")


class SecurityPolicy(NamedTuple):
    """One named policy.

    Attributes:
        name: AWS's name, such as `ELBSecurityPolicy-2016-08`.
        protocols: TLS versions, newest first: `TLSv1.3`, `TLSv1.2`, `TLSv1.1`, `TLSv1`.
        ciphers: Suites, the preferred one first.
        groups: Key exchange groups that are part of the policy; for PQ policies those that come on top of the classical
            ones. Empty where the guide says nothing.
    """

    name: str
    protocols: tuple[str, ...]
    ciphers: tuple[str, ...]
    groups: tuple[str, ...] = ()

    @property
    def is_fips(self) -> bool:
        """Made for FIPS; such policies do not mix with others on one load balancer."""
        return "-FIPS-" in self.name

    @property
    def is_post_quantum(self) -> bool:
        """Agrees on keys by ML-KEM with clients that can."""
        return "-PQ-" in self.name

    @property
    def tls13_ciphers(self) -> tuple[str, ...]:
        """The suites of TLS 1.3."""
        return tuple(cipher for cipher in self.ciphers if cipher in TLS13)

    @property
    def tls12_ciphers(self) -> tuple[str, ...]:
        """The suites up to TLS 1.2."""
        return tuple(cipher for cipher in self.ciphers if cipher not in TLS13)


_PREFIX: Final = "ELBSecurityPolicy-"

# (name, versions, suites). A PQ policy is its classical twin with more groups, so it is made from it, see `_twins`.
_TABLE: Final = (
    ("TLS13-1-3-2021-06", "3", _T13),
    ("TLS13-1-2-Res-2021-06", "32", f"{_T13} {_GCM}"),
    ("TLS13-1-2-2021-06", "32", f"{_T13} {_SHA2}"),
    ("TLS13-1-2-Ext1-2021-06", "32", f"{_T13} {_SHA2} {_RSA_SHA2}"),
    ("TLS13-1-2-Ext2-2021-06", "32", f"{_T13} {_EVERY}"),
    ("TLS13-1-1-2021-06", "321", f"{_T13} {_EVERY}"),
    ("TLS13-1-0-2021-06", "3210", f"{_T13} {_EVERY}"),
    ("TLS-1-2-Ext-2018-06", "2", _EVERY),
    ("TLS-1-2-2017-01", "2", f"{_SHA2} {_RSA_SHA2}"),
    ("TLS-1-1-2017-01", "21", _EVERY),
    ("2016-08", "210", _EVERY),
    ("2015-05", "210", _EVERY),
    ("TLS-1-0-2015-04", "210", f"{_EVERY} DES-CBC3-SHA"),
    ("FS-1-2-Res-2020-10", "2", _GCM),
    ("FS-1-2-Res-2019-08", "2", _SHA2),
    ("FS-1-2-2019-08", "2", _ECDHE),
    ("FS-1-1-2019-08", "21", _ECDHE),
    ("FS-2018-06", "210", _ECDHE),
    ("TLS13-1-3-FIPS-2023-04", "3", _T13_FIPS),
    ("TLS13-1-2-Res-FIPS-2023-04", "32", f"{_T13_FIPS} {_GCM}"),
    ("TLS13-1-2-FIPS-2023-04", "32", f"{_T13_FIPS} {_SHA2}"),
    ("TLS13-1-2-Ext0-FIPS-2023-04", "32", f"{_T13_FIPS} {_ECDHE}"),
    ("TLS13-1-2-Ext1-FIPS-2023-04", "32", f"{_T13_FIPS} {_SHA2} {_RSA_SHA2}"),
    ("TLS13-1-2-Ext2-FIPS-2023-04", "32", f"{_T13_FIPS} {_EVERY}"),
    ("TLS13-1-1-FIPS-2023-04", "321", f"{_T13_FIPS} {_EVERY}"),
    ("TLS13-1-0-FIPS-2023-04", "3210", f"{_T13_FIPS} {_EVERY}"),
    ("TLS13-1-3-RFC9151-FIPS-2023-07", "3", TLS13[1]),
    ("TLS13-1-2-RFC9151-FIPS-2023-07", "32", f"{TLS13[1]} {_GCM_256}"),
    ("TLS13-1-2-Ext0-RFC9151-FIPS-2023-07", "32", f"{TLS13[1]} {_GCM_256} AES256-GCM-SHA384"),
    ("TLS13-1-2-RFC9151-INTEROP1-FIPS-2023-07", "32", _INTEROP1),
    ("TLS13-1-2-RFC9151-INTEROP2-FIPS-2023-07", "32", _INTEROP2),
    ("TLS13-1-2-RFC9151-INTEROP3-FIPS-2023-07", "32", _INTEROP3),
    ("TLS13-1-2-RFC9151-INTEROP4-FIPS-2023-07", "32", f"{_INTEROP3} {_RSA_256_FIRST}"),
)

# The policies that have a post-quantum twin.
_TWINS: Final = (
    "TLS13-1-3-2021-06",
    "TLS13-1-2-Res-2021-06",
    "TLS13-1-2-2021-06",
    "TLS13-1-2-Ext1-2021-06",
    "TLS13-1-2-Ext2-2021-06",
    "TLS13-1-0-2021-06",
    "TLS13-1-3-FIPS-2023-04",
    "TLS13-1-2-Res-FIPS-2023-04",
    "TLS13-1-2-FIPS-2023-04",
    "TLS13-1-2-Ext0-FIPS-2023-04",
    "TLS13-1-2-Ext1-FIPS-2023-04",
    "TLS13-1-2-Ext2-FIPS-2023-04",
    "TLS13-1-0-FIPS-2023-04",
)


def _groups(name: str) -> tuple[str, ...]:
    if "-INTEROP" in name:
        return _INTEROP_GROUPS
    return _INTEROP_GROUPS[:1] if "-RFC9151-" in name else ()


def _policies() -> dict[str, SecurityPolicy]:
    found = {}
    for name, versions, suites in _TABLE:
        protocols = tuple(_VERSIONS[version] for version in versions)
        found[_PREFIX + name] = SecurityPolicy(_PREFIX + name, protocols, tuple(suites.split()), _groups(name))
    for name in _TWINS:
        twin = _PREFIX + name[: -len("2021-06")] + "PQ-2025-09"
        found[twin] = found[_PREFIX + name]._replace(name=twin, groups=_PQ_GROUPS)
    return found


POLICIES: Final = _policies()
"""Every policy by its name."""

POLICY_NAMES: Final = tuple(POLICIES)


def policy_for_targets(listener_policy: str | None) -> SecurityPolicy:
    """The policy towards HTTPS targets, which follows from that of the listener; None is an HTTP listener.

    A PQ listener is taken to use the classical policy (unconfirmed), an HTTP listener the one of "everything else".
    """
    policy = POLICIES.get(listener_policy or "")
    if policy is None or "TLSv1.3" not in policy.protocols:
        name = "2016-08"
    elif "-RFC9151-" in policy.name:
        name = "TLS13-1-2-RFC9151-INTEROP4-FIPS-2023-07"
    else:
        name = "TLS13-1-0-FIPS-2023-04" if policy.is_fips else "TLS13-1-0-2021-06"
    return POLICIES[_PREFIX + name]
