"""Stickiness on the wire: which groups and targets clients get, and what a restart changes."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pytest

from edgeproxy.runtime.access_log import AccessLog
from tests.helpers.conversation import request
from tests.helpers.proxies import RunningProxy, forwarding_to, running
from tests.helpers.targets import ScriptedTarget, answering
from tests.helpers.wait import until

if TYPE_CHECKING:
    from collections.abc import Callable

STICKY = "TargetGroupAttributes: {stickiness.enabled: true, stickiness.lb_cookie.duration_seconds: 60}"
PAGE = "edit-target-group-attributes"
KEY: Callable[[], bytes] = lambda: b"k" * 32  # noqa: E731 - what a file would say


async def visit(edgeproxy: RunningProxy, cookies: dict[str, str]) -> bytes:
    """One request of a client that keeps its cookies; the body it gets."""
    client = await edgeproxy.connect()
    sent = [f"Cookie: {'; '.join(f'{name}={value}' for name, value in cookies.items())}"] if cookies else []
    await client.send(request("GET /", *sent))
    head = await client.read_head()
    cookies.update(re.findall(r"Set-Cookie: ([^=]+)=([^;\r]+)", head.decode()))
    body = (await client.read_rest_of(head)).body
    await client.close()
    return body


@pytest.mark.conformance("lb_cookie", "over HTTP the CORS twin is not Secure", PAGE)
async def test_over_http_the_twin_is_not_secure() -> None:
    async with ScriptedTarget(answering()) as target, running(forwarding_to(target.port, group=STICKY)) as edgeproxy:
        client = await edgeproxy.connect()
        await client.send(request("GET /"))
        head = (await client.read_head()).decode()
        await client.read_exactly(2)

    assert re.search(r"\r\nSet-Cookie: AWSALBCORS=[^;]{124}; Expires=[^;]+GMT; Path=/; SameSite=None\r\n", head)


async def test_a_client_stays_over_reloads_and_restarts_with_the_same_key() -> None:
    cookies: dict[str, str] = {}
    async with ScriptedTarget(answering(b"1")) as one, ScriptedTarget(answering(b"2")) as two:
        configuration = forwarding_to(one.port, two.port, group=STICKY)
        async with running(configuration, stickiness_key=KEY) as edgeproxy:
            await edgeproxy.healthy()
            first = await visit(edgeproxy, cookies)
            bodies = [await visit(edgeproxy, cookies) for _ in range(3)]
            await edgeproxy.apply(configuration)
            bodies += [await visit(edgeproxy, cookies) for _ in range(3)]
        async with running(configuration, stickiness_key=KEY) as edgeproxy:
            await edgeproxy.healthy()
            bodies += [await visit(edgeproxy, cookies) for _ in range(3)]

    assert [first] * 9 == bodies


async def test_a_key_is_asked_for_only_by_what_is_sticky() -> None:
    asked: list[str] = []

    def key() -> bytes:
        asked.append("key")
        return b"k" * 32

    async with running(forwarding_to(80), stickiness_key=key) as edgeproxy:
        assert [] == asked
        for _ in range(2):
            await edgeproxy.apply(forwarding_to(80, group=STICKY))

    assert ["key"] == asked


@pytest.mark.conformance("sticky target", "draining: another one and a new cookie", PAGE)
async def test_a_draining_target_is_left() -> None:
    cookies: dict[str, str] = {}
    async with ScriptedTarget(answering(b"1")) as one, ScriptedTarget(answering(b"2")) as two:
        ports = {b"1": one.port, b"2": two.port}
        async with running(forwarding_to(one.port, two.port, group=STICKY)) as edgeproxy:
            await edgeproxy.healthy()
            first = await visit(edgeproxy, cookies)
            (other,) = ports.keys() - {first}
            await edgeproxy.apply(forwarding_to(ports[other], group=STICKY))
            moved = await visit(edgeproxy, cookies)
            await edgeproxy.apply(forwarding_to(one.port, two.port, group=STICKY))
            await edgeproxy.healthy()
            later = [await visit(edgeproxy, cookies) for _ in range(3)]

    assert [other] * 4 == [moved, *later]


def weighted(ports: tuple[int, int], weights: tuple[int, int], *, duration: int = 60, group: str = "") -> str:
    more = f", {group}" if group else ""
    return f"""\
LoadBalancers:
  - Name: dev
    Listeners:
      - Port: 80
        Protocol: HTTP
        DefaultActions:
          - Type: forward
            ForwardConfig:
              TargetGroups:
                - {{TargetGroupArn: blue, Weight: {weights[0]}}}
                - {{TargetGroupArn: green, Weight: {weights[1]}}}
              TargetGroupStickinessConfig: {{Enabled: true, DurationSeconds: {duration}}}
