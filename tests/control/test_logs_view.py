"""A request as a line: for programs, and for people."""

from __future__ import annotations

import re
from typing import Any

import pytest

from edgeproxy.control.logs_view import COLUMNS, HEADING, coloured_line, event_line, plain_line

REQUEST: dict[str, Any] = {
    "time": "2026-11-22T10:00:00.750000Z",
    "client": "192.0.2.7:5000",
    "method": "GET",
    "host": "app.test",
    "path": "/a",
    "query": "x=1",
    "scheme": "https",
    "listener_port": 443,
    "matched_rule_priority": 10,
    "target": "10.0.2.37:8080",
    "elb_status_code": 200,
    "request_processing_time": 0.001,
    "target_processing_time": 0.25,
    "response_processing_time": 0.0,
    "redirect_url": None,
    "request_transform_status": None,
    "classification": None,
    "classification_reason": None,
    "error_reason": None,
    "outcome": "FORWARDED",
    "why": "the target answered",
}
NOTHING = dict.fromkeys(
    (
        "method",
        "host",
        "path",
        "query",
        "matched_rule_priority",
        "target",
        "request_processing_time",
        "target_processing_time",
        "response_processing_time",
    )
)


def uncoloured(line: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", line)


def test_a_plain_line_has_the_columns_with_tabs_between_them() -> None:
    cells = dict(zip(COLUMNS, plain_line(REQUEST).split("\t"), strict=True))

    assert {
        "time": "2026-11-22T10:00:00.750000Z",
        "client": "192.0.2.7:5000",
        "method": "GET",
        "host": "app.test",
        "path": "/a?x=1",
        "rule": "10",
        "target": "10.0.2.37:8080",
        "status": "200",
        "request time": "0.001",
        "target time": "0.250",
        "response time": "0.000",
        "why": "the target answered",
    } == cells


def test_what_is_missing_is_a_dash() -> None:
    cells = plain_line(REQUEST | NOTHING | {"elb_status_code": 400, "why": "nonsense"}).split("\t")

    assert ["-", "-", "-", "-", "-", "400", "-", "-", "-", "nonsense"] == cells[2:]


def test_the_default_rule_has_a_name() -> None:
    assert "\tdefault\t" in plain_line(REQUEST | {"matched_rule_priority": 0})


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"error_reason": "AWSALBTGCookieInvalid"}, "the target answered; AWSALBTGCookieInvalid"),
        ({"request_transform_status": "TransformSuccess"}, "the target answered"),
        ({"request_transform_status": "TransformInvalidHost"}, "the target answered; TransformInvalidHost"),
        (
            {"classification": "Ambiguous", "classification_reason": "EmptyHeader"},
            "the target answered; Ambiguous: EmptyHeader",
        ),
    ],
)
def test_why_also_says_what_was_odd(changed: dict[str, str], why: str) -> None:
    request = REQUEST | changed

    assert why == plain_line(request).split("\t")[-1]
    assert (f"({why})" in uncoloured(coloured_line(request))) == (why != "the target answered")


def test_a_person_sees_the_url_last_and_columns_under_their_headings() -> None:
    line = uncoloured(coloured_line(REQUEST))

    assert line.endswith(" https://app.test:443/a?x=1")
    for heading, cell in (("RULE", "10"), ("CLIENT", "192.0.2.7:5000"), ("URL", "https://"), ("CODE", "200")):
        assert line[HEADING.index(heading) :].startswith(cell)


def test_what_could_not_be_read_has_no_url() -> None:
    line = uncoloured(coloured_line(REQUEST | NOTHING | {"outcome": "BAD_REQUEST", "why": "nonsense"}))

    assert line.endswith("192.0.2.7:5000        - (nonsense)")


@pytest.mark.parametrize(("status", "colour"), [(200, 32), (301, 36), (404, 33), (502, 31)])
def test_a_status_has_its_colour(status: int, colour: int) -> None:
    assert f"\x1b[{colour}m\x1b[1m{status}" in coloured_line(REQUEST | {"elb_status_code": status})


def test_a_redirect_shows_where_to_and_a_failure_shows_why() -> None:
    redirect = REQUEST | {"redirect_url": "https://b/", "outcome": "REDIRECTED", "why": "redirect action"}
    failure = REQUEST | {"outcome": "TARGET_CLOSED", "why": "the target closed"}

    assert uncoloured(coloured_line(redirect)).endswith("/a?x=1 -> https://b/")
    assert uncoloured(coloured_line(failure)).endswith("/a?x=1 (the target closed)")


@pytest.mark.parametrize("show", [plain_line, coloured_line])
@pytest.mark.parametrize("name", ["method", "host", "path", "query", "redirect_url"])
def test_what_clients_send_does_not_reach_the_terminal_as_control_characters(show: Any, name: str) -> None:
    hostile = "\x1b]0;x\x07\t\n\x7f\x9b\u00e9"
    line = show(REQUEST | {name: hostile})

    assert line.count("\t") == (len(COLUMNS) - 1 if show is plain_line else 0)
    assert uncoloured(line).replace("\t", "").isprintable()
    assert uncoloured(line).isascii()


def test_an_event_is_its_sentence() -> None:
    assert "12 requests are missing here." == event_line(
        {"event": "missed", "message": "12 requests are missing here."}
    )


def test_a_fault_on_purpose_is_said_and_a_response_that_never_began_has_no_status() -> None:
    reset = REQUEST | {"elb_status_code": None, "outcome": "FAULT_CUT", "why": "cut", "fault": "slow, reset"}
    assert plain_line(reset).endswith("\tcut; fault: slow, reset")
    assert "-" == plain_line(reset).split("\t")[COLUMNS.index("status")]
    assert uncoloured(coloured_line(reset)).endswith("(cut; fault: slow, reset)")
