"""The actions of a listener's rules, compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edgeproxy.balancing.group import TargetGroupState
from edgeproxy.balancing.stickiness import ApplicationStickiness, DurationStickiness
from edgeproxy.balancing.token_sealer import TokenSealer
from edgeproxy.exchange.actions import FixedResponseAction, ForwardAction, RedirectAction, VersionedForwardAction
from edgeproxy.exchange.sticky import StickyForwardAction
from edgeproxy.exchange.transforming import TransformingAction
from edgeproxy.runtime.compiled_actions import ActionCompiler, target_stickiness
from tests.helpers.proxies import topology

if TYPE_CHECKING:
    from edgeproxy.exchange.actions import CompiledAction

FORWARD = "{Type: forward, TargetGroupArn: app}"
SEALER = TokenSealer(bytes(32), bytes)
STICKY = "TargetGroupAttributes: {stickiness.enabled: true, stickiness.lb_cookie.duration_seconds: 100}"


def compiled(action: str = FORWARD, *, group: str = "", rule: str = "") -> CompiledAction:
    """The default rule's action, or that of the one rule."""
    found = topology(f"""\
LoadBalancers:
  - Name: dev
    Listeners:
      - Port: 443
        Protocol: HTTPS
        Certificates: [{{CertificateArn: dev}}]
        DefaultActions: [{action}]
        Rules: [{rule}]
TargetGroups:
  - {{Name: app, Protocol: HTTP, Port: 80{", " + group if group else ""}}}
""")
    (listener,) = found.load_balancers[0].listeners
    groups = {"app": TargetGroupState("app", "arn", now=lambda: 0.0, draw=lambda: 0.0)}
    compiler = ActionCompiler(
        found, groups, listener, dns_name="dev.test", draw=lambda: 0.0, sealer=lambda: SEALER, time_scale=0.5
    )
    return compiler.of_rule(listener.rules[0]) if rule else compiler.of_default()


@pytest.mark.parametrize(
    ("action", "group", "form"),
    [
        (FORWARD, "", ForwardAction),
        (FORWARD, "ProtocolVersion: GRPC", VersionedForwardAction),
        (FORWARD, STICKY, StickyForwardAction),
        ("{Type: fixed-response, FixedResponseConfig: {StatusCode: '204'}}", "", FixedResponseAction),
        ("{Type: redirect, RedirectConfig: {Path: /x, StatusCode: HTTP_302}}", "", RedirectAction),
    ],
)
def test_each_action_has_its_form(action: str, group: str, form: type[object]) -> None:
    """What needs no cookie and no version pays for none."""
    assert form is type(compiled(action, group=group))


def test_a_rules_transforms_come_before_its_action() -> None:
    transform = "{Type: url-rewrite, UrlRewriteConfig: {Rewrites: [{Regex: ^/a, Replace: /b}]}}"
    condition = "{Field: path-pattern, Values: [/a]}"
    action = compiled(
        rule=f"{{Priority: 7, Conditions: [{condition}], Actions: [{FORWARD}], Transforms: [{transform}]}}"
    )

    assert (TransformingAction, "7") == (type(action), action.priority)


def test_stickiness_follows_the_groups_attributes_and_the_time_scale() -> None:
    action = compiled(group=STICKY)
    assert isinstance(action, StickyForwardAction)
    (found,) = action._targets.values()

    assert isinstance(found, DurationStickiness)
    assert 50.0 == found._tokens._duration


def test_an_applications_cookie_is_another_stickiness() -> None:
    attributes = "TargetGroupAttributes: {stickiness.type: app_cookie, stickiness.app_cookie.cookie_name: sid}"
    (group,) = topology(f"TargetGroups: [{{Name: app, Protocol: HTTP, Port: 80, {attributes}}}]").target_groups
    state = TargetGroupState("app", "arn", now=lambda: 0.0, draw=lambda: 0.0)

    assert ApplicationStickiness is type(target_stickiness(state, group.settings, SEALER, is_https=True))
