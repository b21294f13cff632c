"""One ended request as a JSON object, for `/_edgeproxy/requests` and `edgeproxy logs --json`.

A field that the access log has as well has the access log's name (user guide, load-balancer-access-logs), so that one
expression finds it in both. `method`, `scheme`, `host`, `path`, `query` and `version` are its request line in parts,
the path as rules see it. `listener_port`, `duration` (seconds from arrival to end), `outcome`, `why` and `fault` (the
faults on purpose that took the request) are added.

What is missing is null where the log has `-` or `-1`, and times have microseconds. A time is there as soon as that part
has happened; the log leaves out all three for some failures.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, cast

from edgeproxy.control.request_filter import host_of

if TYPE_CHECKING:
    from edgeproxy.exchange.record import ExchangeRecord
    from edgeproxy.runtime.client_facts import ClientFacts
    from edgeproxy.runtime.request_ring import Entry


def request_document(entry: Entry, offset: float) -> dict[str, Any]:
    """The object; `offset` makes the record's times seconds since 1970."""
    record, place, ended = entry
    client = cast("ClientFacts", record.client)
    return {
        "time": _moment(ended + offset),
        "request_creation_time": _moment(record.arrived + offset),
        "conn_trace_id": client.trace_id,
        "client": client.label,
        **_request(record),
        "scheme": place.scheme,
        "listener_port": place.port,
        "load_balancer": place.load_balancer,
        "matched_rule_priority": int(record.priority) if record.priority.isdigit() else None,
        "actions_executed": record.actions or None,
        "target_group": None if record.group is None else record.group.name,
        "target": None if record.target is None else record.target.label,
        "elb_status_code": record.status or None,
        "target_status_code": record.target_status or None,
        **_times(record, ended),
        "received_bytes": record.received_bytes,
        "sent_bytes": record.sent_bytes,
        "redirect_url": record.redirect_url or None,
        **_transforms(record),
        "classification": None if record.verdict is None else record.verdict.name,
        "classification_reason": None if record.verdict is None else record.verdict.reason,
        "error_reason": None if record.sticky is None else record.sticky.error_reason or None,
        "outcome": record.outcome.name,
        "why": f"{record.outcome.value}: {record.fault}" if record.fault else record.outcome.value,
        "fault": record.injected or None,
        "trace_id": record.trace_id or None,
    }


def _request(record: ExchangeRecord) -> dict[str, Any]:
    head = record.head
    if head is None:
        return dict.fromkeys(("method", "host", "path", "query", "version", "user_agent"))
    return {
        "method": head.method,
        "host": host_of(record) or None,
        "path": head.path,
        "query": head.query,
        "version": head.version,
        "user_agent": head.fields.user_agent or None,
    }


def _times(record: ExchangeRecord, ended: float) -> dict[str, float | None]:
    dispatched, answered = record.dispatched, record.answered
    return {
        "request_processing_time": round(dispatched - record.arrived, 6) if dispatched else None,
        "target_processing_time": round(answered - dispatched, 6) if answered else None,
        # The response starts towards the client in the same moment: nothing is buffered.
        "response_processing_time": 0.0 if answered else None,
        "duration": round(ended - record.arrived, 6),
    }


def _transforms(record: ExchangeRecord) -> dict[str, str | None]:
    done = record.transformed
    return {
        "transformed_host": None if done is None else done.host,
        "transformed_uri": None if done is None else done.target,
        "request_transform_status": None if done is None or done.status.value == "-" else done.status.value,
    }


def _moment(epoch: float) -> str:
    return dt.datetime.fromtimestamp(epoch, tz=dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
