"""The lines of the access log, field by field."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.exchange.outcome import Outcome
from edgeproxy.model.action import FixedResponseConfig, RedirectConfig
from edgeproxy.model.transform import HostHeaderRewriteConfig, RewriteConfig, RuleTransform, UrlRewriteConfig
from edgeproxy.protocol.desync import Tier, Verdict
from edgeproxy.runtime import access_log_line
from edgeproxy.runtime.access_log_line import LineFormat, connection_part, escape, seconds
from edgeproxy.runtime.tls import TlsFacts
from tests.helpers.exchange_ports import DNS_NAME, EPOCH, GROUP_ARN, START, TRACE, Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgeproxy.runtime.client_connection import ClientConnection

GET = ("GET /a?x=1 HTTP/1.1", "Host: www.example.com", "User-Agent: curl/8.7.1")
OK = ("HTTP/1.1 200 OK", "Content-Length: 2")
TID = "TID_d7917035eabacb42bea251b01fb60ab4"
TLS = TlsFacts(
    protocol="TLSv1.2",
    cipher="ECDHE-RSA-AES128-GCM-SHA256",
    domain_name="www.example.com",
    certificate_arn="arn:aws:acm:us-east-1:123456789012:certificate/34ecc395-417d-479a-b9e3-2c03c1047f42",
)


def line(stage: Stage, *, now: float, tls: TlsFacts | None = None, label: str = "203.0.113.7:5815") -> str:
    """The line of the stage's only exchange, ended at `now` seconds after `EPOCH`."""
    record = stage.record
    client = SimpleNamespace(label=label, tls_facts=tls, trace_id=TID, node_address="198.51.100.60")
    cast("Any", record.client).log_part = connection_part(cast("ClientConnection", client))
    line_format = LineFormat(
        load_balancer="app/demo/98e3a879de9d6b42",
        dns_name=DNS_NAME,
        protocol="HTTP" if tls is None else "HTTPS",
        port=80 if tls is None else 443,
    )
    return line_format.render(record, START + now, EPOCH - START)


def fields(text: str) -> list[str]:
    """The fields of a line; number n of the user guide's table is at n - 1."""
    assert text.endswith("\n")
    return re.findall(r'"[^"]*"|[^ "]+', text[:-1])


def test_a_section_that_repeats_is_logged_with_the_line_the_version_and_the_listener_of_each_request() -> None:
    """The section remembers what was written of its last request; another line or listener writes something else."""
    plain = LineFormat(load_balancer="app/demo/98e3a879de9d6b42", dns_name=DNS_NAME, protocol="HTTP", port=80)
    secure = LineFormat(load_balancer="app/demo/98e3a879de9d6b42", dns_name=DNS_NAME, protocol="HTTPS", port=443)
    stage = Stage(action=FixedResponseConfig(status_code="200"))
    client = stage.client()
    party = SimpleNamespace(label="-", tls_facts=None, trace_id=TID, node_address="198.51.100.60")
    cast("Any", client).log_part = connection_part(cast("ClientConnection", party))
    a, b, a_by_keep_alive = "GET {}/a HTTP/1.1", "GET {}/b HTTP/1.1", "GET {}/a HTTP/1.0"
    asked = [(a, plain)] * 3 + [(b, plain), (b, secure), (a, secure), (a, plain), (a_by_keep_alive, plain), (a, plain)]
    written = []
    for line, line_format in asked:
        client.sends(line.format(""), "Host: a", "Connection: keep-alive")
        written.append(fields(line_format.render(stage.ledger.records[-1], START, EPOCH - START))[12])
    urls = {plain: "http://a:80", secure: "https://a:443"}
    assert [f'"{line.format(urls[line_format])}"' for line, line_format in asked] == written


# ---- whole lines


@pytest.mark.conformance("access log lines", "a forwarded request", "load-balancer-access-logs")
def test_a_forwarded_request() -> None:
    stage = Stage()
    client = stage.client().sends(*GET)
    stage.exchanges[0].dispatched = START + 0.0015
    stage.now += 0.005
    stage.target.answers(*OK, body="ok")

    assert (
        "http 2026-11-22T10:00:00.005298Z app/demo/98e3a879de9d6b42 203.0.113.7:5815 10.0.2.37:8080 0.001 0.003 0.000 "
        f"200 200 70 {len(client.received)} "
        '"GET http://www.example.com:80/a?x=1 HTTP/1.1" "curl/8.7.1" - - '
        f'{GROUP_ARN} "Root={TRACE}" "-" "-" 0 2026-11-22T10:00:00.000000Z "forward" "-" "-" '
        f'"10.0.2.37:8080" "200" "-" "-" {TID} "-" "-" "-" 198.51.100.60\n'
    ) == line(stage, now=0.0052985)


