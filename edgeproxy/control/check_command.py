"""`edgeproxy check FILE`: everything that is wrong with a configuration file, and what is suspicious."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from edgeproxy.control.certificate_locator import FileCertificateLocator
from edgeproxy.control.config.loader import load_file, problem_at
from edgeproxy.control.exit_codes import ExitCode
from edgeproxy.control.trust_store_locator import FileTrustStoreLocator
from edgeproxy.errors import ConfigError, EdgeProxyError
from edgeproxy.model.trust_store import is_path
from edgeproxy.runtime.trust_store import read_trust_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from edgeproxy.control.config.problem import Problem
    from edgeproxy.model.topology import Topology


def check_file(path: Path) -> ExitCode:
    """Print `FILE:LINE:COL: path: what is wrong` for each problem, or what the file describes."""
    try:
        loaded = load_file(path, os.environ)
    except EdgeProxyError as error:
        click.echo(str(error))
        return ExitCode.NOT_FINE
    for warning in loaded.warnings:
        click.echo(f"warning: {warning}")
    problems = list(certificate_problems(loaded.topology, path))
    for problem in problems:
        click.echo(str(problem))
    if problems:
        return ExitCode.NOT_FINE
    click.echo(f"{path}: fine, {summary(loaded.topology)}")
    return ExitCode.FINE


def certificate_problems(topology: Topology, path: Path) -> Iterator[Problem]:
    """What is wrong with certificate files: `run` would not start. Nothing is made, so `dev` is not looked at."""
    locator = FileCertificateLocator(path.parent, path.parent)
    places = [
        (f"LoadBalancers[{number}].Listeners[{place}].Certificates[{index}]", certificate)
        for number, load_balancer in enumerate(topology.load_balancers)
        for place, listener in enumerate(load_balancer.listeners)
        for index, certificate in enumerate(listener.certificates)
    ]
    for where, certificate in places:
        if certificate.is_file:
            try:
                locator.locate(certificate)
            except ConfigError as error:
                yield problem_at(path, error.at(where))
    yield from trust_store_problems(topology, path)


def trust_store_problems(topology: Topology, path: Path) -> Iterator[Problem]:
    """What is wrong with the files of trust stores, in use or not."""
    locator = FileTrustStoreLocator(path.parent)
    for index, store in enumerate(topology.trust_stores):
        try:
            read_trust_store(locator.locate_trust_store(store))
        except ConfigError as error:
            yield problem_at(path, error.at(f"TrustStores[{index}]"))
    for number, load_balancer in enumerate(topology.load_balancers):
        for place, listener in enumerate(load_balancer.listeners):
            mutual = listener.client_certificates
            if mutual is not None and mutual.trust_store_arn and is_path(mutual.trust_store_arn):
                try:
                    read_trust_store(locator.locate_trust_store(topology.trust_store(mutual.trust_store_arn)))
                except ConfigError as error:
                    where = f"LoadBalancers[{number}].Listeners[{place}].MutualAuthentication.TrustStoreArn"
                    yield problem_at(path, ConfigError(where, error.value, error.reason, code=error.code))


def summary(topology: Topology) -> str:
    """`1 load balancer, 2 listeners, 3 rules, 1 target group, 2 targets`."""
    listeners = [listener for load_balancer in topology.load_balancers for listener in load_balancer.listeners]
    counts = {
        "load balancer": len(topology.load_balancers),
        "listener": len(listeners),
        "rule": sum(len(listener.rules) for listener in listeners),
        "target group": len(topology.target_groups),
        "target": sum(len(group.targets) for group in topology.target_groups),
    }
    return ", ".join(f"{count} {noun}{'' if count == 1 else 's'}" for noun, count in counts.items())
