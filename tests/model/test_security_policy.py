from __future__ import annotations

import pytest

from edgeproxy.model.security_policy import DEFAULT_POLICY, POLICIES, POLICY_NAMES, policy_for_targets

PAGE = "describe-ssl-policies"

# The page's table, written down apart from the module's: versions, then groups of suites.
GROUPS = {
    "T13": "TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256",
    "T13F": "TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384",
    "G128": "ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-RSA-AES128-GCM-SHA256",
    "C128": "ECDHE-ECDSA-AES128-SHA256 ECDHE-RSA-AES128-SHA256",
    "S128": "ECDHE-ECDSA-AES128-SHA ECDHE-RSA-AES128-SHA",
    "G256": "ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-RSA-AES256-GCM-SHA384",
    "C256": "ECDHE-ECDSA-AES256-SHA384 ECDHE-RSA-AES256-SHA384",
    "S256": "ECDHE-RSA-AES256-SHA ECDHE-ECDSA-AES256-SHA",
    "R4": "AES128-GCM-SHA256 AES128-SHA256 AES256-GCM-SHA384 AES256-SHA256",
    "R6": "AES128-GCM-SHA256 AES128-SHA256 AES128-SHA AES256-GCM-SHA384 AES256-SHA256 AES256-SHA",
}
ALL_ECDHE = "G128 C128 S128 G256 C256 S256"
EXT2 = f"T13 {ALL_ECDHE} R6"
EXT2_FIPS = f"T13F {ALL_ECDHE} R6"
TABLE = {
    "TLS13-1-3-2021-06": ("3", "T13"),
    "TLS13-1-3-PQ-2025-09": ("3", "T13"),
    "TLS13-1-2-Res-2021-06": ("3 2", "T13 G128 G256"),
    "TLS13-1-2-Res-PQ-2025-09": ("3 2", "T13 G128 G256"),
    "TLS13-1-2-2021-06": ("3 2", "T13 G128 C128 G256 C256"),
    "TLS13-1-2-PQ-2025-09": ("3 2", "T13 G128 C128 G256 C256"),
    "TLS13-1-2-Ext1-2021-06": ("3 2", "T13 G128 C128 G256 C256 R4"),
    "TLS13-1-2-Ext1-PQ-2025-09": ("3 2", "T13 G128 C128 G256 C256 R4"),
    "TLS13-1-2-Ext2-2021-06": ("3 2", EXT2),
    "TLS13-1-2-Ext2-PQ-2025-09": ("3 2", EXT2),
    "TLS13-1-1-2021-06": ("3 2 1", EXT2),
    "TLS13-1-0-2021-06": ("3 2 1 0", EXT2),
    "TLS13-1-0-PQ-2025-09": ("3 2 1 0", EXT2),
    "TLS-1-2-Ext-2018-06": ("2", f"{ALL_ECDHE} R6"),
    "TLS-1-2-2017-01": ("2", "G128 C128 G256 C256 R4"),
    "TLS-1-1-2017-01": ("2 1", f"{ALL_ECDHE} R6"),
    "2016-08": ("2 1 0", f"{ALL_ECDHE} R6"),
    "2015-05": ("2 1 0", f"{ALL_ECDHE} R6"),
    "TLS-1-0-2015-04": ("2 1 0", f"{ALL_ECDHE} R6 DES-CBC3-SHA"),
    "FS-1-2-Res-2020-10": ("2", "G128 G256"),
    "FS-1-2-Res-2019-08": ("2", "G128 C128 G256 C256"),
    "FS-1-2-2019-08": ("2", ALL_ECDHE),
    "FS-1-1-2019-08": ("2 1", ALL_ECDHE),
    "FS-2018-06": ("2 1 0", ALL_ECDHE),
    "TLS13-1-3-FIPS-2023-04": ("3", "T13F"),
    "TLS13-1-3-FIPS-PQ-2025-09": ("3", "T13F"),
    "TLS13-1-2-Res-FIPS-2023-04": ("3 2", "T13F G128 G256"),
    "TLS13-1-2-Res-FIPS-PQ-2025-09": ("3 2", "T13F G128 G256"),
    "TLS13-1-2-FIPS-2023-04": ("3 2", "T13F G128 C128 G256 C256"),
    "TLS13-1-2-FIPS-PQ-2025-09": ("3 2", "T13F G128 C128 G256 C256"),
    "TLS13-1-2-Ext0-FIPS-2023-04": ("3 2", f"T13F {ALL_ECDHE}"),
    "TLS13-1-2-Ext0-FIPS-PQ-2025-09": ("3 2", f"T13F {ALL_ECDHE}"),
    "TLS13-1-2-Ext1-FIPS-2023-04": ("3 2", "T13F G128 C128 G256 C256 R4"),
    "TLS13-1-2-Ext1-FIPS-PQ-2025-09": ("3 2", "T13F G128 C128 G256 C256 R4"),
    "TLS13-1-2-Ext2-FIPS-2023-04": ("3 2", EXT2_FIPS),
    "TLS13-1-2-Ext2-FIPS-PQ-2025-09": ("3 2", EXT2_FIPS),
    "TLS13-1-1-FIPS-2023-04": ("3 2 1", EXT2_FIPS),
    "TLS13-1-0-FIPS-2023-04": ("3 2 1 0", EXT2_FIPS),
    "TLS13-1-0-FIPS-PQ-2025-09": ("3 2 1 0", EXT2_FIPS),
}
A256 = "TLS_AES_256_GCM_SHA384"
R6_256_FIRST = "AES256-GCM-SHA384 AES256-SHA256 AES256-SHA AES128-GCM-SHA256 AES128-SHA256 AES128-SHA"
INTEROP1 = f"{A256} TLS_AES_128_GCM_SHA256 G256 G128"
UNCONFIRMED = {
    "TLS13-1-3-RFC9151-FIPS-2023-07": ("3", A256),
    "TLS13-1-2-RFC9151-FIPS-2023-07": ("3 2", f"{A256} G256"),
    "TLS13-1-2-Ext0-RFC9151-FIPS-2023-07": ("3 2", f"{A256} G256 AES256-GCM-SHA384"),
    "TLS13-1-2-RFC9151-INTEROP1-FIPS-2023-07": ("3 2", INTEROP1),
    "TLS13-1-2-RFC9151-INTEROP2-FIPS-2023-07": ("3 2", f"{INTEROP1} C256 C128"),
    "TLS13-1-2-RFC9151-INTEROP3-FIPS-2023-07": ("3 2", f"{INTEROP1} C256 C128 S256 S128"),
    "TLS13-1-2-RFC9151-INTEROP4-FIPS-2023-07": (
        "3 2",
        f"{INTEROP1} C256 C128 S256 S128 {R6_256_FIRST}",
    ),
}
VERSIONS = {"3": "TLSv1.3", "2": "TLSv1.2", "1": "TLSv1.1", "0": "TLSv1"}


