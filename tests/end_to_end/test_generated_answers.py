"""Every answer that the load balancer makes by itself, byte for byte on the wire, and its line in the access log."""

from __future__ import annotations

import contextlib
import io
import re
import socket
from typing import TYPE_CHECKING, NamedTuple

import pytest

from edgeproxy.runtime.access_log import AccessLog
from edgeproxy.runtime.clock import Clock
from tests.helpers.proxies import RunningProxy, forwarding_to, running
from tests.helpers.targets import ROOM, ScriptedTarget, saying
from tests.helpers.wait import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.helpers.conversation import Conversation

MOMENT = 1_795_341_600.0
DATE = "Sun, 22 Nov 2026 10:00:00 GMT"
CURL = "curl/8.7.1"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36"
PADDING = "<!-- a padding to disable MSIE and Chrome friendly error page -->\r\n" * 6
PAGE = "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n</body>\r\n</html>\r\n"
LONG = "x" * 9000

CONFIGURATION = """\
LoadBalancers:
  - Name: dev
    LoadBalancerAttributes: {{idle_timeout.timeout_seconds: 20}}
    Listeners:
      - Port: 80
        Protocol: HTTP
        DefaultActions: [{{Type: forward, TargetGroupArn: app}}]
        Rules:
          - {{Priority: 1, Conditions: [{{Field: path-pattern, Values: [/moved]}}], Actions: [{{Type: redirect,
             RedirectConfig: {{Host: example.com, Path: /to, StatusCode: HTTP_301}}}}]}}
          - {{Priority: 2, Conditions: [{{Field: path-pattern, Values: [/found*]}}], Actions: [{{Type: redirect,
             RedirectConfig: {{Host: example.com, Path: '/#{{path}}', StatusCode: HTTP_302}}}}]}}
          - {{Priority: 3, Conditions: [{{Field: path-pattern, Values: [/rewritten]}}],
             Transforms: [{{Type: url-rewrite, UrlRewriteConfig: {{Rewrites: [{{Regex: '^/', Replace: ''}}]}}}}],
             Actions: [{{Type: forward, TargetGroupArn: app}}]}}
          - {{Priority: 4, Conditions: [{{Field: path-pattern, Values: [/empty]}}],
             Actions: [{{Type: forward, TargetGroupArn: empty}}]}}
          - {{Priority: 5, Conditions: [{{Field: path-pattern, Values: [/refused]}}],
             Actions: [{{Type: forward, TargetGroupArn: refused}}]}}
          - {{Priority: 6, Conditions: [{{Field: path-pattern, Values: [/unreachable]}}],
             Actions: [{{Type: forward, TargetGroupArn: unreachable}}]}}
          - {{Priority: 7, Conditions: [{{Field: path-pattern, Values: [/plain]}}],
             Actions: [{{Type: forward, TargetGroupArn: plain}}]}}
          - {{Priority: 8, Conditions: [{{Field: path-pattern, Values: [/mute]}}],
             Actions: [{{Type: forward, TargetGroupArn: mute}}]}}
          - {{Priority: 9, Conditions: [{{Field: path-pattern, Values: [/fixed]}}], Actions: [{{Type: fixed-response,
             FixedResponseConfig: {{StatusCode: '404', ContentType: text/plain}}}}]}}
TargetGroups:
  - {{Name: app, Protocol: HTTP, Port: 80, Targets: [{{Id: 127.0.0.1, Port: {app}}}]}}
  - {{Name: empty, Protocol: HTTP, Port: 80}}
  - {{Name: refused, Protocol: HTTP, Port: 80, Targets: [{{Id: 127.0.0.1, Port: {refused}}}]}}
  - {{Name: unreachable, Protocol: HTTP, Port: 80, Targets: [{{Id: 127.0.0.1, Port: {unreachable}}}]}}
  - {{Name: plain, Protocol: HTTPS, Port: 80, Targets: [{{Id: 127.0.0.1, Port: {plain}}}]}}
  - {{Name: mute, Protocol: HTTPS, Port: 80, Targets: [{{Id: 127.0.0.1, Port: {mute}}}]}}
"""


