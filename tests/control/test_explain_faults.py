"""The faults that a request may meet, as `edgeproxy explain` tells them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeproxy.control.explain_faults import fault_lines, fault_text
from edgeproxy.control.explain_view import explain_request
from edgeproxy.control.question import Question
from edgeproxy.model.fault import Fault
from tests.helpers.proxies import topology

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

TEXT = """\
LoadBalancers:
  - Name: dev
    Listeners:
      - Port: 80
        Protocol: HTTP
        DefaultActions: [{Type: fixed-response, FixedResponseConfig: {StatusCode: "200"}}]
        Faults: [{Delay: 1}, {Truncate: 3}]
        Rules:
          - Priority: 7
            Conditions: [{Field: path-pattern, Values: [/a]}]
            Actions: [{Type: forward, TargetGroupArn: app}]
            Faults: [{Status: 501, Name: odd}]
TargetGroups:
  - Name: app
    Port: 8080
    Faults: [{Reset: true, Percentage: 5}]
    Targets: [{Id: 10.0.0.1, Faults: [{Target: draining}]}]
"""


def test_each_is_told_with_its_place_in_the_order_of_the_way() -> None:
    found = topology(TEXT)
    listener = found.load_balancers[0].listeners[0]
    assert ["the listener's 'delay': Delay: 1"] == list(fault_lines(listener, None, []))
    assert [
        "the listener's 'delay': Delay: 1",
        "the listener's 'truncate': Truncate: 3",
        "the rule's 'odd': Status: 501",
        "target group app's 'reset': Reset: true, Percentage: 5",
        "target 10.0.0.1:8080's 'target-draining': Target: draining",
    ] == list(fault_lines(listener, listener.rules[0], found.target_groups))


def test_a_fault_is_told_as_it_would_stand_in_a_file() -> None:
    fault = Fault(delay=1.5, status=503, lasting=30.0, name="slow")
    assert "'slow': Delay: 1.5, Status: 503, For: 30" == fault_text(fault)


def test_explain_has_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "edgeproxy.yaml"
    file.write_text(TEXT)
    explain_request(Question.parse("GET", "http://a/a", headers=[], source_ip="127.0.0.1"), file)
    assert "it may meet these failures on purpose:\n  the listener's 'delay': Delay: 1\n" in capsys.readouterr().out
