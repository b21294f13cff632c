"""What a test may give as configuration, and the changes that it may ask for, as topologies.

None                                  HTTP redirects to HTTPS, HTTPS forwards to one target group, `app`
a dict in AWS's names                 as in a file
YAML text, or a path to a file        a file's relative paths start from its folder; `${VAR}` is replaced
a `Topology`                          as it is
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from edgeproxy.control.config import document
from edgeproxy.control.config.decode import BROKEN, Decoder
from edgeproxy.control.config.loader import load_file, load_text
from edgeproxy.control.config.problem import ConfigFileError
from edgeproxy.errors import ConfigError
from edgeproxy.model.action import Action, RedirectConfig
from edgeproxy.model.listener import Certificate, Listener
from edgeproxy.model.load_balancer import LoadBalancer
from edgeproxy.model.target_group import Matcher, TargetGroup
from edgeproxy.model.topology import Topology

if TYPE_CHECKING:
    from edgeproxy.model.rule import Rule
    from edgeproxy.model.target import Target

Configuration: TypeAlias = Mapping[str, Any] | str | Path | Topology | None

GROUP = "app"
HTTP_PORT, HTTPS_PORT = 80, 443
ANY_PORT = 1
"""A target group has a port, even where every target names its own."""


def topology_of(configuration: Configuration) -> tuple[Topology, Path]:
    """The topology, and where relative paths in it start.

    Raises:
        ConfigFileError: As for a file.
    """
    here = Path.cwd()
    if configuration is None:
        return default_topology(), here
    if isinstance(configuration, Topology):
        return configuration, here
    if isinstance(configuration, Mapping):
        return load_text(json.dumps(configuration, default=str), "configuration", None).topology, here
    if isinstance(configuration, str) and ("\n" in configuration or ":" in configuration):
        return load_text(configuration, "configuration", os.environ).topology, here
    path = Path(configuration)
    return load_file(path, os.environ).topology, path.parent


def default_topology(https_port: int = HTTPS_PORT, *, health_path: str = "/", health_codes: str = "200") -> Topology:
    """HTTP redirects to HTTPS, which forwards to one target group; `https_port` is where the redirects lead."""
    redirect = RedirectConfig(protocol="HTTPS", port=str(https_port), status_code="HTTP_301")
    listeners = (
        Listener(
            port=HTTP_PORT,
            protocol="HTTP",
            default_actions=(Action(type="redirect", redirect_config=redirect),),
        ),
        Listener(
            port=HTTPS_PORT,
            protocol="HTTPS",
            certificates=(Certificate(certificate_arn="dev"),),
            default_actions=(Action(type="forward", target_group_arn=GROUP),),
        ),
    )
    group = TargetGroup(
        name=GROUP,
        protocol="HTTP",
        port=ANY_PORT,
        health_check_path=health_path,
        matcher=Matcher(http_code=health_codes),
    )
    return Topology(load_balancers=(LoadBalancer(name="alb", listeners=listeners),), target_groups=(group,))


def with_target(topology: Topology, group: str | None, target: Target) -> Topology:
    """The topology with one target more."""
    wanted = _group(topology, group)
    return _with_group(topology, msgspec.structs.replace(wanted, targets=(*wanted.targets, target)))


def without_target(topology: Topology, group: str | None, target: Target) -> Topology:
    """The topology with one target less, in one group or in all."""
    for each in [_group(topology, group)] if group is not None else topology.target_groups:
        kept = tuple(one for one in each.targets if (one.id, each.port_of(one)) != (target.id, target.port))
        if kept != each.targets:
            topology = _with_group(topology, msgspec.structs.replace(each, targets=kept))
    return topology


def with_group(topology: Topology, settings: Mapping[str, Any]) -> Topology:
    """The topology with one target group more, in AWS's names."""
    group: TargetGroup = decoded(settings, TargetGroup)
    return msgspec.structs.replace(topology, target_groups=(*topology.target_groups, group))


def with_rule(topology: Topology, listener: Listener, rule: Rule) -> Topology:
    """The topology with one rule more on a listener."""
    return _with_listener(topology, listener, msgspec.structs.replace(listener, rules=(*listener.rules, rule)))


def without_rule(topology: Topology, listener: Listener, priority: int) -> Topology:
    """The topology with one rule less.

    Raises:
        ConfigError: The listener has no such rule.
    """
    if priority not in {rule.priority for rule in listener.rules}:
        raise ConfigError("Priority", priority, f"The listener has no rule '{priority}'", code="RuleNotFound")
    kept = tuple(rule for rule in listener.rules if rule.priority != priority)
    return _with_listener(topology, listener, msgspec.structs.replace(listener, rules=kept))


def listener_of(topology: Topology, port: int | None) -> Listener:
    """The listener with this declared port, or the one that a test means by saying none.

    That is the HTTPS listener that forwards, or the last one.
    """
    listeners = [listener for balancer in topology.load_balancers for listener in balancer.listeners]
    if port is None:
        preferred = [each for each in listeners if each.protocol == "HTTPS"] or listeners[-1:]
        found = preferred[:1]
    else:
        found = [each for each in listeners if each.port == port]
    if not found:
        ports = ", ".join(str(each.port) for each in listeners) or "none"
        raise ConfigError("Port", port, f"There is no listener with port {port}; the listeners' ports are: {ports}")
    return found[0]


def decoded(settings: Mapping[str, Any], model: Any) -> Any:
    """A part of a configuration in AWS's names, with a file's errors.

    Raises:
        ConfigFileError: It breaks a law.
    """
    name = model.__name__
    node = document.parse(json.dumps(settings, default=str), name)
    assert node is not None
    decoder = Decoder(name, None)
    found = decoder.decode(node, model)
    if found is BROKEN:
        raise ConfigFileError(decoder.problems)
    return found


def _group(topology: Topology, name: str | None) -> TargetGroup:
    if name is not None:
        return topology.target_group(name)
    if not topology.target_groups:
        raise ConfigError("TargetGroups", None, "There is no target group for it")
    return topology.target_groups[0]


def group_with(topology: Topology, label: str | None) -> TargetGroup:
    """The first target group that has this target, `ID:PORT` or `ID`; the first of all where none has."""
    for group in topology.target_groups:
        for target in group.targets:
            if label in (target.id, f"{target.id}:{group.port_of(target)}"):
                return group
    return _group(topology, None)


def _with_group(topology: Topology, group: TargetGroup) -> Topology:
    groups = tuple(group if each.name == group.name else each for each in topology.target_groups)
    return msgspec.structs.replace(topology, target_groups=groups)


def _with_listener(topology: Topology, before: Listener, listener: Listener) -> Topology:
    balancers = tuple(
        msgspec.structs.replace(
            balancer, listeners=tuple(listener if each is before else each for each in balancer.listeners)
        )
        for balancer in topology.load_balancers
    )
    return msgspec.structs.replace(topology, load_balancers=balancers)
