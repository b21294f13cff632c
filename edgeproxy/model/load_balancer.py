"""LoadBalancer: listeners and the attributes they share."""

from __future__ import annotations

from typing import Literal

from edgeproxy.model.attributes import Attributes
from edgeproxy.model.base import Model
from edgeproxy.model.listener import Listener


class LoadBalancer(Model):
    """An application load balancer. Source: API reference, CreateLoadBalancer."""

    name: str
    listeners: tuple[Listener, ...] = ()
    load_balancer_attributes: Attributes = ()
    scheme: Literal["internet-facing", "internal"] = "internet-facing"
    tags: Attributes = ()


class LoadBalancerSettings(Model):
    """The typed view of a load balancer's attributes, defaults filled in.

    Source: user guide, application-load-balancers, section load balancer attributes.
    """

    idle_timeout_seconds: int = 60
    client_keep_alive_seconds: int = 3600
    desync_mitigation_mode: Literal["monitor", "defensive", "strictest"] = "defensive"
    drop_invalid_header_fields: bool = False
    preserve_host_header: bool = False
    tls_version_and_cipher_headers: bool = False
    xff_client_port: bool = False
    xff_mode: Literal["append", "preserve", "remove"] = "append"
    http2_enabled: bool = True
