"""Keys that AWS snippets carry and that mean nothing here: accepted with a warning, so that snippets paste in.

Three kinds: what belongs to a VPC, what nesting says already (a listener's load balancer), and what the load balancer
itself answers (ARNs, state), so that a dump of the running configuration can be loaded again.
"""

from __future__ import annotations

_ANSWERS = ("CreatedTime", "State")

IGNORED_KEYS: dict[str, tuple[str, ...]] = {
    "LoadBalancer": (
        "Subnets",
        "SubnetMappings",
        "SecurityGroups",
        "IpAddressType",
        "VpcId",
        "AvailabilityZones",
        "CustomerOwnedIpv4Pool",
        "Ipv4IpamPoolId",
        "IpamPools",
        "EnablePrefixForIpv6SourceNat",
        "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic",
        "EnableCapacityReservationProvisionStabilize",
        "MinimumLoadBalancerCapacity",
        "LoadBalancerArn",
        "DNSName",
        "CanonicalHostedZoneId",
        *_ANSWERS,
    ),
    "Listener": ("LoadBalancerArn", "ListenerArn", "AlpnPolicy", "DefaultRuleArn"),
    "Rule": ("ListenerArn", "RuleArn", "IsDefault"),
    "TargetGroup": ("TargetGroupArn", "LoadBalancerArns"),
    "TrustStore": ("TrustStoreArn", "Status", "NumberOfCaCertificates", "TotalRevokedEntries"),
    "MutualAuthentication": ("TrustStoreAssociationStatus",),
    "Certificate": ("IsDefault",),
    "Target": ("QuicServerId",),
    "SourceIpConfig": ("IpAddressType",),
}
"""Class name -> AWS keys."""

KEPT_KEYS: dict[str, tuple[str, ...]] = {"TargetGroup": ("VpcId",), "Target": ("AvailabilityZone",)}
"""Class name -> AWS keys that the model keeps and echoes, and that change nothing."""


def is_ignored(model: str, key: str) -> bool:
    """The key may stand there and is dropped."""
    return key in IGNORED_KEYS.get(model, ())


def is_without_meaning(model: str, key: str) -> bool:
    """The key may stand there and changes nothing."""
    return is_ignored(model, key) or key in KEPT_KEYS.get(model, ())
