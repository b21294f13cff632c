"""Explanation: what would become of one request, as data. `explain_view.py` shows it.

Every verdict comes from the code that routes requests; nothing is decided here. Keys are AWS's where AWS has one.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from edgeproxy.control.addresses import join_host_port
from edgeproxy.control.explain_certificate import presented_certificate
from edgeproxy.control.explain_faults import AddedFault, Way, fault_lines
from edgeproxy.control.explain_target import Situation, target_lines
from edgeproxy.control.explain_version import h2_head_for_target, version_lines
from edgeproxy.errors import ProtocolError
from edgeproxy.exchange.actions import MAX_LOCATION, redirect_input
from edgeproxy.exchange.desync_mode import DesyncMode
from edgeproxy.exchange.forwarding import RequestForwarding
from edgeproxy.exchange.outcome import STATUS, Outcome
from edgeproxy.exchange.refusal import refusal_of
from edgeproxy.exchange.response_headers import SERVER
from edgeproxy.exchange.trace import TraceIds
from edgeproxy.exchange.transforming import transform_input
from edgeproxy.protocol.judgement import UnreadableRequestError
from edgeproxy.rules.explain import explain_rules
from edgeproxy.rules.facts import WithoutDroppedHeaders
from edgeproxy.rules.normalise import normalise_path
from edgeproxy.rules.rewrite import compile_redirect
from edgeproxy.rules.transform import compile_transforms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgeproxy.control.question import Question
    from edgeproxy.model.action import Action
    from edgeproxy.model.listener import Listener
    from edgeproxy.model.load_balancer import LoadBalancer
    from edgeproxy.model.rule import Rule
    from edgeproxy.model.target_group import TargetGroup
    from edgeproxy.model.topology import Topology
    from edgeproxy.protocol.desync import Verdict
    from edgeproxy.protocol.message import RequestHead
    from edgeproxy.rules.explain import RuleVerdict
    from edgeproxy.rules.transform import Transformed

_SOURCE_PORT = 50000  # the client's; told to targets only if xff_client_port is enabled


class _InventedCertificate:
    """A client that the listener asks for a certificate has one of its own."""

    pem_chain = pem_leaf = "-----BEGIN%20CERTIFICATE-----%0A...%0A-----END%20CERTIFICATE-----%0A"
    serial_number = "03A5B1"
    issuer = "CN=issuer"
    subject = "CN=client"
    validity = "NotBefore=2025-01-01T00:00:00Z;NotAfter=2026-01-01T00:00:00Z"


class _InventedTls:
    """What a client would negotiate is not known; this is what most do."""

    protocol = "TLSv1.3"
    cipher = "TLS_AES_128_GCM_SHA256"
    client_certificate = _InventedCertificate()


class _Part(msgspec.Struct, frozen=True, kw_only=True, rename="pascal", omit_defaults=True):
    """The base of the parts: AWS's spelling of keys, what says nothing is left out."""


class ExplainedCondition(_Part, frozen=True):
    """One condition of a rule.

    Attributes:
        field: As in the rule.
        matched: Whether it holds.
        saw: The value it was compared with.
        reason: A sentence.
    """

    field: str
    matched: bool
    saw: str
    reason: str


class ExplainedRule(_Part, frozen=True):
    """One rule.

    Attributes:
        priority: The number, or `default`.
        verdict: `answers`, `shadowed` (it would match, but an earlier rule answers), `no match`, or `not asked`.
        conditions: All of them, in the order written.
    """

    priority: str
    verdict: str
    conditions: list[ExplainedCondition] = []


class ExplainedTransform(_Part, frozen=True):
    """One transform of the rule that answers.

    Attributes:
        type: As in the rule.
        before: What the expression was searched for in.
        after: What the target gets in its place; equal to `before` where nothing changes.
        status: As in the access log; `-` where the expression was not found.
    """

    type: str
    before: str
    after: str
    status: str


class ExplainedTargetGroup(_Part, frozen=True):
    """A target group that the request may go to.

    Attributes:
        name: The group's.
        weight: As in the action.
        share: Of the requests, 0 to 1.
        protocol: What its targets speak.
        protocol_version: In which version.
        targets: `address:port` each.
    """

    name: str
    weight: int
    share: float
    protocol: str
    targets: list[str]
    protocol_version: str = "HTTP1"


