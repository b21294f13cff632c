"""What one request adds to `/metrics`, by how it ends: the whole way, through sockets and a scrape."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, NamedTuple

import pytest
from prometheus_client.parser import text_string_to_metric_families

from edgeproxy.runtime.prometheus import render
from tests.helpers.conversation import request
from tests.helpers.ports import reserved_port
from tests.helpers.proxies import RunningProxy, forwarding_to, running
from tests.helpers.targets import (
    Script,
    ScriptedTarget,
    answering,
    garbage,
    leaving_after,
    resetting_after,
    saying,
    silent,
)
from tests.helpers.wait import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

PAGE = "load-balancer-cloudwatch-metrics"
RULES = """[
  {Priority: 1, Conditions: [{Field: path-pattern, Values: ["/moved*"]}],
   Actions: [{Type: redirect, RedirectConfig: {StatusCode: HTTP_301, Host: other.test}}]},
  {Priority: 2, Conditions: [{Field: path-pattern, Values: ["/ok"]}],
   Actions: [{Type: fixed-response, FixedResponseConfig: {StatusCode: "200"}}]},
  {Priority: 3, Conditions: [{Field: path-pattern, Values: ["/gone"]}],
   Actions: [{Type: fixed-response, FixedResponseConfig: {StatusCode: "410"}}]},
  {Priority: 4, Conditions: [{Field: path-pattern, Values: ["/down"]}],
   Actions: [{Type: fixed-response, FixedResponseConfig: {StatusCode: "503"}}]},
  {Priority: 5, Conditions: [{Field: path-pattern, Values: ["/empty"]}],
   Actions: [{Type: forward, TargetGroupArn: empty}]}]
"""
GET = request("GET /")
UPGRADE = request("GET /", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: eA==")
SWITCHES = b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"

CHOSEN = {"request_count_total": 1}
ANSWERED = CHOSEN | {"target_response_time_seconds_count": 1}
REFUSED_400 = {"httpcode_elb_4xx_count_total": 1}
FAILED_502 = CHOSEN | {"httpcode_elb_5xx_count_total": 1, "httpcode_elb_502_count_total": 1}
FAILED_504 = CHOSEN | {"httpcode_elb_5xx_count_total": 1, "httpcode_elb_504_count_total": 1}
UNCONNECTED = {"target_connection_error_count_total": 1}
WITHOUT_TLS = {"target_tls_negotiation_error_count_total": 1}

OTHER = (
    # Bytes, connections and rules have tests of their own, and the group's targets are not healthy yet.
    "processed_bytes_total",
    "new_connection_count_total",
    "rule_evaluations_total",
    "request_count_per_target_total",
    "unhealthy_routing_request_count_total",
)


def counted(edgeproxy: RunningProxy) -> dict[str, float]:
    """The counters of a scrape that are not zero, buckets and sums left out."""
    proxy = edgeproxy.proxy
    text = render(proxy.metrics, proxy.target_groups, proxy.topology).decode()
    names = (
        (sample.name.removeprefix("aws_applicationelb_"), sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if family.type in ("counter", "histogram")
    )
    return {
        name: value for name, value in names if value and name not in OTHER and not name.endswith(("_bucket", "_sum"))
    }


def scripted(script: Script) -> Callable[[], AbstractAsyncContextManager[int]]:
    """A target that does this."""

    @contextlib.asynccontextmanager
    async def target() -> AsyncIterator[int]:
        async with ScriptedTarget(script) as scripted_target:
            yield scripted_target.port

    return target


def speaking_first(script: Script) -> Callable[[], AbstractAsyncContextManager[int]]:
    """A target that does this on every connection."""

    @contextlib.asynccontextmanager
    async def target() -> AsyncIterator[int]:
        async with ScriptedTarget(script, speaks_first=True) as scripted_target:
            yield scripted_target.port

    return target


@contextlib.asynccontextmanager
async def refusing() -> AsyncIterator[int]:
    """A port that nobody listens on."""
    with reserved_port() as port:
        yield port


@contextlib.asynccontextmanager
async def not_accepting() -> AsyncIterator[int]:
    """A full queue of a listener that nobody accepts from drops further attempts."""
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        yield full.getsockname()[1]


class Case(NamedTuple):
    """A target, what a client sends, and what is counted after the answer's head."""

    target: Callable[[], AbstractAsyncContextManager[int]]
    sent: bytes
    expected: dict[str, int]
    protocol: str = "HTTP"


