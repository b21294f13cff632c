"""A topology compiled: what is made anew, what is found again, what is in use."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from edgeproxy.exchange.actions import FixedResponseAction, ForwardAction, RedirectAction, VersionedForwardAction
from edgeproxy.exchange.transforming import TransformingAction
from edgeproxy.runtime.clock import Clock
from edgeproxy.runtime.compiled import Compiler, rules_that_can_match
from edgeproxy.runtime.log_outlets import LogOutlets
from edgeproxy.runtime.metrics import Metrics
from edgeproxy.runtime.request_ring import ListenerPlace
from edgeproxy.runtime.target_pools import TargetPools
from tests.helpers.proxies import answering_itself, forwarding_to, topology

if TYPE_CHECKING:
    from edgeproxy.exchange.actions import CompiledAction
    from edgeproxy.exchange.context import ExchangeContext
    from edgeproxy.runtime.ledger import Ledger

WEIGHTED = """\
LoadBalancers:
  - Name: dev
    Listeners:
      - Port: 80
        Protocol: HTTP
        DefaultActions:
          - Type: forward
            ForwardConfig:
              TargetGroups: [{TargetGroupArn: blue, Weight: 9}, {TargetGroupArn: green, Weight: 1}]
        Rules:
          - Priority: 7
            Conditions: [{Field: path-pattern, Values: [/old]}]
            Actions:
              - {Type: redirect, RedirectConfig: {Path: /new, StatusCode: HTTP_302}}
TargetGroups:
  - {Name: blue, Protocol: HTTP, Port: 80}
  - {Name: green, Protocol: HTTP, Port: 80}
  - {Name: grey, Protocol: HTTP, Port: 80}
