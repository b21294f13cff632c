"""The faults that a request may meet, as `edgeproxy explain` tells them."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from edgeproxy.control.addresses import Address
from edgeproxy.control.exit_codes import ExitCode
from edgeproxy.control.explain_faults import AddedFault, Way, added_faults, fault_lines, fault_text
from edgeproxy.control.explain_view import explain_request
from edgeproxy.control.question import Question
from edgeproxy.exchange.fault_draws import FaultPlace
from edgeproxy.model.fault import Fault
from tests.helpers.proxies import topology

if TYPE_CHECKING:
    from pathlib import Path

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
    balancer = found.load_balancers[0]
    listener = balancer.listeners[0]
    assert ["the listener's 'delay': Delay: 1"] == list(fault_lines(Way(balancer, listener, None, [])))
    assert [
        "the listener's 'delay': Delay: 1",
        "the listener's 'truncate': Truncate: 3",
        "the rule's 'odd': Status: 501",
        "target group app's 'reset': Reset: true, Percentage: 5",
        "target 10.0.0.1:8080's 'target-draining': Target: draining",
    ] == list(fault_lines(Way(balancer, listener, listener.rules[0], found.target_groups)))


@pytest.mark.parametrize(
    ("place", "told"),
    [
        (FaultPlace(), [True, True]),
        (FaultPlace("dev", 80), [True, True]),
        (FaultPlace("dev", 81), [False, False]),
        (FaultPlace("dev", 80, "7"), [True, False]),
        (FaultPlace("dev", 80, "0"), [False, True]),
        (FaultPlace(group="app"), [True, False]),
        (FaultPlace(group="app", target_id="10.0.0.1"), [True, False]),
        (FaultPlace(group="app", target_id="10.0.0.1", target_port=8080), [True, False]),
        (FaultPlace(group="app", target_id="10.0.0.1", target_port=81), [False, False]),
        (FaultPlace(group="other"), [False, False]),
    ],
)
def test_those_that_were_added_are_told_where_they_stand_in_the_way(place: FaultPlace, told: list[bool]) -> None:
    """For a request that the rule answers by forwarding, and for one that the default rule answers itself."""
    found = topology(TEXT)
    balancer = found.load_balancers[0]
    listener = balancer.listeners[0]
    ways = [Way(balancer, listener, listener.rules[0], found.target_groups), Way(balancer, listener, None, [])]
    line = f"added at {place}: 'status-503': Status: 503"
    assert told == [line in fault_lines(way, [AddedFault(place, Fault(status=503))]) for way in ways]


def test_of_the_admin_endpoint_s_faults_those_count_that_were_added_and_are_not_over() -> None:
    """And that have a place in the file, which need not be the one that runs."""
    given = {"Source": "added", "State": "active", "Fault": {"Status": 503}, "Where": {"TargetGroup": "app"}}
    answer = {
        "Faults": [
            given,
            given | {"State": "over"},
            given | {"Source": "file"},
            given | {"Where": {"TargetGroup": "gone"}},
            given | {"Where": {}},
        ]
    }
    places = [each.place for each in added_faults(answer, topology(TEXT))]
    assert [FaultPlace(group="app"), FaultPlace()] == places


def test_a_fault_is_told_as_it_would_stand_in_a_file() -> None:
    fault = Fault(delay=1.5, status=503, lasting=30.0, name="slow")
    assert "'slow': Delay: 1.5, Status: 503, For: 30" == fault_text(fault)


def test_explain_has_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "edgeproxy.yaml"
    file.write_text(TEXT)
    explain_request(Question.parse("GET", "http://a/a", headers=[], source_ip="127.0.0.1"), file)
    assert "it may meet these failures on purpose:\n  the listener's 'delay': Delay: 1\n" in capsys.readouterr().out


def test_an_edgeproxy_that_does_not_run_cannot_be_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "edgeproxy.yaml"
    file.write_text(TEXT)
    question = Question.parse("GET", "http://a/a", headers=[], source_ip="127.0.0.1")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nowhere = Address("127.0.0.1", unused.getsockname()[1])

        assert ExitCode.NOT_FINE == explain_request(question, file, running=nowhere)
    assert "No edgeproxy answers at" in capsys.readouterr().err
