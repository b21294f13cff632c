"""A topology in AWS's names: what `/_edgeproxy/state` shows.

Loading it again gives the same topology: `load_text(json.dumps(topology_to_builtins(x)), name, None).topology == x`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from edgeproxy.model.action import Action
    from edgeproxy.model.listener import Listener
    from edgeproxy.model.load_balancer import LoadBalancer
    from edgeproxy.model.target_group import TargetGroup
    from edgeproxy.model.topology import Topology


def topology_to_builtins(topology: Topology) -> dict[str, Any]:
    """Dicts, lists, strings and numbers, ready for JSON.

    What was left at AWS's default is left out, except for a weight, which AWS wants written. Each resource carries its
    ARN, a load balancer its DNS name too; a file may hold those keys, so what comes out can go in again.
    """
    return {
        "AccountId": topology.account_id,
        "Region": topology.region,
        "LoadBalancers": [_load_balancer(topology, one) for one in topology.load_balancers],
        "TargetGroups": [_target_group(topology, one) for one in topology.target_groups],
        "TrustStores": [
            {"TrustStoreArn": topology.trust_store_arn(one), **_builtins(one)} for one in topology.trust_stores
        ],
    }


def _load_balancer(topology: Topology, load_balancer: LoadBalancer) -> dict[str, Any]:
    return {
        "LoadBalancerArn": topology.load_balancer_arn(load_balancer),
        "DNSName": topology.load_balancer_dns_name(load_balancer),
        **_builtins(load_balancer),
        "Scheme": load_balancer.scheme,
        "Listeners": [_listener(topology, load_balancer, one) for one in load_balancer.listeners],
    }


def _listener(topology: Topology, load_balancer: LoadBalancer, listener: Listener) -> dict[str, Any]:
    return {
        "ListenerArn": topology.listener_arn(load_balancer, listener),
        **_builtins(listener),
        "DefaultActions": [_action(one) for one in listener.default_actions],
        "Rules": [
            {
                "RuleArn": topology.rule_arn(load_balancer, listener, rule.priority),
                **_builtins(rule),
                "Actions": [_action(one) for one in rule.actions],
            }
            for rule in listener.rules
        ],
    }


def _action(action: Action) -> dict[str, Any]:
    found = _builtins(action)
    if action.forward_config is not None:
        weighted = [
            {"TargetGroupArn": group.target_group_arn, "Weight": group.weight}
            for group in action.forward_config.target_groups
        ]
        found["ForwardConfig"] = {**found["ForwardConfig"], "TargetGroups": weighted}
    return found


def _target_group(topology: Topology, group: TargetGroup) -> dict[str, Any]:
    return {"TargetGroupArn": topology.target_group_arn(group), **_builtins(group), "Protocol": group.protocol}


def _builtins(model: msgspec.Struct) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(model)
    return found
