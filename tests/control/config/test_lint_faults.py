"""Faults that cannot have an effect."""

from __future__ import annotations

from edgeproxy.control.config.lint import findings
from edgeproxy.control.config.lint_faults import fault_findings
from tests.helpers.proxies import topology

TEXT = """\
LoadBalancers:
  - Name: dev
    Listeners:
      - Port: 80
        Protocol: HTTP
        DefaultActions: [{Type: forward, TargetGroupArn: app}]
        Faults: [{Truncate: 3}, {IdleTimeout: 59}, {IdleTimeout: 60}]
        Rules:
          - Priority: 7
            Conditions: [{Field: path-pattern, Values: [/a]}]
            Actions: [{Type: fixed-response, FixedResponseConfig: {StatusCode: "200"}}]
            Faults: [{Bandwidth: 5}, {Status: 503}]
TargetGroups:
  - {Name: app, Port: 8080, Targets: [{Id: 10.0.0.1, Faults: [{IdleTimeout: 61}]}]}
"""


def test_faults_without_an_effect_are_found_and_no_others() -> None:
    silent = "the fault 'idle-timeout' has no effect: the idle timeout is 60 seconds already"
    assert [
        ("LoadBalancers[0].Listeners[0].Faults[2].IdleTimeout", silent),
        (
            "LoadBalancers[0].Listeners[0].Rules[0].Faults[0]",
            "the fault 'bandwidth' has no effect, because no request here is forwarded to a target",
        ),
        ("TargetGroups[0].Targets[0].Faults[0].IdleTimeout", silent),
    ] == list(fault_findings(topology(TEXT)))


def test_check_warns_of_them() -> None:
    assert 3 == sum("has no effect" in finding.reason for finding in findings(topology(TEXT)))
