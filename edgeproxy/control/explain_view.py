"""`edgeproxy explain METHOD URL`: which listener, which rule and why, what it does, and what the target would see.

The verdicts come from the code that routes requests (`rules/explain.py`, `rules/rewrite.py`); nothing is decided here.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from edgeproxy.control.config.loader import load_file
from edgeproxy.control.exit_codes import ExitCode
from edgeproxy.errors import EdgeProxyError
from edgeproxy.rules.explain import explain_rules
from edgeproxy.rules.rewrite import compile_redirect

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from edgeproxy.control.question import Question
    from edgeproxy.model.action import Action, FixedResponseConfig, RedirectConfig
    from edgeproxy.model.listener import Listener
    from edgeproxy.model.load_balancer import LoadBalancer
    from edgeproxy.model.topology import Topology
    from edgeproxy.rules.explain import RuleVerdict


def explain_request(question: Question, path: Path) -> ExitCode:
    """Print the explanation by what the file says; NOT_FINE if no listener would take the request."""
    try:
        topology = load_file(path, os.environ).topology
    except EdgeProxyError as error:
        click.echo(str(error), err=True)
        return ExitCode.NOT_FINE
    found = find_listener(topology, question)
    click.echo(f"{question.method} {question.url} from {question.source_ip}")
    if found is None:
        click.echo(no_listener(topology, question))
        return ExitCode.NOT_FINE
    for line in explanation(topology, *found, question):
        click.echo(line)
    return ExitCode.FINE


def find_listener(topology: Topology, question: Question) -> tuple[LoadBalancer, Listener] | None:
    """The listener on the URL's port, if it speaks the URL's protocol."""
    for load_balancer in topology.load_balancers:
        for listener in load_balancer.listeners:
            if listener.port == question.port and listener.protocol == question.protocol:
                return load_balancer, listener
    return None


def no_listener(topology: Topology, question: Question) -> str:
    """Why no listener takes the request."""
    listeners = [
        f"{listener.protocol}:{listener.port}"
        for load_balancer in topology.load_balancers
        for listener in load_balancer.listeners
    ]
    known = ", ".join(listeners) or "none"
    return f"No listener speaks {question.protocol} on port {question.port}. The listeners are: {known}."


def explanation(
    topology: Topology, load_balancer: LoadBalancer, listener: Listener, question: Question
) -> Iterator[str]:
    """The lines, from the listener down to the answer."""
    yield f"listener {listener.protocol}:{listener.port} of {load_balancer.name}"
    facts = question.facts()
    if facts is None:
        yield f"The path {question.raw_path} climbs above the root or holds %00: answered with 400, no rule is asked."
        return
    if facts.path != question.raw_path:
        yield f"The rules see the path as {facts.path}"
    rules = sorted(listener.rules, key=lambda rule: rule.priority)
    for verdict in explain_rules(rules, facts):
        yield from _rule_lines(verdict)
        if verdict.answers:
            actions = listener.default_actions if verdict.rule is None else verdict.rule.actions
    yield from action_lines(topology, listener, routing_action(actions), question)


def _rule_lines(verdict: RuleVerdict) -> Iterator[str]:
    name = "default rule" if verdict.rule is None else f"rule {verdict.rule.priority}"
    if verdict.answers:
        yield f"  {name}: answers"
    elif verdict.matched and verdict.rule is not None:
        yield f"  {name}: would match, but an earlier rule answers"
    elif verdict.matched:
        yield f"  {name}: not asked"
    else:
        yield f"  {name}: does not match"
    for condition in verdict.conditions:
        sign = "+" if condition.matched else "-"
        yield f"    {sign} {condition.condition.field}: {condition.reason}"


def routing_action(actions: Sequence[Action]) -> Action:
    """The action that answers the request: the one with the highest order."""
    return max(actions, key=lambda action: action.order or 0)


def action_lines(topology: Topology, listener: Listener, action: Action, question: Question) -> Iterator[str]:
    """What the action does with this request."""
    if action.redirect_config is not None:
        yield _redirect_line(action.redirect_config, listener, question)
    elif action.fixed_response_config is not None:
        yield _fixed_response_line(action.fixed_response_config)
    else:
        yield from _forward_lines(topology, action)


def _redirect_line(config: RedirectConfig, listener: Listener, question: Question) -> str:
    location = compile_redirect(config, protocol=listener.protocol, port=listener.port)
    target = location(question.host_without_port.lower(), question.raw_path, question.query)
    return f"redirect: {config.status_code.removeprefix('HTTP_')} to {target}"


def _fixed_response_line(config: FixedResponseConfig) -> str:
    body = config.message_body or ""
    return f"fixed response: {config.status_code} {config.content_type or 'without a content type'}, body {body!r}"


def _forward_lines(topology: Topology, action: Action) -> Iterator[str]:
    entries = action.forward_targets
    total = sum(entry.weight for entry in entries)
    for entry in entries:
        group = topology.target_group(entry.target_group_arn)
        share = "" if len(entries) == 1 else f" ({entry.weight / total:.0%} of the requests)" if total else " (never)"
        targets = (
            ", ".join(f"{target.id}:{group.port_of(target)}" for target in group.targets) or "none registered: 503"
        )
        yield f"forward to target group {group.name}{share}: {group.protocol} {targets}"
