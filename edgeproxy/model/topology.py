"""Topology: everything that was asked for, as one immutable value."""

from __future__ import annotations

from edgeproxy.model.base import Model
from edgeproxy.model.load_balancer import LoadBalancer
from edgeproxy.model.target_group import TargetGroup


class Topology(Model):
    """Load balancers and target groups that fit together: every reference resolves, every cross-resource law holds."""

    load_balancers: tuple[LoadBalancer, ...] = ()
    target_groups: tuple[TargetGroup, ...] = ()
    account_id: str = "000000000000"
    region: str = "us-east-1"
