"""What is said about one request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import pytest

from edgeproxy.control.request_document import request_document
from edgeproxy.exchange.outcome import Outcome
from edgeproxy.exchange.sticky import StickySession
from edgeproxy.model.action import RedirectConfig
from edgeproxy.model.transform import RewriteConfig, RuleTransform, UrlRewriteConfig
from edgeproxy.protocol.desync import Tier, Verdict
from edgeproxy.runtime.request_ring import Entry, ListenerPlace
from tests.helpers.exchange_ports import EPOCH, START, TRACE, Stage

if TYPE_CHECKING:
    from edgeproxy.exchange.record import ExchangeRecord

PLACE = ListenerPlace("dev", "https", 443)


def document(record: ExchangeRecord, *, after: float = 0.75) -> dict[str, Any]:
    """The document of a record that ended so long after the request came."""
    client = cast("Any", record.client)
    client.trace_id, client.label = "TID_1", "192.0.2.7:5000"
    return request_document(Entry(record, PLACE, START + after), EPOCH - START)


def forwarded() -> ExchangeRecord:
    stage = Stage(is_connected=False)
    stage.client().sends("POST /a%20b?x=1 HTTP/1.1", "Host: App.test", "User-Agent: test", "Content-Length: 0")
    stage.now += 0.25
    stage.connects()
    stage.now += 0.5
    stage.target.answers("HTTP/1.1 201 X", "Content-Length: 0")
    return stage.record


def test_a_forwarded_request_is_told_from_its_arrival_to_its_end() -> None:
    record = forwarded()

    assert {
        "time": "2026-11-22T10:00:00.750000Z",
        "request_creation_time": "2026-11-22T10:00:00.000000Z",
        "conn_trace_id": "TID_1",
        "client": "192.0.2.7:5000",
        "method": "POST",
        "host": "app.test",
        "path": "/a b",
        "query": "x=1",
        "version": "HTTP/1.1",
        "user_agent": "test",
        "scheme": "https",
        "listener_port": 443,
        "load_balancer": "dev",
        "matched_rule_priority": 0,
        "actions_executed": "forward",
        "target_group": "app",
        "target": "10.0.2.37:8080",
        "elb_status_code": 201,
        "target_status_code": 201,
        "request_processing_time": 0.25,
        "target_processing_time": 0.5,
        "response_processing_time": 0.0,
        "duration": 0.75,
        "received_bytes": record.received_bytes,
        "sent_bytes": record.sent_bytes,
        "redirect_url": None,
        "transformed_host": None,
        "transformed_uri": None,
        "request_transform_status": None,
        "classification": None,
        "classification_reason": None,
        "error_reason": None,
        "outcome": "FORWARDED",
        "why": "the target answered",
        "fault": None,
        "trace_id": f"Root={TRACE}",
    } == document(record)


def test_a_request_that_could_not_be_read_is_null_where_nothing_is_known() -> None:
    stage = Stage()
    stage.client().sends("nonsense")
    found = document(stage.record)

    nothing = {
        "method",
        "host",
        "path",
        "query",
        "version",
        "user_agent",
        "matched_rule_priority",
        "target",
        "trace_id",
    }
    assert {None} == {found[name] for name in nothing}
    assert (400, "BAD_REQUEST") == (found["elb_status_code"], found["outcome"])


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (b"nonsense\r\n\r\n", "the request could not be read: the request line has no version"),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n+3\r\n",
            "the request could not be read: the chunk size '+3' is not a hex number",
        ),
        (b"GET / HTTP/1.1\r\n\r\n", "a request of HTTP/1.1 or HTTP/2 needs a Host that is not empty"),
        (b"GET /../a HTTP/1.1\r\nHost: a\r\n\r\n", "the path climbs above the root or holds %00"),
    ],
)
def test_what_is_wrong_with_a_request_is_said(sent: bytes, why: str) -> None:
    stage = Stage()
    stage.client().sends_bytes(sent)
    assert why == document(stage.record)["why"]


def test_a_redirect_says_where_to() -> None:
    stage = Stage(action=RedirectConfig(status_code="HTTP_302", protocol="HTTPS", port="443"))
    stage.client().sends("GET / HTTP/1.1", "Host: a")
    found = document(stage.record)

    assert ("https://a:443/", 302, None) == (
        found["redirect_url"],
        found["elb_status_code"],
        found["target_status_code"],
    )


@pytest.mark.parametrize(
    ("outcome", "times"),
    [(Outcome.CONNECT_FAILED, (None, None, None)), (Outcome.TARGET_CLOSED, (0.25, None, None))],
)
def test_times_are_there_for_what_has_happened(outcome: Outcome, times: tuple[float | None, ...]) -> None:
    stage = Stage(is_connected=False)
    stage.client().sends("GET / HTTP/1.1", "Host: a")
    stage.now += 0.25
    if outcome is Outcome.CONNECT_FAILED:
        stage.refuses()
    else:
        stage.connects().closes()
    found = document(stage.record)

    assert (outcome.value, times) == (
        found["why"],
        tuple(found[f"{part}_processing_time"] for part in ("request", "target", "response")),
    )


def test_a_transform_shows_what_it_made() -> None:
    rewrite = UrlRewriteConfig(rewrites=(RewriteConfig(regex="^/old", replace="/new"),))
    stage = Stage(transforms=(RuleTransform(type="url-rewrite", url_rewrite_config=rewrite),))
    stage.client().sends("GET /old HTTP/1.1", "Host: a")
    stage.target.answers("HTTP/1.1 200 X", "Content-Length: 0")
    found = document(stage.record)

    assert ("/old", "/new", "TransformSuccess") == (
        found["path"],
        found["transformed_uri"],
        found["request_transform_status"],
    )


def test_a_classification_and_a_cookies_error_are_named() -> None:
    record = forwarded()
    record.verdict = Verdict(Tier.AMBIGUOUS, "Ambiguous", "EmptyHeader")
    record.sticky = StickySession(cast("Any", None))
    record.sticky.error_reason = "AWSALBTGCookieInvalid"
    found = document(record)

    assert ("Ambiguous", "EmptyHeader", "AWSALBTGCookieInvalid") == (
        found["classification"],
        found["classification_reason"],
        found["error_reason"],
    )


def test_the_document_is_json() -> None:
    found = document(forwarded())

    assert found == json.loads(json.dumps(found))