ANY = scripted(answering())
CASES = {
    **{
        f"a target answers {status}": Case(
            scripted(answering(status=f"{status} X")),
            GET,
            ANSWERED | {f"httpcode_target_{status // 100}xx_count_total": 1},
        )
        for status in (200, 302, 404, 503)
    },
    "redirect": Case(ANY, request("GET /moved"), {"httpcode_elb_3xx_count_total": 1, "http_redirect_count_total": 1}),
    "redirect to more than 8 K": Case(
        ANY,
        request(f"GET /moved{'x' * 8192}"),
        {"httpcode_elb_5xx_count_total": 1, "http_redirect_url_limit_exceeded_count_total": 1},
    ),
    "fixed response 200": Case(ANY, request("GET /ok"), {"http_fixed_response_count_total": 1}),
    "fixed response 410": Case(
        ANY, request("GET /gone"), {"http_fixed_response_count_total": 1, "httpcode_elb_4xx_count_total": 1}
    ),
    "fixed response 503": Case(
        ANY,
        request("GET /down"),
        {
            "http_fixed_response_count_total": 1,
            "httpcode_elb_5xx_count_total": 1,
            "httpcode_elb_503_count_total": 1,
        },
    ),
    "malformed": Case(ANY, b"nonsense\r\n\r\n", REFUSED_400),
    "no Host": Case(ANY, b"GET / HTTP/1.1\r\n\r\n", REFUSED_400),
    "TRACE": Case(ANY, request("TRACE /"), REFUSED_400),
    "no registered target": Case(
        ANY, request("GET /empty"), {"httpcode_elb_5xx_count_total": 1, "httpcode_elb_503_count_total": 1}
    ),
    "connection refused": Case(refusing, GET, FAILED_502 | UNCONNECTED),
    "connection not accepted": Case(not_accepting, GET, FAILED_504 | UNCONNECTED),
    "no TLS": Case(speaking_first(saying(b"HTTP/1.1 400 X\r\n\r\n")), GET, FAILED_502 | WITHOUT_TLS, "HTTPS"),
    "TLS not in time": Case(speaking_first(silent), GET, FAILED_504 | WITHOUT_TLS, "HTTPS"),
    "connection refused before TLS": Case(refusing, GET, FAILED_502 | UNCONNECTED, "HTTPS"),
    "target closes": Case(scripted(leaving_after(b"")), GET, FAILED_502),
    "target resets": Case(scripted(resetting_after(b"")), GET, FAILED_502),
    "target sends garbage": Case(scripted(garbage), GET, FAILED_502),
    "target silent": Case(scripted(silent), GET, FAILED_504),
    "WebSocket": Case(scripted(saying(SWITCHES)), UPGRADE, ANSWERED),
}


def configuration(port: int, protocol: str = "HTTP") -> str:
    text = forwarding_to(port, idle_timeout=10, rules=" ".join(RULES.split()))
    return text.replace("Name: app, Protocol: HTTP", f"Name: app, Protocol: {protocol}") + (
        "  - {Name: empty, Protocol: HTTP, Port: 80}\n"
    )


@pytest.mark.conformance("metrics", "what one request increments, by its outcome", PAGE)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_each_outcome_has_its_counts(case: Case) -> None:
    async with case.target() as port, running(configuration(port, case.protocol)) as edgeproxy:
        client = await edgeproxy.connect()
        await client.send(case.sent)
        await client.read_head()

        assert case.expected == counted(edgeproxy)


@pytest.mark.conformance("metrics", "a request that its client abandoned is the load balancer's 4XX", PAGE)
async def test_a_client_that_leaves_counts_as_a_request_and_as_4xx() -> None:
    async with ScriptedTarget(silent) as target, running(configuration(target.port)) as edgeproxy:
        client = await edgeproxy.connect()
        await client.send(GET)
        await until(lambda: target.heads)
        client.reset()
        await until(lambda: counted(edgeproxy))

        assert CHOSEN | {"httpcode_elb_4xx_count_total": 1} == counted(edgeproxy)


@pytest.mark.conformance("metrics", "ProcessedBytes of a WebSocket: its whole life, in both directions", PAGE)
async def test_a_websockets_bytes_count_to_its_end_and_the_request_once() -> None:
    async with (
        ScriptedTarget(saying(SWITCHES + b"x" * 1000)) as target,
        running(configuration(target.port)) as edgeproxy,
    ):
        client = await edgeproxy.connect()
        await client.send(UPGRADE)
        head = await client.read_head()
        await client.read_exactly(1000)
        await client.send(b"y" * 500)
        client.half_close()
        await client.read_to_end()
        counters = edgeproxy.proxy.metrics.load_balancers["dev"]
        await until(lambda: counters.processed_bytes)

        assert ANSWERED == counted(edgeproxy)
        assert len(UPGRADE) + len(head) + 1500 == counters.processed_bytes


