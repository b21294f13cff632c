from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edgeproxy.errors import ConfigError
from edgeproxy.model import ids
from edgeproxy.model.action import Action, ForwardConfig, TargetGroupStickinessConfig, TargetGroupTuple
from edgeproxy.model.attributes import attributes_from
from edgeproxy.model.condition import RuleCondition
from edgeproxy.model.listener import Certificate, Listener
from edgeproxy.model.load_balancer import LoadBalancer
from edgeproxy.model.mutual_authentication import MutualAuthentication
from edgeproxy.model.rule import Rule
from edgeproxy.model.target import Target
from edgeproxy.model.target_group import Matcher, TargetGroup
from edgeproxy.model.topology import Topology, group_references
from edgeproxy.model.trust_store import TrustStore

Read = Callable[[Callable[[], Any]], list[tuple[str, str]]]
ReadCodes = Callable[[Callable[[], Any]], list[str]]


def forward(*refs: str) -> Action:
    if len(refs) == 1:
        return Action(type="forward", target_group_arn=refs[0])
    groups = tuple(TargetGroupTuple(target_group_arn=ref, weight=1) for ref in refs)
    return Action(type="forward", forward_config=ForwardConfig(target_groups=groups))


def balancer(name: str, *default: str, port: int = 80, rule: tuple[str, ...] = ()) -> LoadBalancer:
    condition = RuleCondition(field="path-pattern", values=("/a",))
    rules = (Rule(priority=1, conditions=(condition,), actions=(forward(*rule),)),) if rule else ()
    listener = Listener(port=port, protocol="HTTP", default_actions=(forward(*default),), rules=rules)
    return LoadBalancer(name=name, listeners=(listener,))


def groups(*names: str) -> tuple[TargetGroup, ...]:
    return tuple(TargetGroup(name=name, port=80) for name in names)


def test_a_reference_is_a_name_or_an_arn() -> None:
    topology = Topology(target_groups=groups("app", "api"))
    arn = ids.target_group_arn("000000000000", "us-east-1", "api")
    assert "api" == topology.target_group("api").name == topology.target_group(arn).name


def test_references_by_arn_work_in_actions() -> None:
    arn = ids.target_group_arn("000000000000", "us-east-1", "app")
    topology = Topology(load_balancers=(balancer("a", arn),), target_groups=groups("app"))
    assert ["app"] == [group.name for group in topology.used_target_groups()]


@pytest.mark.conformance("Forward", "an unknown target group is not found", "observed error text")
def test_unknown_target_groups_are_named_where_they_are_mentioned(refusals: Read, codes: ReadCodes) -> None:
    def make() -> Topology:
        return Topology(load_balancers=(balancer("a", "ap", rule=("app", "X")),), target_groups=groups("app"))

    listener = "LoadBalancers[0].Listeners[0]"
    assert [
        (f"{listener}.DefaultActions[0].TargetGroupArn", "Target group 'ap' not found"),
        (
            f"{listener}.Rules[0].Actions[0].ForwardConfig.TargetGroups[1].TargetGroupArn",
            "Target group 'X' not found",
        ),
    ] == refusals(make)
    assert ["TargetGroupNotFound", "TargetGroupNotFound"] == codes(make)


def test_the_nearest_target_group_is_suggested() -> None:
    with pytest.raises(ConfigError) as caught:
        Topology(target_groups=groups("orders")).target_group("order")
    assert ("orders", "TargetGroupNotFound") == (caught.value.suggestion, caught.value.code)


@pytest.mark.conformance("Target groups", "one load balancer each", "load-balancer-limits")
def test_a_target_group_belongs_to_one_load_balancer(refusals: Read, codes: ReadCodes) -> None:
    def make() -> Topology:
        return Topology(load_balancers=(balancer("a", "app"), balancer("b", "app")), target_groups=groups("app"))

    arn = ids.target_group_arn("000000000000", "us-east-1", "app")
    reason = f"The following target groups cannot be associated with more than one load balancer: '{arn}'"
    assert [("LoadBalancers[1].Listeners[0].DefaultActions[0].TargetGroupArn", reason)] == refusals(make)
    assert ["TargetGroupAssociationLimit"] == codes(make)


@pytest.mark.conformance("Target groups", "many rules of one load balancer", "create-listener")
def test_a_target_group_may_serve_many_rules() -> None:
    topology = Topology(load_balancers=(balancer("a", "app", rule=("app",)),), target_groups=groups("app"))
    assert 2 == len(list(group_references(topology.load_balancers[0])))