@pytest.mark.conformance("access log lines", "a request over TLS", "load-balancer-access-logs")
def test_a_forwarded_request_over_tls() -> None:
    stage = Stage(protocol="HTTPS", port=443)
    stage.client().sends(*GET, f"X-Amzn-Trace-Id: Root={TRACE}")
    stage.target.answers(*OK, body="ok")
    found = fields(line(stage, now=0.0, tls=TLS))

    assert ["https", '"GET https://www.example.com:443/a?x=1 HTTP/1.1"'] == [found[0], found[12]]
    assert ["ECDHE-RSA-AES128-GCM-SHA256", "TLSv1.2"] == found[14:16]
    assert [f'"Self={TRACE};Root={TRACE}"', '"www.example.com"', f'"{TLS.certificate_arn}"'] == found[17:20]


@pytest.mark.conformance("access log lines", "a redirect", "load-balancer-access-logs", status="default")
def test_a_redirect() -> None:
    stage = Stage(action=RedirectConfig(status_code="HTTP_301", protocol="HTTPS", port="443"))
    client = stage.client().sends(*GET)

    assert (
        "http 2026-11-22T10:00:00.000000Z app/demo/98e3a879de9d6b42 203.0.113.7:5815 - -1 -1 -1 "
        f"301 - 70 {len(client.received)} "
        '"GET http://www.example.com:80/a?x=1 HTTP/1.1" "curl/8.7.1" - - - '
        f'"Root={TRACE}" "-" "-" 0 2026-11-22T10:00:00.000000Z "redirect" "https://www.example.com:443/a?x=1" "-" '
        f'"-" "-" "-" "-" {TID} "-" "-" "-" 198.51.100.60\n'
    ) == line(stage, now=0.0)


@pytest.mark.conformance("access log lines", "a fixed response to HTTP/1.0 without a Host", "load-balancer-access-logs")
def test_a_fixed_response() -> None:
    stage = Stage(action=FixedResponseConfig(status_code="404"))
    stage.client().sends("GET / HTTP/1.0", "User-Agent: scanner/1.0")

    assert (
        "http 2026-11-22T10:00:00.379899Z app/demo/98e3a879de9d6b42 203.0.113.7:21791 - -1 -1 -1 404 - 43 162 "
        f'"GET http://{DNS_NAME}:80/ HTTP/1.0" "scanner/1.0" - - - "Root={TRACE}" "-" "-" 0 '
        '2026-11-22T10:00:00.000000Z "fixed-response" "-" "-" "-" "-" "-" "-" '
        f'{TID} "-" "-" "-" 198.51.100.60\n'
    ) == line(stage, now=0.3798995, label="203.0.113.7:21791")


@pytest.mark.conformance("access log lines", "a malformed request", "load-balancer-access-logs")
@pytest.mark.parametrize(("tls", "url"), [(None, f"http://{DNS_NAME}:80"), (TLS, f"https://{DNS_NAME}:443")])
def test_a_malformed_request(tls: TlsFacts | None, url: str) -> None:
    stage = Stage()
    stage.client().sends("echo test")
    found = fields(line(stage, now=0.757, tls=tls))

    assert ["-", "-1", "-1", "-1", "400", "-", "0", "272", f'"- {url}- -"', '"-"'] == found[4:14]
    assert ["-", '"-"'] == found[16:18]
    assert ["-", "2026-11-22T10:00:00.000000Z", '"-"', '"-"', '"-"', '"-"', '"-"', '"-"', '"-"'] == found[20:29]


@pytest.mark.conformance(
    "access log lines", "a client that left is a 460 with nothing sent", "load-balancer-access-logs"
)
def test_a_client_that_left() -> None:
    stage = Stage()
    stage.client().sends(*GET).leaves()
    found = fields(line(stage, now=5.7195))

    assert ["10.0.2.37:8080", "-1", "-1", "-1", "460", "-", "70", "0"] == found[4:12]
    assert [GROUP_ARN, f'"Root={TRACE}"'] == found[16:18]
    assert ["0", "2026-11-22T10:00:00.000000Z", '"forward"', '"-"', '"-"', '"10.0.2.37:8080"', '"-"'] == found[20:27]