@pytest.mark.conformance("metrics", "IPv6RequestCount, IPv6ProcessedBytes", PAGE)
async def test_requests_over_ipv6_are_counted_once_more() -> None:
    async with ScriptedTarget(answering()) as target, running(configuration(target.port), host="::1") as edgeproxy:
        await edgeproxy.ask()
        found = counted(edgeproxy)

    assert (1, True) == (found["ipv6_request_count_total"], found["ipv6_processed_bytes_total"] > 100)


@pytest.mark.conformance(
    "metrics", "RuleEvaluations: in order of priority, without the default rule", PAGE, status="default"
)
async def test_rules_are_counted_to_the_one_that_answers() -> None:
    async with ScriptedTarget(answering()) as target, running(configuration(target.port)) as edgeproxy:
        counters = edgeproxy.proxy.metrics.load_balancers["dev"]
        evaluations = []
        for path in ("/moved", "/gone", "/"):
            before = counters.rule_evaluations
            await edgeproxy.ask(f"GET {path}")
            evaluations.append(counters.rule_evaluations - before)

    assert [1, 3, 5] == evaluations


@pytest.mark.conformance("metrics", "RequestCountPerTarget", PAGE)
async def test_requests_are_divided_by_the_healthy_targets() -> None:
    async with (
        ScriptedTarget(answering()) as one,
        ScriptedTarget(answering()) as two,
        running(forwarding_to(one.port, two.port)) as edgeproxy,
    ):
        await edgeproxy.healthy()
        for _ in range(4):
            await edgeproxy.ask()
        group = edgeproxy.proxy.metrics.load_balancers["dev"].groups["app"]
        await until(lambda: group.requests_per_target == 2)


STICKY = "stickiness.enabled: true, stickiness.type: {}, stickiness.app_cookie.cookie_name: session"


@pytest.mark.conformance("metrics", "NonStickyRequestCount: no cookie, a cookie that cannot be read", PAGE)
@pytest.mark.parametrize(
    ("kind", "name"),
    [("lb_cookie", "non_sticky_request_count_total"), ("app_cookie", "app_cookie_non_stickiness_count_total")],
)
async def test_requests_that_no_cookie_leads_are_counted(kind: str, name: str) -> None:
    sets = ("Set-Cookie: session=1",)
    attributes = f"TargetGroupAttributes: {{{STICKY.format(kind)}}}"
    async with (
        ScriptedTarget(answering(headers=sets)) as target,
        running(forwarding_to(target.port, group=attributes)) as edgeproxy,
    ):
        client = await edgeproxy.connect()
        await client.send(GET)
        lines = (await client.read_head()).decode().split("\r\n")
        await client.read_exactly(2)
        cookies = "; ".join(line.removeprefix("Set-Cookie: ").split(";")[0] for line in lines if "Set-Cookie" in line)
        await client.ask("GET /", f"Cookie: {cookies}")
        await client.ask("GET /", "Cookie: AWSALB=nonsense; AWSALBAPP-0=nonsense; session=1")

        assert 2 == counted(edgeproxy)[name]


@pytest.mark.conformance("metrics", "ActiveConnectionCount, NewConnectionCount: both sides", PAGE)
async def test_connections_of_both_sides_are_one_number() -> None:
    async with ScriptedTarget(answering()) as target, running(configuration(target.port)) as edgeproxy:
        client = await edgeproxy.connect()
        await client.ask("GET /")
        proxy = edgeproxy.proxy
        lines = render(proxy.metrics, proxy.target_groups, proxy.topology).decode().splitlines()

    assert 'aws_applicationelb_active_connection_count{load_balancer="dev"} 2.0' in lines
    assert 'aws_applicationelb_new_connection_count_total{load_balancer="dev"} 2.0' in lines


@pytest.mark.conformance("metrics", "health checks are not counted", PAGE)
async def test_health_checks_add_to_nothing() -> None:
    async with (
        ScriptedTarget(answering()) as target,
        running(configuration(target.port), time_scale=0.01) as edgeproxy,
    ):
        await edgeproxy.healthy()

        assert {} == counted(edgeproxy)
        assert 0 == edgeproxy.proxy.metrics.load_balancers["dev"].new_target_connections