TargetGroups:
  - {{Name: blue, Protocol: HTTP, Port: 80, Targets: [{{Id: 127.0.0.1, Port: {ports[0]}}}]{more}}}
  - {{Name: green, Protocol: HTTP, Port: 80, Targets: [{{Id: 127.0.0.1, Port: {ports[1]}}}]{more}}}
"""


async def ready(edgeproxy: RunningProxy) -> None:
    await edgeproxy.healthy("blue")
    await edgeproxy.healthy("green")


@pytest.mark.conformance("AWSALBTG", "honoured after the weight became 0", "rule-action-types", status="default")
async def test_a_group_with_weight_0_keeps_its_clients() -> None:
    old: dict[str, str] = {}
    async with ScriptedTarget(answering(b"blue")) as blue, ScriptedTarget(answering(b"green")) as green:
        ports = (blue.port, green.port)
        async with running(weighted(ports, (1, 0)), stickiness_key=KEY) as edgeproxy:
            await ready(edgeproxy)
            bodies = [await visit(edgeproxy, old)]
            await edgeproxy.apply(weighted(ports, (0, 1)))
            bodies += [await visit(edgeproxy, old), await visit(edgeproxy, {})]

    assert [b"blue", b"blue", b"green"] == bodies
    assert {"AWSALBTG", "AWSALBTGCORS"} == set(old)


@pytest.mark.conformance("AWSALBTG", "DurationSeconds slides", "rule-action-types", status="default")
async def test_the_duration_follows_the_time_scale() -> None:
    cookies: dict[str, str] = {}
    async with ScriptedTarget(answering(b"blue")) as blue, ScriptedTarget(answering(b"green")) as green:
        ports = (blue.port, green.port)
        async with running(weighted(ports, (1, 0), duration=1), time_scale=0.01) as edgeproxy:
            await ready(edgeproxy)
            await visit(edgeproxy, cookies)
            await edgeproxy.apply(weighted(ports, (0, 1), duration=1))
            await edgeproxy.sweeps(4)
            body = await visit(edgeproxy, cookies)

    assert b"green" == body


@pytest.mark.conformance("AWSALBTG", "with sticky targets all four cookies", "rule-action-types")
async def test_sticky_groups_of_sticky_targets_give_four_cookies() -> None:
    cookies: dict[str, str] = {}
    async with (
        ScriptedTarget(answering(b"blue")) as blue,
        ScriptedTarget(answering(b"green")) as green,
        running(weighted((blue.port, green.port), (1, 1), group=STICKY)) as edgeproxy,
    ):
        await ready(edgeproxy)
        first = await visit(edgeproxy, cookies)
        bodies = [await visit(edgeproxy, cookies) for _ in range(8)]

    assert ["AWSALBTG", "AWSALBTGCORS", "AWSALB", "AWSALBCORS"] == list(cookies)
    assert [first] * 8 == bodies


@pytest.mark.conformance("AWSALBTG", "URL-encoded: AWSALBTGCookieInvalid in the log", "load-balancer-access-logs")
async def test_an_encoded_cookie_stands_in_the_log() -> None:
    stream = io.StringIO()
    log = AccessLog(stream)
    async with ScriptedTarget(answering()) as target:
        configuration = weighted((target.port, target.port), (1, 0))
        async with running(configuration, access_log=log) as edgeproxy:
            await until(lambda: "initial" not in edgeproxy.states("blue"))
            await visit(edgeproxy, {"AWSALBTG": "a%2Fb%3D%3D"})
            await visit(edgeproxy, {})
    log.close()

    reasons = [re.findall(r'"[^"]*"', line)[7] for line in stream.getvalue().splitlines()]
    assert ['"AWSALBTGCookieInvalid"', '"-"'] == reasons


async def test_a_sticky_rule_with_a_transform_does_both_and_logs_both() -> None:
    stream = io.StringIO()
    log = AccessLog(stream)
    rule = (
        "[{Priority: 1, Conditions: [{Field: path-pattern, Values: [/*]}], "
        "Transforms: [{Type: url-rewrite, UrlRewriteConfig: {Rewrites: [{Regex: ^/, Replace: /app/}]}}], "
        "Actions: [{Type: forward, TargetGroupArn: app}]}]"
    )
    async with (
        ScriptedTarget(answering()) as target,
        running(forwarding_to(target.port, group=STICKY, rules=rule), access_log=log) as edgeproxy,
    ):
        answer = await edgeproxy.ask()
    log.close()

    assert target.heads[0].startswith(b"GET /app/ HTTP/1.1\r\n")
    assert "AWSALB" in answer.headers["set-cookie"]
    assert '"rewrite,forward"' in stream.getvalue()
