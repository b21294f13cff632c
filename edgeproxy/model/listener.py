"""Listener: a port, a protocol, certificates, a default action and rules."""

from __future__ import annotations

from typing import Literal

from edgeproxy.model.action import Action
from edgeproxy.model.attributes import Attributes
from edgeproxy.model.base import Model
from edgeproxy.model.rule import Rule


class Certificate(Model):
    """A PEM file with the chain and, unless `KeyFile` names another, the private key; `dev` is the development CA's."""

    certificate_arn: str
    key_file: str | None = None


class Listener(Model):
    """A listener. Source: API reference, CreateListener; user guide, load-balancer-listeners."""

    port: int
    protocol: Literal["HTTP", "HTTPS"]
    default_actions: tuple[Action, ...]
    ssl_policy: str | None = None
    certificates: tuple[Certificate, ...] = ()
    rules: tuple[Rule, ...] = ()
    listener_attributes: Attributes = ()
    tags: Attributes = ()