# ---- the shape of each outcome


def _forwarded(stage: Stage) -> None:
    stage.client().sends(*GET)
    stage.now += 0.5
    stage.target.answers(*OK, body="ok")


def _no_target(stage: Stage) -> None:
    stage.group.update([])
    stage.client().sends(*GET)


def _connect(outcome: Outcome) -> Callable[[Stage], None]:
    def script(stage: Stage) -> None:
        stage.is_connected = False
        stage.client().sends(*GET)
        stage.refuses(outcome)

    return script


def _silent(stage: Stage) -> None:
    stage.client().sends(*GET).waits(60)


def _closed(stage: Stage) -> None:
    stage.client().sends(*GET)
    stage.target.closes()


def _malformed_response(stage: Stage) -> None:
    stage.client().sends(*GET)
    stage.target.answers_bytes("nonsense\r\n\r\n")


def _left_while_connecting(stage: Stage) -> None:
    stage.is_connected = False
    stage.client().sends(*GET).leaves()


def _left_while_sending(stage: Stage) -> None:
    stage.client().sends("POST / HTTP/1.1", "Host: a", "Content-Length: 9").leaves()


def _malformed_body(stage: Stage) -> None:
    client = stage.client().sends("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked")
    stage.now += 0.5
    client.sends_bytes("nonsense\r\n")


def _stalled(stage: Stage) -> None:
    stage.client().sends("POST / HTTP/1.1", "Host: a", "Content-Length: 9").waits(60)


def _truncated(stage: Stage) -> None:
    stage.client().sends(*GET)
    stage.now += 0.5
    stage.target.answers(*OK, body="o").closes()


def _refused(stage: Stage) -> None:
    stage.client().sends("TRACE / HTTP/1.1", "Host: a")


SHAPES = [
    (_forwarded, "10.0.2.37:8080", "0.000 0.500 0.000", "200", "200", GROUP_ARN, "0", "forward"),
    (_connect(Outcome.CONNECT_TIMEOUT), "10.0.2.37:8080", "-1 -1 -1", "504", "-", GROUP_ARN, "0", "forward"),
    (_connect(Outcome.CONNECT_FAILED), "10.0.2.37:8080", "-1 -1 -1", "502", "-", GROUP_ARN, "0", "forward"),
    (_connect(Outcome.TARGET_TLS_FAILED), "10.0.2.37:8080", "-1 -1 -1", "502", "-", GROUP_ARN, "0", "forward"),
    (_silent, "10.0.2.37:8080", "0.000 -1 -1", "504", "-", GROUP_ARN, "0", "forward"),
    (_closed, "10.0.2.37:8080", "0.000 0.750 -1", "502", "-", GROUP_ARN, "0", "forward"),
    (_malformed_response, "10.0.2.37:8080", "0.000 0.750 -1", "502", "-", GROUP_ARN, "0", "forward"),
    (_no_target, "-", "-1 -1 -1", "503", "-", GROUP_ARN, "0", "forward"),
    (_left_while_connecting, "10.0.2.37:8080", "-1 -1 -1", "460", "-", GROUP_ARN, "0", "forward"),
    (_left_while_sending, "10.0.2.37:8080", "-1 -1 -1", "400", "-", GROUP_ARN, "0", "forward"),
    (_malformed_body, "10.0.2.37:8080", "-1 -1 -1", "400", "-", GROUP_ARN, "0", "forward"),
    (_stalled, "10.0.2.37:8080", "0.000 -1 -1", "408", "-", GROUP_ARN, "0", "forward"),
    (_truncated, "10.0.2.37:8080", "0.000 0.500 0.000", "200", "200", GROUP_ARN, "0", "forward"),
    (_refused, "-", "-1 -1 -1", "405", "-", "-", "-", "-"),
]


@pytest.mark.conformance("access log lines", "target, times, statuses per outcome", "load-balancer-access-logs")
@pytest.mark.parametrize(("script", "target", "times", "status", "target_status", "group", "rule", "actions"), SHAPES)
def test_each_outcome_has_its_shape(
    script: Callable[[Stage], None],
    target: str,
    times: str,
    status: str,
    target_status: str,
    group: str,
    rule: str,
    actions: str,
) -> None:
    stage = Stage()
    script(stage)
    found = fields(line(stage, now=0.75))

    assert 34 == len(found)
    assert [target, *times.split(), status, target_status] == found[4:10]
    assert [group, rule, f'"{actions}"'] == [found[16], found[20], found[22]]
    assert [f'"{target}"', f'"{target_status}"'] == found[25:27]


