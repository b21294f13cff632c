"""What a record says before anything has happened."""

from __future__ import annotations

from edgeproxy.exchange.outcome import Outcome
from edgeproxy.exchange.record import ExchangeRecord
from tests.helpers.attributes import attribute_names
from tests.helpers.exchange_ports import Stage


def test_a_new_record_claims_nothing() -> None:
    """The access log prints these as `-`, `"-"` and -1."""
    client = Stage().client()
    record = ExchangeRecord(client, None, 5.0)
    names = set(attribute_names(ExchangeRecord)) - {"_fault", "_injection"}
    facts = {name: getattr(record, name) for name in names}

    assert {
        "client": client,
        "head": None,
        "arrived": 5.0,
        "dispatched": 0.0,
        "answered": 0.0,
        "priority": "-",
        "actions": "",
        "group": None,
        "target": None,
        "status": 0,
        "target_status": 0,
        "received_bytes": 0,
        "sent_bytes": 0,
        "trace_id": "",
        "transformed": None,
        "redirect_url": "",
        "sticky": None,
        "verdict": None,
        "outcome": Outcome.FORWARDED,
    } == facts
    assert not record.fault
    assert (None, "") == (record.injection, record.injected)


def test_bytes_of_later_requests_are_not_counted() -> None:
    """Pipelined bytes belong to the next record."""
    stage = Stage()
    request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    stage.client().sends_bytes(request * 2)
    stage.target.answers("HTTP/1.1 204 No Content")
    stage.target.answers("HTTP/1.1 204 No Content")

    assert [len(request)] * 2 == [record.received_bytes for record in stage.ledger.records]
