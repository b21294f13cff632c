"""Questions to a load balancer under test."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from edgeproxy.testing import Alb, targets

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def alb() -> Iterator[Alb]:
    with Alb() as made:
        yield made


def ask(alb: Alb, path: str = "/", **headers: str) -> int:
    return alb.clients.urllib3().request("GET", alb.url(path), headers=headers).status


def test_a_request_says_all_that_became_of_it(alb: Alb) -> None:
    target = targets.answering(status=404)
    alb.register(target)
    ask(alb, "/a?b=c", **{"X-Own": "1"})
    (request,) = alb.requests

    assert ("GET", "https", "HTTP/1.1", "localhost", "/a", "b=c") == (
        *(request.method, request.scheme, request.version, request.host, request.path, request.query),
    )
    assert ("default", "app", f"127.0.0.1:{target.port}", 404, 404) == (
        *(request.rule, request.target_group, request.target, request.status, request.target_status),
    )
    assert ("FORWARDED", "forward", 443, None) == (
        *(request.outcome, request.actions, request.listener_port, request.error_reason),
    )
    assert request.target_time is not None
    assert 0 < request.target_time <= request.duration < 5
    assert "1" == request.headers["x-own"]


def test_the_headers_are_those_that_the_target_got(alb: Alb) -> None:
    target = targets.answering()
    alb.register(target)
    ask(alb, "/a", **{"X-Forwarded-For": "1.2.3.4", "Connection": "close"})
    (request,) = alb.requests
    (got,) = target.requests

    assert got.head.decode("latin-1").rstrip("\r\n").split("\r\n") == request.target_head
    assert "1.2.3.4, 127.0.0.1" == request.target_headers["X-Forwarded-For"]
    assert request.trace_id == request.target_headers["X-Amzn-Trace-Id"]


def test_without_a_target_there_is_nothing_that_it_got(alb: Alb) -> None:
    ask(alb)
    (request,) = alb.requests

    assert ([], None, None) == (request.target_head, request.target_line, request.target_headers.get("Host"))
    with pytest.raises(KeyError, match="there is no header Host"):
        _ = request.target_headers["Host"]


def test_a_failure_says_why(alb: Alb) -> None:
    alb.register(targets.garbage())
    ask(alb)

    (request,) = alb.expect(status=502)
    assert (None, "TARGET_MALFORMED") == (request.target_status, request.outcome)
    assert repr(request).endswith(f"502: {request.why}")


def test_the_access_log_is_the_real_one(alb: Alb) -> None:
    ask(alb, "/logged")

    (line,) = alb.access_log
    assert re.match(
        r'https \S+ app/alb/\S+ 127\.0\.0\.1:\d+ - -1 -1 -1 503 - .*"GET https://localhost:443/logged ', line
    )


def test_expectations_that_do_not_hold_show_what_came(alb: Alb) -> None:
    alb.add_rule(path="/a", fixed_response=200)
    for path in ("/a", "/b"):
        ask(alb, path)

    with pytest.raises(AssertionError) as raised:
        alb.expect(path="/a", times=2)
    assert str(raised.value).split("\n") == [
        "expected 2 requests with path='/a', but 1 came.",
        "All 2 requests, in the order in which they ended:",
        "  * GET https://localhost/a rule 10 200: fixed-response action",
        f"    {alb.requests[1]!r}",
    ]
    with pytest.raises(AssertionError, match=r"^expected at least one request with status=418, but 0 came\."):
        alb.expect(status=418)


def test_nothing_may_be_expected_as_well(alb: Alb) -> None:
    assert [] == alb.expect(path="/*", times=0)
    with pytest.raises(AssertionError, match=r"There were no requests at all\."):
        alb.expect()


def test_health_is_shown_as_aws_shows_it(alb: Alb) -> None:
    target = targets.answering(health_status=503)
    alb.register(target)
    alb.advance(30)

    assert [
        (
            "app",
            f"127.0.0.1:{target.port}",
            "unhealthy",
            "Target.ResponseCodeMismatch",
            "Health checks failed with these codes: [503]",
        )
    ] == alb.target_health()


def test_an_explanation_is_what_would_happen(alb: Alb) -> None:
    alb.add_rule(path="/a/*", host="app.example.com", fixed_response=(200, "yes"))

    for url in (alb.url("/a/1"), "/a/1", "https://localhost/a/1"):
        explained = alb.explain("GET", url, headers={"Host": "app.example.com"})
        assert (10, "fixed-response", 200, "yes") == (
            *(explained.rule, explained.action, explained.status, explained.message_body),
        )
    assert "default" == alb.explain("GET", "/").rule
    assert "  rule 10: does not match" in str(alb.explain("GET", "/")).split("\n")
    assert [] == alb.requests
    with pytest.raises(ValueError, match="No listener speaks HTTP on port 81"):
        alb.explain("GET", "http://localhost:81/")


def test_an_explanation_has_the_faults_that_were_added(alb: Alb) -> None:
    with alb.fault(listener=443, status=503, name="outage"):
        assert ["added at listener alb:443: 'outage': Status: 503"] == alb.explain("GET", "/").faults
    assert [] == alb.explain("GET", "/").faults


def test_an_explanation_knows_how_old_cookies_are(alb: Alb) -> None:
    attributes = {"stickiness.enabled": "true", "stickiness.lb_cookie.duration_seconds": "60"}
    alb.add_target_group("sticky", targets.answering(), targets.answering(), TargetGroupAttributes=attributes)
    alb.add_rule(path="/*", forward="sticky")
    cookie = alb.clients.urllib3().request("GET", alb.url()).headers["Set-Cookie"].partition(";")[0]

    before = alb.explain("GET", "/", headers={"Cookie": cookie}).target_choice
    alb.advance(61)
    after = alb.explain("GET", "/", headers={"Cookie": cookie}).target_choice

    assert before != after
