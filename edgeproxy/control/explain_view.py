"""`edgeproxy explain METHOD URL`: which listener, which rule and why, what it does, and what the target would see.

The verdicts come from the code that routes requests (`rules/explain.py`, `rules/rewrite.py`); nothing is decided here.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgeproxy.control.addresses import join_host_port
from edgeproxy.control.config.loader import load_file
from edgeproxy.control.exit_codes import ExitCode
from edgeproxy.control.explain_target import Situation, target_lines
from edgeproxy.control.stickiness_key import existing_key
from edgeproxy.errors import EdgeProxyError, ProtocolError
from edgeproxy.exchange.forwarding import RequestForwarding, split_host
from edgeproxy.exchange.trace import TraceIds
from edgeproxy.rules.explain import explain_rules
from edgeproxy.rules.normalise import normalise_path
from edgeproxy.rules.rewrite import compile_redirect

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from edgeproxy.control.question import Question
    from edgeproxy.model.action import Action, FixedResponseConfig, RedirectConfig
    from edgeproxy.model.listener import Listener
    from edgeproxy.model.load_balancer import LoadBalancer
    from edgeproxy.model.topology import Topology
    from edgeproxy.protocol.message import RequestHead
    from edgeproxy.rules.explain import RuleVerdict

_SOURCE_PORT = 50000  # the client's; told to targets only if xff_client_port is enabled


def explain_request(question: Question, path: Path, certs_dir: Path = Path("certs")) -> ExitCode:
    """Print the explanation by what the file says; NOT_FINE if no listener would take the request.

    The key of stickiness cookies is looked for in `certs_dir`.
    """
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
    for line in explanation(topology, *found, question, key=existing_key(certs_dir)):
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
    topology: Topology, load_balancer: LoadBalancer, listener: Listener, question: Question, key: bytes | None = None
) -> Iterator[str]:
    """The lines, from the listener down to the answer."""
    yield f"listener {listener.protocol}:{listener.port} of {load_balancer.name}"
    try:
        head = question.head()
    except ProtocolError as error:
        yield f"answered with {error.status} before any rule is asked: {error.fault}"
        return
    path = normalise_path(head.path)
    if path is None:
        yield f"answered with 400 before any rule is asked: the path {head.path} climbs above the root or holds %00"
        return
    if path != head.path:
        yield f"the rules see the path as {path}"
    head.path = path
    action = yield from _rules(listener, head)
    if action.redirect_config is not None:
        yield _redirect_line(action.redirect_config, listener, head)
    elif action.fixed_response_config is not None:
        yield _fixed_response_line(action.fixed_response_config)
    else:
        yield from _forward_lines(topology, action)
        yield from target_lines(action, head, Situation(topology, listener.protocol == "HTTPS", key, time.time()))
        yield "the target would see:"
        for line in head_for_target(topology, load_balancer, listener, head):
            yield f"  {line}"


def _rules(listener: Listener, head: RequestHead) -> Generator[str, None, Action]:
    """The verdicts' lines; returns the action that answers."""
    actions = listener.default_actions
    for verdict in explain_rules(sorted(listener.rules, key=lambda rule: rule.priority), head):
        yield from _rule_lines(verdict)
        if verdict.answers and verdict.rule is not None:
            actions = verdict.rule.actions
    return max(actions, key=lambda action: action.order or 0)


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


def _redirect_line(config: RedirectConfig, listener: Listener, head: RequestHead) -> str:
    locate = compile_redirect(config, protocol=listener.protocol, port=listener.port)
    # the path as the client spelled it, as exchange/actions.py does
    path, _, query = head.target.partition("?")
    location = locate(split_host(head.host)[0], path, query)
    return f"redirect: {config.status_code.removeprefix('HTTP_')} to {location}"


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
            ", ".join(join_host_port(target.id, group.port_of(target)) for target in group.targets)
            or "none registered: 503"
        )
        yield f"forward to target group {group.name}{share}: {group.protocol} {targets}"


def head_for_target(
    topology: Topology, load_balancer: LoadBalancer, listener: Listener, head: RequestHead
) -> list[str]:
    """The request line and headers for the target, made by the code that makes them; only the trace id is invented."""
    forwarding = RequestForwarding(
        protocol=listener.protocol,
        port=listener.port,
        dns_name=topology.load_balancer_dns_name(load_balancer),
        settings=load_balancer.settings,
        trace_ids=TraceIds(),
    )
    trace = forwarding.trace_ids.header(head.fields.trace_id, time.time(), head.fields.size)
    prefix = forwarding.prefix(head.source_ip, _SOURCE_PORT)
    return forwarding.encode(head, prefix, _SOURCE_PORT, trace).decode("latin-1").rstrip("\r\n").split("\r\n")