def written(versions: str, groups: str) -> tuple[list[str], list[str]]:
    suites = " ".join(GROUPS.get(group, group) for group in groups.split()).split()
    return [VERSIONS[version] for version in versions.split()], suites


def made(name: str) -> tuple[list[str], list[str]]:
    policy = POLICIES[f"ELBSecurityPolicy-{name}"]
    return list(policy.protocols), list(policy.ciphers)


@pytest.mark.conformance("Security policies", "each policy has its versions, and its suites in their order", PAGE)
@pytest.mark.parametrize("name", TABLE)
def test_a_policy_is_what_the_page_says(name: str) -> None:
    assert written(*TABLE[name]) == made(name)


@pytest.mark.conformance("Security policies", "the RFC9151 policies, as in s2n-tls", PAGE, status="default")
@pytest.mark.parametrize("name", UNCONFIRMED)
def test_the_rfc_9151_policies(name: str) -> None:
    assert written(*UNCONFIRMED[name]) == made(name)


def test_every_policy_is_compared_with_the_page() -> None:
    assert {f"ELBSecurityPolicy-{name}" for name in (*TABLE, *UNCONFIRMED)} == set(POLICY_NAMES)


@pytest.mark.parametrize(("name", "count"), [("2016-08", 18), ("TLS-1-2-2017-01", 12), ("TLS-1-0-2015-04", 19)])
def test_as_many_suites_as_the_page_counts(name: str, count: int) -> None:
    assert count == len(POLICIES[f"ELBSecurityPolicy-{name}"].ciphers)


