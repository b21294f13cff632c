"""Forwarding with stickiness: what the response carries and where; decisions are held in tests/balancing."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

import msgspec
import pytest

from edgeproxy.balancing.stickiness import (
    ApplicationStickiness,
    DurationStickiness,
    GroupStickiness,
    TargetStickiness,
)
from edgeproxy.balancing.token_sealer import TokenSealer
from edgeproxy.exchange.outcome import Outcome
from edgeproxy.exchange.sticky import StickyForwardAction
from edgeproxy.rules.table import RoutingTable
from tests.helpers.exchange_ports import DATE, ScriptedClient, Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgeproxy.balancing.group import TargetGroupState

SEALER = TokenSealer(b"k" * 32, random.Random(1).randbytes)
WEEK = "Expires=Sun, 29 Nov 2026 10:00:00 GMT; Path=/"
PAIR = [f"Set-Cookie: AWSALB=DATA; {WEEK}", f"Set-Cookie: AWSALBCORS=DATA; {WEEK}; SameSite=None; Secure"]
GROUP_PAIR = [f"Set-Cookie: AWSALBTG=DATA; {WEEK}", f"Set-Cookie: AWSALBTGCORS=DATA; {WEEK}; SameSite=None; Secure"]
OBSERVED = "edit-target-group-attributes (observed)"


class StickyStage(Stage):
    """A stage whose listener forwards with stickiness; `kinds` of "group", "duration" and "application"."""

    def __init__(
        self, *kinds: str, targets: int = 2, choose: Callable[[], TargetGroupState | None] | None = None
    ) -> None:
        super().__init__(targets=[(f"10.0.2.{number}", 80) for number in range(targets)])
        targets_of: dict[TargetGroupState, TargetStickiness] = {}
        if "duration" in kinds:
            targets_of[self.group] = DurationStickiness(self.group, SEALER, 60, is_https=True)
        if "application" in kinds:
            targets_of[self.group] = ApplicationStickiness(self.group, SEALER, "S", 60)
        action = StickyForwardAction(
            "0",
            choose or (lambda: self.group),
            groups=GroupStickiness([self.group], SEALER, 60, is_https=True) if "group" in kinds else None,
            targets=targets_of,
        )
        self.context = msgspec.structs.replace(self.context, routing=RoutingTable.build((), default=action))

    def ask(self, *headers: str) -> ScriptedClient:
        return self.client().sends("GET / HTTP/1.1", "Host: a", *headers)

    def answered(self, client: ScriptedClient, *lines: str, body: str = "") -> list[str]:
        """The head that the client gets, with each opaque value as DATA."""
        self.target.answers(*lines, body=body)
        head = client.received.decode().partition("\r\n\r\n")[0]
        return re.sub(r"=[A-Za-z0-9+/=]{100,}", "=DATA", head).split("\r\n")


OK = (
    "HTTP/1.1 200 OK",
    "Server: x",
    "Content-Type: text/plain",
    "Content-Length: 2",
    f"Date: {DATE}",
    "Set-Cookie: a=1",
)
FRONT = ["HTTP/1.1 200 OK", f"Date: {DATE}", "Content-Type: text/plain", "Content-Length: 2", "Connection: keep-alive"]
REST = ["Server: x", "Set-Cookie: a=1"]


@pytest.mark.conformance("stickiness cookies", "AWSALB behind Connection, before the target's headers", OBSERVED)
def test_duration_cookies_stand_behind_connection() -> None:
    stage = StickyStage("duration")
    assert [*FRONT, *PAIR, *REST] == stage.answered(stage.ask(), *OK, body="ok")


@pytest.mark.conformance("stickiness cookies", "AWSALBAPP behind all headers of the target", OBSERVED)
def test_application_cookies_stand_last() -> None:
    stage = StickyStage("application")
    removed = [f"Set-Cookie: AWSALBAPP-{shard}=_remove_; {WEEK}" for shard in range(4)]
    assert [*FRONT, *REST, *removed] == stage.answered(stage.ask(), *OK, body="ok")


@pytest.mark.conformance("stickiness cookies", "AWSALBTG, AWSALBTGCORS, AWSALB, AWSALBCORS", OBSERVED)
def test_group_cookies_come_before_target_cookies() -> None:
    stage = StickyStage("group", "duration")
    assert [*FRONT, *GROUP_PAIR, *PAIR, *REST] == stage.answered(stage.ask(), *OK, body="ok")


def test_group_stickiness_alone_has_its_pair() -> None:
    stage = StickyStage("group")
    assert [*FRONT, *GROUP_PAIR, *REST] == stage.answered(stage.ask(), *OK, body="ok")


def test_a_target_that_speaks_of_connections_does_not_move_the_cookies() -> None:
    stage = StickyStage("duration")
    lines = (
        "HTTP/1.1 200 OK",
        f"Date: {DATE}",
        "Content-Length: 0",
        "Connection: close",
        "X-Connection: Connection: x",
    )
    head = stage.answered(stage.ask(), *lines)
    assert PAIR == head[head.index("Connection: keep-alive") + 1 :][:2]


def test_the_body_stays_whole() -> None:
    stage = StickyStage("duration", "group")
    client = stage.ask()
    stage.target.answers("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", body="2\r\nok\r\n0\r\n\r\n")
    assert client.received.endswith(b"\r\n\r\n2\r\nok\r\n0\r\n\r\n")
    assert len(client.received) == stage.record.sent_bytes


@pytest.mark.conformance("stickiness cookies", "on every forwarded response, whatever its status", OBSERVED)
@pytest.mark.parametrize("status", ["302 Found", "304 Not Modified", "404 Not Found", "405 X", "429 X", "500 X"])
def test_every_status_of_a_target_carries_cookies(status: str) -> None:
    stage = StickyStage("duration")
    assert PAIR[0] in stage.answered(stage.ask(), f"HTTP/1.1 {status}", "Content-Length: 0")


@pytest.mark.conformance("stickiness cookies", "none on the load balancer's own answers", OBSERVED, status="default")
def test_own_answers_carry_no_cookies() -> None:
    stage = StickyStage("duration", "group")
    client = stage.ask()
    stage.target.closes()
    nobody = StickyStage("duration", "group", targets=0).ask()
    nowhere = StickyStage("duration", choose=lambda: None).ask()
    for answer, status in ((client, b"502"), (nobody, b"503"), (nowhere, b"503")):
        assert answer.received.startswith(b"HTTP/1.1 " + status)
        assert b"AWSALB" not in answer.received


@pytest.mark.conformance("stickiness cookies", "Expires is a week after the routing, not the answer", OBSERVED)
def test_expires_counts_from_the_request() -> None:
    stage = StickyStage("duration")
    client = stage.ask()
    stage.now += 100
    assert PAIR[0] in stage.answered(client, "HTTP/1.1 200 OK", "Content-Length: 0")


@pytest.mark.conformance("stickiness cookies", "forwarded to the target unchanged", OBSERVED, status="default")
def test_targets_see_the_cookies() -> None:
    stage = StickyStage("duration")
    stage.ask("Cookie: a=1; AWSALB=garbage; AWSALBCORS=x")
    assert b"\r\nCookie: a=1; AWSALB=garbage; AWSALBCORS=x\r\n" in stage.target.received


def test_the_cookie_leads_back() -> None:
    stage = StickyStage("duration", targets=5)
    stage.answered(client := stage.ask(), "HTTP/1.1 200 OK", "Content-Length: 0")
    cookie = re.search(rb"AWSALB=[^;]+", client.received)
    assert cookie is not None
    for _ in range(4):
        stage.answered(stage.ask(f"Cookie: {cookie[0].decode()}"), "HTTP/1.1 200 OK", "Content-Length: 0")
    assert 1 == len({record.target for record in stage.ledger.records})
    assert [0] * 5 == [target.outstanding for target in stage.group.targets.values()]


def test_sticky_requests_count_while_failing_open() -> None:
    """All targets of the stage are still initial, so the group fails open from the start."""
    stage = StickyStage("duration")
    stage.answered(client := stage.ask(), "HTTP/1.1 200 OK", "Content-Length: 0")
    cookie = re.search(rb"AWSALB=[^;]+", client.received)
    assert cookie is not None
    stage.ask(f"Cookie: {cookie[0].decode()}")
    assert 2 == stage.group.unhealthy_routing_requests


@pytest.mark.conformance(
    "AWSALBTG", "an unreadable value is logged as AWSALBTGCookieInvalid", "load-balancer-access-logs"
)
@pytest.mark.parametrize(("cookie", "reason"), [("AWSALBTG=a%2Fb", "AWSALBTGCookieInvalid"), ("AWSALB=a%2Fb", "")])
def test_an_invalid_group_cookie_has_an_error_reason(cookie: str, reason: str) -> None:
    stage = StickyStage("group", "duration")
    stage.answered(stage.ask(f"Cookie: {cookie}"), "HTTP/1.1 200 OK", "Content-Length: 0")
    assert stage.record.sticky is not None
    assert (reason, 200, Outcome.FORWARDED) == (
        stage.record.sticky.error_reason,
        stage.record.status,
        stage.record.outcome,
    )
