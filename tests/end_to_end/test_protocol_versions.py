"""Every cell of the table of protocol versions, through a whole proxy, with its line in the access log."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from edgeproxy.model import ids
from edgeproxy.runtime.access_log import AccessLog
from tests.helpers.conversation import connect, request
from tests.helpers.h2_peer import H2Target, answering_h2, h2_client
from tests.helpers.https import locator, over_tls, trusting
from tests.helpers.log_parsers import agree
from tests.helpers.proxies import forwarding_to, running
from tests.helpers.targets import ScriptedTarget, answering

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.helpers.proxies import RunningProxy

GROUP_ARN = ids.target_group_arn("000000000000", "us-east-1", "app")
GRPC = "application/grpc"


async def over_http2(edgeproxy: RunningProxy, method: str, content_type: str) -> tuple[str, bytes]:
    async with h2_client(edgeproxy.port(443)) as client:
        stream = await client.begin(method, "/a.B/c", ("content-type", content_type))
        body = await stream.read_all()
    return str(stream.value(":status")), body


async def over_http1(edgeproxy: RunningProxy, method: str, *headers: str) -> tuple[str, bytes]:
    context = trusting()
    conversation = await connect("127.0.0.1", edgeproxy.port(443), tls=context, server_name="app.test")
    await conversation.send(request(f"{method} /a.B/c", *headers))
    answer = await conversation.read_message()
    conversation.abort()
    return str(answer.status), answer.body


CELLS = [
    ("HTTP1", "GET", "HTTP/1.1", "", "https", 200),
    ("HTTP1", "GET", "HTTP/2.0", "text/plain", "h2", 200),
    ("HTTP1", "POST", "HTTP/2.0", "text/plain", "h2", 200),
    ("HTTP1", "POST", "HTTP/2.0", GRPC, "grpcs", 464),
    ("HTTP2", "GET", "HTTP/1.1", "", "https", 464),
    ("HTTP2", "POST", "HTTP/1.1", "", "https", 464),
    ("HTTP2", "GET", "HTTP/2.0", "text/plain", "h2", 200),
    ("HTTP2", "POST", "HTTP/2.0", "text/plain", "h2", 200),
    ("HTTP2", "POST", "HTTP/2.0", GRPC, "grpcs", 200),
    ("GRPC", "GET", "HTTP/1.1", "", "https", 464),
    ("GRPC", "POST", "HTTP/1.1", "", "https", 464),
    ("GRPC", "GET", "HTTP/2.0", "text/plain", "h2", 464),
    ("GRPC", "PUT", "HTTP/2.0", "text/plain", "h2", 464),
    ("GRPC", "POST", "HTTP/2.0", "text/plain", "h2", 200),
    ("GRPC", "POST", "HTTP/2.0", GRPC, "grpcs", 200),
]


@pytest.fixture
async def ports() -> AsyncIterator[dict[str, int]]:
    """A target of each version."""
    async with ScriptedTarget(answering()) as one, H2Target(answering_h2()) as two:
        yield {"HTTP1": one.port, "HTTP2": two.port, "GRPC": two.port}


@pytest.mark.conformance(
    "protocol versions",
    "each cell: passed on, or a bare 464",
    "load-balancer-target-groups, load-balancer-troubleshooting",
)
@pytest.mark.parametrize(("version", "method", "spoken", "content_type", "kind", "status"), CELLS)
async def test_a_request_is_passed_on_or_refused_and_logged(
    version: str,
    method: str,
    spoken: str,
    content_type: str,
    kind: str,
    status: int,
    ports: dict[str, int],
    tmp_path: Path,
) -> None:
    stream = io.StringIO()
    log = AccessLog(stream)
    text = over_tls(forwarding_to(ports[version], group=f"ProtocolVersion: {version}"), tmp_path)
    async with running(text, certificates=locator(tmp_path), access_log=log, time_scale=0.1) as edgeproxy:
        if spoken == "HTTP/2.0":
            answer = await over_http2(edgeproxy, method, content_type)
        else:
            answer = await over_http1(edgeproxy, method)
        elb_status = edgeproxy.proxy.metrics.load_balancers["dev"].elb_status[464]
    log.close()
    line = agree(stream.getvalue().strip())

    assert (str(status), b"" if status == 464 else b"ok") == answer
    assert (kind, str(status), GROUP_ARN, "0", "forward") == (
        line["type"],
        line["elb_status_code"],
        line["target_group_arn"],
        line["matched_rule_priority"],
        line["actions_executed"],
    )
    assert spoken == line["request"].rpartition(" ")[2]
    assert (status == 464) == bool(elb_status)
    if status == 464:
        refused = [line[f"{each}_processing_time"] for each in ("request", "target", "response")]
        assert ["-1", "-1", "-1", "-", "-"] == [*refused, line["target"], line["target_status_code"]]


@pytest.mark.conformance(
    "protocol versions", "a request for a WebSocket to an HTTP2 group is a 464", "load-balancer-target-groups"
)
async def test_a_request_for_a_websocket_is_a_464(ports: dict[str, int], tmp_path: Path) -> None:
    text = over_tls(forwarding_to(ports["HTTP2"], group="ProtocolVersion: HTTP2"), tmp_path)
    async with running(text, certificates=locator(tmp_path)) as edgeproxy:
        upgrade = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: eA==")
        assert ("464", b"") == await over_http1(edgeproxy, "GET", *upgrade)


@pytest.mark.conformance("protocol versions", "464 comes before 503", "load-balancer-target-groups", status="default")
async def test_a_group_without_targets_refuses_what_it_would_not_take(tmp_path: Path) -> None:
    text = over_tls(forwarding_to(group="ProtocolVersion: HTTP2"), tmp_path)
    async with running(text, certificates=locator(tmp_path)) as edgeproxy:
        assert ("464", b"") == await over_http1(edgeproxy, "GET")
        assert "503" == (await over_http2(edgeproxy, "GET", "text/plain"))[0]


async def test_sticky_rules_look_at_the_version_as_well(ports: dict[str, int], tmp_path: Path) -> None:
    group = "ProtocolVersion: HTTP2, TargetGroupAttributes: {stickiness.enabled: 'true', stickiness.type: lb_cookie}"
    text = over_tls(forwarding_to(ports["HTTP2"], group=group), tmp_path)
    async with running(text, certificates=locator(tmp_path), time_scale=0.1) as edgeproxy:
        refused = await over_http1(edgeproxy, "GET")
        async with h2_client(edgeproxy.port(443)) as client:
            stream = await client.begin("GET", "/")
            body = await stream.read_all()

    assert ("464", b"") == refused
    assert b"ok" == body
    assert ["AWSALB", "AWSALBCORS"] == [
        value.partition("=")[0] for name, value in stream.fields if name == "set-cookie"
    ]