@pytest.mark.conformance("Security policies", "PQ policies add three groups to their classical twins", PAGE)
@pytest.mark.parametrize("name", [name for name in TABLE if "-PQ-" in name])
def test_a_pq_policy_differs_from_its_twin_in_the_groups_only(name: str) -> None:
    policy = POLICIES[f"ELBSecurityPolicy-{name}"]
    twin = POLICIES[policy.name.replace("PQ-2025-09", "2023-04" if policy.is_fips else "2021-06")]

    assert ("SecP256r1MLKEM768", "SecP384r1MLKEM1024", "X25519MLKEM768") == policy.groups
    assert twin == policy._replace(name=twin.name, groups=())
    assert policy.is_post_quantum
    assert not twin.is_post_quantum


@pytest.mark.conformance("Security policies", "RFC9151 policies use P-384", PAGE, status="default")
def test_rfc_9151_policies_name_their_curves() -> None:
    strict = POLICIES["ELBSecurityPolicy-TLS13-1-2-RFC9151-FIPS-2023-07"]
    interop = POLICIES["ELBSecurityPolicy-TLS13-1-2-RFC9151-INTEROP2-FIPS-2023-07"]

    assert ("secp384r1",) == strict.groups
    assert ("secp384r1", "secp256r1", "secp521r1") == interop.groups


def test_suites_are_parted_by_version() -> None:
    policy = POLICIES["ELBSecurityPolicy-TLS13-1-2-Res-FIPS-2023-04"]

    assert tuple(GROUPS["T13F"].split()) == policy.tls13_ciphers
    assert tuple(f"{GROUPS['G128']} {GROUPS['G256']}".split()) == policy.tls12_ciphers


@pytest.mark.conformance("Security policies", "the API's default", PAGE)
def test_the_default_is_the_oldest_common_one() -> None:
    assert "ELBSecurityPolicy-2016-08" == DEFAULT_POLICY
    assert DEFAULT_POLICY in POLICY_NAMES


@pytest.mark.conformance("Security policies", "the listener's policy decides the one towards targets", PAGE)
@pytest.mark.parametrize(
    ("listener", "expected"),
    [
        ("ELBSecurityPolicy-TLS13-1-3-2021-06", "ELBSecurityPolicy-TLS13-1-0-2021-06"),
        ("ELBSecurityPolicy-TLS13-1-2-Res-FIPS-2023-04", "ELBSecurityPolicy-TLS13-1-0-FIPS-2023-04"),
        (
            "ELBSecurityPolicy-TLS13-1-3-RFC9151-FIPS-2023-07",
            "ELBSecurityPolicy-TLS13-1-2-RFC9151-INTEROP4-FIPS-2023-07",
        ),
        (
            "ELBSecurityPolicy-TLS13-1-2-RFC9151-INTEROP1-FIPS-2023-07",
            "ELBSecurityPolicy-TLS13-1-2-RFC9151-INTEROP4-FIPS-2023-07",
        ),
        ("ELBSecurityPolicy-2016-08", "ELBSecurityPolicy-2016-08"),
        ("ELBSecurityPolicy-FS-1-2-Res-2020-10", "ELBSecurityPolicy-2016-08"),
    ],
)
def test_the_policy_towards_targets(listener: str, expected: str) -> None:
    assert expected == policy_for_targets(listener).name


@pytest.mark.conformance("Security policies", "PQ listeners speak classically to targets", PAGE, status="default")
def test_a_pq_listener_uses_the_classical_policy_towards_targets() -> None:
    listener = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
    assert "ELBSecurityPolicy-TLS13-1-0-2021-06" == policy_for_targets(listener).name


@pytest.mark.conformance("Security policies", "HTTP listeners use 2016-08 towards targets", PAGE, status="default")
def test_an_http_listener_uses_the_old_policy_towards_targets() -> None:
    assert "ELBSecurityPolicy-2016-08" == policy_for_targets(None).name
