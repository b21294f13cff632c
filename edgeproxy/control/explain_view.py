"""`edgeproxy explain METHOD URL`: which listener, which rule and why, what it does, and what the target would see."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import click
import msgspec

from edgeproxy.control.admin_client import NotAnsweredError, ask
from edgeproxy.control.config.loader import load_file
from edgeproxy.control.exit_codes import ExitCode
from edgeproxy.control.explain_faults import added_faults
from edgeproxy.control.explanation import explain
from edgeproxy.control.stickiness_key import existing_key
from edgeproxy.errors import EdgeProxyError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from edgeproxy.control.addresses import Address
    from edgeproxy.control.explanation import (
        ExplainedRule,
        ExplainedTargetGroup,
        ExplainedTransform,
        Explanation,
    )
    from edgeproxy.control.question import Question
    from edgeproxy.model.listener import Listener
    from edgeproxy.model.load_balancer import LoadBalancer
    from edgeproxy.model.topology import Topology

FAULTS: Final = "/_edgeproxy/faults"


def explain_request(
    question: Question,
    path: Path,
    certs_dir: Path | None = None,
    *,
    as_json: bool = False,
    running: Address | None = None,
) -> ExitCode:
    """Print the explanation by what the file says; NOT_FINE if no listener would take the request.

    The key of stickiness cookies is looked for in `certs_dir`. `running` is the admin endpoint of the edgeproxy whose
    faults that were added shall be told as well; NOT_FINE if nobody answers there.
    """
    try:
        topology = load_file(path, os.environ).topology
    except EdgeProxyError as error:
        click.echo(str(error), err=True)
        return ExitCode.NOT_FINE
    found = find_listener(topology, question)
    if found is None:
        _show(question, no_listener(topology, question), as_json=as_json)
        return ExitCode.NOT_FINE
    key = existing_key(certs_dir) if certs_dir is not None else None
    try:
        added = [] if running is None else added_faults(ask(running, "GET", FAULTS).document, topology)
    except NotAnsweredError as error:
        click.echo(str(error), err=True)
        return ExitCode.NOT_FINE
    explanation = explain(topology, *found, question, key=key, base_dir=path.parent, added=added)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(explanation), indent=2))
        return ExitCode.FINE
    _show(question, *lines_of(explanation), as_json=False)
    return ExitCode.FINE


def _show(question: Question, *lines: str, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode({"Method": question.method, "Url": question.url, "Problem": lines[0]}))
        return
    click.echo(f"{question.method} {question.url} from {question.source_ip}")
    for line in lines:
        click.echo(line)


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


def lines_of(found: Explanation) -> Iterator[str]:
    """The explanation in lines, from the listener down to the answer."""
    yield f"listener {found.listener} of {found.load_balancer}"
    if found.certificate:
        yield f"certificate: {found.certificate}"
    if found.classification:
        yield f"desync mitigation: {found.classification}"
    if found.refusal:
        yield f"answered with {found.status} before any rule is asked: {found.refusal}"
    else:
        if found.path:
            yield f"the rules see the path as {found.path}"
        for rule in found.rules:
            yield from _rule_lines(rule)
        for transform in found.transforms:
            yield _transform_line(transform)
        yield from _answer_lines(found)
    if found.faults:
        yield "it may meet these failures on purpose:"
        yield from (f"  {line}" for line in found.faults)
    if found.response_headers:
        yield "added to the response:"
        yield from (f"  {line}" for line in found.response_headers)
    if found.left_out:
        yield f"left out of the load balancer's own answers: {', '.join(found.left_out)}"


def _rule_lines(rule: ExplainedRule) -> Iterator[str]:
    name = "default rule" if rule.priority == "default" else f"rule {rule.priority}"
    yield f"  {name}: {_VERDICTS[rule.verdict]}"
    for condition in rule.conditions:
        sign = "+" if condition.matched else "-"
        yield f"    {sign} {condition.field}: {condition.reason}"


def _transform_line(transform: ExplainedTransform) -> str:
    if transform.status == "-":
        return f"{transform.type}: '{transform.before}' stays, because the expression is not found in it"
    if transform.status == "TransformSuccess":
        return f"{transform.type}: '{transform.before}' becomes '{transform.after}'"
    return f"{transform.type}: '{transform.before}' cannot be rewritten ({transform.status})"


def _answer_lines(found: Explanation) -> Iterator[str]:
    if found.action == "redirect" and found.status < 400:
        yield f"redirect: {found.status} to {found.location}"
    elif found.action == "redirect":
        yield f"redirect: {found.status}, because the Location would have {len(found.location)} characters"
    elif found.action == "fixed-response":
        kind = found.content_type or "without a content type"
        yield f"fixed response: {found.status} {kind}, body {found.message_body!r}"
    elif found.action == "forward":
        for group in found.target_groups:
            yield _group_line(group, is_only=len(found.target_groups) == 1)
        yield from (f"  {line}" for line in found.target_choice)
        yield "the target would see:"
        yield from (f"  {line}" for line in found.target_head)
    else:
        yield f"answered with {found.status}, because a transform failed"


def _group_line(group: ExplainedTargetGroup, *, is_only: bool) -> str:
    share = "" if is_only else f" ({group.share:.0%} of the requests)" if group.share else " (never)"
    targets = ", ".join(group.targets) or "none registered: 503"
    version = "" if group.protocol_version == "HTTP1" else f"{group.protocol_version} over "
    return f"forward to target group {group.name}{share}: {version}{group.protocol} {targets}"


_VERDICTS = {
    "answers": "answers",
    "shadowed": "would match, but an earlier rule answers",
    "no match": "does not match",
    "not asked": "not asked",
}
