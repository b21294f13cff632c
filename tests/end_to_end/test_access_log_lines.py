"""Every shape of an access-log line, from a proxy that runs, read by public parsers as well.

What a request looks like in the log is the user guide's page load-balancer-access-logs; the shapes of lines that it
does not show were observed on real load balancers.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import re
import socket
import ssl
from typing import TYPE_CHECKING

import pytest

from edgeproxy.model import ids
from edgeproxy.runtime.access_log import AccessLog
from edgeproxy.runtime.proxy import Bind
from tests.helpers.conversation import Conversation, request
from tests.helpers.https import locator, over_tls, trusting
from tests.helpers.log_parsers import PARSERS, Line, agree, read_line
from tests.helpers.ports import reserved_port
from tests.helpers.proxies import RunningProxy, forwarding_to, running
from tests.helpers.targets import ScriptedTarget, answering, garbage, leaving_after, silent
from tests.helpers.wait import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.helpers.targets import Script

PAGE = "load-balancer-access-logs"
DNS_NAME = ids.load_balancer_dns_name("us-east-1", "dev")
GROUP_ARN = ids.target_group_arn("000000000000", "us-east-1", "app")
AGENT = "User-Agent: curl/8.7.1"
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

RULES = """[
  {Priority: 1, Conditions: [{Field: path-pattern, Values: [/away*]}],
   Actions: [{Type: redirect, RedirectConfig: {Protocol: HTTPS, Port: "443", StatusCode: HTTP_301}}]},
  {Priority: 2, Conditions: [{Field: path-pattern, Values: [/nothing*]}],
   Actions: [{Type: fixed-response, FixedResponseConfig: {StatusCode: "404"}}]},
  {Priority: 5, Conditions: [{Field: path-pattern, Values: [/dp/*]}],
   Actions: [{Type: forward, TargetGroupArn: app}],
   Transforms: [
     {Type: url-rewrite, UrlRewriteConfig: {Rewrites: [{Regex: '^/dp/(.*)$', Replace: '/product.php?id=$1'}]}},
     {Type: host-header-rewrite, HostHeaderRewriteConfig: {Rewrites: [{Regex: '^www', Replace: 'shop'}]}}]}]
""".replace("\n", " ")


class Logged:
    """A proxy's access log."""

    def __init__(self) -> None:
        self._stream = io.StringIO()
        self.log = AccessLog(self._stream)

    @property
    def texts(self) -> list[str]:
        self.log.close()
        return self._stream.getvalue().splitlines()

    @property
    def line(self) -> Line:
        """The only line, about which all parsers agree."""
        (text,) = self.texts
        return agree(text)


@pytest.fixture
def logged() -> Logged:
    return Logged()


@contextlib.asynccontextmanager
async def behind(
    logged: Logged, script: Script, *, time_scale: float = 1, tls: Path | None = None
) -> AsyncIterator[tuple[RunningProxy, ScriptedTarget]]:
    """A proxy in front of one target that does this; with `tls`, a folder for certificates, it speaks HTTPS."""
    async with ScriptedTarget(script) as target:
        text = forwarding_to(target.port, rules=RULES)
        if tls is not None:
            text = over_tls(forwarding_to(target.port), tls, "www.example.com")
        certificates = locator(tls) if tls is not None else None
        async with running(text, time_scale=time_scale, access_log=logged.log, certificates=certificates) as edgeproxy:
            yield edgeproxy, target


def times(line: Line) -> list[str]:
    return [line["request_processing_time"], line["target_processing_time"], line["response_processing_time"]]


def is_dispatched(line: Line, port: int, actions: str = "forward", priority: str = "0") -> None:
    """What all lines of requests say for which a target was chosen."""
    assert [f"127.0.0.1:{port}"] * 2 == [line["target"], line["target_port_list"]]
    assert [GROUP_ARN, actions, priority, "-", "-"] == [
        line["target_group_arn"],
        line["actions_executed"],
        line["matched_rule_priority"],
        line["redirect_url"],
        line["error_reason"],
    ]
    assert line["target_status_code"] == line["target_status_code_list"]


def is_answered_here(line: Line, actions: str, priority: str) -> None:
    """What all lines of requests say that no target saw."""
    assert ["-"] * 5 == [
        line[name]
        for name in (
            "target",
            "target_port_list",
            "target_group_arn",
            "target_status_code",
            "target_status_code_list",
        )
    ]
    assert (["-1"] * 3, actions, priority) == (times(line), line["actions_executed"], line["matched_rule_priority"])


def is_well_formed(line: Line, client: int) -> None:
    """What is true of every line."""
    assert f"app/dev/{ids.load_balancer_id('dev')}" == line["elb"]
    assert f"127.0.0.1:{client}" == line["client"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["time"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}000Z", line["request_creation_time"])
    assert line["request_creation_time"] <= line["time"]
    assert re.fullmatch(r"TID_[0-9a-f]{32}", line["conn_trace_id"])
    assert "127.0.0.1" == line["ip_address"]
    assert all(re.fullmatch(r"-1|\d+\.\d{3}", each) for each in times(line))


@pytest.mark.conformance("access log lines, from a running proxy", "a forwarded request", PAGE)
async def test_forwarded(logged: Logged) -> None:
    async with behind(logged, answering(b"hello")) as (edgeproxy, target):
        client = await edgeproxy.connect()
        sent = request("GET /a?x=1", "Host: www.example.com", AGENT)
        await client.send(sent)
        head = await client.read_head()
        await client.read_exactly(5)
        port = client.local_address[1]
    line = logged.line

    is_well_formed(line, port)
    is_dispatched(line, target.port)
    assert ("http", "200", "200") == (line["type"], line["elb_status_code"], line["target_status_code"])
    assert "-1" not in times(line)
    assert (str(len(sent)), str(len(head) + 5)) == (line["received_bytes"], line["sent_bytes"])
    assert ("GET http://www.example.com:80/a?x=1 HTTP/1.1", "curl/8.7.1") == (line["request"], line["user_agent"])
    assert ["-"] * 4 == [line[name] for name in ("ssl_cipher", "ssl_protocol", "domain_name", "chosen_cert_arn")]
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", line["trace_id"])
    assert f"X-Amzn-Trace-Id: {line['trace_id']}\r\n".encode() in target.heads[0]
    assert ["-"] * 5 == [
        line[name]
        for name in (
            "classification",
            "classification_reason",
            "transformed_host",
            "transformed_uri",
            "request_transform_status",
        )
    ]


@pytest.mark.conformance("access log lines, from a running proxy", "a request over TLS", PAGE)
@pytest.mark.parametrize(
    ("newest", "protocol"), [(ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")]
)
@pytest.mark.parametrize(("name", "logged_name"), [("www.example.com", "www.example.com"), ("other.example", "-")])
async def test_over_tls(
    logged: Logged, newest: ssl.TLSVersion, protocol: str, name: str, logged_name: str, tmp_path: Path
) -> None:
    async with behind(logged, answering(), tls=tmp_path) as (edgeproxy, target):
        client = await edgeproxy.connect(443, tls=trusting(newest=newest), server_name=name)
        await client.ask("GET /", "Host: www.example.com")
        port = client.local_address[1]
        cipher = client.transport.get_extra_info("cipher")[0]
    line = logged.line

    is_well_formed(line, port)
    is_dispatched(line, target.port)
    assert ("https", cipher, protocol, logged_name) == (
        line["type"],
        line["ssl_cipher"],
        line["ssl_protocol"],
        line["domain_name"],
    )
    assert line["chosen_cert_arn"].startswith("arn:aws:acm:us-east-1:000000000000:certificate/")
    assert "GET https://www.example.com:443/ HTTP/1.1" == line["request"]


@pytest.mark.conformance("access log lines, from a running proxy", "WebSockets, when they end", PAGE)
@pytest.mark.parametrize("is_secure", [False, True])
async def test_a_websocket(logged: Logged, is_secure: bool, tmp_path: Path) -> None:
    async def tunnel(conversation: Conversation, head: bytes) -> None:
        await conversation.send(SWITCHING)
        await conversation.send(await conversation.read_exactly(100))
        await conversation.read_to_end()

    async with behind(logged, tunnel, tls=tmp_path if is_secure else None) as (edgeproxy, target):
        options = {"tls": trusting(), "server_name": "www.example.com"} if is_secure else {}
        client = await edgeproxy.connect(443 if is_secure else 80, **options)
        sent = request("GET /socket", "Host: www.example.com", "Connection: Upgrade", "Upgrade: websocket")
        await client.send(sent)
        head = await client.read_head()
        await client.send(b"x" * 100)
        await client.read_exactly(100)
        await client.close()
        await until(lambda: not edgeproxy.client_connections)
    line = logged.line

    is_dispatched(line, target.port)
    scheme, port = ("https", 443) if is_secure else ("http", 80)
    assert ("wss" if is_secure else "ws", "101", "101") == (
        line["type"],
        line["elb_status_code"],
        line["target_status_code"],
    )
    assert f"GET {scheme}://www.example.com:{port}/socket HTTP/1.1" == line["request"]
    assert "-1" not in times(line)
    assert (str(len(sent) + 100), str(len(head) + 100)) == (line["received_bytes"], line["sent_bytes"])


@pytest.mark.conformance("access log lines, from a running proxy", "a redirect", PAGE, status="default")
async def test_a_redirect(logged: Logged) -> None:
    async with behind(logged, answering()) as (edgeproxy, _):
        answer = await edgeproxy.ask("GET /away?x=1", "Host: www.example.com", AGENT)
    line = logged.line

    is_answered_here(line, "redirect", "1")
    assert ("301", answer.headers["location"]) == (line["elb_status_code"], line["redirect_url"])
    assert "https://www.example.com:443/away?x=1" == line["redirect_url"]
    assert line["trace_id"].startswith("Root=1-")


@pytest.mark.conformance("access log lines, from a running proxy", "a fixed response to HTTP/1.0 without a Host", PAGE)
async def test_a_fixed_response(logged: Logged) -> None:
    async with behind(logged, answering()) as (edgeproxy, _):
        client = await edgeproxy.connect()
        await client.send(b"GET /nothing HTTP/1.0\r\nUser-Agent: scanner/1.0\r\n\r\n")
        answer = await client.read_to_end()
    line = logged.line

    is_answered_here(line, "fixed-response", "2")
    assert ("404", f"GET http://{DNS_NAME}:80/nothing HTTP/1.0") == (line["elb_status_code"], line["request"])
    assert (162, "162") == (len(answer), line["sent_bytes"])
    assert line["trace_id"].startswith("Root=1-")


@pytest.mark.conformance("access log lines, from a running proxy", "a malformed request: 0 received, 272 sent", PAGE)
@pytest.mark.parametrize("is_secure", [False, True])
async def test_malformed(logged: Logged, is_secure: bool, tmp_path: Path) -> None:
    async with behind(logged, answering(), tls=tmp_path if is_secure else None) as (edgeproxy, _):
        client = await edgeproxy.connect(443 if is_secure else 80, tls=trusting() if is_secure else None)
        await client.send(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
        answer = await client.read_to_end()
    line = logged.line

    is_answered_here(line, "-", "-")
    scheme, port = ("https", 443) if is_secure else ("http", 80)
    assert f"- {scheme}://{DNS_NAME}:{port}- -" == line["request"]
    assert ("400", "0", "272") == (line["elb_status_code"], line["received_bytes"], line["sent_bytes"])
    assert 272 == len(answer)
    assert ["-"] * 3 == [line[name] for name in ("user_agent", "trace_id", "redirect_url")]
    assert ("-" == line["ssl_cipher"]) is not is_secure


@pytest.mark.conformance("access log lines, from a running proxy", "a client that left: 460 and nothing sent", PAGE)
async def test_a_client_that_left(logged: Logged) -> None:
    async with behind(logged, silent) as (edgeproxy, target):
        client = await edgeproxy.connect()
        await client.send(request("GET /slow", AGENT))
        await until(lambda: target.heads)
        await client.close()
        await until(lambda: not edgeproxy.client_connections)
    line = logged.line

    is_dispatched(line, target.port)
    assert (["-1"] * 3, "460", "-", "0") == (
        times(line),
        line["elb_status_code"],
        line["target_status_code"],
        line["sent_bytes"],
    )


@pytest.mark.conformance("access log lines, from a running proxy", "a request that was rewritten", PAGE)
async def test_transformed(logged: Logged) -> None:
    async with behind(logged, answering()) as (edgeproxy, target):
        await edgeproxy.ask("GET /dp/B09", "Host: www.example.com")
    line = logged.line

    is_dispatched(line, target.port, "rewrite,forward", "5")
    assert "GET http://www.example.com:80/dp/B09 HTTP/1.1" == line["request"]
    assert ("shop.example.com", "/product.php?id=B09", "TransformSuccess") == (
        line["transformed_host"],
        line["transformed_uri"],
        line["request_transform_status"],
    )
    assert target.heads[0].startswith(b"GET /product.php?id=B09 HTTP/1.1\r\n")


@pytest.mark.conformance("access log lines, from a running proxy", "a target that is silent: t -1 -1", PAGE)
async def test_a_silent_target(logged: Logged) -> None:
    async with behind(logged, silent, time_scale=0.01) as (edgeproxy, target):
        answer = await edgeproxy.ask()
    line = logged.line

    is_dispatched(line, target.port)
    assert (504, "504", "-") == (answer.status, line["elb_status_code"], line["target_status_code"])
    assert ["-1", "-1"] == times(line)[1:]
    assert "-1" != times(line)[0]


@pytest.mark.conformance("access log lines, from a running proxy", "a target that closes or errs: t t -1", PAGE)
@pytest.mark.parametrize("script", [leaving_after(b""), garbage, leaving_after(b"HTTP/1.1 200 OK\r\nContent-Le")])
async def test_a_target_that_closes(logged: Logged, script: Script) -> None:
    async with behind(logged, script) as (edgeproxy, target):
        answer = await edgeproxy.ask("GET /", AGENT)
    line = logged.line

    is_dispatched(line, target.port)
    assert (502, "502", "-", "277") == (
        answer.status,
        line["elb_status_code"],
        line["target_status_code"],
        line["sent_bytes"],
    )
    assert (False, False, True) == tuple(each == "-1" for each in times(line))


@pytest.mark.conformance("access log lines, from a running proxy", "a target that refuses: -1 -1 -1", PAGE)
async def test_a_target_that_refuses(logged: Logged) -> None:
    with reserved_port() as port:
        async with running(forwarding_to(port), time_scale=1, access_log=logged.log) as edgeproxy:
            answer = await edgeproxy.ask()
    line = logged.line

    is_dispatched(line, port)
    assert (502, "502", ["-1"] * 3) == (answer.status, line["elb_status_code"], times(line))


@pytest.fixture
def full_queue() -> Iterator[int]:
    """A port where the kernel answers no further connection."""
    with socket.socket() as server, contextlib.ExitStack() as waiting:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        yield server.getsockname()[1]


@pytest.mark.conformance("access log lines, from a running proxy", "a connection in vain: -1 -1 -1 after 10 s", PAGE)
async def test_a_target_that_does_not_take_connections(logged: Logged, full_queue: int) -> None:
    async with running(forwarding_to(full_queue), time_scale=0.01, access_log=logged.log) as edgeproxy:
        answer = await edgeproxy.ask()
    line = logged.line

    is_dispatched(line, full_queue)
    assert (504, "504", ["-1"] * 3) == (answer.status, line["elb_status_code"], times(line))


@pytest.mark.conformance("access log lines, from a running proxy", "no target", PAGE, status="default")
async def test_no_target(logged: Logged) -> None:
    async with running(forwarding_to(), time_scale=1, access_log=logged.log) as edgeproxy:
        answer = await edgeproxy.ask()
    line = logged.line

    assert (503, "503", "-", ["-1"] * 3) == (answer.status, line["elb_status_code"], line["target"], times(line))
    assert (GROUP_ARN, "forward", "0") == (
        line["target_group_arn"],
        line["actions_executed"],
        line["matched_rule_priority"],
    )


@pytest.mark.conformance("access log lines, from a running proxy", "quotes and bytes are escaped", PAGE)
async def test_what_a_client_writes_cannot_break_a_line(logged: Logged) -> None:
    async with behind(logged, answering()) as (edgeproxy, _):
        client = await edgeproxy.connect()
        await client.send(request('GET /q?bar="&b=\xe4', 'User-Agent: say "hi" \\ \xe9'))
        await client.read_message()
        await client.send(request("GET /", f"User-Agent: {'x' * 9000}"))
        await client.read_message()
    first, second = logged.texts

    assert r"GET http://app.test:80/q?bar=\x22&b=\xE4 HTTP/1.1" == agree(first)["request"]
    assert r"say \x22hi\x22 \x5C \xE9" == read_line(first)["user_agent"]
    assert "x" * 8192 == agree(second)["user_agent"]


@pytest.mark.conformance("access log lines, from a running proxy", "IPv6 without brackets", PAGE, status="default")
async def test_ipv6_clients_and_targets_are_written_alike(logged: Logged) -> None:
    async with (
        ScriptedTarget(answering(), host="::1") as target,
        running(
            forwarding_to(target.port, host="::1"), host="::1", binds={80: Bind("::1", 0)}, access_log=logged.log
        ) as edgeproxy,
    ):
        client = await edgeproxy.connect()
        await client.ask("GET /")
        port = client.local_address[1]
    (text,) = logged.texts
    line = read_line(text)

    assert (f"::1:{port}", f"::1:{target.port}", "::1") == (line["client"], line["target"], line["ip_address"])
    for name in ("Athena", "elblog2dict"):
        assert (line["client"], line["target"]) == (PARSERS[name](text)["client"], PARSERS[name](text)["target"])


@pytest.mark.conformance("access log lines, from a running proxy", "one trace id a connection", PAGE)
async def test_all_requests_of_a_connection_have_its_trace_id(logged: Logged) -> None:
    async def ask(edgeproxy: RunningProxy) -> None:
        client = await edgeproxy.connect()
        await client.ask("GET /")
        await client.ask("GET /nothing")

    async with behind(logged, answering()) as (edgeproxy, _):
        await asyncio.gather(ask(edgeproxy), ask(edgeproxy))
    by_client: dict[str, set[str]] = {}
    for text in logged.texts:
        line = agree(text)
        by_client.setdefault(line["client"], set()).add(line["conn_trace_id"])

    assert [1, 1] == [len(ids_of_one) for ids_of_one in by_client.values()]
    assert 2 == len(set.union(*by_client.values()))


@pytest.mark.conformance("access log lines, from a running proxy", "health checks have none", PAGE)
async def test_health_checks_are_not_in_it(logged: Logged) -> None:
    async with behind(logged, answering(), time_scale=0.01) as (edgeproxy, _):
        await edgeproxy.healthy()

    assert [] == logged.texts
