"""The laws of faults, and what their sentences say."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from edgeproxy.errors import ConfigError
from edgeproxy.model.fault import STATUSES, Fault, FaultWhere
from edgeproxy.model.target import Target


@pytest.mark.parametrize(
    ("fault", "kind", "label"),
    [
        (Fault(delay=1.5, jitter=0.5), "Delay", "delay"),
        (Fault(bandwidth=65536), "Bandwidth", "bandwidth"),
        (Fault(status=503, delay=1), "Status", "status-503"),
        (Fault(reset=True, after=2), "Reset", "reset"),
        (Fault(truncate=0), "Truncate", "truncate"),
        (Fault(close_before_send=True, delay=1), "CloseBeforeSend", "close-before-send"),
        (Fault(target="draining"), "Target", "target-draining"),
        (Fault(idle_timeout=5), "IdleTimeout", "idle-timeout"),
        (Fault(idle_timeout=5, name="mine"), "IdleTimeout", "mine"),
    ],
)
def test_the_key_that_is_given_is_the_kind(fault: Fault, kind: str, label: str) -> None:
    assert (kind, label) == (fault.kind, fault.label)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "A fault needs one of the keys Delay, Bandwidth, Status, Reset, Truncate, CloseBeforeSend, Target and"),
        ({"status": 503, "reset": True}, "A fault does one thing; 'Status' and 'Reset' are two faults, so write two"),
        ({"delay": 1, "truncate": 5}, "Delay: 'Delay' cannot stand beside 'Truncate'; write two faults"),
        ({"delay": 1, "target": "draining"}, "Delay: 'Delay' cannot stand beside 'Target'; write two faults"),
        ({"status": 503, "jitter": 1}, "Jitter: 'Jitter' value '1' needs a 'Delay' beside it that is not smaller"),
        ({"delay": 1, "jitter": 2}, "Jitter: 'Jitter' value '2' needs a 'Delay' beside it that is not smaller"),
        ({"status": 503, "after": 1}, "After: 'After' belongs to 'Reset', and cannot stand beside 'Delay'"),
        ({"reset": True, "after": 1, "delay": 1}, "After: 'After' belongs to 'Reset', and cannot stand"),
        ({"delay": 0}, "Delay: 'Delay' value '0' must be more than 0 and at most 3600 seconds"),
        ({"delay": math.nan}, "Delay: 'Delay' value 'nan' must be more than 0 and at most 3600 seconds"),
        ({"idle_timeout": 4001}, "IdleTimeout: 'IdleTimeout' value '4001' must be more than 0 and at most 4000"),
        ({"status": 503, "lasting": -1}, "For: 'For' value '-1' must be more than 0 and at most 604800 seconds"),
        ({"bandwidth": 0}, "Bandwidth: 'Bandwidth' value '0' must be between 1 and 1000000000 bytes in a second"),
        ({"truncate": -1}, "Truncate: 'Truncate' value '-1' must be between 0 and 1000000000000 bytes"),
        ({"reset": True, "count": 0}, "Count: 'Count' value '0' must be between 1 and 1000000000 requests"),
        ({"status": 460}, "Status: 'Status' value '460' must be one that the load balancer answers with: 400, 401,"),
        ({"status": 418}, "Status: 'Status' value '418' must be one that the load balancer answers with: 400, 401,"),
        ({"status": 503, "percentage": 0}, "Percentage: 'Percentage' value '0' must be more than 0 and at most 100"),
        ({"status": 503, "percentage": 101}, "Percentage: 'Percentage' value '101' must be more than 0 and at most"),
        ({"status": 503, "name": "a b"}, "Name: The fault's name 'a b' must have 1 to 64 letters, digits, dots,"),
        ({"target": "dead"}, "Target: 'dead' is no Target; it must be one of: unhealthy, draining"),
        ({"target": "draining", "count": 1}, "Target: A fault with 'Target' marks targets, not requests, so it has"),
        ({"target": "unhealthy", "percentage": 5}, "Target: A fault with 'Target' marks targets, not requests"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Fault(**given)
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"rule": 7}, "Rule: A 'Rule' needs its 'Listener' beside it, unless it is an ARN"),
        ({"target": "a"}, "Target: A 'Target' needs its 'TargetGroup' beside it"),
        ({"listener": 80, "target_group": "a"}, "TargetGroup: A fault stands either at a listener or rule, or at a"),
    ],
)
def test_the_parts_of_a_place_belong_together(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        FaultWhere(**given)
    assert str(caught.value).startswith(sentence)


def test_numbers_in_a_place_are_text() -> None:
    assert FaultWhere(listener="443", rule="7") == FaultWhere(listener=443, rule=7)


def test_in_a_file_the_place_says_whose_requests_they_are() -> None:
    with pytest.raises(ConfigError, match="'Where' is for faults that are added at run time"):
        Target(id="127.0.0.1", faults=(Fault(status=503, where=FaultWhere(listener=80)),))


def test_a_fault_survives_its_wire_form() -> None:
    fault = Fault(reset=True, after=2.0, lasting=30.0, percentage=12.5, seed=3, where=FaultWhere(listener="80"))
    builtins = msgspec.to_builtins(fault)
    assert {"Reset": True, "After": 2.0, "For": 30.0, "Percentage": 12.5, "Seed": 3} == {
        key: value for key, value in builtins.items() if key != "Where"
    }
    assert fault == msgspec.convert(builtins, Fault)


@pytest.mark.conformance(
    "error statuses", "460 is never sent, so no client can be given one", "load-balancer-troubleshooting"
)
def test_460_is_none_of_the_statuses() -> None:
    assert 460 not in STATUSES