"""


HTTPS_443 = "Port: 443\n        Protocol: HTTPS\n        Certificates: [{CertificateArn: dev}]"


@pytest.fixture
def compiler() -> Compiler:
    clock = Clock()
    draws = iter([0.5, 0.95])
    return Compiler(
        dialer=TargetPools(clock),
        metrics=Metrics(),
        logs=LogOutlets(clock=clock),
        clock=clock,
        draw=lambda: next(draws),
    )


def default_of(compiler: Compiler, text: str) -> CompiledAction:
    compiled = compiler.compile(topology(text), {})
    return compiled.listeners["dev", 80].context.routing._default.answer


def test_only_rules_with_other_versions_than_http1_look_at_the_version(compiler: Compiler) -> None:
    plain = WEIGHTED.replace("Port: 80\n        Protocol: HTTP", HTTPS_443)
    mixed = plain.replace("{Name: green, Protocol: HTTP,", "{Name: green, Protocol: HTTP, ProtocolVersion: GRPC,")
    found = [
        type(compiler.compile(topology(text), {}).listeners["dev", 443].context.routing._default.answer)
        for text in (plain, mixed)
    ]
    assert [ForwardAction, VersionedForwardAction] == found


def test_each_action_has_its_compiled_form(compiler: Compiler) -> None:
    assert isinstance(default_of(compiler, forwarding_to(80)), ForwardAction)
    assert isinstance(default_of(compiler, answering_itself()), FixedResponseAction)
    redirect = forwarding_to(80).replace(
        "{Type: forward, TargetGroupArn: app}",
        "{Type: redirect, RedirectConfig: {Protocol: HTTPS, Port: '443', StatusCode: HTTP_301}}",
    )
    assert isinstance(default_of(compiler, redirect), RedirectAction)


def test_the_default_rule_has_priority_0(compiler: Compiler) -> None:
    assert "0" == default_of(compiler, WEIGHTED).priority


def test_groups_that_rules_name_are_in_use_and_others_are_not(compiler: Compiler) -> None:
    compiled = compiler.compile(topology(WEIGHTED), {})

    assert {"blue", "green"} == compiled.in_use
    assert {"blue", "green", "grey"} == set(compiled.groups)


def test_weights_divide_the_draws(compiler: Compiler) -> None:
    compiled = compiler.compile(topology(WEIGHTED), {})
    action = compiled.listeners["dev", 80].context.routing._default.answer
    assert isinstance(action, ForwardAction)
    chosen = [action._choose() for _ in range(2)]

    assert ["blue", "green"] == [group.name for group in chosen if group is not None]


def test_the_live_state_of_a_group_that_stays_is_found_again(compiler: Compiler) -> None:
    """A reload forgets neither health nor counters."""
    first = compiler.compile(topology(WEIGHTED), {})
    second = compiler.compile(topology(WEIGHTED), first.groups)

    assert first.groups["blue"] is second.groups["blue"]
    assert first.listeners["dev", 80].context is not second.listeners["dev", 80].context


def test_compiling_changes_nothing_that_serves(compiler: Compiler) -> None:
    first = compiler.compile(topology(forwarding_to(80)), {})
    live = dict(first.groups)
    compiler.compile(topology(WEIGHTED), live)

    assert first.groups == live
    assert {} == first.groups["app"].targets


def contexts(compiler: Compiler, text: str) -> ExchangeContext:
    return compiler.compile(topology(text), {}).listeners["dev", 80].context


def test_a_rule_with_transforms_carries_them_out_before_its_action(compiler: Compiler) -> None:
    rewrites = "[{Type: url-rewrite, UrlRewriteConfig: {Rewrites: [{Regex: ^/a, Replace: /b}]}}]"
    text = WEIGHTED.replace("Priority: 7\n", f"Priority: 7\n            Transforms: {rewrites}\n")
    (entry,) = contexts(compiler, text).routing._any_host._by_segment["/old"]

    assert isinstance(entry.answer, TransformingAction)
    assert "7" == entry.answer.priority


def test_a_listeners_attributes_change_its_responses(compiler: Compiler) -> None:
    attributes = (
        "ListenerAttributes: {routing.http.response.server.enabled: false, "
        "routing.http.response.x_frame_options.header_value: DENY}"
    )
    protocol = "        Protocol: HTTP\n"
    context = contexts(compiler, WEIGHTED.replace(protocol, f"{protocol}        {attributes}\n", 1))

    assert ("X-Frame-Options: DENY",) == context.response_headers.lines
    assert () == context.response_headers.server_lines
    assert () == contexts(compiler, WEIGHTED).response_headers.lines


@pytest.mark.conformance(
    "http-header", "a header that is dropped for its name never matches", "rule-condition-types", status="default"
)
def test_rules_that_need_dropped_headers_are_left_out() -> None:
    condition = "{Field: http-header, HttpHeaderConfig: {HttpHeaderName: X_A, Values: [a]}}"
    rules = f"[{{Priority: 1, Conditions: [{condition}], Actions: [{{Type: forward, TargetGroupArn: app}}]}}]"
    kept = topology(forwarding_to(80, rules=rules)).load_balancers[0]
    dropped = topology(
        forwarding_to(80, rules=rules, attributes="routing.http.drop_invalid_header_fields.enabled: true")
    ).load_balancers[0]

    assert 1 == len(rules_that_can_match(kept.listeners[0], kept.settings))
    assert [] == rules_that_can_match(dropped.listeners[0], dropped.settings)


@pytest.mark.parametrize("drops", ["true", "false"])
def test_the_ledger_is_told_the_rules_and_what_becomes_of_invalid_headers(compiler: Compiler, drops: str) -> None:
    attribute = f"routing.http.drop_invalid_header_fields.enabled: {drops}"
    action = "{Type: forward, TargetGroupArn: app}"
    rule = f"{{Priority: 7, Conditions: [{{Field: path-pattern, Values: [/a]}}], Actions: [{action}]}}"
    text = forwarding_to(80, attributes=attribute, rules=f"[{rule}]")
    ledger = cast("Ledger", compiler.compile(topology(text), {}).listeners["dev", 80].context.ledger)

    assert ({"7": 1, "0": 1}, drops == "true") == (ledger._evaluations, ledger._drops)
    assert ListenerPlace("dev", "http", 80) == ledger._place
