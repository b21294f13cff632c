"""Where faults stand."""

from __future__ import annotations

import pytest

from edgeproxy.errors import ConfigError
from edgeproxy.exchange.fault_draws import FaultPlace
from edgeproxy.model.fault import Fault, FaultWhere
from edgeproxy.runtime.fault_places import configured_faults, exists, place_of
from tests.helpers.proxies import topology

TOPOLOGY = topology("""\
LoadBalancers:
  - Name: one
    Listeners:
      - Port: 80
        Protocol: HTTP
        DefaultActions: [{Type: forward, TargetGroupArn: app}]
        Faults: [{Status: 500}]
        Rules:
          - Priority: 7
            Conditions: [{Field: path-pattern, Values: [/a]}]
            Actions: [{Type: forward, TargetGroupArn: app}]
            Faults: [{Status: 501}]
  - Name: two
    Listeners:
      - Port: 80
        Protocol: HTTP
        DefaultActions: [{Type: fixed-response, FixedResponseConfig: {StatusCode: "200"}}]
      - Port: 81
        Protocol: HTTP
        DefaultActions: [{Type: fixed-response, FixedResponseConfig: {StatusCode: "200"}}]
TargetGroups:
  - Name: app
    Port: 8080
    Faults: [{Status: 502}]
    Targets: [{Id: 10.0.0.1, Faults: [{Target: draining}]}, {Id: 10.0.0.1, Port: 8081}]
""")
ONE, TWO = TOPOLOGY.load_balancers
RULE_ARN = TOPOLOGY.rule_arn(ONE, ONE.listeners[0], 7)


def test_faults_of_a_configuration_stand_where_they_are_written() -> None:
    assert [
        (FaultPlace("one", 80), Fault(status=500)),
        (FaultPlace("one", 80, "7"), Fault(status=501)),
        (FaultPlace(group="app"), Fault(status=502)),
        (FaultPlace(group="app", target_id="10.0.0.1", target_port=8080), Fault(target="draining")),
    ] == list(configured_faults(TOPOLOGY))


@pytest.mark.parametrize(
    ("where", "place"),
    [
        (None, FaultPlace()),
        (FaultWhere(), FaultPlace()),
        (FaultWhere(listener=81), FaultPlace("two", 81)),
        (FaultWhere(listener="two:80"), FaultPlace("two", 80)),
        (FaultWhere(listener=TOPOLOGY.listener_arn(ONE, ONE.listeners[0])), FaultPlace("one", 80)),
        (FaultWhere(listener="one:80", rule=7), FaultPlace("one", 80, "7")),
        (FaultWhere(listener="one:80", rule="default"), FaultPlace("one", 80, "0")),
        (FaultWhere(rule=RULE_ARN), FaultPlace("one", 80, "7")),
        (FaultWhere(rule=TOPOLOGY.rule_arn(TWO, TWO.listeners[1])), FaultPlace("two", 81, "0")),
        (FaultWhere(target_group="app"), FaultPlace(group="app")),
        (FaultWhere(target_group=TOPOLOGY.target_group_arn(TOPOLOGY.target_groups[0])), FaultPlace(group="app")),
        (FaultWhere(target_group="app", target="10.0.0.1"), FaultPlace(group="app", target_id="10.0.0.1")),
        (
            FaultWhere(target_group="app", target="10.0.0.1:8081"),
            FaultPlace(group="app", target_id="10.0.0.1", target_port=8081),
        ),
    ],
)
def test_a_place_is_named_in_several_ways(where: FaultWhere | None, place: FaultPlace) -> None:
    found = place_of(Fault(status=503, where=where), TOPOLOGY)
    assert place == found
    assert exists(found, TOPOLOGY)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (Fault(status=503, where=FaultWhere(listener=80)), "Several listeners have the port '80'; say which with its"),
        (
            Fault(status=503, where=FaultWhere(listener=82)),
            "Listener '82' not found. The listeners are: one:80, two:80",
        ),
        (
            Fault(status=503, where=FaultWhere(listener="one:80", rule=8)),
            "Rule '8' not found. The listener's rules are",
        ),
        (Fault(status=503, where=FaultWhere(rule="arn:x")), "Rule 'arn:x' not found"),
        (Fault(status=503, where=FaultWhere(target_group="apq")), "Target group 'apq' not found"),
        (
            Fault(status=503, where=FaultWhere(target_group="app", target="10.0.0.1:1")),
            "Target '10.0.0.1:1' is not registered in 'app'. Its targets are: 10.0.0.1:8080, 10.0.0.1:8081",
        ),
        (Fault(target="draining"), "A fault with 'Target' can only stand at a target group or at a target"),
    ],
)
def test_what_is_not_there_is_said_with_what_is(fault: Fault, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        place_of(fault, TOPOLOGY)
    assert caught.value.reason.startswith(sentence)


@pytest.mark.parametrize(
    "place",
    [
        FaultPlace("one", 82),
        FaultPlace("one", 80, "8"),
        FaultPlace(group="other"),
        FaultPlace(group="app", target_id="10.0.0.2"),
    ],
)
def test_a_place_may_not_be_there_any_more(place: FaultPlace) -> None:
    assert not exists(place, TOPOLOGY)


def test_before_a_start_there_are_no_places() -> None:
    with pytest.raises(ConfigError, match="none"):
        place_of(Fault(status=503, where=FaultWhere(listener=80)), None)