class Explanation(_Part, frozen=True):
    """What would become of a request.

    Attributes:
        method: As asked.
        url: As asked.
        source_ip: The client's address.
        load_balancer: The name.
        listener: `HTTP:80`.
        certificate: Which one an HTTPS listener presents, and why.
        classification: What desync mitigation calls it and what follows, such as `Ambiguous/SuspiciousHeader: both
            connections close behind the response`; "" for a compliant request.
        refusal: Why it is answered before any rule is asked.
        status: Of an answer by the load balancer itself.
        path: What rules see, where that differs from what was sent.
        rules: All of the listener's, in order of priority, the default last.
        transforms: Of the rule that answers.
        action: Its type.
        location: Of a redirect.
        content_type: Of a fixed response.
        message_body: Of a fixed response.
        target_groups: Of a forward.
        target_choice: Where cookies lead, whose turn it is, and over which version of HTTP there is a 464, in
            sentences.
        target_head: Request line and headers as a target would get them; the trace id and the TLS facts are invented.
        faults: Failures on purpose that the request may meet.
        response_headers: What the listener puts on every response.
        left_out: What the load balancer's own answers do without.
    """

    method: str
    url: str
    source_ip: str
    load_balancer: str
    listener: str
    certificate: str = ""
    classification: str = ""
    refusal: str = ""
    status: int = 0
    path: str = ""
    rules: list[ExplainedRule] = []
    transforms: list[ExplainedTransform] = []
    action: str = ""
    location: str = ""
    content_type: str = ""
    message_body: str = ""
    target_groups: list[ExplainedTargetGroup] = []
    target_choice: list[str] = []
    target_head: list[str] = []
    faults: list[str] = []
    response_headers: list[str] = []
    left_out: list[str] = []


def explain(
    topology: Topology,
    load_balancer: LoadBalancer,
    listener: Listener,
    question: Question,
    *,
    key: bytes | None = None,
    base_dir: Path = Path(),
    now: float | None = None,
    added: Sequence[AddedFault] = (),
) -> Explanation:
    """What would become of a request on this listener.

    Args:
        topology: What is configured.
        load_balancer: The listener's.
        listener: That the client connects to.
        question: The request.
        key: Reads the stickiness cookies that it carries.
        base_dir: Where relative paths of certificates start.
        now: Seconds since 1970, for the age of cookies; the real time where it is left out.
        added: Faults that stand in no file.
    """
    is_https = listener.protocol == "HTTPS"
    found: dict[str, Any] = {
        "certificate": presented_certificate(listener, question.server_name, base_dir) if is_https else "",
        "method": question.method,
        "url": question.url,
        "source_ip": question.source_ip,
        "load_balancer": load_balancer.name,
        "listener": f"{listener.protocol}:{listener.port}",
        "response_headers": [f"{name}: {value}" for name, value in listener.settings.response_headers],
        "left_out": [] if listener.settings.server_header else [SERVER],
    }
    head = _readable_head(question, load_balancer, found)
    if head is not None:
        situation = Situation(topology, is_https, key, time.time() if now is None else now, added)
        _explain_routing(situation, load_balancer, listener, head, found)
    return Explanation(**found)


def _readable_head(question: Question, load_balancer: LoadBalancer, found: dict[str, Any]) -> RequestHead | None:
    """The request as rules see it; None if it is answered before."""
    mode = DesyncMode(load_balancer.settings.desync_mitigation_mode)
    try:
        head = question.head()
    except ProtocolError as error:
        verdict = error.verdict if isinstance(error, UnreadableRequestError) else None
        found |= {"refusal": error.fault, "status": error.status, "classification": _classification(verdict, mode)}
        return None
    found["classification"] = _classification(head.verdict, mode)
    allows_several_hosts = load_balancer.settings.preserve_host_header
    outcome = refusal_of(head, allows_several_hosts=allows_several_hosts, desync_mode=mode)
    if outcome is not None:
        found |= {"refusal": outcome.value, "status": STATUS[outcome]}
        return None
    path = normalise_path(head.path)
    if path is None:
        found |= {"refusal": Outcome.PATH_REFUSED.value, "status": STATUS[Outcome.PATH_REFUSED]}
        return None
    if path != head.path:
        found["path"] = path
    head.path = path
    return head


def _classification(verdict: Verdict | None, mode: DesyncMode) -> str:
    """What the access log would say of a request, and what the mode makes of it."""
    if verdict is None:
        return ""
    consequence = "it is forwarded"
    if mode.blocks(verdict):
        consequence = "it is not forwarded"
    elif mode.closes_after(verdict):
        consequence = "both connections close behind the response"
    return f"{verdict.name}/{verdict.reason}: in {mode.value} mode {consequence}"


