"""TLS towards targets: no validation, and a policy that follows from the listener's.

Source: user guide, describe-ssl-policies.

A target has one pool of connections whichever listener a request came by. Where listeners with different policies
forward to one target group, the one with TLS 1.3 counts for all.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from edgeproxy.model.security_policy import SecurityPolicy, policy_for_targets
from edgeproxy.model.topology import Topology, group_references
from edgeproxy.runtime.security_policy import configure

if TYPE_CHECKING:
    from edgeproxy.model.target_group import TargetGroup


class TargetTls:
    """The contexts for HTTPS targets and HTTPS health checks, made when they are first asked for."""

    def __init__(self) -> None:
        self._topology = Topology()
        self._contexts: dict[tuple[SecurityPolicy, bool], ssl.SSLContext] = {}

    def update(self, topology: Topology) -> None:
        """Answers for these target groups from now on."""
        self._topology = topology

    def context(self, group: TargetGroup) -> ssl.SSLContext:
        """The context for the targets of a group; the same object as long as policy and version are the same."""
        key = policy_towards(self._topology, group), group.protocol_version != "HTTP1"
        found = self._contexts.get(key)
        if found is None:
            found = self._contexts[key] = target_context(key[0], is_h2=key[1])
        return found


def policy_towards(topology: Topology, group: TargetGroup) -> SecurityPolicy:
    """The policy for the connections to a target group."""
    balancer = topology.load_balancer_of(group)
    references = group_references(balancer) if balancer is not None else ()
    listeners = [each.listener for each in references if topology.target_group(each.ref).name == group.name]
    policies = [policy_for_targets(listener.effective_ssl_policy) for listener in listeners]
    return max(policies, key=lambda each: "TLSv1.3" in each.protocols, default=policy_for_targets(None))


def target_context(policy: SecurityPolicy, *, is_h2: bool = False) -> ssl.SSLContext:
    """A context for connections to targets; with `is_h2`, to those that speak HTTP/2.

    The load balancer does not validate a target's certificate: self-signed, expired and wrong names are all accepted
    (user guide, load-balancer-target-groups). No client certificate is presented, and whoever connects passes
    `server_hostname=""` so that no name is sent.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    configure(context, policy)
    if is_h2:
        context.set_alpn_protocols(["h2"])
    return context
