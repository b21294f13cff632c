"""A topology without a file: what `edgeproxy run --target HOST:PORT` and `edgeproxy demo` mean.

HTTP redirects to HTTPS, HTTPS forwards everything to one target group. All other settings are the load balancer's
defaults, so what works here works the same once it is written in a file.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from edgeproxy.model.action import Action, RedirectConfig
from edgeproxy.model.listener import Certificate, Listener
from edgeproxy.model.load_balancer import LoadBalancer
from edgeproxy.model.target import Target
from edgeproxy.model.target_group import Matcher, TargetGroup
from edgeproxy.model.topology import Topology

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edgeproxy.control.addresses import Address

TARGET_GROUP_NAME = "app"


@dataclasses.dataclass(frozen=True, kw_only=True)
class QuickConfig:
    """The few things that differ from one app to the next.

    Attributes:
        targets: Where the app listens; an address without a host means this machine.
        health_path: What a health check asks for.
        health_codes: The answers that count as healthy, in AWS's notation: `200,404` or `200-299`.
        certificate: A PEM file, or None for a certificate by the development CA.
        key: The private key where it is not in the certificate's file.
        http_port: The listener that redirects.
        https_port: The listener that forwards.
        name: The load balancer's name.
    """

    targets: Sequence[Address]
    health_path: str = "/"
    health_codes: str = "200"
    certificate: Path | None = None
    key: Path | None = None
    http_port: int = 80
    https_port: int = 443
    name: str = "edgeproxy"

    def topology(self, *, health_check_interval_seconds: int = 30) -> Topology:
        """The load balancer and its target group.

        Raises:
            ConfigError: A health code, the health path or a target would be refused by the real load balancer.
        """
        load_balancer = LoadBalancer(name=self.name, listeners=(self._redirecting(), self._forwarding()))
        return Topology(
            load_balancers=(load_balancer,), target_groups=(self._target_group(health_check_interval_seconds),)
        )

    def _redirecting(self) -> Listener:
        redirect = RedirectConfig(protocol="HTTPS", port=str(self.https_port), status_code="HTTP_301")
        return Listener(
            port=self.http_port,
            protocol="HTTP",
            default_actions=(Action(type="redirect", redirect_config=redirect),),
        )

    def _forwarding(self) -> Listener:
        return Listener(
            port=self.https_port,
            protocol="HTTPS",
            certificates=(self._certificate(),),
            default_actions=(Action(type="forward", target_group_arn=TARGET_GROUP_NAME),),
        )

    def _certificate(self) -> Certificate:
        # absolute, because a relative path in the model counts from the configuration file, and here is none
        if self.certificate is None:
            return Certificate(certificate_arn="dev")
        return Certificate(
            certificate_arn=str(self.certificate.resolve()),
            key_file=None if self.key is None else str(self.key.resolve()),
        )

    def _target_group(self, health_check_interval_seconds: int) -> TargetGroup:
        return TargetGroup(
            name=TARGET_GROUP_NAME,
            protocol="HTTP",
            port=self.targets[0].port,
            health_check_path=self.health_path,
            health_check_interval_seconds=health_check_interval_seconds,
            matcher=Matcher(http_code=self.health_codes),
            targets=tuple(Target(id=address.host or "127.0.0.1", port=address.port) for address in self.targets),
        )