async def behave(conversation: Conversation, head: bytes) -> None:
    """The target: does what the path says."""
    path = head.split(b" ")[1].lstrip(b"/")
    match path:
        case b"reset":
            conversation.reset()
        case b"garbage":
            await conversation.send(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
        case b"half-a-head":
            await conversation.send(b"HTTP/1.1 200 OK\r\nContent-")
        case b"large-head":
            await conversation.send(b"HTTP/1.1 200 OK\r\nX-Large: " + ROOM + b"\r\n\r\n")
        case b"two-lengths":
            await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nok")
        case b"silent":
            await conversation.read_to_end()
        case _:
            pass  # closes


async def say_plain_text(conversation: Conversation, head: bytes) -> None:
    await conversation.send(b"220 this is not TLS\r\n")


async def say_nothing(conversation: Conversation, head: bytes) -> None:
    await conversation.read_to_end()


class Stand(NamedTuple):
    """A proxy with the moment fixed, in front of every kind of target."""

    edgeproxy: RunningProxy
    log: io.StringIO
    access_log: AccessLog

    def lines(self) -> list[list[str]]:
        """The fields of all lines so far; nothing is logged afterwards."""
        self.access_log.close()
        return [re.findall(r'"[^"]*"|\S+', line) for line in self.log.getvalue().splitlines()]


@contextlib.contextmanager
def full_queue() -> Iterator[int]:
    """The port of a listener that nobody accepts from, and whose queue is full: attempts to connect are dropped."""
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        yield full.getsockname()[1]


@contextlib.asynccontextmanager
async def stand() -> AsyncIterator[Stand]:
    log = io.StringIO()
    access_log = AccessLog(log)
    with socket.socket() as refused, full_queue() as unreachable:
        refused.bind(("127.0.0.1", 0))
        async with (
            ScriptedTarget(behave) as app,
            ScriptedTarget(say_plain_text, speaks_first=True) as plain,
            ScriptedTarget(say_nothing, speaks_first=True) as mute,
            running(
                CONFIGURATION.format(
                    app=app.port,
                    refused=refused.getsockname()[1],
                    unreachable=unreachable,
                    plain=plain.port,
                    mute=mute.port,
                ),
                access_log=access_log,
                clock=Clock(wall=lambda: MOMENT),
            ) as edgeproxy,
        ):
            yield Stand(edgeproxy, log, access_log)


class Answer(NamedTuple):
    """What a request leads to.

    Attributes:
        request: Its bytes, with `{method}` and `{agent}` to fill in.
        line: The status line behind the version.
        title: Of the page; "" where there is none.
        connection: What the answer says about it.
        location: Of a redirect.
        group: The target group in the log, "" for none.
        has_target: The log names a target.
        times: Fields 6 to 8 of the log; `t` is any time.
        rule: The priority in the log.
        actions: The actions in the log.
        is_known: The head could be read: the log shows it, and HEAD and browsers are told apart.
    """

    request: str
    line: str
    title: str = ""
    connection: str = "keep-alive"
    location: str = ""
    group: str = ""
    has_target: bool = False
    times: str = "-1 -1 -1"
    rule: str = "-"
    actions: str = "-"
    is_known: bool = True

    def encoded(self, *, is_head: bool, is_padded: bool) -> bytes:
        """All its bytes."""
        body = PAGE.format(self.title) if self.title else ""
        if is_padded and int(self.line[:3]) >= 400 and self.title:
            body += PADDING
        lines = [f"HTTP/1.1 {self.line}", "Server: awselb/2.0", f"Date: {DATE}"]
        lines += ["Content-Type: text/html"] * bool(body)
        lines += [f"Content-Length: {len(body)}", f"Connection: {self.connection}"]
        lines += [f"Location: {self.location}"] * bool(self.location)
        return "\r\n".join([*lines, "", "" if is_head else body]).encode()


def get(path: str, *more: str, version: str = "HTTP/1.1", host: str = "Host: app.test\r\n") -> str:
    """A request's head."""
    extra = "".join(f"{line}\r\n" for line in more)
    return f"{{method}} {path} {version}\r\n{host}User-Agent: {{agent}}\r\n{extra}\r\n"


def forwarded(path: str, line: str, title: str, *, rule: str = "0", group: str = "app", times: str) -> Answer:
    """A request that was sent to a target, or to none for want of one."""
    return Answer(
        get(path), line, title, group=group, has_target=group != "empty", times=times, rule=rule, actions="forward"
    )


BAD = "400 Bad Request"
GATEWAY = "502 Bad Gateway"
LATE = "504 Gateway Time-out"

ANSWERS = {
    "301": Answer(
        get("/moved?x=1"),
        "301 Moved Permanently",
        "301 Moved Permanently",
        location="http://example.com:80/to?x=1",
        rule="1",
        actions="redirect",
    ),
    "302": Answer(
        get("/found"),
        "302 Moved Temporarily",
        "302 Found",
        location="http://example.com:80/found",
        rule="2",
        actions="redirect",
    ),
    "400 no request line": Answer("echo test\r\n\r\n", BAD, BAD, "close", is_known=False),
    "400 no host": Answer(get("/", host=""), BAD, BAD, "close"),
    "400 empty host": Answer(get("/", host="Host:\r\n"), BAD, BAD, "close"),
    "400 two hosts": Answer(get("/", "Host: b"), BAD, BAD, "close"),
    "400 above the root": Answer(get("/../x"), BAD, BAD, "close"),
    "400 a large header": Answer(get("/", "X-Large: " + "x" * 16_400), BAD, BAD, "close", is_known=False),
    "400 large headers": Answer(
        get("/", *[f"X-Large-{number}: {'x' * 13_000}" for number in range(6)]), BAD, BAD, "close", is_known=False
    ),
    "405": Answer(get("/").replace("{method}", "TRACE"), "405 Not Allowed", "405 Not Allowed"),
    "408 in the head": Answer(
        get("/").removesuffix("\r\n"), "408 Request Time-out", "408 Request Time-out", "close", is_known=False
    ),
    "408 in the body": Answer(
        get("/silent", "Content-Length: 9") + "half",
        "408 Request Time-out",
        "408 Request Time-out",
        "close",
        group="app",
        has_target=True,
        times="t -1 -1",
        rule="0",
        actions="forward",
    ),
    "414": Answer(
        get("/" + "x" * 16_400), "414 Request-URI Too Large", "414 Request-URI Too Large", "close", is_known=False
    ),
    "463": Answer(get("/", f"X-Forwarded-For: {', '.join(['10.0.0.1'] * 31)}"), "463 "),
    "500": Answer(
        get("/rewritten"),
        "500 Internal Server Error",
        "500 Internal Server Error",
        "close",
        rule="3",
        actions="rewrite",
    ),
    "501": Answer(get("/", "Transfer-Encoding: gzip"), "501 Not Implemented", "501 Not Implemented", "close"),
    "502 refused": forwarded("/refused", GATEWAY, GATEWAY, rule="5", group="refused", times="-1 -1 -1"),
    "502 no TLS": forwarded("/plain", GATEWAY, GATEWAY, rule="7", group="plain", times="-1 -1 -1"),
    "502 closed": forwarded("/closed", GATEWAY, GATEWAY, times="t t -1"),
    "502 half a head": forwarded("/half-a-head", GATEWAY, GATEWAY, times="t t -1"),
    "502 reset": forwarded("/reset", GATEWAY, GATEWAY, times="t t -1"),
    "502 garbage": forwarded("/garbage", GATEWAY, GATEWAY, times="t t -1"),
    "502 a large head": forwarded("/large-head", GATEWAY, GATEWAY, times="t t -1"),
    "502 two lengths": forwarded("/two-lengths", GATEWAY, GATEWAY, times="t t -1"),
    "503": forwarded(
        "/empty",
        "503 Service Temporarily Unavailable",
        "503 Service Temporarily Unavailable",
        rule="4",
        group="empty",
        times="-1 -1 -1",
    ),
    "504 unreachable": forwarded("/unreachable", LATE, LATE, rule="6", group="unreachable", times="-1 -1 -1"),
    "504 no TLS": forwarded("/mute", LATE, LATE, rule="8", group="mute", times="-1 -1 -1"),
    "504 silent": forwarded("/silent", LATE, LATE, times="t -1 -1"),
    "505": Answer(
        get("/", version="HTTP/2.0"),
        "505 HTTP Version Not Supported",
        "505 HTTP Version Not Supported",
        "close",
        is_known=False,
    ),
    "507": Answer(
        get("/found" + LONG), "507 Insufficient Storage", "507 Insufficient Storage", rule="2", actions="redirect"
    ),
}


async def exchange(edgeproxy: RunningProxy, sent: bytes, size: int) -> bytes:
    """What comes back: the bytes that are expected, and whatever stands behind them if the connection ends."""
    client = await edgeproxy.connect()
    await client.send(sent)
    received = b""
    while len(received) < size and (data := await client.read(1 << 16)):
        received += data
    if b"\r\nConnection: close\r\n" in received:
        received += await client.read_until_cut()
    await client.close()
    return received


@pytest.mark.conformance(
    "generated answers", "status line, headers, body and log line of each status", "load-balancer-troubleshooting"
)
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_each_answer_has_its_exact_bytes_and_its_line(answer: Answer) -> None:
    """For GET, for HEAD, and for a browser that would replace short pages."""
    variants = [("GET", CURL), ("HEAD", CURL), ("GET", CHROME)]
    if not answer.is_known:
        # The browser of what cannot be read is not known, and its method is if there is one.
        variants = [("GET", CURL), ("HEAD", CURL)] if "{method}" in answer.request else [("GET", CURL)]
    elif "{method}" not in answer.request:
        variants = [("TRACE", CURL), ("TRACE", CHROME)]
    async with stand() as up:
        for method, agent in variants:
            sent = answer.request.format(method=method, agent=agent).encode()
            expected = answer.encoded(is_head=method == "HEAD", is_padded=agent == CHROME)
            assert expected == await exchange(up.edgeproxy, sent, len(expected))
    lines = up.lines()
    assert len(variants) == len(lines)
    for (method, agent), fields in zip(variants, lines, strict=True):
        expected = answer.encoded(is_head=method == "HEAD", is_padded=agent == CHROME)
        check_line(answer, fields, method=method, agent=agent, sent=len(expected))


def check_line(answer: Answer, fields: list[str], *, method: str, agent: str, sent: int) -> None:
    """The shape of a log line (user guide, load-balancer-access-logs)."""
    assert 34 == len(fields)
    assert ["http", "-", "-"] == [fields[0], fields[14], fields[15]]
    assert answer.has_target is (fields[4] != "-")
    assert answer.times == " ".join("t" if re.fullmatch(r"\d+\.\d{3}", each) else each for each in fields[5:8])
    assert [answer.line[:3], "-"] == fields[8:10]
    assert str(sent) == fields[11]
    assert answer.group == (fields[16].split("/")[1] if fields[16] != "-" else "")
    assert [answer.rule, f'"{answer.actions}"'] == [fields[18 + 2], fields[22]]
    assert f'"{answer.location or "-"}"' == fields[23]
    assert [f'"{fields[4]}"', '"-"'] == fields[25:27]
    if answer.is_known:
        request = answer.request.format(method=method, agent=agent)
        assert fields[12].startswith(f'"{method} http://')
        assert f'"{agent}"' == fields[13]
        if answer.line[:3] != "408":
            assert str(len(request)) == fields[10]
    else:
        assert re.fullmatch(r'"- http://dev-\d+\.us-east-1\.elb\.amazonaws\.com:80- -"', fields[12])
        assert ["0", '"-"', '"-"'] == [fields[10], fields[13], fields[17]]


@pytest.mark.conformance(
    "generated answers", "sent_bytes of error pages as in published log lines", "load-balancer-access-logs"
)
@pytest.mark.parametrize(
    ("method", "agent", "connection", "size"),
    [
        ("GET", CURL, "keep-alive", 277),
        ("GET", CHROME, "keep-alive", 679),
        ("GET", CURL, "close", 272),
        ("GET", CHROME, "close", 674),
        ("HEAD", CURL, "keep-alive", 155),
        ("HEAD", CHROME, "keep-alive", 155),
    ],
)
async def test_a_502_has_its_well_known_sizes(method: str, agent: str, connection: str, size: int) -> None:
    async with stand() as up:
        sent = get("/closed", f"Connection: {connection}").format(method=method, agent=agent).encode()
        received = await exchange(up.edgeproxy, sent, size)
    (fields,) = up.lines()

    assert (size, str(size), "502") == (len(received), fields[11], fields[8])
    assert f"\r\nConnection: {connection}\r\n".encode() in received


BEGUN = [
    (b"length", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", b"\r\nContent-Length: 10\r\n"),
    (
        b"chunks",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"\r\nTransfer-Encoding: chunked\r\n",
    ),
]


@pytest.mark.conformance(
    "idle timeout",
    "a response that was begun is cut, not padded",
    "load-balancer-troubleshooting",
    status="default",
)
@pytest.mark.parametrize(("framing", "begun", "header"), BEGUN, ids=[each[0].decode() for each in BEGUN])
async def test_a_target_that_goes_silent_in_its_response_cuts_it(framing: bytes, begun: bytes, header: bytes) -> None:
    """No page, no padding for browsers, no end of chunks: the client must see that something is missing."""
    log = io.StringIO()
    access_log = AccessLog(log)
    async with (
        ScriptedTarget(saying(begun)) as target,
        running(forwarding_to(target.port, idle_timeout=5), access_log=access_log) as edgeproxy,
    ):
        client = await edgeproxy.connect()
        await client.send(get("/").format(method="GET", agent=CHROME).encode())
        received = await client.read_until_cut()
        await until(lambda: not target.open)
    access_log.close()
    fields = log.getvalue().split(" ")

    assert header in received
    assert received.endswith(b"half" if framing == b"length" else b"\r\n\r\n4\r\nhalf\r\n")
    assert b"<html>" not in received
    assert ["200", "200", str(len(received))] == [*fields[8:10], fields[11]]
    assert "-1" not in fields[5:8]


@pytest.mark.conformance(
    "idle timeout", "a client that closes first: 460, 0 bytes sent, no times", "load-balancer-access-logs"
)
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (get("/silent"), "460"),
        (get("/silent", "Content-Length: 4") + "half", "460"),
        (get("/silent", "Content-Length: 9") + "half", "400"),
        (get("/silent", "Transfer-Encoding: chunked") + "4\r\nhalf\r\n", "400"),
    ],
    ids=["460", "460 with a body", "400 within a length", "400 within chunks"],
)
async def test_a_client_that_leaves_first_is_sent_nothing_and_logged(sent: str, status: str) -> None:
    async with stand() as up:
        client = await up.edgeproxy.connect()
        await client.send(sent.format(method="POST", agent=CURL).encode())
        (target,) = up.edgeproxy.proxy._groups["app"].targets.values()
        await until(lambda: target.outstanding)
        client.half_close()
        received = await client.read_to_end()
    (fields,) = up.lines()

    assert b"" == received
    assert [status, "-", "0"] == [*fields[8:10], fields[11]]
    assert ["-1", "-1", "-1"] == fields[5:8]
    assert [True, "app", '"forward"'] == [fields[4] != "-", fields[16].split("/")[1], fields[22]]