def _explain_routing(
    situation: Situation, load_balancer: LoadBalancer, listener: Listener, head: RequestHead, found: dict[str, Any]
) -> None:
    topology = situation.topology
    facts = WithoutDroppedHeaders(head) if load_balancer.settings.drop_invalid_header_fields else head
    verdicts = explain_rules(sorted(listener.rules, key=lambda rule: rule.priority), facts)
    found["rules"] = [_explained_rule(verdict) for verdict in verdicts]
    rule = next(verdict.rule for verdict in verdicts if verdict.answers)
    transformed = None
    if rule is not None and rule.transforms:
        transformed = compile_transforms(rule.transforms)(*transform_input(head))
        found["transforms"] = _explained_transforms(rule, head)
        if transformed.status.is_failure:
            found["status"] = STATUS[Outcome.TRANSFORM_FAILED]
            return
    actions = listener.default_actions if rule is None else rule.actions
    action = max(actions, key=lambda each: each.order or 0)
    found["action"] = action.type
    groups = [topology.target_group(entry.target_group_arn) for entry in action.forward_targets]
    found["faults"] = list(fault_lines(Way(load_balancer, listener, rule, groups), situation.added))
    if action.type == "redirect":
        dns_name = topology.load_balancer_dns_name(load_balancer)
        found |= _explained_redirect(action, listener, redirect_input(head, transformed, dns_name))
    elif action.fixed_response_config is not None:
        config = action.fixed_response_config
        found |= {"status": int(config.status_code), "content_type": config.content_type or ""}
        found["message_body"] = config.message_body or ""
    else:
        found["target_groups"] = _explained_groups(topology, action)
        lines = [line for group in groups for line in version_lines(group, head, is_https=situation.is_https)]
        found["target_choice"] = [*target_lines(action, head, situation), *lines]
        first = groups[0] if groups else None
        found["target_head"] = head_for_target(topology, load_balancer, listener, head, transformed, first)


def _explained_rule(verdict: RuleVerdict) -> ExplainedRule:
    if verdict.answers:
        word = "answers"
    elif verdict.matched:
        word = "not asked" if verdict.rule is None else "shadowed"
    else:
        word = "no match"
    return ExplainedRule(
        priority="default" if verdict.rule is None else str(verdict.rule.priority),
        verdict=word,
        conditions=[
            ExplainedCondition(field=each.condition.field, matched=each.matched, saw=each.saw, reason=each.reason)
            for each in verdict.conditions
        ],
    )


def _explained_transforms(rule: Rule, head: RequestHead) -> list[ExplainedTransform]:
    """Each by itself: together they may fail where one alone would not."""
    host, url = transform_input(head)
    found = []
    for transform in rule.transforms:
        result = compile_transforms([transform])(host, url)
        is_host = transform.type == "host-header-rewrite"
        before = host if is_host else url
        after = (result.host if is_host else result.target) or before
        found.append(ExplainedTransform(type=transform.type, before=before, after=after, status=result.status.value))
    return found


def _explained_redirect(action: Action, listener: Listener, asked: tuple[str, str, str]) -> dict[str, Any]:
    config = action.redirect_config
    assert config is not None
    location = compile_redirect(config, protocol=listener.protocol, port=listener.port)(*asked)
    if len(location) > MAX_LOCATION:
        return {"status": STATUS[Outcome.REDIRECT_TOO_LONG], "location": location}
    return {"status": int(config.status_code.removeprefix("HTTP_")), "location": location}


def _explained_groups(topology: Topology, action: Action) -> list[ExplainedTargetGroup]:
    entries = action.forward_targets
    total = sum(entry.weight for entry in entries)
    found = []
    for entry in entries:
        group = topology.target_group(entry.target_group_arn)
        found.append(
            ExplainedTargetGroup(
                name=group.name,
                weight=entry.weight,
                share=entry.weight / total if total else 0.0,
                protocol=group.protocol,
                protocol_version=group.protocol_version,
                targets=[join_host_port(target.id, group.port_of(target)) for target in group.targets],
            )
        )
    return found


def head_for_target(
    topology: Topology,
    load_balancer: LoadBalancer,
    listener: Listener,
    head: RequestHead,
    transformed: Transformed | None = None,
    group: TargetGroup | None = None,
) -> list[str]:
    """The request line and headers for a target of the group, made by the code that makes them."""
    forwarding = RequestForwarding(
        protocol=listener.protocol,
        port=listener.port,
        dns_name=topology.load_balancer_dns_name(load_balancer),
        settings=load_balancer.settings,
        trace_ids=TraceIds(),
        tls_names=listener.settings.tls_names,
        client_certificate_mode=listener.client_certificate_mode,
        client_certificate_names=listener.settings.client_certificate_names,
    )
    trace = forwarding.trace_ids.header(head.fields.trace_id, time.time(), head.fields.size)
    prefix = forwarding.prefix(head.source_ip, _SOURCE_PORT, _InventedTls())
    if group is not None and group.protocol_version != "HTTP1":
        return h2_head_for_target(
            forwarding,
            head,
            scheme=group.protocol.lower(),
            prefix=prefix,
            source_port=_SOURCE_PORT,
            trace=trace,
            transformed=transformed,
        )
    encoded = forwarding.encode(head, prefix, _SOURCE_PORT, trace, transformed)
    return encoded.decode("latin-1").rstrip("\r\n").split("\r\n")
