"""Faults as JSON."""

from __future__ import annotations

import pytest

from edgeproxy.control.fault_document import fault_document, faults_document, read_fault
from edgeproxy.exchange.fault_draws import FaultPlace
from edgeproxy.model.fault import Fault, FaultWhere
from edgeproxy.runtime.faults import FaultStatus


def test_an_object_is_a_fault() -> None:
    data = b'{\n\t"Delay": 1,\n\t"Jitter": 0.5, "Where": {"Listener": 443, "Rule": "default"}, "For": 2.5}'
    where = FaultWhere(listener="443", rule="default")
    assert Fault(delay=1.0, jitter=0.5, lasting=2.5, where=where) == read_fault(data)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "This is not JSON: Expecting value"),
        (b"\xff", "This is not JSON: "),
        (b"[]", "A fault is a JSON object, such as "),
        (b"{}", "A fault needs one of the keys Delay, "),
        (b'{"Status": 418}', "Status: 'Status' value '418' must be one that the load balancer answers with"),
        (b'{"Stats": 503}', "Stats: unknown key 'Stats' (did you mean Status?)."),
        (b'{"Status": "x"}', "Status: must be a whole number, found 'x'."),
        (b'{"Delay": "1s"}', "Delay: must be a number, found '1s'."),
        (b'{"Delay": NaN}', "Delay: must be a number, found 'NaN'."),
        (b'{"Reset": "maybe"}', "Reset: must be true or false, found 'maybe'."),
        (b'{"Status": 503, "Where": {"Rule": 3}}', "Where.Rule: A 'Rule' needs its 'Listener' beside it"),
        (b'{"Status": 503, "Where": 3}', "Where: must be a mapping with keys such as Listener, Rule, TargetGroup"),
    ],
)
def test_anything_else_is_refused_with_a_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises((ValueError, TypeError)) as caught:
        read_fault(data)
    assert str(caught.value).startswith(sentence)


def test_all_that_is_wrong_is_said() -> None:
    with pytest.raises(ValueError, match="Statu: ") as caught:
        read_fault(b'{"Statu": 1, "Delai": 2}')
    assert 2 == len(str(caught.value).splitlines())


def test_a_fault_is_told_with_what_became_of_it() -> None:
    fault = Fault(status=503, count=3, where=FaultWhere(listener="80"))
    status = FaultStatus("fault-1", "added", fault, FaultPlace("dev", 80), "active", 5, 2)
    assert {
        "Id": "fault-1",
        "Name": "status-503",
        "Source": "added",
        "Place": "listener dev:80",
        "Where": {"Listener": "80"},
        "Kind": "Status",
        "State": "active",
        "Seen": 5,
        "Hits": 2,
        "Fault": {"Status": 503, "Count": 3},
    } == fault_document(status)
    assert {"Faults": [fault_document(status)]} == faults_document([status])