# ---- single fields


@pytest.mark.conformance(
    "access log fields", "a CONNECT names a host and no path", "load-balancer-access-logs", status="default"
)
def test_the_authority_of_a_connect_is_its_host() -> None:
    stage = Stage()
    stage.client().sends("CONNECT a.test:443 HTTP/1.1", "Host: b.test")

    assert '"CONNECT http://a.test:80- HTTP/1.1"' == fields(line(stage, now=0.0))[12]


@pytest.mark.conformance("access log fields", "IPv6 targets", "load-balancer-access-logs", status="default")
def test_an_ipv6_target_stands_without_brackets() -> None:
    stage = Stage(targets=[("2001:db8::5", 8080)])
    stage.client().sends(*GET)
    stage.target.answers(*OK, body="ok")
    found = fields(line(stage, now=0.0))

    assert ["2001:db8::5:8080", '"2001:db8::5:8080"'] == [found[4], found[25]]


@pytest.mark.conformance(
    "access log fields", "the URL as the client sent it, with the port", "load-balancer-access-logs"
)
@pytest.mark.parametrize(
    ("request_line", "host", "logged"),
    [
        ("GET /%7Ea/../b?q=%22 HTTP/1.1", "a", "GET http://a:80/%7Ea/../b?q=%22 HTTP/1.1"),
        ('GET /q?bar=" HTTP/1.1', "a:8080", r"GET http://a:80/q?bar=\x22 HTTP/1.1"),
        ("GET /back\\slash HTTP/1.1", "a", r"GET http://a:80/back\x5Cslash HTTP/1.1"),
        ("GET /\xe4 HTTP/1.1", "A", r"GET http://a:80/\xE4 HTTP/1.1"),
        ("GET http://b/x HTTP/1.1", "a", "GET http://b:80/x HTTP/1.1"),
        ("GET / HTTP/1.1", 'a""b', r"GET http://a\x22\x22b:80/ HTTP/1.1"),
    ],
)
def test_the_request_line_is_escaped_but_not_changed(request_line: str, host: str, logged: str) -> None:
    stage = Stage()
    stage.client().sends(request_line, f"Host: {host}").leaves()

    assert f'"{logged}"' == fields(line(stage, now=0.0))[12]


@pytest.mark.conformance("access log fields", "the user agent is cut at 8 KB", "load-balancer-access-logs")
@pytest.mark.parametrize(
    ("sent", "logged"),
    [("", "-"), ('a"b', r"a\x22b"), ("x" * 9000, "x" * 8192), ("é".encode().decode("latin-1"), r"\xC3\xA9")],
)
def test_the_user_agent_is_escaped_and_cut(sent: str, logged: str) -> None:
    stage = Stage()
    stage.client().sends("GET / HTTP/1.1", "Host: a", f"User-Agent: {sent}").leaves()

    assert f'"{logged}"' == fields(line(stage, now=0.0))[13]


_ANY = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=20)


@given(_ANY, _ANY, _ANY, _ANY)
def test_no_client_can_forge_a_field_or_a_line(path: str, host: str, agent: str, trace: str) -> None:
    """Every line has 34 fields on one line, whatever the client wrote."""
    stage = Stage()
    headers = (f"Host: {host}", f"User-Agent: {agent}", f"X-Amzn-Trace-Id: Root=1;{trace}")
    client = stage.client().sends(f"GET /{path} HTTP/1.1", *headers)
    if client.is_open:
        client.leaves()
    text = line(stage, now=0.0)

    assert 1 == text.count("\n")
    assert text[:-1].isprintable()
    assert text.isascii()
    assert 34 == len(fields(text))
    assert 30 == text.count('"')


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("", ""),
        ("plain text", "plain text"),
        ('"', r"\x22"),
        ("\\", r"\x5C"),
        ("\t\x1f\x7f\x80\xff", r"\x09\x1F\x7F\x80\xFF"),
    ],
)
@pytest.mark.conformance(
    "access log fields", "what is unsafe is written as hex", "load-balancer-access-logs", status="default"
)
def test_unsafe_characters_become_hex(text: str, escaped: str) -> None:
    assert escaped == escape(text)


@pytest.mark.conformance("access log fields", "6 to 8 are seconds with three decimals", "load-balancer-access-logs")
@pytest.mark.parametrize(
    ("duration", "text"),
    [(0.0, "0.000"), (0.0019, "0.001"), (0.9999999, "0.999"), (1.0, "1.000"), (61.25, "61.250"), (-0.001, "0.000")],
)
def test_durations_have_three_decimals_and_are_never_negative(duration: float, text: str) -> None:
    assert text == seconds(duration)


