from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from edgeproxy import __version__
from edgeproxy.control.admin_documents import health_document, state_document
from edgeproxy.control.config.loader import load_text
from edgeproxy.model.topology import Topology

if TYPE_CHECKING:
    from edgeproxy.model.target import TargetHealth


def test_listeners_have_a_declared_and_a_real_port(proxy: Any) -> None:
    document = health_document(proxy)

    assert (__version__, "running") == (document["Version"], document["Status"])
    assert {
        "LoadBalancerName": "edgeproxy",
        "Protocol": "HTTP",
        "Port": 80,
        "Addresses": [{"Host": "0.0.0.0", "Port": 8000}, {"Host": "::", "Port": 8000}],
    } == document["Listeners"][0]


def test_targets_look_as_in_describe_target_health(proxy: Any, timed_out: TargetHealth) -> None:
    proxy.set_health(timed_out)

    (group,) = health_document(proxy)["TargetGroups"]

    assert [
        {
            "Target": {"Id": "127.0.0.1", "Port": 8080},
            "HealthCheckPort": "8080",
            "TargetHealth": {
                "State": "unhealthy",
                "Reason": "Target.Timeout",
                "Description": "Request timed out",
            },
            "AnomalyDetection": {"Result": "normal", "MitigationInEffect": "no"},
            "Address": "127.0.0.1",
        }
    ] == group["TargetHealthDescriptions"]


def test_a_healthy_target_has_neither_reason_nor_description(proxy: Any) -> None:
    (group,) = health_document(proxy)["TargetGroups"]

    assert {"State": "healthy"} == group["TargetHealthDescriptions"][0]["TargetHealth"]


def test_a_target_group_names_the_load_balancer_that_uses_it(proxy: Any) -> None:
    used = health_document(proxy)["TargetGroups"][0]["LoadBalancerName"]
    proxy.topology = Topology(target_groups=proxy.topology.target_groups)
    unused = health_document(proxy)["TargetGroups"][0]["LoadBalancerName"]

    assert ("edgeproxy", None) == (used, unused)


def test_the_document_is_json(proxy: Any) -> None:
    document = health_document(proxy)

    assert document == json.loads(json.dumps(document))


def test_the_state_is_a_configuration_again(topology: Topology) -> None:
    assert topology == load_text(json.dumps(state_document(topology)), "state.json", {}).topology


def test_the_state_has_awss_names(topology: Topology) -> None:
    state = state_document(topology)

    assert "forward" == state["LoadBalancers"][0]["Listeners"][1]["DefaultActions"][0]["Type"]