def test_used_target_groups_come_in_the_order_of_the_file() -> None:
    topology = Topology(
        load_balancers=(balancer("a", "three", rule=("one", "three")),), target_groups=groups("one", "two", "three")
    )
    assert ["one", "three"] == [group.name for group in topology.used_target_groups()]
    owners = [topology.load_balancer_of(group) for group in topology.target_groups]
    assert ["a", None, "a"] == [owner and owner.name for owner in owners]


@pytest.mark.conformance("Names", "unique in an account and region", "API reference")
def test_names_are_unique(codes: ReadCodes) -> None:
    assert ["DuplicateLoadBalancerName"] == codes(
        lambda: Topology(load_balancers=(LoadBalancer(name="a"), LoadBalancer(name="a")))
    )
    assert ["DuplicateTargetGroupName"] == codes(lambda: Topology(target_groups=groups("a", "a")))


@pytest.mark.conformance("Quotas", "100 target groups of one load balancer", "load-balancer-limits")
def test_a_hundred_target_groups(codes: ReadCodes) -> None:
    condition = RuleCondition(field="path-pattern", values=("/a",))

    def make(count: int) -> Topology:
        names = [f"g{number}" for number in range(count)]
        rules = tuple(
            Rule(priority=n + 1, conditions=(condition,), actions=(forward(*names[n * 2 : n * 2 + 2]),))
            for n in range((count + 1) // 2)
        )
        listener = Listener(port=80, protocol="HTTP", default_actions=(forward(names[0]),), rules=rules)
        load_balancer = LoadBalancer(name="a", listeners=(listener,))
        return Topology(load_balancers=(load_balancer,), target_groups=groups(*names))

    assert [] == codes(lambda: make(100))
    assert ["TooManyUniqueTargetGroupsPerLoadBalancer"] == codes(lambda: make(101))


@pytest.mark.conformance("Quotas", "1000 targets of one load balancer", "load-balancer-limits")
def test_a_thousand_targets(codes: ReadCodes) -> None:
    many = tuple(Target(id=f"t{number}") for number in range(600))
    used = tuple(TargetGroup(name=name, port=80, targets=many) for name in ("one", "two"))
    assert ["TooManyTargets"] == codes(
        lambda: Topology(load_balancers=(balancer("a", "one", rule=("two",)),), target_groups=used)
    )


def test_account_and_region_are_settable_and_stand_in_arns() -> None:
    topology = Topology(load_balancers=(LoadBalancer(name="a"),), account_id="123456789012", region="eu-west-1")
    arn = topology.load_balancer_arn(topology.load_balancers[0])
    assert arn.startswith("arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/a/")
    assert ".eu-west-1.elb.amazonaws.com" in topology.load_balancer_dns_name(topology.load_balancers[0])


def test_every_resource_has_an_arn() -> None:
    topology = Topology(load_balancers=(balancer("a", "app", rule=("app",)),), target_groups=groups("app"))
    load_balancer = topology.load_balancers[0]
    listener = load_balancer.listeners[0]
    found = {
        topology.load_balancer_arn(load_balancer),
        topology.listener_arn(load_balancer, listener),
        topology.rule_arn(load_balancer, listener, 1),
        topology.rule_arn(load_balancer, listener),
        topology.target_group_arn(topology.target_groups[0]),
    }
    assert 5 == len(found)


@pytest.mark.parametrize(
    ("changes", "path"),
    [({"account_id": "1"}, "AccountId"), ({"region": "Frankfurt"}, "Region"), ({"region": ""}, "Region")],
)
def test_account_and_region_have_a_form(changes: dict[str, Any], path: str, refusals: Read) -> None:
    assert [path] == [where for where, _ in refusals(lambda: Topology(**changes))]


@pytest.mark.conformance("Forward", "groups of HTTP/2 and gRPC targets need an HTTPS listener", "create-target-group")
@pytest.mark.parametrize("version", ["HTTP2", "GRPC"])
def test_newer_protocol_versions_come_in_over_tls(
    version: str, refusals: Read, codes: ReadCodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgeproxy.model.unsupported.target_group_problems", lambda _group: iter(()))
    matcher = Matcher(grpc_code="12") if version == "GRPC" else Matcher(http_code="200")
    group = TargetGroup(name="app", port=80, protocol_version=version, matcher=matcher)  # type: ignore[arg-type]

    def make() -> Topology:
        return Topology(load_balancers=(balancer("a", "app"),), target_groups=(group,))

    reason = f"Listener protocol 'HTTP' is not supported with a target group with the protocol-version '{version}'"
    path = "LoadBalancers[0].Listeners[0].DefaultActions[0].TargetGroupArn"
    assert [(path, reason)] == refusals(make)
    assert ["InvalidLoadBalancerAction"] == codes(make)


STICKY = attributes_from({"stickiness.enabled": True})


def sticky_topology(*refs: str, stickiness: TargetGroupStickinessConfig | None) -> Topology:
    entries = tuple(TargetGroupTuple(target_group_arn=ref) for ref in refs)
    config = ForwardConfig(target_groups=entries, target_group_stickiness_config=stickiness)
    listener = Listener(port=80, protocol="HTTP", default_actions=(Action(type="forward", forward_config=config),))
    return Topology(
        load_balancers=(LoadBalancer(name="a", listeners=(listener,)),),
        target_groups=(
            TargetGroup(name="app", port=80, target_group_attributes=STICKY),
            TargetGroup(name="api", port=80),
        ),
    )


@pytest.mark.conformance(
    "Target group stickiness", "needed where a group of several is sticky itself", "edit-target-group-attributes"
)
@pytest.mark.parametrize("stickiness", [None, TargetGroupStickinessConfig(enabled=False)])
def test_a_sticky_group_among_several_needs_group_stickiness(
    stickiness: TargetGroupStickinessConfig | None, refusals: Read
) -> None:
    arn = ids.target_group_arn("000000000000", "us-east-1", "app")
    assert [
        (
            "LoadBalancers[0].Listeners[0].DefaultActions[0].ForwardConfig.TargetGroupStickinessConfig",
            (
                f"This target group appears behind a rule with group stickiness disabled ({arn}). "
                "You must enable group stickiness before enabling target stickiness"
            ),
        )
    ] == refusals(lambda: sticky_topology("api", "app", stickiness=stickiness))


def test_a_sticky_group_alone_or_with_group_stickiness_is_fine() -> None:
    sticky_topology("app", stickiness=None)
    sticky_topology("app", "api", stickiness=TargetGroupStickinessConfig(enabled=True, duration_seconds=60))


def verifying(ref: str) -> LoadBalancer:
    listener = Listener(
        port=443,
        protocol="HTTPS",
        certificates=(Certificate(certificate_arn="dev"),),
        mutual_authentication=MutualAuthentication(mode="verify", trust_store_arn=ref),
        default_actions=(forward("a"),),
    )
    return LoadBalancer(name="dev", listeners=(listener,))


def store(name: str) -> TrustStore:
    return TrustStore(name=name, ca_certificates_bundle="ca.pem")


def test_a_trust_store_is_meant_by_its_name_its_arn_or_a_path() -> None:
    topology = Topology(trust_stores=(store("one"), store("two")))
    two = topology.trust_stores[1]

    assert two is topology.trust_store("two")
    assert two is topology.trust_store(topology.trust_store_arn(two))
    assert "certs/ca.pem" == topology.trust_store("certs/ca.pem").ca_certificates_bundle


@pytest.mark.conformance("Mutual TLS", "an unknown trust store is TrustStoreNotFound", "API reference, CreateListener")
@pytest.mark.parametrize("ref", ["clientz", "arn:aws:elasticloadbalancing:us-east-1:1:truststore/clients/1"])
def test_an_unknown_trust_store_is_refused(ref: str, refusals: Read, codes: ReadCodes) -> None:
    def make() -> Topology:
        return Topology(load_balancers=(verifying(ref),), target_groups=groups("a"), trust_stores=(store("clients"),))

    path = "LoadBalancers[0].Listeners[0].MutualAuthentication.TrustStoreArn"
    assert [(path, f"Trust store '{ref}' not found")] == refusals(make)
    assert ["TrustStoreNotFound"] == codes(make)


@pytest.mark.conformance("Mutual TLS", "names of trust stores are unique", "API reference, CreateTrustStore")
def test_names_of_trust_stores_are_unique(codes: ReadCodes) -> None:
    assert ["DuplicateTrustStoreName"] == codes(lambda: Topology(trust_stores=(store("a"), store("a"))))


@pytest.mark.conformance("Mutual TLS", "20 trust stores in a Region", "load-balancer-limits")
def test_there_are_at_most_twenty_trust_stores(codes: ReadCodes) -> None:
    def some(count: int) -> Callable[[], Topology]:
        return lambda: Topology(trust_stores=tuple(store(f"s{number}") for number in range(count)))

    assert [[], ["TooManyTrustStores"]] == [codes(some(20)), codes(some(21))]