@pytest.mark.conformance(
    "access log fields", "2 has six decimals, 22 milliseconds and three zeros", "load-balancer-access-logs"
)
@given(st.floats(min_value=0, max_value=3.0), st.floats(min_value=0, max_value=100))
def test_times_are_well_formed_at_every_fraction(arrived: float, duration: float) -> None:
    stage = Stage()
    stage.now = START + arrived
    stage.client().sends(*GET).leaves()
    found = fields(line(stage, now=arrived + duration))

    assert re.fullmatch(r"2026-11-22T10:0\d:\d\d\.\d{6}Z", found[1])
    assert re.fullmatch(r"2026-11-22T10:00:0\d\.\d{3}000Z", found[21])
    assert found[21] <= found[1]


def test_what_is_remembered_of_hosts_and_user_agents_is_bounded() -> None:
    recent = access_log_line._Recent()
    for n in range(access_log_line.MAX_RECENT + 10):
        recent.keep(str(n), "x")

    assert access_log_line.MAX_RECENT >= len(recent)


# ---- transforms


@pytest.mark.conformance(
    "access log fields", "31 to 33 say what a transform made of the request", "load-balancer-access-logs"
)
@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/old/a?x=1", ['"rewrite,forward"', '"-"', '"/new/a?x=1"', '"TransformSuccess"']),
        ("/other", ['"forward"', '"-"', '"-"', '"-"']),
    ],
)
def test_what_transforms_did_is_logged(target: str, expected: list[str]) -> None:
    config = UrlRewriteConfig(rewrites=(RewriteConfig(regex="^/old", replace="/new"),))
    stage = Stage(transforms=[RuleTransform(type="url-rewrite", url_rewrite_config=config)])
    stage.client().sends(f"GET {target} HTTP/1.1", "Host: a")
    stage.target.answers(*OK, body="ok")
    logged = fields(line(stage, now=0.0))

    assert 34 == len(logged)
    assert f'"GET http://a:80{target} HTTP/1.1"' == logged[12]
    assert expected == [logged[22], *logged[30:33]]
    assert (TID, "198.51.100.60") == (logged[29], logged[33])


def test_a_failed_transform_is_logged() -> None:
    config = HostHeaderRewriteConfig(rewrites=(RewriteConfig(regex=".*", replace="a b"),))
    stage = Stage(transforms=[RuleTransform(type="host-header-rewrite", host_header_rewrite_config=config)])
    stage.client().sends(*GET)
    logged = fields(line(stage, now=0.0))

    assert ("500", '"rewrite"') == (logged[8], logged[22])
    assert ['"-"', '"-"', '"TransformInvalidHost"'] == logged[30:33]


@pytest.mark.conformance("access log lines", "ws and wss, only after a successful upgrade", "load-balancer-access-logs")
@pytest.mark.parametrize(("tls", "kind", "scheme"), [(None, "ws", "http"), (TLS, "wss", "https")])
@pytest.mark.parametrize("status", [101, 403])
def test_the_type_of_a_websocket(tls: TlsFacts | None, kind: str, scheme: str, status: int) -> None:
    stage = Stage()
    client = stage.client().sends(*GET, "Connection: Upgrade", "Upgrade: websocket")
    stage.now += 0.001
    stage.target.answers(f"HTTP/1.1 {status} X", "Upgrade: websocket", "Content-Length: 0")
    if status == 101:
        client.sends_bytes("123").leaves()
    found = fields(line(stage, now=207.5, tls=tls))

    assert [kind if status == 101 else scheme, str(status), str(status)] == [found[0], *found[8:10]]
    assert "-1" not in found[5:8]
    assert found[12].startswith(f'"GET {scheme}://www.example.com:')


@pytest.mark.conformance("access log fields", "28 and 29 hold the desync classification", "load-balancer-access-logs")
def test_a_classified_request() -> None:
    stage = Stage()
    stage.client().sends(*GET)
    stage.target.answers(*OK, body="ok")
    stage.record.verdict = Verdict(Tier.AMBIGUOUS, "Ambiguous", "UndefinedContentLengthSemantics")

    assert ['"Ambiguous"', '"UndefinedContentLengthSemantics"'] == fields(line(stage, now=0.0))[27:29]
